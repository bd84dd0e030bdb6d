"""`build`, `copy` and `status`: the index is made, moved and looked at."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from docs_index import declared, gathering
from docs_index.build import Builder, Condenser, Limits, Outcome
from docs_index.memo import Memo
from docs_index.sources.releases import Releases
from mlops_bot import components, compose, compose_docs, settings
from mlops_bot.commands import common
from mlops_bot.console import Console
from mlops_bot.docs import embed
from mlops_bot.docs.records import Index, IndexStore
from mlops_bot.errors import UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Component, Progress


def build(options: argparse.Namespace) -> int:
    """One index after the other; the first that fails ends it, and those before it stay."""
    common.check_json_target(options.json)
    configured = settings.load().override(embedder=options.embedder, engine=options.engine, model=options.model)
    kinds = declared.kinds(options.kinds or "package,repo")
    wanted = [(find(name), version) for name, version in map(declared.split, options.components)]
    if options.tree is not None and (len(wanted) > 1 or "repo" not in kinds):
        raise UserError(
            "--tree: is for one component, and for the source repo", hint="leave it out, or add --from repo"
        )
    outcomes: list[Outcome] = []
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        condenser = _condenser(options, configured, console.progress) if options.condense else None
        embedder = embed.configured(configured)
        with opened(options.store, configured, writable=True) as store, _memo(configured) as memo:
            builder = Builder(
                store, memo, embedder=embedder, condenser=condenser,
                embedding_price=embed.PRICES.get(embedder.name.partition(":")[2]) if embedder else None,
                limits=Limits(options.max_cost, options.dry_run), progress=console.progress,
            )  # fmt: skip
            try:
                for component, version in wanted:
                    console.begin(component.name if len(wanted) > 1 else "")
                    outcome = _one(component, version, kinds, options.tree, configured, builder, console.progress)
                    outcomes.append(outcome)
                    for line in outcome.bad:
                        console.line(f"left out: {line}")
                    console.last(_said(outcome), good=True)
            finally:
                common.write_json(options.json, [asdict(one) for one in outcomes], secrets=configured.secrets)
    return 0


def _one(
    component: Component, version: str | None, kinds: Sequence[str], tree: Path | None, configured: Settings,
    builder: Builder, progress: Progress,
) -> Outcome:  # fmt: skip
    where = declared.declared(component)
    downloads = configured.cache_dir / "docs" / "downloads"
    releases = Releases(where.distribution, downloads, configured.index)
    release = version or releases.choose(where.specifier)
    gathered = gathering.gather(
        where, release, kinds, releases=releases, tree=tree, crawl_folder=configured.cache_dir / "docs" / "crawl",
        progress=progress,
    )  # fmt: skip
    return builder.build(component.name, release, gathered, kinds)


def _said(outcome: Outcome) -> str:
    if outcome.state == "unchanged":
        return f"{outcome.component} {outcome.version}: unchanged, {outcome.chunks} passages"
    paid = f"{outcome.condensed} condensed, {outcome.embedded} embedded"
    return (
        f"{outcome.component} {outcome.version}: {outcome.state}, {outcome.pages} pages "
        f"({outcome.changed} new or changed, {outcome.removed} gone), {outcome.chunks} passages ({paid}), "
        f"{len(outcome.bad)} left out, {outcome.seconds:.1f} s"
    )


def copy(options: argparse.Namespace) -> int:
    """Every index of one store, as it is, into another."""
    configured = settings.load()
    if options.source == options.target:
        raise UserError("FROM and TO are the same store", hint="name another one to copy to")
    with (
        Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console,
        opened(options.source, configured) as source,
        opened(options.target, configured, writable=True) as target,
    ):
        wanted = [one for one in source.indexes() if not options.only or one.component in options.only]
        if not wanted:
            raise UserError(f"{options.source}: has nothing to copy", hint="look at `python -m docs_index status`")
        for index in wanted:
            console.progress("copy", f"{index.component} {index.version}: {index.chunks} passages")
            for error in target.replace(index, source.records(index.component, index.version)):
                console.line(f"left out: {error}")
        compact = getattr(target, "compact", None)
        if compact is not None:
            compact()
        console.last(f"{len(wanted)} indexes copied to {options.target}", good=True)
    return 0


def status(options: argparse.Namespace) -> int:
    """What is indexed, one line for each release."""
    configured = settings.load()
    with opened(options.store, configured) as store:
        indexes = store.indexes()
    if options.json != "-":
        for line in lines(indexes):
            print(line)
    common.write_json(options.json, [asdict(index) for index in indexes], secrets=configured.secrets)
    return 0


def lines(indexes: Sequence[Index]) -> Iterator[str]:
    yield f"{'COMPONENT':<14}{'VERSION':<14}{'PASSAGES':>9}  {'EMBEDDER':<32}{'BUILT':<27}HASH"
    for index in indexes:
        digest = str(index.manifest.get("hash", ""))[:12]
        yield (
            f"{index.component:<14}{index.version:<14}{index.chunks:>9}  {index.embedder:<32}{index.built:<27}{digest}"
        )


@contextlib.contextmanager
def opened(where: str | None, configured: Settings, *, writable: bool = False) -> Iterator[IndexStore]:
    """The store that a word names: a file, or the configured server."""
    if where is not None and where != "weaviate":
        configured = configured.override(docs=where, weaviate_url="")
    elif where == "weaviate" and not configured.weaviate_url:
        raise UserError("no Weaviate server is configured", hint="set MLOPS_BOT_WEAVIATE_URL")
    store = compose_docs.index_store(configured, writable=writable)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def _memo(configured: Settings) -> Iterator[Memo]:
    memo = Memo(configured.cache_dir / "docs" / "memo.db")
    try:
        yield memo
    finally:
        memo.close()


def find(name: str) -> Component:
    """The component of a name or alias. Raises UserError with what there is."""
    known = components.load_all()
    for component in known.values():
        if name.lower() in (component.name, *component.aliases):
            return component
    raise UserError(f"no component is called {name!r}", hint=f"known: {', '.join(known)}")


def _condenser(options: argparse.Namespace, configured: Settings, progress: Progress) -> Condenser:
    llm = compose.LLMOptions(max_cost=options.max_cost, price=options.price)
    asker = compose.asker(configured, llm, progress)
    if asker is None:
        raise UserError(
            "no model is configured to condense with",
            hint="set OPENAI_API_KEY or OPENAI_BASE_URL, or leave --condense out",
        )
    return Condenser(asker.name, asker, options.price or asker.price)
