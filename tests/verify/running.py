"""Really run a program under the smoke hooks in a plain child process, and judge it by the later stages."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_bot import components
from mlops_bot.types import Component, Failed, Limits, Observation, RunResult, Runtime, SourceFacts
from mlops_bot.verify import job, observe, preserved

from .support import facts as facts_of

RUNTIME = Runtime("test", "this environment", sys.executable)
MLFLOW = components.load_all()["mlflow"]
_prepared: dict[str, Mapping[str, bytes]] = {}  # by component


def execute(
    files: Mapping[str, bytes], argv: tuple[str, ...], workdir: str, environment: Mapping[str, str]
) -> RunResult:
    """A child process in a fresh folder; no isolation, for our own programs only."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        variables = {
            "PATH": "/usr/bin:/bin",
            "HOME": folder,
            "TMPDIR": folder,
            "LANG": "C.UTF-8",
            "KERAS_BACKEND": "torch",
            **environment,
        }
        filled = {key: value.replace("{root}", folder) for key, value in variables.items()}
        command = [
            sys.executable if argv[0] == "python" else argv[0],
            *(word.replace("{root}", folder) for word in argv[1:]),
        ]
        done = subprocess.run(
            command, cwd=root / workdir, env=filled, capture_output=True, text=True, timeout=400, check=False
        )
        left = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        changed = {path: content for path, content in left.items() if files.get(path) != content}
        return RunResult(done.returncode, done.stdout, done.stderr, 1.0, "exited", changed)


def run(text: str, *, candidate: Component | None = None) -> tuple[Observation, Mapping[str, Any]]:
    """One program's observation, and the evidence that is left when it is a candidate for a component."""
    files = {"train.py": text.encode()}
    if candidate is not None:
        files |= prepared(candidate)
    program = job.program(
        files,
        ("python", "train.py"),
        workdir=".",
        runtime=RUNTIME,
        limits=Limits(),
        smoke=job.Smoke(),
        component=candidate,
    )
    result = execute(program.files, program.argv, program.workdir, program.environment)
    seen = observe.observe(result, given=files, store=candidate.store if candidate is not None else ())
    if candidate is None:
        return seen, {}
    collector = job.collector(candidate, files, result, "experiment-tracking", RUNTIME)
    collected = execute(collector.files, collector.argv, collector.workdir, collector.environment)
    return seen, json.loads(collected.files[job.EVIDENCE])


def prepared(component: Component) -> Mapping[str, bytes]:
    """What the component prepares once for all runs, such as an empty, migrated store."""
    if component.name not in _prepared:
        script = components.inside(component, "prepare")
        left: Mapping[str, bytes] = {}
        if script is not None:
            made = job.prepare(component, script, RUNTIME)
            left = execute(made.files, made.argv, made.workdir, made.environment).files
        prefix = f"{job.PROJECT}/"
        _prepared[component.name] = {
            path.removeprefix(prefix): content for path, content in left.items() if path.startswith(prefix)
        }
    return _prepared[component.name]


def judge_runs(
    original: str,
    adapted: str,
    baseline: Observation | None = None,
    *,
    component: Component = MLFLOW,
    facts: SourceFacts | None = None,
) -> tuple[Failed | None, Observation, Observation, Mapping[str, Any]]:
    """Run both and judge: (the failure, baseline, adapted, evidence)."""
    before = baseline or run(original)[0]
    assert before.ok, before.stderr
    after, evidence = run(adapted, candidate=component)
    if not after.ok:
        return Failed("run", after.stderr[-500:]), before, after, evidence
    reason = components.check(component)(
        evidence,
        functionality="experiment-tracking",
        facts=facts or facts_of(original),
        baseline=before,
        adapted=after,
    )
    if reason:
        return Failed("effect", reason), before, after, evidence
    return preserved.compare(before, after), before, after, evidence
