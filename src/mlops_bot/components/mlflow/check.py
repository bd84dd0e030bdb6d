"""Does the evidence prove that MLflow tracked this training? Pure: evidence and both runs in, None or a reason out.

A run that merely exists proves nothing: it has to be finished, and its metrics have to be numbers that the program
printed or computed. What counts is what the *original* program shows, so that a number which the adapted program
makes up and prints is no proof.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify.explain import Explained, Number, Pool, Scalar, explain, joined, pool
from mlops_bot.verify.numbers import Printed, close, family, lines, printed_line, template, words

_MAX_LINES = 20_000
_LIMITABLE = re.compile(
    r"\b(epochs?|iter|niter|iters|iterations?|steps?|batches|episodes|rounds)\b"
)  # cut by smoke runs

_SPREAD = re.compile(r"\b(std|stdev|sd|sem|rank)\b")  # how scores are spread or ordered: not a score that is shown


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    if functionality != "experiment-tracking":
        return f"MLflow's evidence for {functionality} cannot be judged"
    runs = [run for run in _list(evidence.get("runs")) if isinstance(run, Mapping)]
    reason = _finished(runs, evidence)
    if reason:
        return reason
    finished = [run for run in runs if run.get("status") == "FINISHED"]
    return _parameters(finished, facts, baseline) or _metrics(finished, facts, baseline, adapted)


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _finished(runs: Sequence[Mapping[str, Json]], evidence: Mapping[str, Json]) -> str | None:
    if not runs:
        errors = [str(error) for error in _list(evidence.get("errors"))]
        if errors:
            return f"the MLflow store cannot be read: {errors[0][:300]}"
        if not _list(evidence.get("stores")):
            return "no MLflow run was recorded: the program wrote no MLflow store"
        return "no MLflow run was recorded: the store is empty"
    open_runs = [run for run in runs if run.get("status") in ("RUNNING", "SCHEDULED")]
    if open_runs:
        return (
            f"the MLflow run {_title(open_runs[0])} was never ended (its status is {open_runs[0].get('status')}): "
            "use `with mlflow.start_run():`, or end it with mlflow.end_run() / MlflowClient.set_terminated()"
        )
    if not any(run.get("status") == "FINISHED" for run in runs):
        return f"the MLflow run {_title(runs[0])} ended as {str(runs[0].get('status'))[:20]}, not as FINISHED"
    return None


def _title(run: Mapping[str, Json]) -> str:
    return repr(str(run.get("name") or run.get("run_id") or "?")[:60])


# --- parameters -----------------------------------------------------------------------------------------------


def _events(observation: Observation, kind: str | None = None) -> list[Mapping[str, Json]]:
    found = [event for event in _list(observation.trace.get("training")) if isinstance(event, Mapping)]
    return [event for event in found if kind is None or event.get("event") == kind]


def _parameters(runs: Sequence[Mapping[str, Json]], facts: SourceFacts, baseline: Observation) -> str | None:
    logged = [(str(key), str(value)) for run in runs for key, value in _map(run.get("params")).items()]
    constants = {entry.name: entry for entry in facts.hyperparameters}
    computed = _computed(baseline)
    if not logged:
        if constants or computed:
            known = ", ".join(sorted(constants)[:4]) or ", ".join(sorted(computed)[:4])
            return f"the MLflow run has no parameters, but the program has hyperparameters ({known})"
        return None
    defaults = {_plain(entry.name): _literal(entry.value) for entry in facts.hyperparameters}
    free = _limited(baseline) | _searched(baseline)
    for key, value in logged:
        name = _plain(key)
        if name in free or _LIMITABLE.search(words(key)):
            continue
        if name in computed:
            right = computed[name] + ([defaults[name]] if defaults.get(name) is not None else [])
            if (
                _comparable(value, right)
                and not any(_same(value, entry) for entry in right)
                and _origin(constants, name) != "argparse"
            ):
                shown = ", ".join(dict.fromkeys(str(entry) for entry in right[:3]))
                return f"the parameter {key} is logged as {value[:40]}, but the program uses {shown}"
        elif defaults.get(name) is not None and not _same(value, defaults[name]):
            twin = next(
                (
                    other
                    for other, default in defaults.items()
                    if other != name and default is not None and _same(value, default)
                ),
                None,
            )
            if twin and not isinstance(defaults[name], bool) and not isinstance(defaults[twin], bool):
                return (
                    f"the parameter {key} is logged as {value[:40]}, which is the "
                    f"value of {twin}; its own is {defaults[name]}"
                )
            if _origin(constants, name) == "constant" and _comparable(value, [defaults[name]]) and _once(facts, name):
                return f"the parameter {key} is logged as {value[:40]}, but the program uses {defaults[name]}"
    return None


def _limited(baseline: Observation) -> set[str]:
    """Hyperparameters that the smoke run itself changed: their logged values are not the source's."""
    notes = [
        note for note in _list(baseline.trace.get("notes")) if isinstance(note, Mapping) and note.get("kind") == "limit"
    ]
    return {_plain(part) for note in notes for part in str(note.get("what", "")).replace(":", " ").split()}


def _searched(baseline: Observation) -> set[str]:
    """Hyperparameters that a search tries out, `{"svc__C": [0.1, 1.0]}`: any may be logged, the best above all."""
    found: set[str] = set()
    for event in _events(baseline, "sklearn.fit"):
        for value in _map(event.get("params")).values():
            if isinstance(value, str) and value.lstrip().startswith(("{", "[{", "({")):
                for key in re.findall(r"['\"](\w+)['\"]\s*:", value):
                    found |= {_plain(key), _plain(key.rpartition("__")[2])}
    return found


def _once(facts: SourceFacts, name: str) -> bool:
    return sum(_plain(entry.name) == name for entry in facts.hyperparameters) == 1


def _origin(entries: Mapping[str, Json], name: str) -> str | None:
    return next((entry.origin for key, entry in entries.items() if _plain(key) == name), None)


def _plain(name: str) -> str:
    text = words(name).replace(" ", "")
    return {"learningrate": "lr", "numepochs": "epochs", "nepochs": "epochs"}.get(text, text)


def _literal(text: str | None) -> Json:
    try:
        value = ast.literal_eval(text) if text is not None else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, (int, float, str, bool)) else None


def _computed(baseline: Observation) -> dict[str, list[Json]]:
    """Hyperparameters that the trace saw in use: optimizers' groups, estimators' parameters."""
    found: dict[str, list[Json]] = {}
    for event in _events(baseline):
        tables = [_map(event.get("params"))] if str(event.get("event")).startswith("sklearn") else []
        tables = [
            table for table in tables if not any(str(key).startswith("param_") for key in table)
        ]  # a search's own
        tables += (
            [_map(group) for group in _list(event.get("groups"))] if event.get("event") == "torch.optimizer" else []
        )
        for table in tables:
            for key, value in table.items():
                if isinstance(value, (int, float, str)) or value is None:
                    found.setdefault(_plain(str(key)), []).append(value)
    return found


def _number(value: Json) -> float | None:
    try:
        return float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _comparable(value: str, known: Iterable[Json]) -> bool:
    return _number(value) is not None and all(_number(entry) is not None for entry in known)


def _same(value: str, known: Json) -> bool:
    a, b = _number(value), _number(known)
    if a is not None and b is not None:
        return close(a, b, rtol=1e-4)
    return value.strip("'\"") == str(known)


# --- metrics --------------------------------------------------------------------------------------------------


def _series(points: Json) -> list[float]:
    found = []
    for point in _list(points):
        if isinstance(point, list) and len(point) == 2:
            value = _number(point[1])
            found.append(math.nan if value is None else value)
    return found


def _scalars(observation: Observation) -> list[Scalar]:
    found: list[Scalar] = []
    for entry in _list(observation.trace.get("scalars")):
        if isinstance(entry, list) and len(entry) == 3:
            value = _number(entry[2])
            if value is not None:
                found.append((str(entry[0]), str(entry[1]), value))
    return found


def _shown(baseline: Observation, adapted: Observation) -> tuple[list[Printed], list[Printed]]:
    """Numbers that the original printed, and those of the adapted program in lines that the original has too."""
    found: tuple[list[Printed], list[Printed]] = ([], [])
    known: set[str] = set()
    for index, observation in enumerate((baseline, adapted)):
        plotted = "\n".join(str(text) for text in _list(observation.trace.get("texts")))
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
    runs: Sequence[Mapping[str, Json]], facts: SourceFacts, baseline: Observation, adapted: Observation
) -> str | None:
    logged = [(run, str(name), _series(points)) for run in runs for name, points in _map(run.get("metrics")).items()]
    logged = [(run, name, values) for run, name, values in logged if values]
    if not logged:
        known = pool(_shown(baseline, adapted)[0], _scalars(baseline))
        scored = any(number.family in ("loss", "score") for number in known.numbers) or any(
            event.get("supervised") is not False for event in _events(baseline)
        )
        if not scored and any(_fits(run, baseline) for run in runs):
            return None  # trained without a loss or score of any kind: its parameters are all there is to log
        return "the MLflow run has no metrics"
    telling = [
        entry
        for entry in logged
        if family(entry[1]) not in ("system", "time", "rate") and not _counter(entry[1], entry[2])
    ]
    if not telling:
        return f"the MLflow run has no training metric, only {', '.join(sorted({name for _, name, _ in logged})[:4])}"
    shown, also = _shown(baseline, adapted)
    computed = [entry for entry in _scalars(adapted) if entry[0] != "torch.item"]
    networks = len(_events(baseline, "torch.optimizer"))
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
        if _autologged(run, name, baseline):
            proven.append((name, len(values)))
            continue
        if result.wrong_variable:
            return f"the MLflow metric {result.reason}"
        if not _changes_nothing(values) and isinstance(explain(name, values, weak), Explained):
            continue  # computed by the adapted program only: a fair extra, but no proof
        if family(name) in own and not _SPREAD.search(words(name)):  # the program has such a number, and this is not it
            return f"the MLflow metric {result.reason}"
        doubts.append(result.reason)
    if not proven:
        if doubts:
            return f"no MLflow metric matches what the program printed or computed: {doubts[0]}"
        return "no MLflow metric matches what the program printed or computed"
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


def _autologged(run: Mapping[str, Json], name: str, baseline: Observation) -> bool:
    """scikit-learn autologging computes `training_...` itself: trusted with the estimator's own parameters."""
    if not name.startswith("training_") or "sklearn" not in str(_map(run.get("tags")).get("mlflow.autologging", "")):
        return False
    return _fits(run, baseline)


def _fits(run: Mapping[str, Json], baseline: Observation) -> bool:
    """Whether the run holds the parameters of an estimator that the original fitted."""
    logged = {str(key): str(value) for key, value in _map(run.get("params")).items()}
    for event in _events(baseline, "sklearn.fit"):
        deep = {str(key): value for key, value in _map(event.get("params")).items()}
        own = {key: value for key, value in deep.items() if "__" not in key}  # of a search MLflow logs no others
        for wanted in (deep, own):
            agree = sum(key in logged and _same(logged[key], value) for key, value in wanted.items())
            if wanted and agree >= 0.7 * len(wanted):
                return True
    return False


def epochs_seen(shown: Sequence[Printed], baseline: Observation) -> int | None:
    """How many epochs the original's run showed; None where it does not show."""
    seen: list[int] = []
    for kind, key in (("keras.fit", "epochs"), ("lightning.fit", "max_epochs")):
        for event in _events(baseline, kind):
            count = _number(_map(event.get("params")).get(key) if kind == "keras.fit" else event.get(key))
            if count is not None:
                seen.append(int(count))
    history = [name for source, name, _ in _scalars(baseline) if source == "keras.history" and name == "loss"]
    if history:
        seen = [len(history) // max(1, len(_events(baseline, "keras.fit")))]
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
