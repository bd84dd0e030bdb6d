from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.support import Lines

from mlops_bot.engines.retry import Retrier, TransientError, retry_after
from mlops_bot.errors import EngineError


class Clock:
    """Time that passes by sleeping, and by what every attempt takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def failing(clock: Clock, takes: float = 0.0, **options: object) -> object:
    def attempt() -> None:
        clock.now += takes
        raise TransientError("it failed", **options)  # type: ignore[arg-type]

    return attempt


def test_the_delays_grow_and_are_shown() -> None:
    clock, lines = Clock(), Lines()
    retrier = Retrier(1000, sleep=clock.sleep, clock=clock, jitter=lambda: 1.0, progress=lines)
    with pytest.raises(EngineError, match=r"it failed \(tried 8 times in 62 s\)"):
        retrier.run(failing(clock))  # type: ignore[arg-type]
    assert clock.sleeps == [0.5, 1, 2, 4, 8, 16, 30]
    assert lines[0] == "it failed; trying again in 0.5 s"


def test_the_first_success_is_the_result() -> None:
    clock = Clock()
    results = iter([TransientError("no"), "yes"])

    def attempt() -> str:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    assert Retrier(10, sleep=clock.sleep, clock=clock).run(attempt) == "yes"
    assert len(clock.sleeps) == 1


def test_other_errors_pass_through_at_once() -> None:
    clock = Clock()

    def attempt() -> None:
        raise EngineError("for good")

    with pytest.raises(EngineError, match=r"^for good$"):
        Retrier(10, sleep=clock.sleep, clock=clock).run(attempt)
    assert clock.sleeps == []


def test_nobody_there_is_given_up_sooner_and_keeps_the_hint() -> None:
    clock = Clock()
    with pytest.raises(EngineError) as caught:
        Retrier(1000, sleep=clock.sleep, clock=clock).run(
            failing(clock, unreachable=True, hint="look there")  # type: ignore[arg-type]
        )
    assert len(clock.sleeps) == 3
    assert caught.value.hint == "look there"


@given(
    bound=st.floats(0, 300),
    takes=st.floats(0, 50),
    asked=st.none() | st.floats(0, 1000),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_no_attempt_starts_after_the_bound(bound: float, takes: float, asked: float | None, jitter: float) -> None:
    clock = Clock()
    retrier = Retrier(bound, sleep=clock.sleep, clock=clock, jitter=lambda: jitter)
    with pytest.raises(EngineError):
        retrier.run(failing(clock, takes=takes, retry_after=asked))  # type: ignore[arg-type]
    assert clock.now <= bound + takes + 1e-6
    assert asked is None or all(asked <= slept <= asked + 0.1 for slept in clock.sleeps)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Mon, 01 Jun 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Mon, 01 Jun 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=datetime(2026, 6, 1, 12, tzinfo=UTC)) == seconds
