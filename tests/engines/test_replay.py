"""What one place proposed is proposed in another: round by round, as a model's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mlops_bot.engines.replay import Noted, ReplayEngine, Watched, replays
from mlops_bot.errors import CostCapReached, EngineError
from mlops_bot.types import Context, Proposal, Task

TASK, OTHER = cast("Task", object()), cast("Task", object())
CONTEXT = Context({})


class Model:
    name, model, trusted = "openai", None, False

    def propose(self, task: Task, context: Context, **options: Any) -> Sequence[Proposal]:
        self.model = "found-out"  # type: ignore[assignment]
        return [Proposal("openai", text="a"), Proposal("openai", text="b", sample=1)]


def test_watching_counts_the_rounds_of_each_task() -> None:
    seen: list[tuple[int, str | None]] = []
    engine = Watched(Model(), lambda number, proposal: seen.append((number, proposal.text)))
    for task in (TASK, TASK, OTHER):
        engine.propose(task, CONTEXT, n=2, temperature=0.0)
    assert seen == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (0, "a"), (0, "b")]
    assert (engine.name, engine.model, engine.trusted) == ("openai", "found-out", False)


def test_replaying() -> None:
    noted = [Noted(0, "openai", "m", text="a"), Noted(1, "openai", "m", text="b"), Noted(0, "tgi", text="c")]
    openai, tgi = replays(noted)
    assert (openai.name, openai.model, openai.trusted, tgi.name) == ("openai", "m", False, "tgi")
    rounds = [[p.text for p in openai.propose(TASK, CONTEXT)] for _ in range(3)]
    assert rounds == [["a"], ["b"], []]
    assert replays([]) == []
    assert ReplayEngine([noted[2]]).propose(TASK, CONTEXT)[0] == Proposal("tgi", text="c")


@pytest.mark.parametrize("error", [EngineError("down"), CostCapReached("too dear")])
def test_a_failure_is_repeated(error: EngineError) -> None:
    class Failing(Model):
        def propose(self, task: Task, context: Context, **options: Any) -> Sequence[Proposal]:
            raise error

    noted: list[Noted] = []
    with pytest.raises(type(error)):
        Watched(Failing(), lambda *seen: None, failed=noted.append).propose(TASK, CONTEXT, n=1, temperature=0.0)
    (engine,) = replays(noted)
    with pytest.raises(type(error), match=str(error)):
        engine.propose(TASK, CONTEXT)
