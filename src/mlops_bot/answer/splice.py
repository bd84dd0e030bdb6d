"""Put the original back where an answer skipped it, or say why that cannot be known.

The lines that both texts share are aligned. Between two shared lines, a marker stands for the original's lines there.
Certain is: one marker between two shared lines, new lines beside it which replace nothing in the middle of what was
skipped, one clear indentation, no line of the original that ends up nowhere. All else is ambiguous: Rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.answer import Rejected
from mlops_bot.answer.align import align
from mlops_bot.answer.elision import Strength, split_trailing, strength
from mlops_bot.answer.likeness import alike, is_code, key, telling
from mlops_bot.answer.lines import indentation, statements


@dataclass(frozen=True, slots=True)
class _Texts:
    old: Sequence[str]
    new: Sequence[str]
    kinds: Sequence[Strength | None]  # of new
    first: Sequence[int]  # of old: the first line of the statement
    last: Sequence[int]
    inside: set[int]  # of old: lines that begin inside a string
    origin: dict[int, int]  # new index -> old index, of the shared lines


def has_markers(lines: Sequence[str]) -> bool:
    return any(strength(line) == "strong" or split_trailing(line) for line in lines)


def splice(original: Sequence[str], answer: Sequence[str]) -> list[str]:
    """`answer` with the lines of `original` wherever it skipped them; `answer` itself where it skipped nothing.

    Raises Rejected where it is ambiguous which lines those are.
    """
    new = _split_headers(original, answer)
    own = _own(original, new)
    kinds = [None if j in own else strength(line) for j, line in enumerate(new)]
    if not any(kinds):
        return list(answer)
    keys: list[str | None] = [None if kind == "strong" else key(line) for line, kind in zip(new, kinds, strict=True)]
    pairs = align([key(line) for line in original], keys, may_anchor=telling)
    texts = _Texts(original, new, kinds, *statements(list(original)), {j: i for i, j in pairs})
    result: list[str] = []
    lost: list[int] = []
    restored: list[int] = []
    before = (-1, -1)
    for pair in [*pairs, (len(original), len(new))]:
        lines, missing, back = _region(texts, before, pair)
        result += lines
        lost += missing
        restored += back
        if pair[1] < len(new):
            result.append(new[pair[1]])
        before = pair
    _nothing_twice(texts, restored)
    if restored or "strong" in kinds:
        _nothing_lost(texts, lost)
    return result


def _own(original: Sequence[str], new: Sequence[str]) -> set[int]:
    """Lines that look like markers and are the original's: they and the line before them stand there, one after the
    other, in both texts."""
    old_solid = [i for i, line in enumerate(original) if line.strip()]
    new_solid = [j for j, line in enumerate(new) if line.strip()]
    pairs = align([original[i].strip() for i in old_solid], [new[j].strip() for j in new_solid], may_anchor=telling)
    shared = set(pairs) | {(-1, -1)}
    return {new_solid[j] for i, j in pairs if (i - 1, j - 1) in shared}


def _split_headers(original: Sequence[str], answer: Sequence[str]) -> list[str]:
    known = {line.strip() for line in original}
    split: list[str] = []
    for index, line in enumerate(answer):
        parts = split_trailing(line) if line.strip() not in known else None
        if parts is not None and parts[1].strip() != "...":
            # a header with "# same as before" and then its body is only a comment
            after = next((later for later in answer[index + 1 :] if later.strip()), "")
            if len(indentation(after)) > len(indentation(line)):
                parts = (parts[0], "")
        split += [line] if parts is None else [part for part in parts if part]
    return split


def _region(texts: _Texts, before: tuple[int, int], after: tuple[int, int]) -> tuple[list[str], list[int], list[int]]:
    """What stands between two shared lines: (lines of the result, old lines that are nowhere, old lines put back)."""
    start = before[0] + 1
    if before[0] >= 0 and texts.old[before[0]].strip() != texts.new[before[1]].strip():
        start = texts.last[before[0]] + 1  # a changed header replaces all lines of the header
    gap = list(range(start, after[0]))
    added = list(range(before[1] + 1, after[1]))
    code = [i for i in gap if is_code(texts.old[i])]
    strong = [j for j in added if texts.kinds[j] == "strong"]
    weak = [j for j in added if texts.kinds[j] == "weak"]
    if not strong:
        missing = _unmatched(texts, code, added)
        if not missing or len(weak) != 1:
            return [texts.new[j] for j in added], missing, []
        strong = weak
    marks = set(strong)
    real = [j for j in added if j not in marks and is_code(texts.new[j])]
    between = any(strong[0] < j < strong[-1] for j in real)
    if not gap or (not code and between):
        return [texts.new[j] for j in added if j not in marks], [], []
    if between:
        raise _ambiguous(
            texts,
            strong[0],
            gap,
            "it skips code both before and after a new line, with nothing to tell where that line belongs",
        )
    marker = strong[0]
    head = [j for j in added if j < marker]
    tail = [j for j in added if j > marker and j not in marks and (j > strong[-1] or texts.new[j].strip())]
    first, last = _replaced(texts, gap, head, tail, marker)
    rest = [i for i in gap if first <= i < last]
    if not any(texts.old[i].strip() for i in rest):
        # everything skipped is there after all, changed: a marker of nothing, or a comment that only sounds like one
        rest = _without_seams(texts, rest, head, tail)
        middle = [texts.new[marker]] if texts.kinds[marker] == "weak" else [texts.old[i] for i in rest]
        return [texts.new[j] for j in head] + middle + [texts.new[j] for j in tail], [], []
    rest = _without_seams(texts, rest, head, tail)
    body = _reindented(texts, rest, marker, head, tail, before, after)
    return [texts.new[j] for j in head] + body + [texts.new[j] for j in tail], [], rest


def _unmatched(texts: _Texts, gap: list[int], added: list[int]) -> list[int]:
    """The statements of `gap`, and parts of statements that are partly shared, that no added line is a changed form "
    "of."""
    free = [j for j in added if is_code(texts.new[j])]
    missing: list[int] = []
    for i in gap:
        if (texts.first[i] != i and texts.first[i] >= gap[0]) or not telling(texts.old[i]):
            continue
        same = next((j for j in free if alike(texts.old[i], texts.new[j])), None)
        if same is None:
            missing.append(i)
        else:
            free.remove(same)
    return missing


def _replaced(texts: _Texts, gap: list[int], head: list[int], tail: list[int], marker: int) -> tuple[int, int]:
    """[first, last): the part of `gap` that the marker stands for, without the statements at its beginning which
    `head` holds in changed form, and those at its end which `tail` does."""
    first, last = gap[0], gap[-1] + 1
    for j in (j for j in head if is_code(texts.new[j])):
        found = next(
            (i for i in gap if first <= i and is_code(texts.old[i]) and alike(texts.new[j], texts.old[i])), None
        )
        if found is None:
            continue
        if any(is_code(texts.old[i]) for i in range(first, found)):
            raise _ambiguous(
                texts, marker, gap, f"line {texts.new[j].strip()!r} looks like one in the middle of what it skips"
            )
        first = texts.last[found] + 1
    for j in (j for j in reversed(tail) if is_code(texts.new[j])):
        found = next(
            (
                i
                for i in reversed(gap)
                if first <= i < last and is_code(texts.old[i]) and alike(texts.new[j], texts.old[i])
            ),
            None,
        )
        if found is None:
            continue
        if any(is_code(texts.old[i]) for i in range(texts.last[found] + 1, last)):
            raise _ambiguous(
                texts, marker, gap, f"line {texts.new[j].strip()!r} looks like one in the middle of what it skips"
            )
        last = texts.first[found]
    left = [texts.old[i] for i in gap if first <= i < last and is_code(texts.old[i])]
    for ends, lines in ((left[:1], head), (left[-1:], tail)):
        # `return` or `else:` beside the marker: the skipped one, or a new one like it?
        if any(texts.new[j] in ends and not telling(texts.new[j].strip()) for j in lines):
            raise _ambiguous(texts, marker, gap, f"line {ends[0].strip()!r} beside it is also one of what it skips")
    return first, max(first, last)


def _without_seams(texts: _Texts, rest: list[int], head: list[int], tail: list[int]) -> list[int]:
    """`rest` without the empty lines at its ends that the answer has beside the marker."""
    for end in (True, False):
        beside = tail if end else head[::-1]
        for j in beside:
            at = -1 if end else 0
            if texts.new[j].strip() or not rest or texts.old[rest[at]].strip() or rest[at] in texts.inside:
                break
            rest = rest[:-1] if end else rest[1:]
    return rest


def _reindented(
    texts: _Texts,
    rest: list[int],
    marker: int,
    head: list[int],
    tail: list[int],
    before: tuple[int, int],
    after: tuple[int, int],
) -> list[str]:
    """The skipped lines, moved with their surroundings where the answer put these into a new block."""
    solid = [i for i in rest if texts.old[i].strip() and i not in texts.inside]
    if not solid:
        return [texts.old[i] for i in rest]
    shift_before = _shift(texts, before)
    shift_after = _shift(texts, after)
    base = len(indentation(texts.old[solid[0]]))
    marked = len(indentation(texts.new[marker])) - base
    last_head = next((texts.new[j] for j in reversed(head) if is_code(texts.new[j])), "")
    opened = last_head.rstrip().endswith(":") and len(indentation(last_head)) < len(indentation(texts.new[marker]))
    known = {shift for shift in (shift_before, shift_after) if shift is not None}
    if opened:
        shift, floor = marked, base
    elif marked in known or len(known) == 1:
        shift = marked if marked in known else known.pop()
        floor = _floor(texts, before, shift) if shift == shift_before else base
    elif not known:
        shift, floor = 0, base
    else:
        raise _ambiguous(texts, marker, rest, "the code around it is indented in two ways")
    lines, dipped = [], False
    for i in rest:
        line = texts.old[i]
        dipped = dipped or (shift != 0 and i in solid and len(indentation(line)) < min(floor, base))
        if shift == 0 or dipped or i in texts.inside or not line.strip():
            lines.append(line)
        elif shift > 0:
            lines.append(("\t" if line.startswith("\t") else " ") * shift + line)
        elif len(indentation(line)) >= -shift:
            lines.append(line[-shift:])
        else:
            raise _ambiguous(texts, marker, rest, "it cannot be indented like the code around it")
    closed = 0 if dipped else shift
    opens_after = any(texts.new[j].rstrip().endswith(":") for j in tail)
    if shift_after is not None and shift_after != closed and not opened and not opens_after:
        raise _ambiguous(texts, marker, rest, "the code before and after it is indented in two ways")
    lowest = min(len(indentation(line)) for line in lines if line.strip())
    added = next((texts.new[j] for j in tail if is_code(texts.new[j])), None)
    entry = len(indentation(lines[rest.index(solid[0])]))
    if added is not None and lowest < entry and len(indentation(added)) > lowest:
        raise _ambiguous(
            texts,
            marker,
            rest,
            f"it skips the end of a block, and line {added.strip()!r} after it could belong to either",
        )
    return lines


def _shift(texts: _Texts, pair: tuple[int, int]) -> int | None:
    """How much deeper a shared line is than it was; None at the ends of the file."""
    if not (0 <= pair[0] < len(texts.old) and pair[1] < len(texts.new)):
        return None
    if not texts.old[pair[0]].strip():
        return 0
    return len(indentation(texts.new[pair[1]])) - len(indentation(texts.old[pair[0]]))


def _floor(texts: _Texts, pair: tuple[int, int], shift: int) -> int:
    """The smallest indentation (in the original) of the shared lines before a marker that all moved by `shift`."""
    floor, j = len(indentation(texts.old[pair[0]])) if pair[0] >= 0 else 0, pair[1]
    while j >= 0:
        i = texts.origin.get(j)
        if i is not None and texts.old[i].strip():
            if _shift(texts, (i, j)) != shift:
                break
            floor = min(floor, len(indentation(texts.old[i])))
        j -= 1
    return floor


def _nothing_twice(texts: _Texts, restored: list[int]) -> None:
    """A skipped line which the answer also has somewhere else was moved there, or is another one: unknowable."""
    counts = Counter(key(line) for line in texts.old)
    extra = {key(line) for j, line in enumerate(texts.new) if j not in texts.origin and texts.kinds[j] != "strong"}
    for i in restored:
        name = key(texts.old[i])
        if (
            name in extra
            and counts[name] == 1
            and telling(name)
            and is_code(name)
            and not name.startswith(("import ", "from "))
        ):
            raise Rejected(
                f"it is ambiguous what the answer skips: line {i + 1} of the original ({name!r}) is among it, and also "
                f"elsewhere in the answer"
            )


def _nothing_lost(texts: _Texts, lost: list[int]) -> None:
    """Where an answer skips code, a line that is missing without a marker may have been skipped too: unknowable."""
    moved = Counter(key(line) for j, line in enumerate(texts.new) if j not in texts.origin)
    gone = [i for i in lost if not moved[key(texts.old[i])]]
    if gone:
        raise Rejected(
            f"the answer skips parts of the file, and it is ambiguous whether {len(gone)} more line(s) were meant to "
            f"stay: "
            f"line {gone[0] + 1} ({texts.old[gone[0]].strip()!r}) has no marker and is not in the answer",
            "\n".join(f"{i + 1}: {texts.old[i]}" for i in gone[:40]),
        )


def _ambiguous(texts: _Texts, marker: int, gap: list[int], why: str) -> Rejected:
    return Rejected(
        f"the answer skips code at {texts.new[marker].strip()!r} (line {marker + 1}), and it is ambiguous which lines "
        f"of the original "
        f"belong there: {why}",
        "\n".join(f"{i + 1}: {texts.old[i]}" for i in gap[:40]),
    )
