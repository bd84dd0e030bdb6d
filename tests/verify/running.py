"""Really run a program under the smoke hooks in a plain child process, and judge it by the later stages."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_bot.components.mlflow import check
from mlops_bot.types import Failed, Limits, Observation, RunResult, Runtime
from mlops_bot.verify import job, observe, preserved

from .support import MLFLOW, facts

RUNTIME = Runtime("test", "this environment", sys.executable)
COMPONENT = replace(
    MLFLOW,
    folder=Path(check.__file__).parent,
    environment={
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "KERAS_BACKEND": "torch",
    },
)
_prepared: dict[str, bytes] = {}


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


def run(text: str, *, candidate: bool) -> tuple[Observation, Mapping[str, Any]]:
    """One program's observation, and the evidence that is left when it is a candidate."""
    files = {"train.py": text.encode()}
    if candidate:
        files |= prepared()
    program = job.program(
        files,
        ("python", "train.py"),
        workdir=".",
        runtime=RUNTIME,
        limits=Limits(),
        smoke=job.Smoke(),
        component=COMPONENT if candidate else None,
    )
    result = execute(program.files, program.argv, program.workdir, program.environment)
    seen = observe.observe(result, given=files, store=COMPONENT.store)
    if not candidate:
        return seen, {}
    collector = job.collector(COMPONENT, files, result, "experiment-tracking", RUNTIME)
    collected = execute(collector.files, collector.argv, collector.workdir, collector.environment)
    return seen, json.loads(collected.files[job.EVIDENCE])


def prepared() -> Mapping[str, bytes]:
    """An empty, migrated store, made once: making one takes seconds."""
    if not _prepared:
        script = "import mlflow\nmlflow.set_tracking_uri('sqlite:///mlflow.db')\nmlflow.search_experiments()\n"
        made = execute({"train.py": script.encode()}, ("python", "train.py"), ".", {})
        _prepared["mlflow.db"] = made.files["mlflow.db"]
    return _prepared


def judge_runs(
    original: str, adapted: str, baseline: Observation | None = None
) -> tuple[Failed | None, Observation, Observation, Mapping[str, Any]]:
    """Run both and judge: (the failure, baseline, adapted, evidence)."""
    before = baseline or run(original, candidate=False)[0]
    assert before.ok, before.stderr
    after, evidence = run(adapted, candidate=True)
    if not after.ok:
        return Failed("run", after.stderr[-500:]), before, after, evidence
    reason = check.check(
        evidence, functionality="experiment-tracking", facts=facts(original), baseline=before, adapted=after
    )
    if reason:
        return Failed("effect", reason), before, after, evidence
    return preserved.compare(before, after), before, after, evidence
