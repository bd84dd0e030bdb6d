"""`python -m docs_index evaluate`: how well each approach finds, in each store, what labelled queries ask for."""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from docs_index.commands import opened
from docs_index.metrics import DEPTH, Label, Score, mean, score
from mlops_bot import components, compose, settings
from mlops_bot.commands import common
from mlops_bot.commands.docs import question_of
from mlops_bot.console import Console
from mlops_bot.docs import search
from mlops_bot.docs.records import IndexStore
from mlops_bot.errors import UserError
from mlops_bot.types import Component, Json, Progress

SCHEMA = "mlops-bot/docs-evaluation/1"
QUERIES = Path(__file__).with_name("queries.jsonl")


@dataclass(frozen=True, slots=True)
class Query:
    id: str
    query: str
    target: str
    source: str | None
    relevant: tuple[Label, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One approach in one store. `why`: it was not run because of this."""

    store: str
    approach: str
    queries: int = 0
    scores: Score | None = None
    kinds: dict[str, Score] | None = None
    milliseconds: float | None = None  # median of one query
    why: str | None = None
    unanswerable: tuple[
        str, ...
    ] = ()  # queries with a label that no passage of the index fits; they count as not found
    per_query: tuple[dict[str, Json], ...] = ()


def run(options: argparse.Namespace) -> int:
    """0; raises UserError for queries that cannot be read, DocsError where a store fails."""
    common.check_json_target(options.json)
    queries = read(options.queries or QUERIES)
    approaches = options.approach or list(search.APPROACHES)
    unknown = set(approaches) - set(search.APPROACHES)
    if unknown:
        raise UserError(f"--approach {min(unknown)}: unknown", hint=f"use one of: {', '.join(search.APPROACHES)}")
    configured = settings.load().override(engine=options.engine, model=options.model)
    rows: list[Row] = []
    indexes: dict[str, Json] = {}
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        ask = compose.asker(configured, compose.LLMOptions(max_cost=options.max_cost), console.progress)
        for where in options.store or [None]:
            with opened(where, configured) as store:
                name = where or ("weaviate" if configured.weaviate_url else str(configured.docs_path))
                indexes[name] = [_described(index.component, index.version, index.embedder, index.chunks)
                                 for index in store.indexes()]  # fmt: skip
                missing = unanswerable(store, queries)
                if missing:
                    console.line(
                        f"note: {name} has no passage for {len(missing)} queries: {', '.join(missing[:8])} ..."
                    )
                rows += [_measured(name, store, one, queries, ask, console.progress, missing) for one in approaches]
                for note in getattr(store, "notes", []):
                    console.line(f"note: {note}")
    if options.json != "-":
        print("\n".join(table(rows)))
    document = {"schema": SCHEMA, "queries": len(queries), "indexes": indexes, "results": [asdict(row) for row in rows]}
    common.write_json(options.json, document, secrets=configured.secrets)
    return 0


def _described(component: str, version: str, embedder: str, chunks: int) -> dict[str, Json]:
    return {"component": component, "version": version, "embedder": embedder, "passages": chunks}


def _measured(
    name: str, store: IndexStore, approach: str, queries: Sequence[Query], ask: compose.Asker | None,
    progress: Progress, missing: tuple[str, ...] = (),
) -> Row:  # fmt: skip
    if approach in search.ASKING and ask is None:
        return Row(name, approach, why="no model is configured")
    progress("evaluate", f"{name}: {approach}")
    present = {query.target for query in queries if store.versions(query.target)}
    asked = [query for query in queries if query.target in present]
    if not asked:
        return Row(name, approach, why="no component of the queries is in the index")
    scores: list[Score] = []
    times: list[float] = []
    details: list[dict[str, Json]] = []
    for query in asked:
        origin = _component(query.source) if query.source else None
        question = question_of(query.query, _component(query.target), origin, functionality=_functionality(query))
        started = time.perf_counter()
        found = search.find(approach, store, question, ask=ask, model=ask.name if ask else "", limit=DEPTH)
        times.append((time.perf_counter() - started) * 1000)
        scores.append(score(found.target, query.relevant))
        top = [{"title": doc.title, "path": doc.path, "url": doc.url} for doc in found.target[:5]]
        details.append({"id": query.id, **asdict(scores[-1]), "top": top})
    kinds = sorted({query.kind for query in asked})
    return Row(
        name, approach, len(asked), mean(scores),
        {kind: mean([one for one, query in zip(scores, asked, strict=True) if query.kind == kind]) for kind in kinds},
        round(statistics.median(times), 2),
        None if len(asked) == len(queries) else f"{len(queries) - len(asked)} queries ask for what is not in the index",
        missing, tuple(details),
    )  # fmt: skip


def unanswerable(store: IndexStore, queries: Sequence[Query]) -> tuple[str, ...]:
    """Queries with a label that no passage of the newest indexed release fits: the label is wrong, or the page is not
    indexed."""
    labels: dict[str, set[Label]] = {}
    for query in queries:
        labels.setdefault(query.target, set()).update(query.relevant)
    missing: dict[str, set[Label]] = {}
    for component, wanted in labels.items():
        versions = store.versions(component)
        left = set(wanted)
        for record in store.records(component, versions[0]) if versions else ():
            left -= {label for label in left if label.fits(record.chunk)}
        missing[component] = left
    return tuple(query.id for query in queries if missing[query.target] & set(query.relevant))


def table(rows: Sequence[Row]) -> list[str]:
    lines = [f"{'STORE':<28}{'APPROACH':<18}{'QUERIES':>8}{'RECALL@5':>10}{'MRR':>8}{'NDCG@10':>9}{'MS':>9}"]
    for row in rows:
        start = f"{row.store[-27:]:<28}{row.approach:<18}"
        if row.scores is None:
            lines.append(f"{start}not run: {row.why}")
            continue
        one = row.scores
        lines.append(
            f"{start}{row.queries:>8}{one.recall:>10.3f}{one.reciprocal_rank:>8.3f}{one.ndcg:>9.3f}{row.milliseconds:>9.1f}"
            + (f"  ({row.why})" if row.why else "")
        )
    return lines


def read(path: Path) -> list[Query]:
    """Labelled queries, one JSON object a line. Raises UserError naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}", hint="name a file with one JSON object a line") from None
    found = [_query(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UserError(f"{path}: has no queries", hint="write one JSON object a line")
    return found


def _query(line: str, where: str) -> Query:
    try:
        row = json.loads(line)
        labels = tuple(Label(one["path"], one.get("must_contain") or "") for one in row["relevant"])
        for label in labels:
            re.compile(label.must_contain)
        source = row.get("source_component")
        query = Query(
            str(row["id"]), str(row["query"]), _canonical(str(row["target_component"])),
            _canonical(str(source)) if source else None, labels, str(row.get("kind") or ""),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
        raise UserError(
            f"{where}: is no labelled query: {type(error).__name__}: {error}",
            hint="a line has id, query, source_component, target_component, relevant (path, must_contain) and kind",
        ) from None
    if not labels:
        raise UserError(f"{where}: has no relevant passage", hint="give at least one path")
    return query


def _canonical(name: str) -> str:
    """The name of a component as a store has it: `Weights & Biases` is wandb."""
    word = name.strip().lower()
    alike = {word, word.replace("_", "-")}
    for one in components.load_all().values():
        if alike & {one.name, one.title.lower(), *one.aliases, *one.imports}:
            return one.name
    return name


def _component(name: str) -> Component:
    """The component, or as much of one as a search needs."""
    known = components.load_all()
    return known.get(name) or Component(
        name, name, (), (), {}, (name.replace("-", "_"),), name, docs_sources={}, environment={}, store=(),
        api_modules=(), guide="", folder=Path(), has_recipe=False,
    )  # fmt: skip


def _functionality(query: Query) -> str | None:
    functionalities = _component(query.target).functionalities
    return functionalities[0] if functionalities else None
