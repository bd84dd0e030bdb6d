"""The fault matrix: every fault, at every call of a run in turn."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.github.server import faults
from tests.github.server.faults import Fault, Rule
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
# All of them are for whoever asks: minutes more, and most are alike to a client.
CHOSEN = list(FAULTS) if os.environ.get("MLOPS_BOT_WHOLE_MATRIX") else KINDS


class Table:
    """What a fault at each call came to: the calls of a run in rows, the faults in columns, as Markdown.

    Written where MLOPS_BOT_MATRIX_FILE says, for whoever wants to look at the matrix as a whole.
    """

    def __init__(self) -> None:
        self._file = os.environ.get("MLOPS_BOT_MATRIX_FILE")  # read before the tests' environment is made private
        self._cells: dict[tuple[str, str], str] = {}

    def add(self, number: int, call: Call, fault: str, came_to: str) -> None:
        self._cells[f"{number:2}. `{call.operation}`", fault] = came_to

    def write(self) -> None:
        if self._file:
            rows, columns = (list(dict.fromkeys(key[at] for key in self._cells)) for at in (0, 1))
            lines = [f"| call | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
            for row in rows:
                cells = [self._cells.get((row, column), "") for column in columns]
                lines.append(f"| {row} | {' | '.join(cells)} |")
            Path(self._file).write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Strike:
    """One run that something happened to."""

    call: Call
    error: Exception | None  # how the run ended, where it was not well
    result: Any = None


def strike(
    hub: Hub,
    run: Callable[[], Any],
    fault: str,
    number: int,
    *,
    expected: type[Exception] | tuple[()] = (),
    times: int | None = 1,
) -> Strike | None:
    """One run with the fault at its `number`th call (`times`=None: and at all that follow); None where it has no such
    call. `expected`: what the run may raise."""
    hub.forget_calls()
    rule = hub.fail(FAULTS[fault](), call=number, times=times)
    return _strike(hub, run, rule, number, expected)


def meanwhile(
    hub: Hub,
    run: Callable[[], Any],
    action: Callable[[], Any],
    number: int,
    *,
    expected: type[Exception] | tuple[()] = (),
) -> Strike | None:
    """One run with something that a person does just before its `number`th call; None where it has no such call."""
    hub.forget_calls()
    rule = hub.before(lambda call: action(), call=number)
    return _strike(hub, run, rule, number, expected)


def _strike(
    hub: Hub, run: Callable[[], Any], rule: Rule, number: int, expected: type[Exception] | tuple[()]
) -> Strike | None:
    error: Exception | None = None
    result = None
    try:
        result = run()
    except expected as ended:
        error = ended
    hub.heal()
    return Strike(hub.calls[number - 1], error, result) if rule.struck else None
