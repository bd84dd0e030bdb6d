"""The pipeline's order of things: baseline before a token, engines in turn, bounded repair, no untrusted code unisolated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mlops_bot.adapt import Options, adapt
from mlops_bot.errors import CostCapReached, UserError
from mlops_bot.types import (
    Candidate,
    Component,
    Context,
    Failed,
    Feedback,
    Observation,
    Passed,
    Proposal,
    SourceFile,
    Task,
    Verdict,
)

ORIGINAL = "import torch\n\nprint(torch.ones(1))\n"
GOOD = "import mlflow\nimport torch\n\nprint(torch.ones(1))\n"


@pytest.fixture
def task() -> Task:
    component = Component("mlflow", "MLflow", (), ("experiment-tracking",), {}, ("mlflow",), "mlflow", {}, {}, (), (), "", Path(), True)  # fmt: skip
    return Task("inlining", "experiment-tracking", component, (SourceFile("train.py", ORIGINAL),))


class StubEngine:
    """Answers from a list, one entry a call; remembers what it was asked."""

    model: str | None = None

    def __init__(self, *answers: Sequence[Proposal] | Exception, name: str = "recipe", trusted: bool = True) -> None:
        self.name, self.trusted = name, trusted
        self._answers = list(answers)
        self.asked: list[tuple[int, Feedback | None]] = []

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        self.asked.append((n, feedback))
        answer = self._answers.pop(0) if self._answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


class StubJudge:
    """Passes candidates whose text is in `good`."""

    def __init__(self, *good: str, exit_code: int = 0) -> None:
        self.good, self.exit_code = good, exit_code
        self.seconds: dict[str, float] = {"run": 1.0}
        self.judged: list[str] = []

    def baseline(self, *, again: bool = False) -> Observation:
        return Observation(self.exit_code, "exited", "", "", 1.0, {}, {})

    def why_unverifiable(self, baseline: Observation) -> str | None:
        return None if baseline.ok else "the original does not run here"

    def judge(self, candidate: Candidate) -> Verdict:
        text = candidate.files["train.py"]
        self.judged.append(text)
        return Passed({"runs": 1}) if text in self.good else Failed("run", "it broke", "Traceback")


def fenced(text: str) -> Proposal:
    return Proposal("openai", text=f"```python\n{text}```\n")


def go(task: Task, judge: StubJudge, *engines: StubEngine, isolated: bool = True, **options: object):
    said: list[str] = []
    return adapt(
        task,
        Context({}),
        engines=engines,
        judge=lambda: judge,
        isolated=isolated,
        options=Options(**options),  # type: ignore[arg-type]
        progress=lambda stage, message: said.append(message),
    )


def test_a_verified_recipe_ends_it_without_asking_the_model(task: Task) -> None:
    model = StubEngine([fenced(GOOD)], name="openai", trusted=False)
    result = go(task, StubJudge(GOOD), StubEngine([Proposal("recipe", files={"train.py": GOOD})]), model)
    assert result.status == "verified"
    assert result.chosen is not None
    assert result.chosen.candidate == Candidate({"train.py": GOOD})
    assert model.asked == []
    assert result.engine_choice == "recipe: verified"


def test_auto_goes_on_to_the_model_and_says_why(task: Task) -> None:
    recipe = StubEngine([Proposal("recipe", declined="not applicable because of reasons")])
    result = go(task, StubJudge(GOOD), recipe, StubEngine([fenced(GOOD)], name="openai", trusted=False))
    assert result.status == "verified"
    assert result.engine_choice == "recipe: not applicable because of reasons; openai: verified"


def test_no_token_is_spent_when_the_original_does_not_run(task: Task) -> None:
    engine = StubEngine([fenced(GOOD)], name="openai")
    result = go(task, StubJudge(GOOD, exit_code=1), engine)
    assert result.status == "unverified"
    assert result.reason == "the original does not run here"
    assert engine.asked == []


def test_repair_feeds_the_real_error_back_and_is_bounded(task: Task) -> None:
    bad = GOOD + "oops()\n"
    engine = StubEngine([fenced(bad)], [fenced(bad)], [fenced(GOOD)], name="openai")
    result = go(task, StubJudge(GOOD), engine, samples=3, repair=1)
    assert result.status == "failed"
    assert [n for n, _ in engine.asked] == [3, 1]
    feedback = engine.asked[1][1]
    assert feedback is not None
    assert feedback.failed == Failed("run", "it broke", "Traceback")
    assert "oops()" in feedback.text
    assert [attempt.repair for attempt in result.attempts] == [0, 1]


def test_repair_can_verify(task: Task) -> None:
    engine = StubEngine([fenced(GOOD + "oops()\n")], [fenced(GOOD)], name="openai")
    result = go(task, StubJudge(GOOD), engine)
    assert result.status == "verified"
    assert result.chosen is result.attempts[1]


def test_the_first_verified_sample_ends_it(task: Task) -> None:
    judge = StubJudge(GOOD)
    go(task, judge, StubEngine([fenced(GOOD), fenced(GOOD + "x = 1\n")], name="openai"), samples=2)
    assert judge.judged == [GOOD]


def test_an_answer_that_cannot_be_parsed_is_an_attempt_that_was_not_run(task: Task) -> None:
    judge = StubJudge(GOOD)
    result = go(task, judge, StubEngine([Proposal("openai", text="I am sorry.")], name="openai"), repair=0)
    assert judge.judged == []
    assert isinstance(result.attempts[0].verdict, Failed)
    assert result.attempts[0].verdict.stage == "parse"


def test_untrusted_code_needs_isolation(task: Task) -> None:
    engine = StubEngine([fenced(GOOD)], name="openai", trusted=False)
    with pytest.raises(UserError, match="not run without isolation"):
        go(task, StubJudge(GOOD), engine, isolated=False)
    assert engine.asked == []


def test_auto_without_isolation_keeps_what_the_recipe_said(task: Task) -> None:
    recipe = StubEngine([Proposal("recipe", declined="not applicable because of reasons")])
    model = StubEngine([fenced(GOOD)], name="openai", trusted=False)
    result = go(task, StubJudge(GOOD), recipe, model, isolated=False)
    assert result.status == "failed"
    assert result.reason is not None
    assert "reasons" in result.reason
    assert "--sandbox process" in result.reason
    assert model.asked == []


def test_the_cost_cap_ends_it_as_a_failure_not_as_a_crash(task: Task) -> None:
    result = go(task, StubJudge(GOOD), StubEngine(CostCapReached("the next call could cost $2"), name="openai"))
    assert result.status == "failed"
    assert result.reason == "openai: the next call could cost $2"


def test_seconds_by_stage(task: Task) -> None:
    result = go(task, StubJudge(GOOD), StubEngine([Proposal("recipe", files={"train.py": GOOD})]))
    assert result.seconds["run"] == 1.0
    assert {"prepare", "propose"} <= result.seconds.keys()
