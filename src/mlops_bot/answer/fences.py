"""The fenced code blocks of an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_bot.answer.paths import looks_like_path, path_in_line

_OPEN = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^`]*)$")
_EXTENDS = 5  # how many later closing fences a block may reach to, when its own end is a fence inside the file


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `start` and `end` are the line indices of its fences; `end` is None where it is not closed."""

    language: str  # the info string's first word, in lower case
    path: str | None  # the file it is said to be, as written
    lines: tuple[str, ...]
    start: int
    end: int | None


def is_fence(line: str) -> bool:
    return _OPEN.match(line) is not None


def closes(line: str, fence: str) -> bool:
    """Does `line` close a block that `fence` opened? (Four blanks before it make it text: a docstring's fence.)"""
    bare = line.strip()
    return len(bare) >= len(fence) and set(bare) == {fence[0]} and len(line) - len(line.lstrip()) < 4


def blocks(lines: list[str], known: tuple[str, ...]) -> list[Block]:
    """The fenced blocks of `lines`, in order. `known` are the task's paths, for naming blocks."""
    found: list[Block] = []
    index = 0
    while index < len(lines):
        match = _OPEN.match(lines[index])
        if match is None:
            index += 1
            continue
        indent, fence = match[1], match[2]
        # inside a list the fences are indented, and the code with them
        end = next((k for k in range(index + 1, len(lines)) if closes(_dedent(lines[k], indent), fence)), None)
        inner = [_dedent(line, indent) for line in lines[index + 1 : end]]
        found.append(Block(*_info(match[3], lines, index, known), tuple(inner), index, end))
        index = len(lines) if end is None else end + 1
    return found


def longer(block: Block, lines: list[str]) -> list[Block]:
    """The same block up to later closing fences: for a file that itself holds fences (in a docstring)."""
    match = _OPEN.match(lines[block.start])
    if match is None or block.end is None:
        return []
    indent, fence = match[1], match[2]
    ends = [k for k in range(block.end + 1, len(lines)) if closes(_dedent(lines[k], indent), fence)]
    return [
        Block(
            block.language,
            block.path,
            tuple(_dedent(line, indent) for line in lines[block.start + 1 : end]),
            block.start,
            end,
        )
        for end in ends[:_EXTENDS]
    ]


def _dedent(line: str, indent: str) -> str:
    common = 0
    while common < len(indent) and common < len(line) and line[common] == indent[common]:
        common += 1
    return line[common:]


def _info(info: str, lines: list[str], index: int, known: tuple[str, ...]) -> tuple[str, str | None]:
    """(language, path) from the info string ("python title=src/train.py"), or the path from the line before."""
    words = [word for word in re.split(r"[\s:={}\"',]+", info.strip()) if word]
    language = words[0].lower().lstrip(".") if words else ""
    for position, word in enumerate(words):
        if looks_like_path(word) and (position > 0 or "/" in word or word.endswith(".py")):
            return ("python" if position == 0 else language), word
    before = [k for k in range(max(0, index - 2), index) if lines[k].strip()]
    if before and not is_fence(lines[before[-1]]):
        return language, path_in_line(lines[before[-1]], known)
    return language, None
