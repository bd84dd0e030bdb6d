"""What goes to a workflow's log and to the runner's files: nothing of it is a command by accident. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from mlops_bot import shown
from mlops_bot.github.model import Outcome
from mlops_bot.github.render import parts
from mlops_bot.types import Component

_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##(?=\[)")
_MOST = 10  # annotations that GitHub shows for a step


def line(text: str, secrets: Sequence[str] = ()) -> str:
    """Text for the log that the runner takes for no command: `::error::x` becomes `: :error::x`."""
    text = shown.plain(shown.redacted(text, secrets))
    return _OLD_COMMAND.sub("# #", _COMMAND.sub(r"\1: ", text))


def annotation(
    level: Literal["error", "warning", "notice"], message: str, *, file: str | None = None, title: str | None = None
) -> str:
    """A workflow command that shows a message at a file, its values escaped as the runner reads them."""
    values = {"file": file, "title": title}
    said = ",".join(f"{name}={_value(value)}" for name, value in values.items() if value)
    return f"::{level}{' ' if said else ''}{said}::{_data(message)}"


def failures(
    outcomes: Sequence[Outcome], *, components: Mapping[str, Component], secrets: Sequence[str] = ()
) -> Iterator[str]:
    """An annotation for every file that is not verified, and for commands that an error ended."""
    found = []
    for outcome in parts.clean(tuple(outcomes), secrets):
        what = parts.what(outcome.command, components)
        bad = [file for file in outcome.files if file.status in ("failed", "unverified", "refused", "error")]
        for file in bad:
            hint = f" ({file.hint})" if file.hint else ""
            level: Literal["error", "warning"] = "error" if file.status in ("failed", "error") else "warning"
            message = shown.one_line(f"{file.reason or 'no reason was given'}{hint}", 1000)
            found.append(annotation(level, message, file=file.path, title=f"{what}: {parts.RESULTS[file.status]}"))
        if not bad and outcome.status in ("failed", "unverified", "error"):
            hint = f" ({outcome.hint})" if outcome.hint else ""
            message = shown.one_line(f"{outcome.reason or 'no reason was given'}{hint}", 1000)
            found.append(annotation("error", message, title=what))
    yield from found[:_MOST]


def output_file(values: Mapping[str, str]) -> str:
    """What is appended to GITHUB_OUTPUT. Raises ValueError for a value of several lines: it could set other outputs."""
    for name, value in values.items():
        if not re.fullmatch(r"[\w-]+", name) or re.search(r"[\r\n]", value):
            raise ValueError(f"output {name!r} is no single line")
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _data(text: str) -> str:
    return shown.plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
