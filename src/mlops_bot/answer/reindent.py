"""The lines that an answer skipped, moved with their surroundings where the answer put these into a new block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.answer import Rejected
from mlops_bot.answer.elision import Strength
from mlops_bot.answer.likeness import is_code
from mlops_bot.answer.lines import indentation


@dataclass(frozen=True, slots=True)
class Texts:
    old: Sequence[str]
    new: Sequence[str]
    kinds: Sequence[Strength | None]  # of new
    first: Sequence[int]  # of old: the first line of the statement
    last: Sequence[int]
    inside: set[int]  # of old: lines that begin inside a string
    origin: dict[int, int]  # new index -> old index, of the shared lines


def reindented(
    texts: Texts,
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
        raise ambiguous(texts, marker, rest, "the code around it is indented in two ways")
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
            raise ambiguous(texts, marker, rest, "it cannot be indented like the code around it")
    closed = 0 if dipped else shift
    opens_after = any(texts.new[j].rstrip().endswith(":") for j in tail)
    if shift_after is not None and shift_after != closed and not opened and not opens_after:
        raise ambiguous(texts, marker, rest, "the code before and after it is indented in two ways")
    lowest = min(len(indentation(line)) for line in lines if line.strip())
    added = next((texts.new[j] for j in tail if is_code(texts.new[j])), None)
    entry = len(indentation(lines[rest.index(solid[0])]))
    if added is not None and lowest < entry and len(indentation(added)) > lowest:
        raise ambiguous(
            texts,
            marker,
            rest,
            f"it skips the end of a block, and line {added.strip()!r} after it could belong to either",
        )
    return lines


def _shift(texts: Texts, pair: tuple[int, int]) -> int | None:
    """How much deeper a shared line is than it was; None at the ends of the file."""
    if not (0 <= pair[0] < len(texts.old) and pair[1] < len(texts.new)):
        return None
    if not texts.old[pair[0]].strip():
        return 0
    return len(indentation(texts.new[pair[1]])) - len(indentation(texts.old[pair[0]]))


def _floor(texts: Texts, pair: tuple[int, int], shift: int) -> int:
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


def ambiguous(texts: Texts, marker: int, gap: list[int], why: str) -> Rejected:
    return Rejected(
        f"the answer skips code at {texts.new[marker].strip()!r} (line {marker + 1}), and it is ambiguous which lines "
        f"of the original "
        f"belong there: {why}",
        "\n".join(f"{i + 1}: {texts.old[i]}" for i in gap[:40]),
    )
