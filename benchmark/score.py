"""From attempts to numbers: pass@k, its estimators and their intervals. Pure.

An attempt counts only for a program whose unmodified original runs, and only where no infrastructure failed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_bot.types import Json

Criterion = Literal["verified", "paper"]
CRITERIA: tuple[Criterion, ...] = ("verified", "paper")
_Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of programs, 0 to 1, with its 95 % interval. `value` None: there is nothing to count."""

    value: float | None
    low: float | None
    high: float | None
    programs: int


@dataclass(frozen=True, slots=True)
class Score:
    """One cell. `not_runnable`: programs that do not count, with the reason. `missing`: without any verdict yet."""

    pass_any: Rate  # pass@3 as in the paper: any of the samples; of more than three samples its unbiased estimate
    pass_one: Rate  # the mean over samples: pass@1
    not_runnable: Mapping[str, str]
    missing: tuple[str, ...]


def passed(attempt: Mapping[str, Json], criterion: Criterion) -> bool:
    """`verified`: our verdict. `paper`: runs and does the task, whatever else it changed (paper, Section V)."""
    return bool(attempt["outcome"] == "passed" or (criterion == "paper" and attempt.get("paper")))


def score(
    attempts: Iterable[Mapping[str, Json]], programs: Sequence[str], *, criterion: Criterion = "verified"
) -> Score:
    """`attempts` of one cell, `programs` the ids of all that belong to it."""
    by_program: dict[str, list[Mapping[str, Json]]] = defaultdict(list)
    for attempt in attempts:
        by_program[str(attempt["program"])].append(attempt)
    not_runnable = {
        name: str(found[0]["reason"])
        for name, found in by_program.items()
        if any(attempt["outcome"] == "unverified" for attempt in found)
    }
    judged = {
        name: [passed(attempt, criterion) for attempt in found if attempt["outcome"] != "error"]
        for name, found in by_program.items()
        if name not in not_runnable
    }
    judged = {name: results for name, results in judged.items() if results}
    missing = tuple(name for name in programs if name not in judged and name not in not_runnable)
    return Score(
        _pass_at_3(list(judged.values())),
        clustered([sum(results) / len(results) for results in judged.values()]),
        not_runnable,
        missing,
    )


def _pass_at_3(programs: Sequence[Sequence[bool]]) -> Rate:
    """Over the samples of each program."""
    if all(len(results) <= 3 for results in programs):
        return wilson(sum(any(results) for results in programs), len(programs))
    return clustered([pass_at_k(len(results), sum(results), min(3, len(results))) for results in programs])


def pass_at_k(n: int, c: int, k: int) -> float:
    """The unbiased estimator of pass@k from n samples of which c pass (Chen et al. 2021, arXiv 2107.03374).

    Raises ValueError where k is larger than n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {c} in {n}")
    return 1.0 - math.prod((n - c - i) / (n - i) for i in range(k)) if n - c >= k else 1.0


def wilson(hits: int, total: int) -> Rate:
    """A share with Wilson's score interval, which behaves for few programs and for 0 and 1."""
    if total == 0:
        return Rate(None, None, None, 0)
    share = hits / total
    middle = (share + _Z**2 / (2 * total)) / (1 + _Z**2 / total)
    half = _Z / (1 + _Z**2 / total) * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half), total)


def clustered(shares: Sequence[float]) -> Rate:
    """The mean over programs; its interval counts a program once, however many samples it has.

    Where all programs agree the variance says nothing, and Wilson's interval is taken.
    """
    total = len(shares)
    if total == 0:
        return Rate(None, None, None, 0)
    mean = sum(shares) / total
    spread = sum((share - mean) ** 2 for share in shares)
    if total == 1 or spread == 0:
        bounds = wilson(round(mean * total), total)
        return Rate(mean, bounds.low, bounds.high, total)
    half = _Z * math.sqrt(spread / (total - 1) / total)
    return Rate(mean, max(0.0, mean - half), min(1.0, mean + half), total)


_CATEGORIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("parse", "truncated", ("cut off",)),
    ("parse", "syntax", ("not valid Python",)),
    ("parse", "refused", ("the model refused",)),
    ("parse", "nothing changed", ("nothing was changed",)),
    ("parse", "no code", ("no code", "is empty", "no new version")),
    ("parse", "elided", ("skip", "left out", "elid", "unchanged", "placeholder")),
    ("static", "syntax", ("does not compile",)),
    ("static", "elided", ("skip", "left out", "elid")),
    ("static", "missing API", ("does not exist", "has no", "takes no", "no argument", "not exist")),
    ("static", "not used", ("never called", "not used", "never imported", "is not called", "can never run")),
    ("run", "import", ("ModuleNotFoundError", "ImportError", "needs module")),
    ("run", "timeout", ("time", "seconds")),
    ("run", "memory", ("memory",)),
)
_OTHERS = {
    "parse": "unusable answer",
    "static": "training changed",
    "run": "exception",
    "effect": "ran, no effect",
    "preserved": "training changed",
}


def category(attempt: Mapping[str, Json]) -> str:
    """Why an attempt failed, in a few classes: what a reader compares models by."""
    outcome = str(attempt["outcome"])
    if outcome != "failed":
        return {"passed": "verified", "declined": "not applicable", "unverified": "not runnable"}.get(outcome, outcome)
    stage, reason = str(attempt.get("stage")), str(attempt.get("reason"))
    for where, name, words in _CATEGORIES:
        if where == stage and any(word in reason for word in words):
            return name
    return _OTHERS.get(stage, stage)
