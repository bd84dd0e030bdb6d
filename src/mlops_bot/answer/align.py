"""Which lines of two texts are the same: patience alignment, fast and without accidental matches.

Lines that occur once on both sides anchor the alignment; equal lines directly before and after an anchor
extend it; the rest is left unmatched rather than guessed. difflib would guess, and take seconds where lines repeat.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence


def align(
    old: Sequence[str], new: Sequence[str | None], *, may_anchor: Callable[[str], bool] = lambda key: True
) -> list[tuple[int, int]]:
    """Pairs (index in old, index in new) of equal keys, increasing on both sides. A `None` key matches nothing.

    `may_anchor` says whether a key is telling enough to anchor; any key may extend an anchor.
    """
    pairs: list[tuple[int, int]] = []
    regions = [(0, len(old), 0, len(new))]
    while regions:
        a, a_end, b, b_end = regions.pop()
        while a < a_end and b < b_end and old[a] == new[b]:
            pairs.append((a, b))
            a, b = a + 1, b + 1
        while a < a_end and b < b_end and old[a_end - 1] == new[b_end - 1]:
            a_end, b_end = a_end - 1, b_end - 1
            pairs.append((a_end, b_end))
        if a == a_end or b == b_end:
            continue
        where_old, where_new = _once(old, a, a_end), _once(new, b, b_end)
        common = [
            (where_old[key], j)
            for key, j in where_new.items()
            if j >= 0 and where_old.get(key, -1) >= 0 and may_anchor(key)
        ]
        if not common:
            continue
        for i, j in _longest_increasing(sorted(common, key=lambda pair: pair[1])):
            pairs.append((i, j))
            regions.append((a, i, b, j))
            a, b = i + 1, j + 1
        regions.append((a, a_end, b, b_end))
    return sorted(pairs)


def _once(keys: Sequence[str | None], start: int, end: int) -> dict[str, int]:
    """Key -> its index, or -1 where it occurs more than once in keys[start:end]."""
    found: dict[str, int] = {}
    for index in range(start, end):
        key = keys[index]
        if key is not None:
            found[key] = -1 if key in found else index
    return found


def _longest_increasing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `pairs` (sorted by their second) whose firsts increase."""
    tails: list[int] = []  # the smallest last value of an increasing run of each length
    at: list[int] = []  # the index in pairs of that last value
    before: list[int] = []
    for index, (value, _) in enumerate(pairs):
        place = bisect_left(tails, value)
        before.append(at[place - 1] if place else -1)
        tails[place : place + 1] = [value]
        at[place : place + 1] = [index]
    chain: list[tuple[int, int]] = []
    index = at[-1] if at else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]
