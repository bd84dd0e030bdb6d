"""Lines and the style of a file: newlines, byte order mark, final newline, indentation, trailing blanks."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter

from mlops_bot.answer.align import align

BOM = "\ufeff"
_NEWLINE = re.compile(r"\r\n|\r|\n")  # what Python takes for a line's end; str.splitlines knows many more


def to_lines(text: str) -> list[str]:
    """The lines of `text` without their ends and without a byte order mark."""
    lines = _NEWLINE.split(text.removeprefix(BOM))
    if lines[-1] == "":
        lines.pop()
    return lines


def restore_style(original: str, lines: list[str]) -> str:
    """`lines` as a text in the style of `original`: every line that is the original's but for blanks at its end
    is written as it was there, the others with the original's usual newline."""
    old, ends = to_lines(original), _NEWLINE.findall(original)
    usual = Counter(ends).most_common(1)[0][0] if ends else "\n"
    lines = _same_margins(old, lines)
    origin = {j: i for i, j in align([x.rstrip() for x in old], [x.rstrip() for x in lines])}
    parts: list[str] = [BOM] if original.startswith(BOM) else []
    for j, line in enumerate(lines):
        i = origin.get(j)
        parts.append(line if i is None else old[i])
        parts.append(usual if i is None or i >= len(ends) else ends[i])
    if len(ends) < len(old) and len(parts) > 1:
        parts.pop()  # the original has no newline at its end
    return "".join(parts)


def _same_margins(old: list[str], lines: list[str]) -> list[str]:
    """`lines` with as many empty lines at their start and end as `old` has: fences lose them."""
    margins = []
    for some in (old, old[::-1]):
        count = 0
        while count < len(some) and not some[count].strip():
            count += 1
        margins.append([""] * count)
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return margins[0] + lines[start:end] + (margins[1] if len(margins[1]) < len(old) else [])


def indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def same_indentation(original: list[str], lines: list[str]) -> list[str]:
    """`lines` indented with tabs where `original` is, and with blanks where that is. Mixed originals: unchanged."""
    ours, theirs = _indent_unit(original), _indent_unit(lines)
    if ours is None or theirs is None or ours[0] == theirs[0]:
        return lines
    converted = []
    for line in lines:
        indent = indentation(line)
        levels, rest = divmod(len(indent), len(theirs))
        converted.append(ours * levels + (" " * rest if indent else "") + line[len(indent) :])
    return converted


def _indent_unit(lines: list[str]) -> str | None:
    """One level of indentation; None where there is none, or where tabs and blanks are mixed."""
    indents = {indentation(line) for line in lines if line.strip()} - {""}
    if not indents:
        return None
    if all(set(indent) == {"\t"} for indent in indents):
        return "\t"
    if all(set(indent) == {" "} for indent in indents):
        return " " * min(len(indent) for indent in indents)
    return None


def statements(lines: list[str]) -> tuple[list[int], list[int], set[int]]:
    """(first, last, inside): for every line index the first and last line of its statement (logical line),
    and the indices of lines that begin inside a string, whose indentation is part of the program's data."""
    first, last = list(range(len(lines))), list(range(len(lines)))
    inside: set[int] = set()
    start: int | None = None
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            name = tokenize.tok_name[token.type]
            row, end = token.start[0] - 1, token.end[0] - 1
            if name == "FSTRING_START":
                opened.append(row)
            elif name == "FSTRING_END" and opened:
                inside.update(range(opened.pop() + 1, end + 1))
            elif name == "STRING":
                inside.update(range(row + 1, end + 1))
            if name in ("COMMENT", "NL", "INDENT", "DEDENT", "ENDMARKER", "NEWLINE"):
                if name == "NEWLINE" and start is not None:
                    own = range(start, min(row, len(lines) - 1) + 1)
                    if inside.isdisjoint(own):  # the lines of a long string stand for themselves
                        for index in own:
                            first[index], last[index] = start, row
                    start = None
            elif start is None:
                start = row
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what was seen so far still holds; the caller's result is compiled in the end
    return first, last, inside
