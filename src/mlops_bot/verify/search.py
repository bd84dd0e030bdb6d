"""The account of a hyperparameter search in a run's trace: its studies, what each trial was given and trained. Pure.

A component's hook leaves it as `trace["component"]["search"]` (components/optuna/smoke.py says in which form). It was
written beside the program, so nothing in it is trusted to have the right shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_bot.types import Json
from mlops_bot.verify.explain import Scalar

COMPLETE = "COMPLETE"


@dataclass(frozen=True, slots=True)
class Pass:
    """Data that were learned from or scored, known by a digest of their content, and how often."""

    kind: str  # "fit", "score" or "predict"
    what: str  # "torch", "sklearn.score", "sklearn.predict", "sklearn.accuracy_score", "keras.evaluate", ...
    data: str
    count: int
    rows: frozenset[int] = frozenset()  # digests of some of its rows, where it is a table: those with the smallest


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened between two moments of the run."""

    first: int  # of the trace's training events
    last: int  # after the last one
    events: tuple[Mapping[str, Json], ...] = ()
    scalars: tuple[Scalar, ...] = ()
    passes: tuple[Pass, ...] = ()
    steps: int = 0
    continued: str = ""  # the class of what went on training where an earlier stretch had stopped

    @property
    def trained(self) -> bool:
        return bool(self.events) or self.steps > 0


@dataclass(frozen=True, slots=True)
class Trial:
    number: int
    state: str
    values: tuple[float, ...]
    params: Mapping[str, Json]
    distributions: Mapping[str, Mapping[str, Json]]
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Study:
    name: str
    directions: tuple[str, ...]
    asked: tuple[int | None, ...]  # trials that each call of optimize asked for, before any limit
    trials: tuple[Trial, ...]
    added: int  # trials that were put in, not run
    best: tuple[Mapping[str, Json], ...]  # parameters of the best trials: one, several in a tie
    end: int = 0  # training events before the end of its last trial

    @property
    def completed(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.state == COMPLETE)


@dataclass(frozen=True, slots=True)
class Search:
    studies: tuple[Study, ...]
    read: Mapping[str, int]  # results of a study that the program looked at, and how often
    outside: tuple[Mapping[str, Json], ...]  # training events of no trial
    outside_scalars: tuple[Scalar, ...]
    after: Stretch  # since the last trial
    positions: tuple[int, ...] = field(default=())  # of `outside` in the trace

    def after_study(self, study: Study) -> list[Mapping[str, Json]]:
        """What was trained outside of trials, once the study's last trial was over."""
        return [event for at, event in zip(self.positions, self.outside, strict=True) if at >= study.end]


def search(trace: Mapping[str, Json]) -> Search | None:
    """The account of a run, or None where it holds no study."""
    account = _map(_map(trace.get("component")).get("search"))
    events = [event for event in _list(trace.get("training")) if isinstance(event, Mapping)]
    scalars = [entry for entry in map(_scalar, _list(trace.get("scalars"))) if entry]
    studies = tuple(_study(_map(item), events, scalars) for item in _list(account.get("studies")))
    if not studies:
        return None
    inside: set[int] = set()
    counted: set[int] = set()
    for item in _list(account.get("studies")):
        for trial in _list(_map(item).get("trials")):
            inside.update(range(*_span(_map(trial).get("training"), len(events))))
            counted.update(range(*_span(_map(trial).get("scalars"), len(scalars))))
    positions = [at for at in range(len(events)) if at not in inside]
    return Search(
        studies,
        {str(name): int(_number(times) or 0) for name, times in _map(account.get("read")).items()},
        tuple(events[at] for at in positions),
        tuple(entry for at, entry in enumerate(scalars) if at not in counted),
        _stretch(_map(account.get("after")), events, scalars),
        tuple(positions),
    )


def _study(item: Mapping[str, Json], events: Sequence[Mapping[str, Json]], scalars: Sequence[Scalar]) -> Study:
    trials = tuple(_trial(_map(entry), events, scalars) for entry in _list(item.get("trials")))
    best = [_map(entry) for entry in _list(item.get("all_best"))] or [_map(_map(item.get("best")).get("params"))]
    asked = [_number(_map(entry).get("n_trials")) for entry in _list(item.get("asked"))]
    return Study(
        str(item.get("name"))[:100],
        tuple(str(direction) for direction in _list(item.get("directions"))),
        tuple(None if count is None else int(count) for count in asked),
        trials,
        int(_number(item.get("added")) or 0),
        tuple(entry for entry in best if entry),
        max((trial.stretch.last for trial in trials), default=0),
    )


def _trial(item: Mapping[str, Json], events: Sequence[Mapping[str, Json]], scalars: Sequence[Scalar]) -> Trial:
    values = [_number(value) for value in _list(item.get("values"))]
    return Trial(
        int(_number(item.get("number")) or 0),
        str(item.get("state")),
        tuple(value for value in values if value is not None),
        _map(item.get("params")),
        {name: _map(entry) for name, entry in _map(item.get("distributions")).items()},
        _stretch(item, events, scalars),
    )


def _stretch(item: Mapping[str, Json], events: Sequence[Mapping[str, Json]], scalars: Sequence[Scalar]) -> Stretch:
    first, last = _span(item.get("training"), len(events))
    a, b = _span(item.get("scalars"), len(scalars))
    tables = {
        data: frozenset(row for row in _list(rows) if isinstance(row, int))
        for data, rows in _map(item.get("rows")).items()
    }
    passes = [
        Pass(
            str(one.get("kind")),
            str(one.get("what")),
            str(one.get("data")),
            int(_number(one.get("count")) or 1),
            tables.get(str(one.get("data")), frozenset()),
        )
        for one in map(_map, _list(item.get("passes")))
    ]
    steps = int(_number(item.get("steps")) or 0)
    continued = str(item.get("continued") or "")[:100]
    return Stretch(first, last, tuple(events[first:last]), tuple(scalars[a:b]), tuple(passes), steps, continued)


def _span(value: Json, size: int) -> tuple[int, int]:
    ends = [int(number) for number in (_number(end) for end in _list(value)) if number is not None]
    if len(ends) != 2:
        return 0, 0
    return max(0, min(ends[0], size)), max(0, min(ends[1], size))


def _scalar(entry: Json) -> Scalar | None:
    if not (isinstance(entry, (list, tuple)) and len(entry) == 3):
        return None
    value = _number(entry[2])
    return None if value is None else (str(entry[0]), str(entry[1]), value)


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, (list, tuple)) else ()


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Json) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if not math.isnan(number) else None
