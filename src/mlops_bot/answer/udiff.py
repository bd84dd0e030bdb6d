"""Unified diffs: each hunk becomes an edit, its context and removed lines the search part.

Line numbers that models write are rarely right, so a hunk is placed by its lines, and its number only decides
between several places that fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_bot.answer import Rejected
from mlops_bot.answer.edits import Edit

_HUNK = re.compile(r"^@@(?:\s*-(\d+)(?:,\d+)?\s+\+\d+(?:,\d+)?)?.*")


def is_diff(language: str, lines: Sequence[str]) -> bool:
    """Does a block hold a unified diff? By its language, or by its headers."""
    if language in ("diff", "patch", "udiff"):
        return True
    return any(_HUNK.match(line) for line in lines) and any(line.startswith(("--- ", "+++ ")) for line in lines)


def read_diff(lines: Sequence[str], path: str | None, number: int = 1) -> list[Edit]:
    """The hunks of a diff as edits, numbered from `number`. `path` holds where the diff has no file header."""
    edits: list[Edit] = []
    old: list[str] = []
    new: list[str] = []
    at: int | None = None

    def finish() -> None:
        nonlocal old, new
        if old or new:
            if old == new:
                old, new = [], []
                return
            if not any(line.strip() for line in old):
                raise Rejected(
                    f"diff hunk {number + len(edits)} has no line of the original: it cannot be placed", "\n".join(new)
                )
            edits.append(Edit(number + len(edits), path, ((tuple(old), tuple(new)),), at, "diff hunk"))
        old, new = [], []

    index = 0
    while index < len(lines):
        line = lines[index]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        hunk = _HUNK.match(line)
        if line.startswith("--- ") and following.startswith("+++ "):
            finish()
            name = following[4:].split("\t")[0].strip()
            if name == "/dev/null":
                raise Rejected("the diff deletes a file; only the contents of the task's files may change")
            path = re.sub(r"^b/", "", name)
            index += 2
            continue
        if hunk:
            finish()
            at = int(hunk[1]) - 1 if hunk[1] else None
        elif line.startswith(("diff --git", "index ", "new file mode", "\\ No newline")):
            pass
        elif line.startswith("+"):
            new.append(line[1:])
        elif line.startswith("-"):
            old.append(line[1:])
        else:
            context = line.removeprefix(" ")  # an empty context line often lacks its blank
            old.append(context)
            new.append(context)
        index += 1
    finish()
    return edits
