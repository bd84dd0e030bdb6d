"""Answers that need no work: help, status, commands that are none, and requests that are refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot.github import labels, marker
from mlops_bot.github.model import Comment, Config, Record, Request
from mlops_bot.github.render import parts
from mlops_bot.github.render.bounds import fit
from mlops_bot.github.render.escape import cell, code, prose, sentence
from mlops_bot.types import Component

_COMMANDS = """\
- `/mlops add COMPONENT [path ...] [--for FUNCTIONALITY]`: adds a component to training files; without paths to those
  that the pull request changes
- `/mlops translate FROM TO [path ...]`: moves training files from one component to another
- `/mlops retry`: does again what failed last; beside somebody's commits, on a new branch
- `/mlops status`: what became of the commands on this pull request
- `/mlops help`: this
"""
_STATUS = {
    "running": "running",
    "verified": "verified",
    "failed": "not verified",
    "unverified": "could not be judged",
    "nothing": "nothing to change",
    "error": "stopped by an error",
}


def help_text(config: Config, components: Mapping[str, Component], *, record: Record | None = None) -> str:
    """The commands, components and labels."""
    rows = [
        f"| `{component.name}` | {prose(component.title)} | {', '.join(component.functionalities)} |"
        for component in components.values()
    ]
    named = [
        f"- {code(label)}: {code(f'/mlops {words}')}" for label, words in labels.mapping(config, components).items()
    ]
    return fit(
        [
            marker.write(record) if record else "",
            "### Commands\n\nA command is a line of a new comment, by somebody with write access.\n\n",
            _COMMANDS,
            "\n### Components\n\n| name | | functionalities |\n|---|---|---|\n" + "\n".join(rows) + "\n",
            "\n<details>\n<summary>Labels that do the same</summary>\n\n" + "\n".join(named[:200]) + "\n\n</details>\n",
        ]
    )


def status_text(
    found: Sequence[tuple[Comment, Record]], *, record: Record | None = None, secrets: Sequence[str] = ()
) -> str:
    """What became of the commands on a pull request, from the bot's own comments."""
    found = parts.clean(tuple(found), secrets)
    rows = [" | ".join(_row(r)) for _, r in found[:50]]
    table = (
        "| command | state | pull request | for | asked by |\n|---|---|---|---|---|\n"
        + "\n".join(f"| {row} |" for row in rows)
        + "\n"
    )
    return fit(
        [
            marker.write(record) if record else "",
            "### Status\n\n",
            table if rows else "No command has been given on this pull request.\n",
        ]
    )


def _row(record: Record) -> list[str]:
    return [
        cell(f"/mlops {record.words}"),
        _STATUS.get(record.status, "unknown"),
        f"#{record.pull_number}" if record.pull_number else "",
        cell(record.head_sha[:7]),
        cell(record.actor),
    ]


def problems_text(requests: Sequence[Request], *, record: Record | None = None, secrets: Sequence[str] = ()) -> str:
    """Commands that are none, each with what to write instead."""
    lines = []
    for request in parts.clean(tuple(requests), secrets):
        if request.problem is not None:
            hint = f": {prose(request.hint, 600)}" if request.hint else ""
            lines.append(f"- {code(f'/mlops {request.text}'.strip())}: {prose(request.problem, 600)}{hint}")
    return fit(
        [
            marker.write(record) if record else "",
            "😕 This is no command:\n\n" if len(lines) == 1 else "😕 These are no commands:\n\n",
            "\n".join(lines) + "\n",
            "\n`/mlops help` lists all of them.\n",
        ]
    )


def refusal_text(
    reason: str, hint: str | None = None, *, record: Record | None = None, secrets: Sequence[str] = ()
) -> str:
    """A request that is not followed: why, and what would help."""
    reason, hint = parts.clean((reason, hint), secrets)
    said = f"\n{sentence(hint)}\n" if hint else ""
    return fit([marker.write(record) if record else "", f"😕 {sentence(reason)}\n", said])
