"""Put the original back where an answer skipped it, or say why that cannot be known.

The lines that both texts share are aligned. Between two shared lines, a marker stands for the original's lines there.
Certain is: one marker between two shared lines, new lines beside it which replace nothing in the middle of what was
skipped, one clear indentation, no line of the original that ends up nowhere. All else is ambiguous: Rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlops_bot.answer import Rejected
from mlops_bot.answer.align import align
from mlops_bot.answer.elision import split_trailing, strength
from mlops_bot.answer.likeness import alike, is_code, key, telling
from mlops_bot.answer.lines import indentation, statements
from mlops_bot.answer.reindent import Texts, ambiguous, reindented


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
    texts = Texts(original, new, kinds, *statements(list(original)), {j: i for i, j in pairs})
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


def _region(texts: Texts, before: tuple[int, int], after: tuple[int, int]) -> tuple[list[str], list[int], list[int]]:
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
        raise ambiguous(
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
    body = reindented(texts, rest, marker, head, tail, before, after)
    return [texts.new[j] for j in head] + body + [texts.new[j] for j in tail], [], rest


def _unmatched(texts: Texts, gap: list[int], added: list[int]) -> list[int]:
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


def _replaced(texts: Texts, gap: list[int], head: list[int], tail: list[int], marker: int) -> tuple[int, int]:
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
            raise ambiguous(
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
            raise ambiguous(
                texts, marker, gap, f"line {texts.new[j].strip()!r} looks like one in the middle of what it skips"
            )
        last = texts.first[found]
    left = [texts.old[i] for i in gap if first <= i < last and is_code(texts.old[i])]
    for ends, lines in ((left[:1], head), (left[-1:], tail)):
        # `return` or `else:` beside the marker: the skipped one, or a new one like it?
        if any(texts.new[j] in ends and not telling(texts.new[j].strip()) for j in lines):
            raise ambiguous(texts, marker, gap, f"line {ends[0].strip()!r} beside it is also one of what it skips")
    return first, max(first, last)


def _without_seams(texts: Texts, rest: list[int], head: list[int], tail: list[int]) -> list[int]:
    """`rest` without the empty lines at its ends that the answer has beside the marker."""
    for end in (True, False):
        beside = tail if end else head[::-1]
        for j in beside:
            at = -1 if end else 0
            if texts.new[j].strip() or not rest or texts.old[rest[at]].strip() or rest[at] in texts.inside:
                break
            rest = rest[:-1] if end else rest[1:]
    return rest


def _nothing_twice(texts: Texts, restored: list[int]) -> None:
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


def _nothing_lost(texts: Texts, lost: list[int]) -> None:
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
