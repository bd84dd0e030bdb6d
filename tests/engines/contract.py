"""What every engine has to keep to, as functions over an engine; each engine's tests call them all (`check_all`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests.engines.support import CONTEXT, TASK

from mlops_bot.errors import EngineError
from mlops_bot.types import Engine

KEY = "planted-key-0123456789abcdef"  # every engine that takes a key is built with this one

Make = Callable[[], AbstractContextManager[Engine]]


def check_proposals(make: Make) -> None:
    """n proposals, counted from 0, each saying who made it, with counts that are counts."""
    with make() as engine:
        assert isinstance(engine, Engine)
        proposals = engine.propose(TASK, CONTEXT, n=3, temperature=0.7)
        assert [proposal.sample for proposal in proposals] == [0, 1, 2]
        for proposal in proposals:
            assert proposal.engine == engine.name
            assert proposal.model
            assert isinstance(proposal.text, str)
            assert proposal.files is None
            assert proposal.declined is None
            assert proposal.finish_reason == "stop"
            assert proposal.seconds >= 0
            for count in (proposal.input_tokens, proposal.output_tokens):
                assert count is None or (type(count) is int and count >= 0)
            assert proposal.cost is None or proposal.cost >= 0
        assert engine.model
        assert engine.trusted is False


def check_one(make: Make) -> None:
    """One sample is one proposal, at temperature 0 too."""
    with make() as engine:
        assert len(engine.propose(TASK, CONTEXT, n=1, temperature=0.0)) == 1


def check_secrets(make: Make) -> None:
    """Neither the engine nor its configuration shows the key."""
    with make() as engine:
        for shown in (repr(engine), str(engine), repr(getattr(engine, "config", None))):
            assert KEY not in shown


def check_failure(make: Make) -> None:
    """A broken server ends as EngineError, which neither shows the key nor drags along the SDK's exception."""
    with make() as engine:
        with pytest.raises(EngineError) as caught:
            engine.propose(TASK, CONTEXT, n=2, temperature=0.7)
        error: BaseException | None = caught.value
        assert str(error)
        while error is not None:
            assert type(error).__module__.startswith(("mlops_bot", "builtins")) or error.__suppress_context__
            assert KEY not in str(error)
            assert KEY not in repr(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def check_all(make: Make) -> None:
    for check in (check_proposals, check_one, check_secrets):
        check(make)
