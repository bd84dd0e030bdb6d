"""Reading a model's answer, in steps: code blocks, edits, diffs, skipped parts, checks. All pure.

    fences.py    the fenced blocks of an answer, and the file each is said to be
    paths.py     a path in an answer -> a file of the task
    edits.py     SEARCH/REPLACE blocks, and applying them
    udiff.py     unified diffs, as edits
    whole.py     whole files, in a fence or without
    elision.py   is this line a marker for skipped code?
    align.py     which lines of two texts are the same
    likeness.py  is this line that line, or that line changed?
    splice.py    put the original back where the answer skipped it
    checks.py    what every new file must satisfy
    lines.py     newlines, byte order mark, indentation, trailing blanks: the original's style

`response.parse` is the only user. Inside these rooms an answer that cannot be used raises `Rejected`;
`response.parse` turns it into a `Failed` verdict.
"""

from __future__ import annotations

DETAIL_LIMIT = 2000  # characters of Failed.detail


class Rejected(Exception):
    """This answer cannot become a candidate. `reason` is one sentence, `detail` the lines that show it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail if len(detail) <= DETAIL_LIMIT else detail[:DETAIL_LIMIT] + "\n[cut here]"


CUT_OFF = "the answer was cut off"


def quote(text: str, limit: int = 100) -> str:
    """The beginning of `text` on one line, printable, in quotes: for reasons that people read."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return '"' + (line if len(line) <= limit else line[: limit - 3] + "...") + '"'
