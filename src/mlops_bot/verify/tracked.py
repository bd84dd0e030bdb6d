"""Does the evidence prove that a tracker tracked this training? Pure: evidence and both runs in, None or a reason out.

A run that merely exists proves nothing: it has to be finished, and its metrics have to be numbers that the program
printed or computed. What counts is what the *original* program shows, so that a number which the adapted program
makes up and prints is no proof.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlops_bot.types import Json, Observation, SourceFacts
from mlops_bot.verify.explain import Explained, Number, Pool, Scalar, explain, joined, pool
from mlops_bot.verify.numbers import Printed, close, family, lines, printed_line, template, words
from mlops_bot.verify.tracked_params import as_list, as_map, as_number, events, fits, parameters

_MAX_LINES = 20_000
_SPREAD = re.compile(r"\b(std|stdev|sd|sem|rank)\b")  # how scores are spread or ordered: not a score that is shown


@dataclass(frozen=True, slots=True)
class Tracker:
    """What differs between trackers: their words, and what they are known to compute by themselves.

    Their collectors agree on `runs`: each with `name`, `status` (FINISHED, RUNNING, FAILED ...), `params` (name ->
    text) and `metrics` (name -> [[step, value], ...]).
    """

    title: str  # "MLflow"
    ending: str  # how a run is ended: what to do about one that is not
    noun: str = "run"
    trusted: Callable[[Mapping[str, Json], str, Observation], bool] = lambda *_: False  # (run, metric, baseline)
    beside: Callable[[str, Observation], bool] = lambda *_: False  # logged by itself, and neither proof nor a fault


def check(
    evidence: Mapping[str, Json], tracker: Tracker, *, facts: SourceFacts, baseline: Observation, adapted: Observation
) -> str | None:
    """None when the tracking is proven, otherwise why not, in one sentence."""
    runs = [run for run in as_list(evidence.get("runs")) if isinstance(run, Mapping)]
    reason = opened(runs, adapted, tracker) or finished(runs, evidence, tracker)
    if reason:
        return reason
    ended = [run for run in runs if run.get("status") == "FINISHED"]
    whose = f"the {tracker.title} {tracker.noun}"
    return parameters(ended, facts, baseline, whose) or _metrics(ended, facts, baseline, adapted, tracker)


def opened(runs: Sequence[Mapping[str, Json]], adapted: Observation, tracker: Tracker) -> str | None:
    """Why a run in the store is not one that the tracker opened, where its hook noted those."""
    noted = as_map(adapted.trace.get("component"))
    if not noted.get("hooked"):
        return None
    for run in runs:
        if f"run {run.get('run_id')}" not in noted:
            return (
                f"the {tracker.title} {tracker.noun} {_title(run)} was not opened by the program through "
                f"{tracker.title}: its files were written in some other way"
            )
    return None


def finished(runs: Sequence[Mapping[str, Json]], evidence: Mapping[str, Json], tracker: Tracker) -> str | None:
    title, noun = tracker.title, tracker.noun
    if not runs:
        errors = [str(error) for error in as_list(evidence.get("errors"))]
        if errors:
            return f"the {title} store cannot be read: {errors[0][:300]}"
        if not as_list(evidence.get("stores")):
            return f"no {title} {noun} was recorded: the program wrote no {title} store"
        return f"no {title} {noun} was recorded: the store is empty"
    open_runs = [run for run in runs if run.get("status") in ("RUNNING", "SCHEDULED")]
    if open_runs:
        return (
            f"the {title} {noun} {_title(open_runs[0])} was never ended (its status is {open_runs[0].get('status')}): "
            f"{tracker.ending}"
        )
    if not any(run.get("status") == "FINISHED" for run in runs):
        return f"the {title} {noun} {_title(runs[0])} ended as {str(runs[0].get('status'))[:20]}, not as FINISHED"
    return None


def _title(run: Mapping[str, Json]) -> str:
    return repr(str(run.get("name") or run.get("run_id") or "?")[:60])


def _series(points: Json) -> list[float]:
    found = []
    for point in as_list(points):
        if isinstance(point, list) and len(point) == 2:
            value = as_number(point[1])
            found.append(math.nan if value is None else value)
    return found


def _scalars(observation: Observation) -> list[Scalar]:
    found: list[Scalar] = []
    for entry in as_list(observation.trace.get("scalars")):
        if isinstance(entry, list) and len(entry) == 3:
            value = as_number(entry[2])
            if value is not None:
                found.append((str(entry[0]), str(entry[1]), value))
    return found


def _shown(baseline: Observation, adapted: Observation) -> tuple[list[Printed], list[Printed]]:
    """Numbers that the original printed, and those of the adapted program in lines that the original has too."""
    found: tuple[list[Printed], list[Printed]] = ([], [])
    known: set[str] = set()
    for index, observation in enumerate((baseline, adapted)):
        plotted = "\n".join(str(text) for text in as_list(observation.trace.get("texts")))
        for text in (observation.stdout, observation.stderr, plotted):
            for count, (number, line) in enumerate(lines(text)):
                if count > _MAX_LINES:
                    break
                shape = template(line)
                if index == 0:
                    known.add(shape)
                elif shape not in known:
                    continue
                found[index].extend(printed_line(number, line))
    return found


def _metrics(
    runs: Sequence[Mapping[str, Json]],
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
    tracker: Tracker,
) -> str | None:
    title = tracker.title
    whose = f"the {title} {tracker.noun}"
    logged = [(run, str(name), _series(points)) for run in runs for name, points in as_map(run.get("metrics")).items()]
    logged = [(run, name, values) for run, name, values in logged if values]
    if not logged:
        known = pool(_shown(baseline, adapted)[0], _scalars(baseline))
        scored = any(number.family in ("loss", "score") for number in known.numbers) or any(
            event.get("supervised") is not False for event in events(baseline)
        )
        if not scored and any(fits(run, baseline) for run in runs):
            return None  # trained without a loss or score of any kind: its parameters are all there is to log
        return f"{whose} has no metrics"
    telling = [
        entry
        for entry in logged
        if family(entry[1]) not in ("system", "time", "rate") and not _counter(entry[1], entry[2])
        if not tracker.beside(entry[1], baseline)
    ]
    if not telling:
        return f"{whose} has no training metric, only {', '.join(sorted({name for _, name, _ in logged})[:4])}"
    shown, also = _shown(baseline, adapted)
    computed = [entry for entry in _scalars(adapted) if entry[0] != "torch.item"]
    networks = len(events(baseline, "torch.optimizer"))
    before = pool(shown, _scalars(baseline), networks=networks)
    strong = joined(before, pool(also, computed, networks=networks))
    weak = pool((), [entry for entry in _scalars(adapted) if entry[0] == "torch.item"])
    own = {number.family for number in before.numbers} & {"loss", "score"}
    proven: list[tuple[str, int]] = []
    once = False
    doubts: list[str] = []
    for run, name, values in telling:
        result = explain(name, values, strong)
        if isinstance(result, Explained):
            if not _trivial(values) or _known(name, values, strong.numbers):
                proven.append((name, len(values)))
                once = once or _as_often(name, values, before)
            continue
        if tracker.trusted(run, name, baseline):
            proven.append((name, len(values)))
            continue
        if result.wrong_variable:
            return f"the {title} metric {result.reason}"
        if not _changes_nothing(values) and isinstance(explain(name, values, weak), Explained):
            continue  # computed by the adapted program only: a fair extra, but no proof
        if family(name) in own and not _SPREAD.search(words(name)):  # the program has such a number, and this is not it
            return f"the {title} metric {result.reason}"
        doubts.append(result.reason)
    if not proven:
        if doubts:
            return f"no {title} metric matches what the program printed or computed: {doubts[0]}"
        return f"no {title} metric matches what the program printed or computed"
    return None if once else _per_epoch(proven, shown, facts, baseline)


def _known(name: str, values: Sequence[float], numbers: Sequence[Number]) -> bool:
    """0 and 1 prove something only where the program itself has such a loss or score: a perfect accuracy, say."""
    kind = family(name)
    own = {number.value for number in numbers if kind in ("loss", "score") and number.family == kind}
    return bool(own) and all(value in own or value * 100 in own or value / 100 in own for value in values)


def _as_often(name: str, values: Sequence[float], known: Pool) -> bool:
    """Whether the metric is a result that the program itself shows no more often: a test after the training, say."""
    kind = family(name)
    for value in values:
        for number in known.find(value):
            if number.family not in (kind, "") or not number.label:
                continue
            for (_, label), group in known.groups.items():
                if label == number.label and len(group) <= len(values) and any(close(value, one) for one in group):
                    return True
    return False


def _trivial(values: Sequence[float]) -> bool:
    return all(value in (0.0, 1.0, 100.0) for value in values)


def _changes_nothing(values: Sequence[float]) -> bool:
    return len(values) > 1 and len(set(values)) == 1


def _counter(name: str, values: Sequence[float]) -> bool:
    """0, 1, 2, 3 ... under whatever name, or a name that says so."""
    if family(name) == "count":
        return True
    whole = all(value.is_integer() for value in values if math.isfinite(value))
    return len(values) > 2 and whole and all(b - a == 1 for a, b in pairwise(values))


def epochs_seen(shown: Sequence[Printed], baseline: Observation) -> int | None:
    """How many epochs the original's run showed; None where it does not show."""
    seen: list[int] = []
    for kind, key in (("keras.fit", "epochs"), ("lightning.fit", "max_epochs")):
        for event in events(baseline, kind):
            count = as_number(as_map(event.get("params")).get(key) if kind == "keras.fit" else event.get(key))
            if count is not None:
                seen.append(int(count))
    history = [name for source, name, _ in _scalars(baseline) if source == "keras.history" and name == "loss"]
    if history:
        seen = [len(history) // max(1, len(events(baseline, "keras.fit")))]
    marks = {
        entry.value
        for entry in shown
        if entry.integer
        and "epoch" in words(entry.label).split()
        and entry.before.rstrip(" \t:=[(#").endswith(entry.label)
    }
    if marks:
        seen.append(len(marks))
    return max(seen) if seen else None


def _per_epoch(
    proven: Sequence[tuple[str, int]], shown: Sequence[Printed], facts: SourceFacts, baseline: Observation
) -> str | None:
    epochs = epochs_seen(shown, baseline)
    if epochs is None or epochs < 2:
        return None
    name, count = max(proven, key=lambda entry: entry[1])
    if sum(length for _, length in proven) >= epochs and len({name for name, _ in proven}) == 1:
        return None  # one run per epoch or per fold
    if count < epochs:
        return (
            f"the training ran {epochs} epochs, but {name} has only {count} "
            f"value{'s' if count != 1 else ''}: log it in every epoch, with step="
        )
    return None
