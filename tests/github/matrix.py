"""The fault matrix: every fault, at every call of a run in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.github.server import faults
from tests.github.server.faults import Fault
from tests.github.server.hub import Hub
from tests.github.server.wire import Call

FAULTS: dict[str, Callable[[], Fault]] = {
    "500": lambda: faults.server_error(500),
    "502": lambda: faults.server_error(502),
    "502-applied": lambda: faults.server_error(502, applied=True),
    "503": lambda: faults.server_error(503),
    "429": lambda: faults.too_many_requests(1),
    "primary-limit": lambda: faults.primary_rate_limit(0.5),
    "secondary-limit": lambda: faults.secondary_rate_limit(1),
    "secondary-limit-unnamed": lambda: faults.secondary_rate_limit(None),
    "dropped": faults.dropped,
    "dropped-applied": lambda: faults.dropped(applied=True),
    "401": faults.expired_token,
    "403": faults.missing_permission,
    "404": faults.gone,
    "409": faults.conflict,
    "422": faults.unprocessable,
}
# What is struck by one of these is tried again, so that the run ends as if nothing had been. The others are a no.
PASSING = [name for name in FAULTS if not name.startswith("4") or name == "429"]
# One of each kind: no trace, a trace that nobody is told of, a wait, a no, a "there is none", a race.
KINDS = ["502", "dropped-applied", "secondary-limit", "403", "404", "422"]


@dataclass(frozen=True)
class Strike:
    """One run that something happened to."""

    call: Call
    error: Exception | None  # how the run ended, where it was not well
    result: Any = None


def strike(hub: Hub, run: Callable[[], Any], fault: str, number: int, *, expected: type[Exception]) -> Strike | None:
    """One run with the fault at its `number`th call; None where it has no such call."""
    hub.forget_calls()
    rule = hub.fail(FAULTS[fault](), call=number)
    return _strike(hub, run, rule, number, expected)


def meanwhile(
    hub: Hub, run: Callable[[], Any], action: Callable[[], Any], number: int, *, expected: type[Exception]
) -> Strike | None:
    """One run with something that a person does just before its `number`th call; None where it has no such call."""
    hub.forget_calls()
    rule = hub.before(lambda call: action(), call=number)
    return _strike(hub, run, rule, number, expected)


def _strike(hub: Hub, run: Callable[[], Any], rule: Any, number: int, expected: type[Exception]) -> Strike | None:
    error: Exception | None = None
    result = None
    try:
        result = run()
    except expected as ended:
        error = ended
    hub.heal()
    return Strike(hub.calls[number - 1], error, result) if rule.struck else None
