"""`python -m benchmark verdicts`: tables, exit codes, and one corpus that is really run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmark.tables import table

from benchmark import cli, corpus, verdicts
from mlops_bot import compose
from mlops_bot.errors import SandboxError, UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Failed, Job, Passed, Progress, RunResult, Runtime, Sandbox

ROOT = Path(__file__).parents[2]
ENTRY = corpus.Entry(
    "one", Path("a.py"), Path("b.py"), "mlflow", "experiment-tracking", expect="fail", operator="logs-nothing"
)


def test_outcomes_are_told_apart() -> None:
    def broken() -> tuple[None, None]:
        raise SandboxError("no engine")

    def unreadable() -> tuple[None, None]:
        raise UserError("is not a training script")

    assert verdicts.judged(ENTRY, lambda: (Passed({}), None)).outcome == "pass"
    failed = verdicts.judged(ENTRY, lambda: (Failed("effect", "no run"), None))
    assert (failed.outcome, failed.stage, failed.reason, failed.right) == ("fail", "effect", "no run", True)
    assert verdicts.judged(ENTRY, lambda: (None, "no data")).outcome == "unverified"
    assert verdicts.judged(ENTRY, broken).outcome == "error"
    assert verdicts.judged(ENTRY, unreadable).outcome == "unverified"


def test_tables_name_what_is_not_as_expected() -> None:
    passed = verdicts.judged(ENTRY, lambda: (Passed({}), None))
    text = verdicts.tables([passed])
    assert "| mlflow: experiment-tracking |             0 |             0 |             0 |             1 |" in text
    assert "Right adaptations that pass: 0 of 0. Wrong ones that fail: 0 of 1." in text


def test_cells_cannot_break_a_table() -> None:
    assert table(["a"], [["x|y\nz"]]).splitlines()[2] == "| x\\|y z |"


class Counting:
    """A sandbox that counts what is run in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.name, self.isolates, self.runs = sandbox.name, sandbox.isolates, 0

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        return self._sandbox.prepare(requirements)

    def run(self, job: Job) -> RunResult:
        self.runs += 1
        return self._sandbox.run(job)


@pytest.mark.slow
def test_a_corpus_is_judged_and_not_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = (ROOT / "tests" / "programs" / "sklearn_tree_regression.py").read_text()
    (tmp_path / "p.py").write_text(original)
    (tmp_path / "right.py").write_text("import mlflow\nmlflow.sklearn.autolog()\n\n" + original)
    (tmp_path / "wrong.py").write_text(original.replace("\n", "\nimport mlflow\n", 1))
    out = tmp_path / "results" / "out.json"  # not beside the program: what is there belongs to it
    out.parent.mkdir()
    common = {"original": "p.py", "component": "mlflow", "functionality": "experiment-tracking"}
    entries = [
        {"id": "right", "adapted": "right.py", "expect": "pass", "operator": "gold", **common},
        {"id": "wrong", "adapted": "wrong.py", "expect": "fail", "operator": "logs-nothing", **common},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    sandboxes: list[Counting] = []
    build = compose.sandbox

    def counting(configured: Settings, progress: Progress) -> tuple[Sandbox, bool]:
        sandbox, trusted = build(configured, progress)
        sandboxes.append(Counting(sandbox))
        return sandboxes[-1], trusted

    monkeypatch.setattr(compose, "sandbox", counting)
    arguments = ["verdicts", "--corpus", str(tmp_path), "--sandbox", "process", "--json", str(out)]
    assert cli.run(arguments) == 0
    document = json.loads(out.read_text())
    assert document["right"] == {"passed": 1, "of": 1} and document["wrong"] == {"failed": 1, "of": 1}
    assert sandboxes[-1].runs >= 3  # the original, the candidate, what it left
    assert cli.run(arguments) == 0
    assert sandboxes[-1].runs == 0
