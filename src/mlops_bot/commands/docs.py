"""`mlops-bot docs search` and `mlops-bot docs status`: what the documentation index has."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from mlops_bot import command, components, compose, compose_docs, settings, source
from mlops_bot.commands import common
from mlops_bot.docs import search as retrieval
from mlops_bot.docs.calls import calls_of, details_of, named_in
from mlops_bot.docs.records import Index, IndexStore
from mlops_bot.errors import DocsError, UserError
from mlops_bot.settings import Settings
from mlops_bot.shown import plain
from mlops_bot.types import Component, Framework


def search(options: argparse.Namespace) -> int:
    """0 when something is found, 1 when nothing is. Raises DocsError where the store fails, there is none, or it has
    nothing of the component."""
    common.check_json_target(options.json)
    configured = common.settings_for(options, settings.load())
    asked = command.parse(
        ["add", options.component, *(["--for", options.functionality] if options.functionality else [])],
        components=components.load_all(),
    )
    target = components.load_all()[asked.target or ""]
    origin = _component(options.source) if options.source else None
    question = question_of(
        _query(options.query), target, origin, version=options.version,
        functionality=asked.functionality or target.functionalities[0],
    )  # fmt: skip
    store = _store(configured)
    try:
        if not store.versions(target.name):
            raise DocsError(
                f"the documentation index has nothing of {target.title}" + _unfinished(store, target),
                hint=f"add it with `python -m docs_index build {target.name}`",
            )
        ask = _asker(options.approach, configured)
        found = retrieval.find(
            options.approach, store, question, ask=ask, model=ask.name if ask else "", limit=options.limit
        )
        notes = [*getattr(store, "notes", []), *filter(None, [retrieval.versions_note(store, question.target)])]
    finally:
        store.close()
    docs = found.target[: options.limit]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json != "-":
        for number, doc in enumerate(docs, 1):
            print(
                f"[{number}] {plain(doc.title)}  ({doc.component} {doc.version or 'by a model'})\n    {plain(doc.url)}"
            )
            print("".join(f"    | {line}\n" for line in plain(doc.text).splitlines()[:12]))
        if not docs:
            print(f"nothing is found in the documentation of {target.title}")
    common.write_json(
        options.json,
        {"approach": options.approach, "notes": notes, "source": [asdict(doc) for doc in found.source],
         "passages": [asdict(doc) for doc in docs]},
        secrets=configured.secrets,
    )  # fmt: skip
    return 0 if docs else 1


def _unfinished(store: IndexStore, target: Component) -> str:
    """A remark on a build that was interrupted while it stored."""
    begun: list[Index] = getattr(store, "unfinished", list)()
    return ": its build did not finish" if target.name in {index.component for index in begun} else ""


def question_of(
    query: str, target: Component, origin: Component | None, *, version: str | None = None, functionality: object = None
) -> retrieval.Question:
    """A query as a question: Python is code, with the calls that it makes; everything else is words."""
    modules = (*(origin.imports if origin else ()), *target.imports)
    calls = (calls_of(query, origin.imports) or named_in(query, origin.imports)) if origin else ()
    code = query if calls_of(query, modules) or _is_code(query) else ""
    return retrieval.Question(
        target=retrieval.Side(target.name, target.title, version, target.imports, target.api_modules),
        source=retrieval.Side(origin.name, origin.title, None, origin.imports, origin.api_modules) if origin else None,
        code=code,
        text="" if code else query,
        functionality=functionality,  # type: ignore[arg-type]
        framework=_framework(code),
        calls=calls,
        details=details_of(query, origin.imports) if origin else (),
    )


def _is_code(text: str) -> bool:
    """Whether a text is a program: it parses, and does more than name things."""
    import ast

    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Call) for node in ast.walk(tree))


def _framework(code: str) -> Framework | None:
    try:
        return source.analyse("query.py", code).framework if code else None
    except UserError:
        return None


def status(options: argparse.Namespace) -> int:
    """Always 0 where a store answers; no index is said, and no failure."""
    common.check_json_target(options.json)
    configured = settings.load()
    notes: list[str] = []
    store = compose_docs.docs_store(configured, lambda stage, message: notes.append(message))
    indexes = store.indexes() if store is not None else []
    if store is not None:
        notes += [
            f"a build of {one.component} {one.version} did not finish, or is under way since {one.built}: "
            f"`python -m docs_index build {one.component}` goes on with it"
            for one in getattr(store, "unfinished", list)()
        ]
        store.close()
    rows = [
        {"component": one.component, "version": one.version, "passages": one.chunks, "embedder": one.embedder,
         "built": one.built, "hash": one.manifest.get("hash")}
        for one in indexes
    ]  # fmt: skip
    if options.json != "-":
        for note in notes or ([] if store is not None else ["there is no documentation index"]):
            print(note)
        for row in rows:
            print(f"{row['component']:<14} {row['version']:<14} {row['passages']:>7} passages  {row['embedder']}")
        if store is not None and not rows:
            print("the documentation index is empty; `python -m docs_index build` fills it")
    common.write_json(options.json, {"indexes": rows, "notes": notes}, secrets=configured.secrets)
    return 0


def _store(configured: Settings) -> IndexStore:
    notes: list[str] = []
    store = compose_docs.docs_store(configured, lambda stage, message: notes.append(message))
    if store is None:
        raise DocsError(
            "there is no documentation index to search" + (f" at {configured.docs_path}" if notes else ""),
            hint="build one with `python -m docs_index build`, or name one with MLOPS_BOT_DOCS",
        )
    return store


def _asker(approach: str, configured: Settings) -> compose.Asker | None:
    if approach not in retrieval.ASKING:
        return None
    asker = compose.asker(configured, compose.LLMOptions(), _silent)
    if asker is None:
        raise UserError(f"--approach {approach} needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL")
    return asker


def _component(name: str) -> Component:
    asked = command.parse(["add", name], components=components.load_all())
    return components.load_all()[asked.target or ""]


def _query(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{text}: cannot be read: {error}", hint="name a text file after the @") from None


def _silent(stage: str, message: str) -> None:
    del stage, message
