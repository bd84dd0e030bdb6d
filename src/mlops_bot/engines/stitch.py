"""Puts an answer and its continuation together. Pure.

A chat model that is asked to go on where it stopped often opens a code fence again, says a word first, or repeats
the line that was cut. None of that may get into the file.
"""

from __future__ import annotations

import re

CONTINUE = (
    "Your answer was cut off by the length limit. Continue it EXACTLY where it stopped: begin with the very next "
    "character. Do NOT repeat anything, do NOT open a new code fence, do NOT comment. Close the code fence at the end."
)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+.-]*)[^\n`]*$", re.MULTILINE)
_PREAMBLE_LINES = 4
_SURE_OVERLAP = 24  # characters; a shorter repetition may be the code's own


def stitch(partial: str, continuation: str) -> str:
    """`partial` followed by `continuation` without what the latter repeats of the former."""
    if _fence_is_open(partial):
        continuation = _without_reopened_fence(continuation)
    overlap = _overlap(partial, continuation)
    return partial + continuation[overlap:]


def _fence_is_open(text: str) -> bool:
    return len(_FENCE.findall(text)) % 2 == 1


def _without_reopened_fence(text: str) -> str:
    """Drops a fence that is opened again within the first lines, with the words before it."""
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        if before.count("\n") > _PREAMBLE_LINES:
            break
        # A bare fence after some code closes the answer; one with a language, or at the very start of a
        # continuation that closes another one later, opens it again.
        reopens = bool(match.group(2)) or (not before.strip() and bool(_FENCE.search(text, match.end())))
        return text[match.end() :].removeprefix("\n") if reopens else text
    return text


def _overlap(partial: str, continuation: str) -> int:
    """How many characters at the start of `continuation` repeat the end of `partial`."""
    cut_line = partial.rpartition("\n")[2]
    for size in range(min(len(partial), len(continuation), 4000), 0, -1):
        if not partial.endswith(continuation[:size]):
            continue
        repeated = continuation[:size]
        if len(repeated.strip()) >= _SURE_OVERLAP:
            return size
        # The line that was cut, said again from its start.
        if cut_line.strip() and repeated == cut_line and len(cut_line.strip()) > 2:
            return size
    return 0
