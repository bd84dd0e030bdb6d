"""`python -m benchmark run`: ask, judge, keep; stop at any time and go on where it was."""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from benchmark import engines, execute, fetch, generate, protocol, work
from benchmark.manifest import MADE_WITH, manifest
from benchmark.programs import load
from benchmark.protocol import TRANSLATION
from benchmark.records import Records
from benchmark.work import Piece
from mlops_bot import compose, settings
from mlops_bot.cache import Cache
from mlops_bot.commands.judging import Running
from mlops_bot.commands.work import Assignment, How
from mlops_bot.console import Console
from mlops_bot.engines.budget import Budget
from mlops_bot.errors import SandboxError, UserError
from mlops_bot.types import Json, Sandbox

Work = list[tuple[Piece, Assignment, How]]


def run(options: argparse.Namespace) -> int:
    """0 when everything has a verdict, 3 when infrastructure kept some from it: run it again, it goes on there."""
    configured = settings.load().override(sandbox=options.sandbox, warm=options.warm)
    names = [engines.parse(text) for text in options.engine]
    place = options.out
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        documented = TRANSLATION in options.tables and any(name.asks for name in names)
        docs = engines.documentation_id(configured, console.progress) if documented else None
        if documented and docs is None:
            raise UserError("a model's translations need a documentation index", hint=engines.NO_INDEX)
        pieces = planned(options, names, docs)
        todo, absent = prepared(pieces, fetch.home(configured), options)
        if absent:
            raise UserError(
                f"{len(absent)} programs are not there: {', '.join(absent[:5])}", hint="run `python -m benchmark fetch`"
            )
        sandbox, isolated = compose.sandbox(configured, console.progress)
        if not isolated and any(name.asks for name in names):
            raise UserError(
                "a model's code is not run without isolation, and no Docker engine answers",
                hint="start Docker, or pass --sandbox process to run it as yourself on this machine",
            )
        _keep_manifest(place, options, sandbox, docs)
        generations, attempts = Records(place / "generations.jsonl"), Records(place / "attempts.jsonl")
        stopped = None
        for name in names:
            mine = [entry for entry in todo if entry[0].cell.engine == name.text]
            budget = Budget(options.max_cost)
            budget.charge(generate.spent(generations, name.text))
            with contextlib.ExitStack() as stack:
                asked = engines.Engines(name, configured, budget=budget, progress=console.progress, stack=stack)
                stopped = generate.generate(mine, asked, generations, console.progress) or stopped
        items = execute.todo(todo, generations, attempts, sandbox.name)
        console.progress(
            "judge", f"{len(items)} of {sum(piece.cell.samples for piece, _, _ in todo)} without a verdict"
        )
        with workers(options) as pool:
            execute.execute(items, _judge(options), attempts, pool=pool, progress=console.progress)
        left = execute.todo(todo, generations, attempts, sandbox.name)
        if stopped:
            console.last(f"stopped: {stopped}", good=False)
        said = f"{len(attempts)} attempts in {place}; `python -m benchmark report {place}` shows them"
        console.last(said if not left else f"{len(left)} without a verdict; run it again. {said}", good=not left)
    return SandboxError.exit_code if left or stopped else 0


def planned(options: argparse.Namespace, names: Sequence[engines.EngineName], docs: str | None = None) -> list[Piece]:
    """All pieces of work that the options ask for. Raises UserError when that is none."""
    programs = load(only=options.programs)
    cells = [
        cell
        for name in names
        for cell in protocol.cells(
            name.text, tables=options.tables, temperatures=options.temperatures, samples=options.samples
        )
    ]
    found = list(work.pieces(cells, programs, options.era, options.shard, docs))
    if not found:
        raise UserError("nothing is left to do with these options", hint="name other tables, programs or shards")
    return found


def prepared(pieces: Sequence[Piece], root: Path, options: argparse.Namespace) -> tuple[Work, list[str]]:
    """Each piece with the bot's assignment; and the programs that were not fetched."""
    absent = sorted({p.program.id for p in pieces if not fetch.complete(root, p.program, p.era)})
    if absent:
        return [], absent
    return [(piece, *work.assignment(piece, root, timeout=options.timeout)) for piece in pieces], []


def _keep_manifest(place: Path, options: argparse.Namespace, sandbox: Sandbox, docs: str | None) -> None:
    """Written once; a run that goes on under another revision or with other packages is said to be one."""
    said = {name: value for name, value in vars(options).items() if name in
            ("engine", "tables", "temperatures", "samples", "era", "programs", "timeout", "warm")}  # fmt: skip
    base = getattr(sandbox, "base", None)  # of a container engine
    document = manifest(said, sandbox=sandbox.name, documentation=docs, image=base() if base else None)
    path = place / "manifest.json"
    with contextlib.suppress(OSError, ValueError):
        earlier = json.loads(path.read_text(encoding="utf-8"))
        document["continued"] = [*earlier.pop("continued", []), earlier] if _other(earlier, document) else (
            earlier.get("continued", [])
        )  # fmt: skip
    place.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _other(earlier: dict[str, Json], now: dict[str, Json]) -> bool:
    return any(earlier.get(name) != now.get(name) for name in MADE_WITH)


def _judge(options: argparse.Namespace) -> Callable[[execute.Todo], dict[str, Json]]:
    """What a worker does with one item. It can be sent to another machine: it names no object of this one."""
    if options.cluster:
        from benchmark.cluster import judge

        return judge(options.sandbox, options.warm)
    local = threading.local()

    def here(item: execute.Todo) -> dict[str, Json]:
        if not hasattr(local, "judging"):  # one for each thread: connections are not shared
            local.judging = judging(options.sandbox, options.warm)
        return execute.attempt(item, local.judging)

    return here


def judging(sandbox: str | None, warm: bool) -> Running:
    """The bot's own judge, with a cache that forgets nothing."""
    configured = settings.load().override(sandbox=sandbox, warm=warm)
    return Running(
        configured, _until_stopped, cache=Cache(configured.cache_dir / "benchmark" / "results", entries=None)
    )


_stopping = threading.Event()


def _until_stopped(stage: str, message: str) -> None:
    """Says nothing. A run that is stopped waits for the program that runs, not for all that a verdict still needs."""
    del stage, message
    if _stopping.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def workers(options: argparse.Namespace) -> Iterator[Executor]:
    """Threads of this process, or the workers of a Dask cluster."""
    if options.cluster:
        from benchmark.cluster import executor

        with executor(options.cluster) as pool:
            yield pool
        return
    _stopping.clear()
    pool = ThreadPoolExecutor(max_workers=options.jobs)
    try:
        yield pool
    except BaseException:
        _stopping.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()
