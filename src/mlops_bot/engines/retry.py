"""Retries that end: exponential backoff with jitter, Retry-After honoured, one bound in seconds over all of them."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from mlops_bot.errors import EngineError
from mlops_bot.types import Progress

T = TypeVar("T")
_FIRST_DELAY = 0.5  # seconds
_LONGEST_DELAY = 30.0  # seconds, of our own backoff; a server may ask for more
_ATTEMPTS = 8
_ATTEMPTS_UNREACHABLE = 4  # nobody listens: waiting two minutes for that helps nobody


class TransientError(Exception):
    """One attempt failed in a way that may pass. `retry_after`: seconds that the server asked to wait."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        unreachable: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unreachable = unreachable
        self.hint = hint


class Retrier:
    """Runs attempts until one does not raise TransientError.

    No attempt starts later than `seconds` after the first one did, so a call ends within `seconds` plus what one
    attempt may take, whatever the server does.
    """

    def __init__(
        self,
        seconds: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        progress: Progress | None = None,
    ) -> None:
        self.seconds = seconds
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._progress = progress

    def run(self, attempt: Callable[[], T]) -> T:
        """The result of the first attempt that succeeds. Raises EngineError when the bound is reached."""
        started = self._clock()
        failures = 0
        while True:
            try:
                return attempt()
            except TransientError as transient:
                error = transient
            failures += 1
            delay = self._delay(error, failures)
            spent = self._clock() - started
            if failures >= (_ATTEMPTS_UNREACHABLE if error.unreachable else _ATTEMPTS):
                raise EngineError(f"{error} (tried {failures} times in {spent:.0f} s)", hint=error.hint)
            if spent + delay > self.seconds:
                tries = "once" if failures == 1 else f"{failures} times"
                asked = f", and is to be left alone for {delay:.0f} s" if error.retry_after is not None else ""
                bound = f"(tried {tries} in {spent:.0f} s{asked}; the limit for retries is {self.seconds:.0f} s)"
                raise EngineError(f"{error} {bound}", hint=error.hint)
            if self._progress is not None:
                self._progress("engine", f"{error}; trying again in {delay:.1f} s")
            self._sleep(delay)

    def _delay(self, error: TransientError, failures: int) -> float:
        own = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (failures - 1)) * (0.5 + 0.5 * self._jitter())
        if error.retry_after is None:
            return own
        return error.retry_after + 0.1 * self._jitter()  # never earlier than asked


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After (seconds or a date) or retry-after-ms header asks to wait; None without one."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after") or "")
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
