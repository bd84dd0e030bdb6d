"""SEARCH/REPLACE edit blocks: reading them, and applying them to a file.

    path/of/the/file.py
    <<<<<<< SEARCH
    lines of the original
    =======
    lines instead of them
    >>>>>>> REPLACE

Every SEARCH part is matched with the original file, never with the result of an earlier block, and must match exactly
one place: as written, then but for blanks at line ends, then but for blanks and the indentation of the whole part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from mlops_bot.answer import CUT_OFF, Rejected
from mlops_bot.answer.elision import strength
from mlops_bot.answer.fences import closes, is_fence
from mlops_bot.answer.lines import indentation
from mlops_bot.answer.paths import path_in_line
from mlops_bot.answer.splice import has_markers, splice

_SEARCH = re.compile(r"^\s{0,3}<{5,9}\s*(?:SEARCH|ORIGINAL)\b\s*(.*?)\s*$")
_DIVIDER = re.compile(r"^\s{0,3}={5,9}\s*$")
_REPLACE = re.compile(r"^\s{0,3}>{5,9}\s*(?:REPLACE|UPDATED|UPDATE)\b.*$")


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement. `parts` are the ways to read it: (search, replace), several where a line of the file itself
    looks like the divider. `at`: the line (0-based) that a diff says it starts at."""

    number: int  # 1-based, in the answer
    path: str | None  # as written
    parts: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    at: int | None = None
    what: str = "edit block"


def has_edits(lines: Sequence[str]) -> bool:
    return any(_SEARCH.match(line) for line in lines)


def read_edits(lines: Sequence[str], known: Sequence[str]) -> list[Edit]:
    """The edit blocks of an answer. Raises Rejected for one that is not complete."""
    found: list[Edit] = []
    index, path, fence = 0, None, ""
    while index < len(lines):
        match = _SEARCH.match(lines[index])
        if match is None:
            if fence and closes(lines[index], fence):
                fence = ""
            elif not fence and is_fence(lines[index]):
                bare = lines[index].strip()
                fence = bare[: len(bare) - len(bare.lstrip(bare[0]))]
            index += 1
            continue
        number = len(found) + 1
        end = next(
            (k for k in range(index + 1, len(lines)) if _REPLACE.match(lines[k]) or _SEARCH.match(lines[k])), None
        )
        if end is None:
            raise Rejected(
                f"{CUT_OFF}: edit block {number} has no line '>>>>>>> REPLACE'", "\n".join(lines[index:][:20])
            )
        dividers = [k for k in range(index + 1, end) if _DIVIDER.match(lines[k])]
        if _SEARCH.match(lines[end]) or not dividers:
            lacking = ">>>>>>> REPLACE" if dividers else "======="
            raise Rejected(f"edit block {number} has no line '{lacking}'", "\n".join(lines[index : end + 1][:20]))
        path = _path(lines, index, match[1], known) or path
        parts = tuple((tuple(lines[index + 1 : k]), tuple(lines[k + 1 : end])) for k in dividers)
        found.append(Edit(number, path, parts))
        index = end + 1
    if fence:
        raise Rejected(f"{CUT_OFF}: the code fence around its edit blocks is not closed")
    return found


def _path(lines: Sequence[str], index: int, behind: str, known: Sequence[str]) -> str | None:
    """The path that the SEARCH line, or one of the two lines of text before it, names."""
    if behind and (named := path_in_line(behind)):
        return named
    before = [lines[k] for k in range(max(0, index - 3), index) if lines[k].strip() and not _REPLACE.match(lines[k])]
    for line in reversed(before):
        bare = line.strip().strip("`~").strip()
        if is_fence(line) and not bare:
            continue
        if is_fence(line):
            bare = bare.split()[-1]
        if named := path_in_line(bare, known):
            return named
        if not is_fence(line):
            return None
    return None


def apply(path: str, original: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """`original` with all `edits`. Raises Rejected naming the block that fits no place, several, or another's."""
    placed: list[tuple[int, int, list[str], Edit]] = []
    for edit in edits:
        start, length, replacement = _place(path, original, edit)
        if has_markers(replacement):
            replacement = splice(original[start : start + length], replacement)
        placed.append((start, start + length, replacement, edit))
    placed.sort(key=lambda item: item[:2])
    for one, other in pairwise(placed):
        if other[0] < one[1]:
            raise Rejected(
                f"{one[3].what}s {one[3].number} and {other[3].number} both change line {other[0] + 1} of {path}; put "
                f"them into one block"
            )
    result: list[str] = []
    position = 0
    for start, end, replacement, _ in placed:
        result += [*original[position:start], *replacement]
        position = end
    return [*result, *original[position:]]


def _place(path: str, original: Sequence[str], edit: Edit) -> tuple[int, int, list[str]]:
    """(first line, number of lines, what replaces them) of the one place where `edit` fits."""
    fitting: list[tuple[int, int, list[str]]] = []
    for search, replace in reversed(
        edit.parts
    ):  # the longest search part that fits is meant: the file has the rest too
        if not any(line.strip() for line in search):
            continue
        for trim in (False, True):
            wanted, instead = (_trimmed(search), _trimmed(replace)) if trim else (list(search), list(replace))
            found = _find(original, wanted, instead)
            if len(found) > 1 and edit.at is not None and any(start == edit.at for start, _ in found):
                found = [item for item in found if item[0] == edit.at]
            if found:
                fitting = [(start, len(wanted), lines) for start, lines in found]
                break
        if fitting:
            break
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        listed = ", ".join(str(start + 1) for start, _, _ in fitting[:6])
        raise Rejected(
            f"{edit.what} {edit.number}: its search part matches {len(fitting)} places of {path} (lines {listed}); it "
            f"must match exactly one",
            "\n".join(edit.parts[0][0]),
        )
    search = edit.parts[0][0]
    if not any(line.strip() for line in search):
        raise Rejected(
            f"{edit.what} {edit.number}: its search part is empty; repeat the lines of {path} beside the change"
        )
    if any(strength(line) == "strong" for line in search):
        why = "its search part skips lines; it must repeat them exactly"
    else:
        why = f"its search part matches 0 places of {path}; it must match exactly one"
    raise Rejected(f"{edit.what} {edit.number}: {why}", "\n".join(search) + _nearest(original, search))


def _trimmed(lines: Sequence[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return list(lines[start:end])


def _find(original: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Where `search` is in `original`: (first line, replacement in the original's indentation), strictest way first."""
    size = len(search)
    if not size or size > len(original):
        return []
    stripped = [line.strip() for line in search]
    first = next((k for k, line in enumerate(stripped) if line), 0)
    squeezed, wanted = [" ".join(line.split()) for line in original], [" ".join(line.split()) for line in search]
    starts = [
        start
        for start in range(len(original) - size + 1)
        if squeezed[start + first] == wanted[first] and squeezed[start : start + size] == wanted
    ]
    exact = [start for start in starts if list(original[start : start + size]) == list(search)]
    if exact:
        return [(start, list(replace)) for start in exact]
    ends = [
        start
        for start in starts
        if [x.rstrip() for x in original[start : start + size]] == [x.rstrip() for x in search]
    ]
    if ends:
        return [(start, list(replace)) for start in ends]
    moved = [(start, _indented(original[start : start + size], search, replace)) for start in starts]
    return [(start, lines) for start, lines in moved if lines is not None]


def _indented(original: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> list[str] | None:
    """`replace` indented for `original`, where `search` is the same lines with another indentation; None: no rule."""
    rule: dict[str, str] = {}
    for ours, theirs in zip(original, search, strict=True):
        if ours.strip() and rule.setdefault(indentation(theirs), indentation(ours)) != indentation(ours):
            return None
    known = sorted(rule, key=len)
    unit = "\t" if any("\t" in indent for indent in rule.values()) else None
    lines: list[str] = []
    for line in replace:
        indent = indentation(line)
        base = next((k for k in reversed(known) if indent.startswith(k)), None)
        if not line.strip():
            lines.append(line)
        elif base is not None:
            rest = indent[len(base) :]
            if unit and rest.startswith(" "):
                rest = unit * max(1, round(len(rest) / 4))
            lines.append(rule[base] + rest + line.lstrip(" \t"))
        else:
            lowest = known[0]
            lost = len(lowest) - len(indent)  # less indented than anything in the search part
            ours = rule[lowest]
            if unit or lost > len(ours):
                return None
            lines.append(ours[: len(ours) - lost] + line.lstrip(" \t"))
    return lines


def _nearest(original: Sequence[str], search: Sequence[str]) -> str:
    """The original's lines most like the first telling line of `search`, for the model to copy from."""
    line = next((x.strip() for x in search if len(x.strip()) > 3), "")[:200]
    if not line or len(original) > 5000:
        return ""
    scored = []
    for number, candidate in enumerate(original, 1):
        matcher = SequenceMatcher(None, candidate.strip(), line, autojunk=False)
        if matcher.real_quick_ratio() > 0.6 and matcher.quick_ratio() > 0.6:
            scored.append((matcher.ratio(), number))
    if not scored or max(scored)[0] < 0.6:
        return ""
    number = max(scored)[1]
    near = "\n".join(original[max(0, number - 1) : number - 1 + min(len(search), 12)])
    return f"\n\nThe original has, from line {number}:\n{near}"
