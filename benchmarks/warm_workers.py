"""Verdicts a minute: programs forked from warm workers, in fresh processes, and in a fresh container for each.

    .venv/bin/python benchmarks/warm_workers.py --modes warm,fresh,docker --jobs 2

The candidates are the recipe's, of programs of each framework, and as many variants of each as a model's samples would
be. All modes judge the same ones, program by program, one mode after the other, so that a busy machine slows down all.
What is there once for a program or a runtime (baselines, prepared stores, signatures) is made before the clock starts.
The starts of workers are on the clock: "first" is the first sample of each program, "later" is the others. CPU time
hardly depends on what else the machine does; "busy" is the machine's, "own" the harness's share of the CPU time.

Exit code 1 when two modes differ in a verdict.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from mlops_bot import components, compose, settings
from mlops_bot.cache import Cache
from mlops_bot.commands import common
from mlops_bot.engines.recipe import RecipeEngine
from mlops_bot.types import Candidate, Command, Context, Failed, Limits, Passed, Runtime, Sandbox, SourceFile
from mlops_bot.verify.pipeline import Plan, Verifier

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "examples/sklearn/train.py",
    "tests/programs/sklearn_pipeline_metrics.py",
    "examples/pytorch/train.py",
    "tests/programs/pytorch_quickstart.py",
    "examples/lightning/train.py",
    "examples/keras/train.py",
)
PACKAGES = ("torch", "torchvision", "lightning", "keras", "scikit-learn", "mlflow", "matplotlib", "pandas")
VARIANTS = (
    lambda text: text,
    lambda text: f"{text}\n# a second sample\n",
    lambda text: f"{text}\nprint(undefined_name)\n",  # fails in the run
    lambda text: text.replace("mlflow.log_params(", "dict("),  # may lack parameters
)


@dataclasses.dataclass
class Spent:
    """Of one mode: verdicts, and what they cost."""

    verdicts: int = 0
    wall: float = 0.0
    cpu: float = 0.0  # CPU seconds of the programs, and of what starts them
    own: float = 0.0  # CPU seconds of this process
    busy: float = 0.0  # CPU seconds of this machine, whoever's

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, one.name) + getattr(other, one.name) for one in dataclasses.fields(self)))


class Silent:
    def __call__(self, stage: str, message: str) -> None:
        del stage, message


def candidates(component: str, only: Sequence[str]) -> dict[str, tuple[SourceFile, list[str]]]:
    """By program: its text, and the samples."""
    found = {}
    for path in PROGRAMS:
        if only and not any(word in path for word in only):
            continue
        script = SourceFile("train.py", (ROOT / path).read_text(encoding="utf-8"))
        task = common.make_task(Command("add", component), script)
        facts = _facts(script)
        (proposal,) = RecipeEngine(components.recipe).propose(task, Context({"train.py": facts}), n=1, temperature=0.0)
        if not proposal.files:
            raise SystemExit(f"{path}: {proposal.declined}")
        text = proposal.files["train.py"]
        found[path] = script, list(dict.fromkeys(variant(text) for variant in VARIANTS))
    return found


def _facts(script: SourceFile) -> Any:
    from mlops_bot import source

    return source.analyse(script.path, script.text)


def judge(script: SourceFile, component: str, sandbox: Sandbox, runtime: Runtime, cache: Cache) -> Verifier:
    return Verifier(
        common.make_task(Command("add", component), script),
        _facts(script),
        Plan(files={script.path: script.text.encode()}, argv=("python", script.path), limits=Limits(seconds=280)),
        sandbox=sandbox,
        runtime=runtime,
        cache=cache,
        progress=Silent(),
    )


def ready(verifier: Verifier) -> None:
    """What is made once: the baseline, the signatures, the component's empty store."""
    baseline = verifier.baseline()
    if not baseline.ok:
        raise SystemExit(f"an original does not run: {baseline.stderr[-500:]}")
    verifier._api()
    verifier._seed({}, verifier._task.component)


def said(verdict: object) -> str:
    return "passed" if isinstance(verdict, Passed) else f"{verdict.stage}" if isinstance(verdict, Failed) else "?"


def timed(verifiers: Sequence[Verifier], texts: Sequence[str], spent: Spent) -> list[str]:
    """Judges each text with its verifier, all at the same time."""
    before = measured()
    with ThreadPoolExecutor(len(texts)) as pool:
        verdicts = list(pool.map(lambda pair: said(pair[0]._judge(Candidate({"train.py": pair[1]}))),
                                 zip(verifiers, texts, strict=True)))  # fmt: skip
    wall, cpu, own, busy = (now - then for now, then in zip(measured(), before, strict=True))
    spent.wall, spent.cpu, spent.own, spent.busy = (
        spent.wall + wall,
        spent.cpu + cpu,
        spent.own + own,
        spent.busy + busy,
    )
    spent.verdicts += len(texts)
    return verdicts


def measured() -> tuple[float, float, float, float]:
    """(seconds, CPU seconds of what this process started, of this process, of the machine) since whenever."""
    times = os.times()
    cpu = times.children_user + times.children_system
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            spent = process.cpu_times()
            cpu += spent.user + spent.system + spent.children_user + spent.children_system
    with contextlib.suppress(OSError):  # all containers, which are the engine's children
        cpu += int(Path("/sys/fs/cgroup/cpuacct/docker/cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError):
        lines = Path("/sys/fs/cgroup/docker/cpu.stat").read_text().split()
        cpu += int(lines[lines.index("usage_usec") + 1]) / 1e6
    whole = psutil.cpu_times()
    return time.monotonic(), cpu, times.user + times.system, sum(whole) - whole.idle - getattr(whole, "iowait", 0.0)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--modes", default="warm,fresh,docker", help="of warm, fresh, docker")
    options.add_argument("--component", default="mlflow")
    options.add_argument("--programs", default="", help="parts of their paths")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    modes = given.modes.split(",")
    configured = settings.load()
    sandboxes: dict[str, Sandbox] = {}
    for mode in modes:
        wanted = {"sandbox": "docker" if mode == "docker" else "process", "warm": mode == "warm"}
        sandboxes[mode], _ = compose.sandbox(configured.override(**wanted), _progress)
    requirements = tuple(f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES)
    runtimes = {mode: sandbox.prepare(requirements) for mode, sandbox in sandboxes.items()}
    work = candidates(given.component, [word for word in given.programs.split(",") if word])
    spent = {(mode, part): Spent() for mode in modes for part in ("first", "later")}
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        caches = {mode: Cache(Path(folder) / ("docker" if mode == "docker" else "process")) for mode in modes}
        for path, (script, texts) in work.items():
            for mode in modes:
                ready(judge(script, given.component, sandboxes[mode], runtimes[mode], caches[mode]))
            print(f"{path}: {len(texts)} candidates", flush=True)
            verdicts: dict[str, list[str]] = {mode: [] for mode in modes}
            groups = [texts[:1], *(texts[at : at + given.jobs] for at in range(1, len(texts), given.jobs))]
            for number, group in enumerate(groups):
                for mode in modes:
                    verifiers = [
                        judge(script, given.component, sandboxes[mode], runtimes[mode], caches[mode]) for _ in group
                    ]
                    part = "later" if number else "first"
                    before = spent[mode, part].wall
                    verdicts[mode] += timed(verifiers, group, spent[mode, part])
                    took = spent[mode, part].wall - before
                    print(f"    {mode:<7}{took:7.2f} s  {verdicts[mode][-len(group) :]}", flush=True)
            different += len({tuple(found) for found in verdicts.values()}) - 1
    rows = shown(modes, spent)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print("the same verdicts" if not different else f"{different} PROGRAMS WITH DIFFERENT VERDICTS")
    return 1 if different else 0


def shown(modes: Sequence[str], spent: dict[tuple[str, str], Spent]) -> list[dict[str, Any]]:
    """The table, printed; and its rows. "times": as many as the last mode makes, by the clock and by CPU time."""
    rows = []
    columns = ("verdicts", "seconds", "a minute", "times", "CPU s each", "times by CPU", "busy %", "own %")
    print(f"\n{'':<15}" + "".join(f"{name:>13}" for name in columns))
    for part in ("first", "later", "all"):
        found = {
            mode: spent[mode, "first"] + spent[mode, "later"] if part == "all" else spent[mode, part] for mode in modes
        }
        last = found[modes[-1]]
        for mode, one in found.items():
            each, slowest = (whole.cpu / max(1, whole.verdicts) for whole in (one, last))
            numbers = (
                one.verdicts,
                one.wall,
                60 * one.verdicts / one.wall if one.wall else 0.0,
                (one.verdicts / one.wall) / (last.verdicts / last.wall) if one.wall and last.verdicts else 0.0,
                each,
                slowest / each if each else 0.0,
                100 * one.busy / (one.wall * (psutil.cpu_count() or 1)) if one.wall else 0.0,
                100 * one.own / (one.own + one.cpu) if one.cpu else 0.0,
            )
            rows.append({"mode": mode, "part": part, **dict(zip(columns, numbers, strict=True))})
            print(f"{mode + ', ' + part:<15}" + "".join(f"{number:>13.2f}" for number in numbers))
    return rows


def _progress(stage: str, message: str) -> None:
    print(f"    [{stage}] {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
