"""Does a program that searches its hyperparameters still do what it did? Its final training is what is compared. Pure.

Numbers differ by design, and the trials come on top. What has to stay: everything that was trained is trained once
more, outside of the trials, on the same data, for as long, with every hyperparameter that is not searched; what was
printed, computed and written appears again. A hyperparameter counts as searched where it differs between the trials,
or has one of the best values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mlops_bot.types import Failed, Json, Observation
from mlops_bot.verify import preserved
from mlops_bot.verify.numbers import words
from mlops_bot.verify.preserved import Difference
from mlops_bot.verify.search import Search, search
from mlops_bot.verify.slots import same, shows, slots

_LENGTH = re.compile(r"\b(epochs?|batch|steps?|iters?|iterations?|niter|episodes?|rounds|accumulate)\b")
_EPOCHS = re.compile(r"^(epochs: |option --|Keras epochs|Lightning max_epochs|loop over epochs)")
_CUT = re.compile(r"^(\d+) -> ")
_MADE = frozenset({"parameters"})  # follows from the network's sizes


def compare(
    baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
) -> Failed | None:
    """The first stable difference between the original's run and the final training of the adapted program's run."""
    found = differences(baseline, adapted)
    if found and second_baseline is not None:
        unstable = {difference.place for difference in differences(baseline, second_baseline)}
        found = [difference for difference in found if difference.place not in unstable]
    if not found:
        return None
    detail = "\n".join(entry.detail or entry.reason for entry in found[:10])[:4000]
    return Failed("preserved", found[0].reason, detail=detail)


def differences(baseline: Observation, adapted: Observation) -> list[Difference]:
    """All differences, those of the training first: they explain the others."""
    account = search(adapted.trace)
    events = account.outside if account else tuple(_dicts(adapted.trace.get("training")))
    chosen = Chosen(account)
    return [
        *_trained(_dicts(baseline.trace.get("training")), events, chosen),
        *_epochs(baseline.trace, adapted.trace, chosen),
        *_computed(baseline, adapted, account),
        *_printed(baseline.stdout, adapted.stdout, "printed", chosen, every=True),
        *_printed(baseline.stderr, adapted.stderr, "logged", chosen, every=False),
        *_models(baseline.trace, adapted.trace, chosen),
        *_files(baseline, adapted),
    ]


class Chosen:
    """What a search chooses: the slots that differ between its trials, and the best values."""

    def __init__(self, account: Search | None) -> None:
        studies = account.studies if account else ()
        self.names = {name for study in studies for trial in study.trials for name in trial.params}
        self.values = [value for study in studies for best in study.best for value in best.values()]
        self.length = any(_LENGTH.search(words(name)) for name in self.names)
        self.varied: set[str] = set()
        for study in studies:
            seen: dict[tuple[int, str], Json] = {}
            for trial in study.trials:
                for place, slot, value in _numbered(trial.stretch.events):
                    if (place, slot) in seen and not same(seen[place, slot], value):
                        self.varied.add(slot)
                    seen[place, slot] = value

    def allows(self, slot: str, value: Json) -> bool:
        if slot in self.varied or any(shows(value, best) for best in self.values if not _small(best)):
            return True
        return slot in _MADE and bool(self.varied | self.names)


def _small(value: Json) -> bool:
    """0, 1, True, None: occur in so many slots that they say nothing."""
    return value is None or isinstance(value, bool) or value in (0, 1, "")


def _numbered(events: Iterable[Mapping[str, Json]]) -> Iterable[tuple[int, str, Json]]:
    counts: Counter[str] = Counter()
    for event in events:
        kind = str(event.get("event"))
        place = counts[kind]
        counts[kind] += 1
        for slot, value in slots(event).items():
            yield place, slot, value


def _dicts(value: Json) -> list[Mapping[str, Json]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


# --- what was trained -------------------------------------------------------------------------------------------

_NOUN = {"torch.optimizer": "optimizer", "keras.fit": "Keras fit", "lightning.fit": "Lightning fit"}


def _trained(
    original: Sequence[Mapping[str, Json]], events: Sequence[Mapping[str, Json]], chosen: Chosen
) -> list[Difference]:
    """Every training of the original has its own among those outside of the trials; further ones are welcome."""
    found: list[Difference] = []
    rest = list(events)
    upstream = False  # something searched was fitted before: the data that it gives are others
    for index, a in enumerate(original):
        kind = str(a.get("event"))
        alike = [b for b in rest if b.get("event") == kind]
        changes = [(_change(a, b, chosen, upstream), b) for b in alike]
        hit = next((b for change, b in changes if change is None), None)
        if hit is not None:
            upstream = upstream or _differs(a, hit)
            rest = [b for b in rest if b is not hit]
            continue
        twins = [(change, b) for change, b in changes if b.get("class") == a.get("class")] or changes
        place = ("training", kind, str(index))
        name = a.get("class")
        if not twins:
            what = _NOUN.get(kind, "estimator")
            found.append(
                Difference(
                    (*place, "gone"),
                    f"the {what} {name} trained originally; after the search it is not trained (any more): "
                    "train the final model with the best parameters, as the original does",
                )
            )
            continue
        change, twin = twins[-1]
        assert change is not None
        rest = [b for b in rest if b is not twin]
        found.append(Difference((*place, change[0]), f"{change[1]} in the final training"))
    return found


def _differs(a: Mapping[str, Json], b: Mapping[str, Json]) -> bool:
    before, after = slots(a), slots(b)
    return any(slot in after and not same(value, after[slot]) for slot, value in before.items())


def _change(a: Mapping[str, Json], b: Mapping[str, Json], chosen: Chosen, upstream: bool) -> tuple[str, str] | None:
    """The first difference between a training and its counterpart that no search explains."""
    name = str(a.get("class"))
    before, after = slots(a), slots(b)
    for slot, value in before.items():
        if slot not in after or same(value, after[slot]) or chosen.allows(slot, after[slot]):
            continue
        if slot == "class":
            return slot, f"{value} trained originally, {after[slot]}"
        if slot == "samples" and not upstream:
            return slot, f"{name} trained on {value} samples originally, on {after[slot]}"
        if slot in ("samples", "parameters") or (_text(value) and upstream):
            continue
        return slot, f"{name} trained with {slot}={_short(value)} originally, with {slot}={_short(after[slot])}"
    if not chosen.length and a.get("steps") != b.get("steps") and "batch_size" not in chosen.varied:
        return "steps", f"{name} made {_short(a.get('steps'))} training steps originally, {_short(b.get('steps'))}"
    return _data(name, a, b, upstream)


def _text(value: Json) -> bool:
    return isinstance(value, str) and "(" in value  # the text of an object, such as a kernel


def _data(name: str, a: Mapping[str, Json], b: Mapping[str, Json], upstream: bool) -> tuple[str, str] | None:
    shapes = a.get("shape"), b.get("shape")
    rows = [shape[:1] if isinstance(shape, list) else shape for shape in shapes]
    if rows[0] != rows[1]:
        return "data", f"{name} was fitted on {_short(shapes[0])} originally, on {_short(shapes[1])}"
    if a.get("digest") != b.get("digest") and not upstream:
        return "data", f"{name} was fitted on other data than originally"
    return None


def _short(value: Json) -> str:
    return str(value)[:60]


def _epochs(before: Mapping[str, Json], after: Mapping[str, Json], chosen: Chosen) -> list[Difference]:
    """Numbers of epochs that the smoke run cut in the original and did not meet any more."""
    if chosen.length:
        return []
    missing = _cuts(before) - _cuts(after)
    return [
        Difference(("limits", str(count)), f"the program trains for {count} epochs originally, and nowhere any more")
        for count in sorted(missing)
    ]


def _cuts(trace: Mapping[str, Json]) -> set[int]:
    found = set()
    for note in _dicts(trace.get("notes")):
        if note.get("kind") == "limit" and _EPOCHS.match(str(note.get("what"))):
            match = _CUT.match(str(note.get("detail")))
            if match:
                found.add(int(match.group(1)))
    return found


# --- what was computed, printed and written ------------------------------------------------------------------------


def _computed(baseline: Observation, adapted: Observation, account: Search | None) -> list[Difference]:
    """Every kind of number that the original computes is computed outside of the trials."""

    def names(scalars: Json) -> dict[tuple[str, str], None]:
        return {
            (str(entry[0]), str(entry[1])): None
            for entry in scalars or ()
            if isinstance(entry, (list, tuple)) and len(entry) == 3 and entry[0] != "torch.item"
        }

    there = names(account.outside_scalars if account else adapted.trace.get("scalars"))
    return [
        Difference(
            ("scalars", source, name),
            f"{name} ({source}) was computed originally, and is not after the search: the final model has to be "
            "evaluated as the original's",
        )
        for source, name in names(baseline.trace.get("scalars"))
        if (source, name) not in there
    ]


def _printed(before: str, after: str, word: str, chosen: Chosen, *, every: bool) -> list[Difference]:
    """Lines of the original that are printed no more, whatever the numbers in them."""
    original, adapted = preserved.shown_lines(before), preserved.shown_lines(after)
    if not every:  # stderr carries warnings and progress too: only losses and scores count there
        original = [
            line
            for line in original
            if any(value.family in ("loss", "score") and not value.unit for value in line.values)
            and "%|" not in line.text
        ]
    wanted, there = Counter(line.shape for line in original), Counter(line.shape for line in adapted)
    first = {line.shape: line for line in reversed(original)}
    found = []
    for shape, count in wanted.items():
        least = 1 if chosen.length or "batch_size" in chosen.varied else count
        if there[shape] >= least or _renamed(shape, there, chosen):
            continue
        line = first[shape]
        often = f" {count} times" if count > 1 and there[shape] else ""
        now = f" only {there[shape]} times now" if there[shape] else " gone now"
        found.append(
            Difference(
                (word, shape),
                f"the program {word} {line.text[:120]!r}{often} originally (line {line.number} of the output); "
                f"that line is{now}",
            )
        )
    return found


def _renamed(shape: str, there: Mapping[str, int], chosen: Chosen) -> bool:
    """The line with one of the best values in the place of a word: `kernel rbf` -> `kernel linear`."""
    texts = [str(value) for value in chosen.values if isinstance(value, str)]
    parts = shape.split()
    for other in there:
        now = other.split()
        if other == shape or len(now) != len(parts):
            continue
        if all(a == b or any(text in b for text in texts) for a, b in zip(parts, now, strict=True)):
            return True
    return False


def _models(before: Mapping[str, Json], after: Mapping[str, Json], chosen: Chosen) -> list[Difference]:
    there = {str(model.get("class")) for model in _dicts(after.get("models"))}
    return [
        Difference(("models", str(name)), f"a {name} was trained originally, and is not any more")
        for name in dict.fromkeys(str(model.get("class")) for model in _dicts(before.get("models")))
        if name not in there and not chosen.allows("class", name)
    ]


def _files(baseline: Observation, adapted: Observation) -> list[Difference]:
    """Every file is written again, and not empty; what is in it follows from the best parameters."""
    found = []
    masked = {re.sub(r"[\d.]*\d", "0", path): path for path in adapted.outputs}
    for path, before in baseline.outputs.items():
        after = adapted.outputs.get(path) or adapted.outputs.get(masked.get(re.sub(r"[\d.]*\d", "0", path), ""))
        if after is None:
            found.append(Difference(("files", path, "gone"), f"the program wrote {path} originally, and does not now"))
        elif before.size and not after.size:
            found.append(
                Difference(
                    ("files", path, "empty"), f"the file {path} had {before.size} bytes originally and is empty now"
                )
            )
    return found
