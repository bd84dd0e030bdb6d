"""The evidence as lines that a person reads: parameters, metrics beside what was printed, what stayed. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from mlops_bot.shown import one_line
from mlops_bot.types import Json, Observation
from mlops_bot.verify import numbers, search_shown, sparsity_shown, versions_shown

_SHOWN = 12  # parameters, and metrics, of one run
_RUNS = 10
_NOTES = 20
_NAME, _VALUE = 36, 44  # widest columns


def rows(title: str, evidence: Mapping[str, Json], baseline: Observation | None) -> list[str]:
    """Aligned lines; a line that starts with no blank is a heading. Evidence is untrusted: values are cut and plain."""
    component = evidence.get("component") or {}
    runs = [run for run in component.get("runs") or [] if isinstance(run, Mapping)]
    printed = numbers.printed(baseline.stdout) if baseline is not None else []
    found = ["", f"What {title} holds after the run"]
    studies = search_shown.rows(_mapping(component.get("search")), _trained(baseline))
    studies += sparsity_shown.rows(component) + versions_shown.rows(component)
    if not runs and not studies:
        found.append("  no run")
    found += studies
    for run in runs[:_RUNS]:
        found += _run(run, printed)
    if len(runs) > _RUNS:
        found.append(f"  ... and {len(runs) - _RUNS} more runs")
    found += _models(component.get("registered_models") or [])
    found += _versions(component.get("versions") or [])
    found += _comparison(evidence.get("comparison") or {})
    found += _notes(evidence.get("notes") or [])
    return [*found, ""]


def _trained(baseline: Observation | None) -> list[Mapping[str, Json]]:
    events = baseline.trace.get("training") if baseline is not None else None
    return [event for event in events or [] if isinstance(event, Mapping)]


def _run(run: Mapping[str, Json], printed: Sequence[numbers.Printed]) -> Iterator[str]:
    yield f"  run {one_line(run.get('name') or run.get('run_id'))}, {one_line(run.get('status'))}"
    params, metrics = _mapping(run.get("params")), _mapping(run.get("metrics"))
    telling = sorted(params, key=lambda name: (_dull(params[name]), name))
    names = [one_line(name, _NAME) for name in (*telling[:_SHOWN], *sorted(metrics)[:_SHOWN])]
    wide = max((len(name) for name in names), default=0)
    if params:
        yield f"    {'parameter':<{max(wide, 9)}}  value"
        for name in telling[:_SHOWN]:
            yield f"    {one_line(name, _NAME):<{max(wide, 9)}}  {one_line(params[name])}"
        if len(params) > _SHOWN:
            yield f"    ... and {len(params) - _SHOWN} more parameters"
    if metrics:
        chosen = sorted(metrics)[:_SHOWN]
        series = {name: _series(metrics[name]) for name in chosen}
        column = max(5, *(len(text) for text in series.values()))
        before = {name: _printed_as(metrics[name], printed) for name in chosen}
        heading = "the original printed" if any(before.values()) else ""
        yield f"    {'metric':<{max(wide, 9)}}  {'value':<{column}}  {heading}".rstrip()
        for name in chosen:
            yield f"    {one_line(name, _NAME):<{max(wide, 9)}}  {series[name]:<{column}}  {before[name]}".rstrip()
        if len(metrics) > _SHOWN:
            yield f"    ... and {len(metrics) - _SHOWN} more metrics"
    if run.get("artifacts"):
        yield f"    artifacts: {one_line(', '.join(map(str, run['artifacts'])), 100)}"
    models = [model.get("name") for model in run.get("models") or [] if isinstance(model, Mapping)]
    if models:
        yield f"    models: {one_line(', '.join(map(str, models)), 100)}"


def _models(registered: Sequence[Json]) -> Iterator[str]:
    for model in registered[:_SHOWN]:
        count = len(model.get("versions") or [])
        yield f"  registered model {one_line(model.get('name'))}, {count} version{'' if count == 1 else 's'}"


def _versions(versions: Sequence[Json]) -> Iterator[str]:
    """What a fresh process made of each registered version."""
    for version in [entry for entry in versions if isinstance(entry, Mapping)][:_SHOWN]:
        title = f"  version {one_line(version.get('version'))} of {one_line(version.get('name'))}"
        if version.get("loaded"):
            signature = _mapping(version.get("signature"))
            shown = " -> ".join(_fields(signature.get(side)) for side in ("inputs", "outputs") if signature.get(side))
            yield f"{title}: {one_line(version.get('class'))}, loads in a fresh process" + (
                f"; {shown}" if shown else ""
            )
        else:
            yield f"{title}: does not load: {one_line(version.get('error'), 100)}"


def _fields(fields: Json) -> str:
    """The columns or tensors of one side of a signature: "float32 (-1, 3)"."""
    found = []
    for field in fields if isinstance(fields, list) else []:
        about = _mapping(field)
        tensor = _mapping(about.get("tensor-spec"))
        shape = f" ({', '.join(map(str, tensor.get('shape') or ()))})" if tensor else ""
        found.append(f"{about.get('name') or ''} {tensor.get('dtype') or about.get('type')}{shape}".strip())
    return one_line(", ".join(found), 80)


def _comparison(comparison: Mapping[str, Json]) -> Iterator[str]:
    if not comparison:
        return
    table = [("", "before", "after", "")]
    for name, entry in comparison.items():
        label = _LABELS.get(str(name), one_line(str(name).replace("_", " "), _NAME))
        if not (isinstance(entry, Mapping) and {"before", "after"} <= entry.keys()):
            table.append((label, "", "", one_line(entry, 90)))
            continue
        before, after = _cell(entry["before"]), _cell(entry["after"])
        if (before, after) in (("0", "0"), ("none", "none")):  # a program without it: no news
            continue
        more = [
            f"{key.replace('_', ' ')}: {_cell(value)}"
            for key, value in entry.items()
            if key not in ("before", "after") and value
        ]
        table.append((label, before, after, ", ".join(more)))
    wide = [max(len(row[column]) for row in table) for column in range(3)]
    yield "The same program, before and after"
    for row in table:
        yield "  " + "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, wide, strict=False)), row[3]]).rstrip()


_LABELS = {"printed_numbers": "numbers printed", "training": "trainings", "steps": "optimizer steps",
           "files": "files written", "seconds": "seconds in the sandbox"}  # fmt: skip


def _notes(notes: Sequence[Json]) -> Iterator[str]:
    """Limits and stand-ins, each once, however often it was noted."""
    seen: dict[tuple[str, str, str], int] = {}
    for note in notes:
        if isinstance(note, Mapping):
            key = (
                one_line(note.get("kind"), 12),
                one_line(note.get("what"), 60),
                one_line(note.get("detail") or "", 100),
            )
            seen[key] = seen.get(key, 0) + 1
    if not seen:
        return
    yield "What the smoke run limited, or stood in for"
    wide = max(len(kind) for kind, _, _ in seen)
    for (kind, what, detail), count in list(seen.items())[:_NOTES]:
        yield (
            f"  {kind:<{wide}}  {what}" + (f": {detail}" if detail else "") + (f" ({count} times)" if count > 1 else "")
        )
    if len(seen) > _NOTES:
        yield f"  ... and {len(seen) - _NOTES} more; the report has all"


def _dull(value: Json) -> int:
    """Which parameters go first: numbers, then words; what is at its default or a whole object's text says least."""
    text = str(value)
    try:
        float(text)
    except ValueError:
        return 2 if text in ("None", "True", "False", "") or "(" in text else 1
    return 0


def _values(points: Json) -> list[Json]:
    return [point[1] for point in points or [] if isinstance(point, list | tuple) and len(point) == 2]


def _series(points: Json) -> str:
    values = [_number(value) for value in _values(points)]
    if len(values) > 4:
        return f"{values[0]} {values[1]} ... {values[-1]} ({len(values)} values)"
    return " ".join(values)


def _printed_as(points: Json, printed: Sequence[numbers.Printed]) -> str:
    """How the original printed the metric's last value; "" where it did not, or where the number says too little."""
    values = _values(points)
    if not values or isinstance(values[-1], bool) or not isinstance(values[-1], int | float):
        return ""
    value = float(values[-1])
    for number in reversed([number for number in printed if math.isfinite(number.value)]):
        for scale in (1.0, 100.0) if number.unit == "%" else (1.0,):
            telling = not number.integer and number.digits + len(str(int(abs(number.value)))) >= 3
            if telling and math.isfinite(value) and numbers.shows(number, value * scale):
                shown = f"{number.value:.{max(0, number.digits)}f}" if number.digits <= 6 else _number(number.value)
                return shown + number.unit
    return ""


def _number(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return one_line(value, 20)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.6g}"


def _cell(value: Json) -> str:
    if isinstance(value, list | tuple):
        return one_line(", ".join(map(str, value)), _VALUE) or "none"
    return _number(value) if isinstance(value, float) else one_line(value, _VALUE)


def _mapping(value: Json) -> Mapping[str, Json]:
    return {str(name): entry for name, entry in value.items()} if isinstance(value, Mapping) else {}
