"""From adaptations to results and outcomes: the statuses, the best attempt, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.github.known import KNOWN

from mlops_bot.errors import SandboxError
from mlops_bot.github import results
from mlops_bot.github.model import FileResult
from mlops_bot.report import Change
from mlops_bot.types import (
    Adaptation,
    Attempt,
    Candidate,
    Command,
    Failed,
    Passed,
    Proposal,
    SourceFile,
    Stage,
    Task,
    Verdict,
)

ADD = Command("add", "mlflow", functionality="experiment-tracking")
TASK = Task("inlining", "experiment-tracking", KNOWN["mlflow"], (SourceFile("t.py", "a = 1\n"),))
ROOT = Path(__file__).parents[2]


def attempt(verdict: Verdict, text: str | None = "b = 1\n", *, cost: float | None = None) -> Attempt:
    proposal = Proposal("openai", "m", text="...", input_tokens=10, output_tokens=5, cost=cost)
    return Attempt(proposal, None if text is None else Candidate({"t.py": text}), verdict)


def failed(stage: Stage, text: str | None = "b = 1\n", *, cost: float | None = None) -> Attempt:
    return attempt(Failed(stage, f"wrong at {stage}"), text, cost=cost)


def test_a_verified_file_has_its_changes_and_one_without_changes_is_nothing() -> None:
    passed = attempt(Passed({"component": {"version": "3"}}))
    adaptation = Adaptation(TASK, "verified", (passed,), passed)
    change = Change("t.py", "a = 1\n", "b = 1\n")
    done = results.of(adaptation, [change, Change("requirements.txt", "x\n", "x\n")], runtime="r", digest="d")
    assert (done.status, done.changes, done.runtime, done.digest) == ("verified", (change,), "r", "d")
    assert done.report["evidence"] == {"component": {"version": "3"}}
    assert results.of(adaptation, []).status == "nothing"


def test_a_failed_file_shows_the_attempt_that_came_furthest() -> None:
    attempts = (failed("static", "1\n"), failed("effect", "2\n"), failed("effect", "3\n"), failed("parse", None))
    done = results.of(Adaptation(TASK, "failed", attempts, reason="why"), [])
    assert (done.status, done.reason) == ("failed", "why")
    assert done.changes == (Change("t.py", "a = 1\n", "3\n"),)
    assert results.best(()) is None


def test_an_error_says_what_to_do() -> None:
    error = SandboxError("no engine answers", hint="start Docker")
    done = results.of(Adaptation(TASK, "unverified", reason="no engine answers", error=error), [])
    assert (done.status, done.reason, done.hint) == ("error", "no engine answers", "start Docker")


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["verified", "failed", "error"], "verified"),
        (["failed", "error"], "error"),
        (["failed", "unverified", "nothing"], "failed"),
        (["unverified", "nothing"], "unverified"),
        (["nothing", "skipped"], "nothing"),
        (["skipped"], "nothing"),
        (["refused"], "nothing"),
        ([], "nothing"),
    ],
)
def test_the_end_of_a_command(statuses: list[str], status: str) -> None:
    files = [FileResult(f"{n}.py", s, f"reason {n}", f"hint {n}") for n, s in enumerate(statuses)]  # type: ignore[arg-type]
    found = results.outcome(ADD, files)
    assert found.status == status
    if status in ("failed", "error", "unverified"):
        assert found.reason
        assert found.hint
    if not files or statuses == ["skipped"]:
        assert "no changed file" in (found.reason or "")
    if statuses == ["refused"]:
        assert found.reason == "0.py reason 0"


def test_costs_and_tokens_are_added_up() -> None:
    def result(*attempts: Attempt) -> FileResult:
        return results.of(Adaptation(TASK, "failed", attempts, reason="x"), [])

    found = results.outcome(ADD, [result(failed("run", cost=0.25), failed("run", cost=0.5)), result(failed("run"))])
    assert (found.input_tokens, found.output_tokens, found.cost, found.engine, found.model) == (
        30,
        15,
        0.75,
        "openai",
        "m",
    )
    assert results.outcome(ADD, [result(failed("run"))]).cost is None
    passed = attempt(Passed({}))
    mixed = replace(passed, proposal=Proposal("recipe", files={}))
    both = results.of(Adaptation(TASK, "verified", (failed("run"), mixed), mixed), [Change("t.py", "a\n", "b\n")])
    assert results.outcome(ADD, [both]).engine == "recipe", "the one whose answer was taken"
