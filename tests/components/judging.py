"""Judging an adaptation as the command line does: the real pipeline, in the process sandbox, in this environment."""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_bot import components, source
from mlops_bot.cache import Cache
from mlops_bot.sandbox.process import ProcessSandbox
from mlops_bot.types import Candidate, Runtime, SourceFile, Task, Verdict
from mlops_bot.verify.pipeline import Plan, Verifier


class Judge:
    """Verdicts on adaptations of one program; its runs are kept below `folder`."""

    def __init__(self, component: str, original: str, folder: Path, *, functionality: str | None = None) -> None:
        self.component = components.load_all()[component]
        script = SourceFile("train.py", original)
        task = Task("inlining", functionality or self.component.functionalities[0], self.component, (script,))  # type: ignore[arg-type]
        self.said: list[str] = []
        self._verifier = Verifier(
            task,
            source.analyse("train.py", original),
            Plan({"train.py": original.encode()}, ("python", "train.py")),
            sandbox=ProcessSandbox(cache_dir=folder),
            runtime=Runtime("this environment", "this environment", sys.executable),
            cache=Cache(folder / "cache"),
            progress=lambda stage, message: self.said.append(f"{stage}: {message}"),
        )

    def __call__(self, adapted: str) -> Verdict:
        baseline = self._verifier.baseline()
        assert baseline.ok, baseline.stderr
        return self._verifier.judge(Candidate({"train.py": adapted}))
