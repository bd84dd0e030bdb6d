"""A hyperparameter search as lines that a person reads: ranges, what the original has, what was best. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_bot.shown import one_line
from mlops_bot.types import Json
from mlops_bot.verify.slots import named, slots

_STUDIES, _PARAMS = 10, 12


def rows(account: Mapping[str, Json], original: Sequence[Mapping[str, Json]]) -> list[str]:
    """`account`: of the search, as it was noted; `original`: the training events of the unmodified program."""
    studies = [study for study in _list(account.get("studies")) if isinstance(study, Mapping)]
    found = [line for study in studies[:_STUDIES] for line in _study(study, original)]
    return [*found, *([f"  ... and {len(studies) - _STUDIES} more studies"] if len(studies) > _STUDIES else [])]


def _study(study: Mapping[str, Json], original: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    trials = [trial for trial in _list(study.get("trials")) if isinstance(trial, Mapping)]
    completed = [trial for trial in trials if trial.get("state") == "COMPLETE"]
    asked = [_map(entry).get("n_trials") for entry in _list(study.get("asked"))]
    told = f" of {one_line(asked[0], 10)} asked for" if asked and asked[0] is not None else ""
    way = one_line(", ".join(map(str, _list(study.get("directions")))), 40)
    yield f"  study {one_line(study.get('name'), 60)}, {way}: {len(completed)} trials completed{told}"
    best = _map(study.get("best"))
    params = _map(best.get("params"))
    ranges = {name: range_ for trial in completed for name, range_ in _map(trial.get("distributions")).items()}
    table = [("hyperparameter", "range", "the original", "best")]
    for name in list(ranges)[:_PARAMS]:
        table.append((one_line(name, 36), _range(ranges[name]), _present(name, original), _value(params.get(name))))
    wide = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table if len(table) > 1 else ():
        yield "    " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, wide, strict=True)).rstrip()
    values = ", ".join(_value(value) for value in _list(best.get("values")))
    if values:
        yield f"    best value {values}, in trial {_value(best.get('number'))}"


def _range(distribution: Json) -> str:
    entry = _map(distribution)
    if "choices" in entry:
        return one_line(", ".join(map(_value, _list(entry.get("choices")))), 44)
    scale = " (log)" if entry.get("log") else ""
    return f"{_value(entry.get('low'))} to {_value(entry.get('high'))}{scale}"


def _present(name: str, original: Sequence[Mapping[str, Json]]) -> str:
    """What the original trained with, where one slot has that name."""
    held = {_value(value) for event in original for slot, value in slots(event).items() if named(slot, name)}
    return held.pop() if len(held) == 1 else ""


def _value(value: Json) -> str:
    return f"{value:.4g}" if isinstance(value, float) else one_line(value, 20) if value is not None else ""


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, (list, tuple)) else ()


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
