"""How good a ranking is: recall, reciprocal rank, discounted gain. Pure."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.types import DocChunk

DEPTH = 10  # passages that count for nDCG
RECALL = 5


@dataclass(frozen=True, slots=True)
class Label:
    """A passage that answers a query: where it is, and what it has to contain."""

    path: str  # fnmatch on the source path, or docstring:qualified.name
    must_contain: str = ""  # regular expression

    def fits(self, doc: DocChunk) -> bool:
        paths = [doc.path, *(f"docstring:{name}" for name in doc.names)]
        if not any(fnmatch.fnmatchcase(path, self.path) for path in paths):
            return False
        return re.search(self.must_contain, f"{doc.title}\n{doc.text}") is not None


@dataclass(frozen=True, slots=True)
class Score:
    recall: float  # of the labels, the part that is among the first five
    reciprocal_rank: float  # of the first passage that fits
    ndcg: float  # among the first ten, a label counts once


def score(docs: Sequence[DocChunk], labels: Sequence[Label]) -> Score:
    """The score of one ranking. Labels are one passage each; there is at least one."""
    first: dict[int, int] = {}  # label -> rank of the passage that it fits first, from 1
    gains: list[int] = []
    for rank, doc in enumerate(docs[:DEPTH], 1):
        fitting = [number for number, label in enumerate(labels) if label.fits(doc)]
        gains.append(int(any(number not in first for number in fitting)))
        for number in fitting:
            first.setdefault(number, rank)
    found = sum(rank <= RECALL for rank in first.values())
    gain = sum(one / math.log2(rank + 1) for rank, one in enumerate(gains, 1))
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(labels), DEPTH) + 1))
    return Score(found / min(len(labels), RECALL), 1 / min(first.values()) if first else 0.0, min(gain / best, 1.0))


def mean(scores: Sequence[Score]) -> Score:
    count = max(len(scores), 1)
    return Score(
        sum(one.recall for one in scores) / count,
        sum(one.reciprocal_rank for one in scores) / count,
        sum(one.ndcg for one in scores) / count,
    )
