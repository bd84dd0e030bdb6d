"""Texts of bearable size: GitHub takes 65,536 characters. Long blocks are cut, at hunks or lines, and say so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.github.render.escape import fence
from mlops_bot.shown import plain

LIMIT = 65_000
_LEAST = 400  # characters that a block keeps, whatever else there is
_NOTE = "\n... {left} of {all} lines are left out here; the report has them all\n"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that may be cut: a patch, evidence, a traceback. `before` and `after` stay whatever happens."""

    text: str
    language: str = "text"
    before: str = ""
    after: str = ""

    def shown(self, budget: int | None = None) -> str:
        return (
            self.before
            + fence(cut(plain(self.text), budget, patch=self.language == "diff"), self.language)
            + self.after
        )


def fit(parts: Sequence[str | Block], limit: int = LIMIT) -> str:
    """All parts, one after the other, in at most `limit` characters."""
    whole = "".join(part if isinstance(part, str) else part.shown() for part in parts)
    if len(whole) <= limit:
        return whole
    fixed = sum(len(part) if isinstance(part, str) else len(part.shown(0)) for part in parts)
    left = limit - fixed
    budgets: dict[int, int] = {}
    blocks = sorted(((len(plain(p.text)), n) for n, p in enumerate(parts) if isinstance(p, Block)), key=lambda e: e[0])
    for done, (size, number) in enumerate(blocks):  # short ones whole, long ones share what is left
        budgets[number] = max(0, min(size, left // (len(blocks) - done)))
        left -= budgets[number]
    text = "".join(p if isinstance(p, str) else p.shown(budgets[n]) for n, p in enumerate(parts))
    return text if len(text) <= limit else _cut_off(text, limit)


def cut(text: str, budget: int | None, *, patch: bool = False) -> str:
    """The first lines of a text, in about `budget` characters; of a patch whole hunks, where one fits."""
    if budget is None or len(text) <= budget:
        return text
    kept = text[: budget + 1].rpartition("\n")[0]
    if patch:
        whole = max(kept.rfind("\n@@ "), kept.rfind("\n--- a/"))
        kept = kept[:whole] if whole > 0 and kept.count("\n@@ ") > 1 else kept
    total, here = text.count("\n") + 1, kept.count("\n") + 1 if kept else 0
    return kept + _NOTE.format(left=total - here, all=total)


def _cut_off(text: str, limit: int) -> str:
    """The last resort, for what has no blocks to cut."""
    note = "\n\n... this is too long for GitHub; the report has the rest\n"
    return text[: limit - len(note)].rpartition("\n")[0] + note
