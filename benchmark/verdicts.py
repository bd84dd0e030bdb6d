"""`python -m benchmark verdicts`: does the judge tell right from wrong? Every entry of a corpus, where it is off."""

from __future__ import annotations

import argparse
import fnmatch
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark import cli, corpus, judging
from benchmark.corpus import Entry
from benchmark.tables import table
from mlops_bot import compose, settings
from mlops_bot.cache import Cache
from mlops_bot.commands import common
from mlops_bot.console import Console
from mlops_bot.errors import MlopsBotError, SandboxError, UserError
from mlops_bot.types import Failed, Json, Limits, Passed, Progress

SCHEMA = "mlops-bot/verdicts/1"


@dataclass(frozen=True, slots=True)
class Judged:
    """What came out for one entry. `outcome`: pass, fail, unverified (the original does not run) or error."""

    id: str
    component: str
    functionality: str
    operator: str
    expect: str
    outcome: str
    stage: str | None
    reason: str | None
    why: str
    seconds: float

    @property
    def right(self) -> bool:
        return self.outcome == self.expect


def run(options: argparse.Namespace) -> int:
    """0 when every verdict is the expected one, 1 when not, 3 when infrastructure kept some from being judged."""
    common.check_json_target(options.json)
    folders = options.corpus or corpus.below(cli.CORPUS / "gold", cli.CORPUS / "mutants")
    entries = [entry for folder in folders for entry in corpus.read(folder)]
    if options.only:
        entries = [e for e in entries if any(fnmatch.fnmatch(name, options.only) for name in (e.id, e.component))]
    if not entries:
        raise UserError("no entry is left to be judged", hint="leave --only out, or name another corpus")
    configured = settings.load().override(sandbox=options.sandbox, warm=options.warm)
    cache = Cache(None if options.no_cache else configured.cache_dir / "benchmark", entries=None)
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        sandboxes = threading.local()

        def judge(entry: Entry, progress: Progress) -> Judged:
            if not hasattr(sandboxes, "own"):  # one for each thread: connections are not shared
                sandboxes.own, _ = compose.sandbox(configured, console.progress)
            return judged(entry, lambda: judging.judge(
                entry, sandbox=sandboxes.own, cache=cache, limits=Limits(seconds=options.timeout), progress=progress
            ))  # fmt: skip

        results = _all(entries, judge, jobs=options.jobs, progress=console.progress)
    if options.json != "-":
        print(tables(results))
    common.write_json(options.json, document(results), secrets=configured.secrets)
    if any(result.outcome == "error" for result in results):
        return SandboxError.exit_code
    return 0 if all(result.right for result in results) else 1


def _silent(stage: str, message: str) -> None:
    del stage, message


def judged(entry: Entry, judge: Callable[[], tuple[object, str | None]]) -> Judged:
    """The outcome of one judgement. What is wrong with the sandbox is an error of its own, never a verdict."""
    started = time.monotonic()
    stage: str | None = None
    try:
        verdict, reason = judge()
    except MlopsBotError as error:
        outcome, reason = "unverified" if isinstance(error, UserError) else "error", str(error)
    else:
        outcome = "pass" if isinstance(verdict, Passed) else "unverified"
        if isinstance(verdict, Failed):
            outcome, stage, reason = "fail", verdict.stage, verdict.reason
    seconds = round(time.monotonic() - started, 2)
    return Judged(entry.id, entry.component, entry.functionality, entry.operator, entry.expect, outcome, stage, reason,
                  entry.why, seconds)  # fmt: skip


def _all(
    entries: Sequence[Entry], judge: Callable[[Entry, Progress], Judged], *, jobs: int, progress: Progress
) -> list[Judged]:
    """Every entry, in the given order. Those of one original go to the same worker, so that it runs only once."""
    groups: dict[tuple[Path, str | None], list[int]] = {}
    for number, entry in enumerate(entries):
        groups.setdefault((entry.original, entry.run), []).append(number)
    done: dict[int, Judged] = {}
    started = time.monotonic()
    lock = threading.Lock()

    def work(numbers: Sequence[int]) -> None:
        for number in numbers:
            result = judge(entries[number], _silent)
            with lock:
                done[number] = result
                left = (time.monotonic() - started) / len(done) * (len(entries) - len(done))
                sign = "as expected" if result.right else f"NOT as expected ({result.outcome})"
                progress(f"{len(done)}/{len(entries)}", f"{result.id}: {sign}; about {left:.0f} s left")

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for future in as_completed([pool.submit(work, numbers) for numbers in groups.values()]):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[number] for number in range(len(entries))]


def tables(results: Sequence[Judged]) -> str:
    """The confusion tables as Markdown, and every entry that is not as expected."""
    parts = [
        _confusion("component", results, lambda result: f"{result.component}: {result.functionality}"),
        _confusion("operator", results, lambda result: result.operator or "(none)"),
        _stages(results),
    ]
    off = [result for result in results if not result.right]
    if off:
        rows = [[r.id, r.operator, r.expect, _ended(r), r.reason or r.why] for r in off]
        parts.append(table(["not as expected", "operator", "expected", "got", "because"], rows))
    right, wrong = _rates(results)
    parts.append(f"Right adaptations that pass: {right}. Wrong ones that fail: {wrong}.")
    return "\n\n".join(parts)


def _rates(results: Iterable[Judged]) -> tuple[str, str]:
    rates = []
    for expected in ("pass", "fail"):
        mine = [result for result in results if result.expect == expected]
        rates.append(f"{sum(result.right for result in mine)} of {len(mine)}")
    return rates[0], rates[1]


def _confusion(title: str, results: Sequence[Judged], key: Callable[[Judged], str]) -> str:
    rows = []
    for name in sorted({key(result) for result in results}):
        mine = [result for result in results if key(result) == name]
        right, wrong = ([r.outcome for r in mine if r.expect == expected] for expected in ("pass", "fail"))
        rest = sum(outcome not in ("pass", "fail") for outcome in (*right, *wrong))
        rows.append([name, right.count("pass"), right.count("fail"), wrong.count("fail"), wrong.count("pass"), rest])
    head = [title, "right, passed", "right, failed", "wrong, failed", "wrong, passed", "not judged"]
    return table(head, rows)


def _stages(results: Sequence[Judged]) -> str:
    ended = [_ended(result) for result in results]
    rows = []
    for name in sorted(set(ended)):
        at = [result for result, end in zip(results, ended, strict=True) if end == name]
        rows.append([name, sum(r.expect == "pass" for r in at), sum(r.expect == "fail" for r in at)])
    return table(["ended", "right", "wrong"], rows)


def _ended(result: Judged) -> str:
    return f"failed at {result.stage}" if result.outcome == "fail" else result.outcome


def document(results: Sequence[Judged]) -> Json:
    """All of it as JSON."""
    right, wrong = ([r for r in results if r.expect == expected] for expected in ("pass", "fail"))
    return {
        "schema": SCHEMA,
        "right": {"passed": sum(r.right for r in right), "of": len(right)},
        "wrong": {"failed": sum(r.right for r in wrong), "of": len(wrong)},
        "entries": [{**asdict(result), "right": result.right} for result in results],
    }
