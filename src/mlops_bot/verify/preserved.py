"""Does the adapted program still do what the original did? Compare two runs under the same seeds. Pure.

Every difference has a place (which print, which part of the trace, which file). A place at which the original differs
from itself, run twice, is unstable: it says nothing about the adaptation and is left out.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.types import Failed, Json, Observation
from mlops_bot.verify import numbers
from mlops_bot.verify.numbers import Printed, close

RTOL = 1e-4
ATOL = 1e-6
_DURATION = re.compile(
    r"\b\d+(?:\.\d+)?\s?(?:ms|us|µs|ns|s|sec|seconds|min|minutes|h)(?:/\w+)?\b|\b\d+(?:\.\d+)?\s?it/s"
)
_BARS = re.compile(r"[█▉▊▋▌▍▎▏━╸╺#=>.-]{4,}")
_PROGRESS = re.compile(r"[█▉▊▋▌▍▎▏━╸╺]{3,}|\bit/s\b|\b\d+it/s|%\|")
_BAR_TOTAL = re.compile(r"\d+/(\d+)")
_BY_PRODUCT = re.compile(r"(^|/)lightning_logs/version_\d+/")
_MAX_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Difference:
    place: tuple[str, ...]
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str
    shape: str
    values: tuple[Printed, ...]


def compare(
    baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
) -> Failed | None:
    """The first stable difference between the original's run and the adapted program's run."""
    found = differences(baseline, adapted)
    if found and second_baseline is not None:
        unstable = {difference.place for difference in differences(baseline, second_baseline)}
        found = [difference for difference in found if difference.place not in unstable]
    if not found:
        return None
    return Failed(
        "preserved", found[0].reason, detail="\n".join(entry.detail or entry.reason for entry in found[:10])[:4000]
    )


def needs_second(baseline: Observation, adapted: Observation) -> bool:
    """Whether the original should run again to tell what is unstable."""
    return bool(differences(baseline, adapted))


def differences(baseline: Observation, adapted: Observation) -> list[Difference]:
    """All differences, those of the training first: they explain the others."""
    return [
        *_training(baseline.trace, adapted.trace),
        *_scalars(baseline.trace, adapted.trace),
        *_printed(baseline.stdout, adapted.stdout, "printed", every=True),
        *_printed(baseline.stderr, adapted.stderr, "logged", every=False),
        *_models(baseline.trace, adapted.trace),
        *_files(baseline, adapted),
    ]


def comparison(baseline: Observation, adapted: Observation) -> dict[str, Json]:
    """Before and after in figures, for the evidence table."""

    def steps(observation: Observation) -> int:
        return sum(int(_number(event.get("steps")) or 0) for event in _dicts(observation.trace.get("training")))

    before, after = shown_lines(baseline.stdout), shown_lines(adapted.stdout)
    missing = _printed(baseline.stdout, adapted.stdout, "printed", every=True)
    total = sum(len(line.values) for line in before)
    return {
        "printed_numbers": {
            "before": total,
            "after": sum(len(line.values) for line in after),
            "differing_lines": len(missing),
        },
        "training": {
            "before": len(_dicts(baseline.trace.get("training"))),
            "after": len(_dicts(adapted.trace.get("training"))),
        },
        "steps": {"before": steps(baseline), "after": steps(adapted)},
        "files": {"before": sorted(baseline.outputs), "after": sorted(adapted.outputs)},
        "seconds": {"before": round(baseline.seconds, 2), "after": round(adapted.seconds, 2)},
    }


# --- what was printed -----------------------------------------------------------------------------------------


def shown_lines(text: str) -> list[Line]:
    """Lines with numbers that mean something; of a redrawn line only its last state, without times."""
    last: dict[int, str] = {}
    for number, piece in numbers.lines(text):
        last[number] = piece
        if len(last) > _MAX_LINES:
            break
    found: list[Line] = []
    running: str | None = None  # the total of the progress bar that the line before belongs to
    for number, piece in last.items():
        bar = _BAR_TOTAL.search(piece) if _PROGRESS.search(piece) else None
        if bar and running == bar.group(1) and found:
            found.pop()  # a bar that is drawn on new lines: when, depends on the time; its last state does not
        running = bar.group(1) if bar else None
        values = tuple(value for value in numbers.printed_line(number, piece) if value.family not in ("time", "system"))
        if _PROGRESS.search(piece):  # bars show versions and counts as it suits them: only results count
            values = tuple(value for value in values if value.family in ("loss", "score") and value.label)
            running = running if values else None
        if values:
            found.append(
                Line(number, piece.strip(), numbers.template(_BARS.sub("-", _DURATION.sub("0t", piece))), values)
            )
    return found


def _printed(before: str, after: str, word: str, *, every: bool) -> list[Difference]:
    """Lines of the original whose numbers are not in the adapted output, in order. Extra lines are welcome."""
    original, adapted = shown_lines(before), shown_lines(after)
    if not every:  # stderr carries warnings and progress too: only losses and scores count there
        original = [
            line
            for line in original
            if any(value.family in ("loss", "score") and not value.unit for value in line.values)
            and "%|" not in line.text
        ]
    shapes: dict[str, list[int]] = {}
    for index, line in enumerate(adapted):
        shapes.setdefault(line.shape, []).append(index)
    found: list[Difference] = []
    position = 0
    for line in original:
        places = shapes.get(line.shape, [])
        later = places[bisect_left(places, position) :]
        hit = next((index for index in later[:2000] if _equal(line, adapted[index])), None)
        if hit is None:
            hit = next(
                (
                    index
                    for index in range(position, min(len(adapted), position + 2000))
                    if _contains(adapted[index], line)
                ),
                None,
            )
        if hit is not None:
            position = hit + 1
            continue
        found.append(_difference(line, adapted[later[0]] if later else None, word))
        if later:
            position = later[0] + 1
    return found


def _difference(line: Line, other: Line | None, word: str) -> Difference:
    place = (word, line.shape)
    if other is None:
        return Difference(
            place,
            f"the program {word} {line.text[:120]!r} originally (line "
            f"{line.number} of the output); that line is gone now",
        )
    for a, b in zip(line.values, other.values, strict=False):
        if not _same(a, b):
            label = a.label or "a number"
            return Difference(
                place,
                f"the program {word} '{label}: {_show(a)}' originally, {_show(b)} "
                f"now (line {other.number} of the output)",
                f"- {line.text[:200]}\n+ {other.text[:200]}",
            )
    return Difference(
        place,
        f"the program {word} {line.text[:120]!r} originally, "
        f"{other.text[:120]!r} now (line {other.number} of the output)",
    )


def _show(value: Printed) -> str:
    shown = f"{value.value:.{min(max(value.digits, 0), 12)}f}" if math.isfinite(value.value) else str(value.value)
    return shown + value.unit


def _same(a: Printed, b: Printed) -> bool:
    if a.integer and b.integer and a.unit != "%":
        return a.value == b.value
    digits = min(a.digits, b.digits)
    step = 1.01 * 10.0**-digits if digits >= 4 else 0.0  # the last of many digits may be rounded the other way
    return close(a.value, b.value, rtol=RTOL, atol=max(ATOL, step))


def _equal(a: Line, b: Line) -> bool:
    return len(a.values) == len(b.values) and all(_same(x, y) for x, y in zip(a.values, b.values, strict=True))


def _contains(line: Line, wanted: Line) -> bool:
    """All of the wanted numbers, in order, within one line of other words."""
    rest = iter(line.values)
    return all(any(_same(value, other) for other in rest) for value in wanted.values)


# --- what was trained -----------------------------------------------------------------------------------------


def _dicts(value: Json) -> list[Mapping[str, Json]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _number(value: Json) -> float | None:
    try:
        return float(value) if value is not None and not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


_UNITS = {
    "torch.optimizer": "optimizer",
    "sklearn.fit": "estimator",
    "keras.fit": "Keras fit",
    "lightning.fit": "Lightning fit",
}


def _training(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Difference]:
    found: list[Difference] = []
    kinds = list(dict.fromkeys(str(event.get("event")) for event in _dicts(before.get("training"))))
    for kind in kinds:
        original = [event for event in _dicts(before.get("training")) if event.get("event") == kind]
        adapted = [event for event in _dicts(after.get("training")) if event.get("event") == kind]
        if kind == "sklearn.fit":
            found += _fits(original, adapted)
            continue
        if len(original) != len(adapted):
            found.append(
                Difference(
                    ("training", kind, "count"),
                    f"training used {len(original)} "
                    f"{_UNITS.get(kind, kind)}{'s' if len(original) != 1 else ''} originally, {len(adapted)} now",
                )
            )
            continue
        for index, (a, b) in enumerate(zip(original, adapted, strict=True)):
            found += event_differences(kind, str(index), a, b)
    return found


def event_differences(kind: str, index: str, a: Mapping[str, Json], b: Mapping[str, Json]) -> list[Difference]:
    """What differs between two trainings: class, steps, hyperparameters."""
    place = ("training", kind, index)
    if a.get("class") != b.get("class"):
        return [Difference((*place, "class"), f"training used {a.get('class')} originally, {b.get('class')} now")]
    found = []
    steps = _number(a.get("steps")), _number(b.get("steps"))
    if steps[0] != steps[1]:
        found.append(
            Difference(
                (*place, "steps"),
                f"training made {_short(a.get('steps'))} optimizer steps originally, {_short(b.get('steps'))} now",
            )
        )
    if a.get("parameters") != b.get("parameters"):
        found.append(
            Difference(
                (*place, "parameters"),
                f"{a.get('class')} trained {a.get('parameters')} parameters originally, {b.get('parameters')} now",
            )
        )
    if _number(a.get("max_epochs")) != _number(b.get("max_epochs")):
        found.append(
            Difference(
                (*place, "max_epochs"),
                f"training ran for max_epochs={a.get('max_epochs')} originally, {b.get('max_epochs')} now",
            )
        )
    tables = [(a.get("params"), b.get("params")), (a.get("optimizer"), b.get("optimizer"))]
    first, second = a.get("groups"), b.get("groups")
    if isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            found.append(
                Difference(
                    (*place, "groups"),
                    f"{a.get('class')} had {len(first)} parameter groups originally, {len(second)} now",
                )
            )
        tables += list(zip(first, second, strict=False))
    for old, new in tables:
        changed = _table(old, new)
        if changed:
            key, x, y = changed
            found.append(
                Difference(
                    (*place, key), f"{a.get('class')} trained with {key}={_short(x)} originally, {key}={_short(y)} now"
                )
            )
    return found


def _table(old: Json, new: Json) -> tuple[str, Json, Json] | None:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return None
    for key, value in old.items():
        other = new.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            inner = _table(value, other)
            if inner:
                return inner
            continue
        a, b = _number(value), _number(other)
        if a is not None and b is not None:
            if not close(a, b, rtol=RTOL):
                return str(key), value, other
        elif (
            isinstance(value, (str, bool, int, float)) and isinstance(other, (str, bool, int, float)) and value != other
        ):
            if " at 0x" not in str(value) and "object" not in str(value):
                return str(key), value, other
    return None


def _short(value: Json) -> str:
    return str(value)[:60]


def _fits(original: Sequence[Mapping[str, Json]], adapted: Sequence[Mapping[str, Json]]) -> list[Difference]:
    """The original's fits are a subsequence of the adapted ones; an added fit of the same class is a difference."""
    found: list[Difference] = []
    rest = list(adapted)
    for index, a in enumerate(original):
        same = next((position for position, b in enumerate(rest) if _fit_change(a, b) is None), None)
        if same is not None:
            del rest[same]
            continue
        twin = next((b for b in rest if b.get("class") == a.get("class")), None)
        place = ("training", "sklearn.fit", str(index))
        if twin is None:
            found.append(Difference((*place, "class"), f"{a.get('class')} was fitted originally, and is not now"))
        else:
            rest.remove(twin)
            kind, reason = _fit_change(a, twin) or ("class", "")
            found.append(Difference((*place, kind), reason))
    classes = {a.get("class") for a in original}
    again = [b for b in rest if b.get("class") in classes]
    if again:
        name = again[0].get("class")
        count = sum(a.get("class") == name for a in original)
        found.append(
            Difference(
                ("training", "sklearn.fit", "count"),
                f"{name} was fitted {count} time{'s' if count != 1 else ''} originally, "
                f"{count + sum(b.get('class') == name for b in again)} now",
            )
        )
    return found


def _fit_change(a: Mapping[str, Json], b: Mapping[str, Json]) -> tuple[str, str] | None:
    name = a.get("class")
    if name != b.get("class"):
        return "class", ""
    changed = _table(a.get("params"), b.get("params"))
    if changed:
        return changed[
            0
        ], f"{name} was fitted with {changed[0]}={_short(changed[1])} originally, {changed[0]}={_short(changed[2])} now"
    if a.get("shape") != b.get("shape"):
        return (
            "data",
            f"{name} was fitted on data of shape {_short(a.get('shape'))} originally, {_short(b.get('shape'))} now",
        )
    if a.get("digest") != b.get("digest"):
        return "data", f"{name} was fitted on other data than originally"
    return None


# --- what was computed ----------------------------------------------------------------------------------------


def _series(trace: Mapping[str, Json]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    entries = trace.get("scalars")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, (list, tuple)) and len(entry) == 3 and str(entry[0]) != "torch.item":
            value = _number(entry[2])
            if value is not None:
                found.setdefault((str(entry[0]), str(entry[1])), []).append(value)
    return found


def _scalars(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Difference]:
    """Losses and results are the same in order. Extra ones are fine where the component may compute them itself."""
    found: list[Difference] = []
    original, adapted = _series(before), _series(after)
    for (source, name), values in original.items():
        now = adapted.get((source, name), [])
        exact = source in ("torch.backward", "keras.history")
        if exact and len(values) != len(now):
            found.append(
                Difference(
                    ("scalars", source, name, "count"),
                    f"training computed {len(values)} values of {name} originally, {len(now)} now ({source})",
                )
            )
            continue
        position = 0
        for index, value in enumerate(values):
            hit = next((at for at in range(position, len(now)) if close(value, now[at], rtol=RTOL, atol=ATOL)), None)
            if (exact and hit != index) or hit is None:
                other = now[index] if index < len(now) else None
                shown = f"{other:.6g} now" if other is not None else "missing now"
                found.append(
                    Difference(
                        ("scalars", source, name),
                        f"{name} number {index + 1} was {value:.6g} originally, {shown} ({source})",
                    )
                )
                break
            position = hit + 1
    return found


def _models(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Difference]:
    found: list[Difference] = []
    rest = _dicts(after.get("models"))
    for index, model in enumerate(_dicts(before.get("models"))):
        name, place = model.get("class"), ("models", str(index))
        alike = [
            other for other in rest if other.get("class") == name and other.get("parameters") == model.get("parameters")
        ]
        if not alike:
            found.append(
                Difference(
                    (*place, "gone"),
                    f"the trained model {name} ({model.get('parameters')} parameters) is not there any more",
                )
            )
            continue
        twin = next((other for other in alike if _same_state(model, other)), None)
        if twin is None:
            a, b = _number(model.get("norm")), _number(alike[0].get("norm"))
            shown = f" (norm {a:.6g} originally, {b:.6g} now)" if a is not None and b is not None else ""
            found.append(
                Difference((*place, "state"), f"the trained model {name} has other weights than originally{shown}")
            )
            twin = alike[0]
        rest = [other for other in rest if other is not twin]
    return found


def _same_state(a: Mapping[str, Json], b: Mapping[str, Json]) -> bool:
    if a.get("digest") is not None and a.get("digest") == b.get("digest"):
        return True
    norms, zeros = (_number(a.get("norm")), _number(b.get("norm"))), (_number(a.get("zeros")), _number(b.get("zeros")))
    if norms[0] is None or norms[1] is None:
        return a.get("digest") is None
    return close(norms[0], norms[1], rtol=RTOL, atol=ATOL) and close(
        zeros[0] or 0.0, zeros[1] or 0.0, rtol=1e-3, atol=1e-4
    )


# --- what was written -----------------------------------------------------------------------------------------


def _files(baseline: Observation, adapted: Observation) -> list[Difference]:
    found: list[Difference] = []
    masked = {re.sub(r"[\d.]*\d", "0", path): path for path in adapted.outputs}
    for path, before in baseline.outputs.items():
        after = adapted.outputs.get(path) or adapted.outputs.get(masked.get(re.sub(r"[\d.]*\d", "0", path), ""))
        if after is None and _BY_PRODUCT.search(path):
            # Another logger takes the place of the trainer's own: its log goes, the checkpoints move.
            name = re.sub(r"\d+", "0", path.rpartition("/")[2])
            moved = [other for other in adapted.outputs if re.sub(r"\d+", "0", other.rpartition("/")[2]) == name]
            if moved or not path.endswith(".ckpt"):
                continue
        if after is None:
            found.append(Difference(("files", path, "gone"), f"the program wrote {path} originally, and does not now"))
        elif before.size and not after.size:
            found.append(
                Difference(
                    ("files", path, "empty"), f"the file {path} had {before.size} bytes originally and is empty now"
                )
            )
        elif after.sha256 == before.sha256:
            continue
        elif before.text is not None and after.text is not None:
            difference = _text(path, before.text, after.text)
            if difference:
                found.append(difference)
        elif not 0.5 <= after.size / max(1, before.size) <= 2.0 and abs(after.size - before.size) > 4096:
            found.append(
                Difference(
                    ("files", path, "size"), f"the file {path} had {before.size} bytes originally, {after.size} now"
                )
            )
    return found


def _text(path: str, before: str, after: str) -> Difference | None:
    missing = _printed(before, after, "wrote", every=True)
    if missing:
        return Difference(
            ("files", path, "text"),
            f"{path} differs: "
            + missing[0].reason.replace("the program wrote", "the file said").replace(" of the output", ""),
        )
    return None
