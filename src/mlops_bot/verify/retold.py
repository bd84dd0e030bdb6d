"""Experiment tracking moved from one tracker to another: the new store holds what the old one held. Pure.

Both evidences agree on `runs` (see tracked.Tracker). Every finished run of the original needs one that holds its
parameters, its metrics with their order, its tags and its files; what a tracker adds by itself is welcome.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mlops_bot.types import Json, Observation
from mlops_bot.verify import tracked
from mlops_bot.verify.numbers import close
from mlops_bot.verify.tracked import Tracker
from mlops_bot.verify.tracked_params import as_list, as_map, as_number

RTOL, ATOL = 1e-4, 1e-6
_OWN_METRIC = re.compile(
    r"^(_|trainer/global_step$|sys[./]|system[./]|epoch_duration|process[ _]duration|curr_(step|epoch)$|_runtime)",
    re.IGNORECASE,
)
_OWN_FILE = re.compile(
    r"(^|/)(requirements\.txt|output\.log|config\.yaml|wandb-(metadata|summary)\.json|conda\.yaml)$|\.(wandb|zip)$"
)
_MEDIA = re.compile(r"^media/|\.table\.json$")
_MODEL = re.compile(r"(^|/)CometModel$|(^|/)comet-[a-z_]+-model(\.|$)")  # Comet's files of a model
_MODEL_FILE = re.compile(r"\.(pt|pth|ckpt|safetensors|pkl|joblib|h5|keras|onnx|ubj|cbm|skops)$|(^|/)MLmodel$")
_OWN_TAG = re.compile(r"^(mlflow\.|comet|created from|offline|python|hasnested|system)", re.IGNORECASE)


def check(
    evidence: Mapping[str, Json], tracker: Tracker, *, source: Mapping[str, Json], adapted: Observation
) -> str | None:
    """Why `evidence`, of `tracker`, does not hold what `source` does; None when it does."""
    runs = [run for run in as_list(evidence.get("runs")) if isinstance(run, Mapping)]
    reason = tracked.opened(runs, adapted, tracker) or tracked.finished(runs, evidence, tracker)
    if reason:
        return reason
    before = [run for run in as_list(source.get("runs")) if isinstance(run, Mapping) and _holds(run)]
    if not before:
        return "the original logged nothing that could be looked for: no parameter, no metric, no file"
    rest = [run for run in runs if run.get("status") == "FINISHED"]
    if len(rest) < len(before):
        return f"the original recorded {len(before)} runs, {tracker.title} holds {len(rest)} that ended well"
    for number, run in enumerate(before):
        problems = [(_missing(run, other, tracker), index) for index, other in enumerate(rest)]
        found = next((index for problem, index in problems if problem is None), None)
        if found is None:
            # the one in the same place is the one that was meant
            return problems[min(number, len(problems) - 1)][0]
        rest.pop(found)
    return None


def _holds(run: Mapping[str, Json]) -> bool:
    own = [name for name in as_map(run.get("metrics")) if not _OWN_METRIC.search(str(name))]
    return bool(own or as_map(run.get("params")) or _files(run))


def _missing(run: Mapping[str, Json], other: Mapping[str, Json], tracker: Tracker) -> str | None:
    """What of a run another one does not hold, in words."""
    return (
        _params(as_map(run.get("params")), as_map(other.get("params")), tracker)
        or _metrics(as_map(run.get("metrics")), as_map(other.get("metrics")), tracker)
        or _tags(run, other, tracker)
        or _kept_files(run, other, tracker)
    )


def _params(before: Mapping[str, Json], after: Mapping[str, Json], tracker: Tracker) -> str | None:
    there = {_plain(name): value for name, value in after.items()}
    for name, value in before.items():
        if _plain(name) not in there:
            return f"the original logged the parameter `{name}`, {tracker.title} does not have it"
        if not _same_text(value, there[_plain(name)]):
            return f"the parameter `{name}` was {str(value)[:60]}, {tracker.title} has {str(there[_plain(name)])[:60]}"
    return None


def _metrics(before: Mapping[str, Json], after: Mapping[str, Json], tracker: Tracker) -> str | None:
    there = {_plain(name): points for name, points in after.items()}
    for name, points in before.items():
        if _OWN_METRIC.search(str(name)):
            continue
        if _plain(name) not in there:
            return f"the original logged the metric `{name}`, {tracker.title} does not have it"
        reason = _series(_points(points), _points(there[_plain(name)]))
        if reason:
            return f"the metric `{name}` {reason}"
    return None


def _points(points: Json) -> list[tuple[float | None, float | None]]:
    return [
        (as_number(point[0]), as_number(point[1]))
        for point in as_list(points)
        if isinstance(point, list) and len(point) == 2
    ]


def _series(
    before: Sequence[tuple[float | None, float | None]], after: Sequence[tuple[float | None, float | None]]
) -> str | None:
    """The same values in the same order of their steps. Steps count in another way from tracker to tracker: from 0 or
    1, with each call or with none; an order they have to give."""
    old = [value for _, value in sorted(before, key=_step)]
    new = [value for _, value in sorted(after, key=_step)]
    if len(old) != len(new):
        return f"had {len(old)} values, now it has {len(new)}"
    for number, (a, b) in enumerate(zip(old, new, strict=True), 1):
        same = (a is None) == (b is None) and (a is None or b is None or close(a, b, rtol=RTOL, atol=ATOL))
        if not same:
            return f"was {a} as value number {number}, now it is {b}"
    steps = {step for step, _ in before}
    if len(steps) == len(before) > 1 and len({step for step, _ in after}) < len(after):
        return f"has {len(after)} values at {len({step for step, _ in after})} steps: give each its step"
    return None


def _step(point: tuple[float | None, float | None]) -> float:
    return -1.0 if point[0] is None else point[0]


def _tags(run: Mapping[str, Json], other: Mapping[str, Json], tracker: Tracker) -> str | None:
    there = as_map(other.get("tags"))
    words = {_plain(word) for pair in (*there.items(), *as_map(other.get("params")).items()) for word in pair}
    words |= {_plain(word) for word in as_list(other.get("labels"))}
    tags = {name: value for name, value in as_map(run.get("tags")).items() if not _OWN_TAG.search(str(name))}
    for name, value in tags.items():
        if _plain(name) not in words and _plain(value) not in words:
            return f"the original has the tag `{name}`, {tracker.title} does not"
    for label in as_list(run.get("labels")):
        if _plain(label) not in words:
            return f"the original has the tag `{label}`, {tracker.title} does not"
    return None


def _files(run: Mapping[str, Json]) -> list[str]:
    return [
        name
        for name in map(str, as_list(run.get("artifacts")))
        if not _OWN_FILE.search(name) and not _MEDIA.search(name)
    ]


def _kept_files(run: Mapping[str, Json], other: Mapping[str, Json], tracker: Tracker) -> str | None:
    """Every file under its own name; whatever its folder."""
    there = {str(name).rpartition("/")[2] for name in as_list(other.get("artifacts"))}
    for entry in as_list(other.get("logged_artifacts")):
        there |= {str(name).rpartition("/")[2] for name in as_list(as_map(entry).get("files"))}
    names = [entry for entry in as_list(run.get("logged_artifacts")) if isinstance(entry, Mapping)]
    groups = {str(entry.get("name")): as_list(entry.get("files")) for entry in names}
    for name in _files(run):
        for file in groups.get(name) or [name]:
            if _MEDIA.search(str(file)):  # tables: no tracker has another's
                continue
            if _MODEL.search(str(file)):  # under another name in every tracker
                if not as_list(other.get("models")) and not any(_MODEL_FILE.search(one) for one in there):
                    return f"the original kept a trained model ({file}), {tracker.title} has none"
                continue
            if str(file).rpartition("/")[2] not in there:
                return f"the original kept the file {file}, {tracker.title} does not have it"
    return None


def _plain(name: Json) -> str:
    """A name as all trackers can have it."""
    return re.sub(r"[^0-9a-z]+", "_", str(name).lower()).strip("_")


def _same_text(a: Json, b: Json) -> bool:
    x, y = as_number(a), as_number(b)
    if x is None and isinstance(a, str):
        x = _number(a)
    if y is None and isinstance(b, str):
        y = _number(b)
    if x is not None and y is not None:
        return close(x, y, rtol=RTOL, atol=ATOL)
    return _plain(a) == _plain(b)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
