"""Is the value of the trials a measurement: computed, on held-out data that are not the final test's, the right way up?

Pure. Data are known by digests of their content; where nothing was recorded of them, names decide, and where nothing
decides the value passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_bot.components.optuna.values import Origin, has_held_out, origins
from mlops_bot.types import Observation
from mlops_bot.verify import numbers
from mlops_bot.verify.numbers import Printed, words
from mlops_bot.verify.search import Pass, Search, Study, Trial
from mlops_bot.verify.slots import same

_TOLD = 48  # rows of one table, at the most (sandbox/smoke/stretches.py)
_CARVE = "hold out a part of the training data for the search, or cross-validate"


def value(study: Study, account: Search, baseline: Observation, adapted: Observation) -> str | None:
    """Why the value of a study's trials is no sound measurement; None when it may be one."""
    printed = numbers.printed(adapted.stdout)
    if reason := _learned_from_test(study, account):
        return reason
    for index, direction in enumerate(study.directions):
        found = origins(study.completed, printed, index)
        if any(map(_what, found)):  # what is known to be computed in every trial: a print elsewhere only looks like it
            found = {origin for origin in found if origin.source != "printed"}
        reason = (
            _constant(study, found, index)
            or _training_data(study, account, found, printed)
            or _test_data(study, account, found, baseline)
            or _direction(direction, found)
        )
        if reason:
            return reason
    return None


def _constant(study: Study, found: set[Origin], index: int) -> str | None:
    """The same for every trial, and nothing that was computed. (Numbers read from tensors may add up to anything.)"""
    got = [trial.values[index] for trial in study.completed if index < len(trial.values)]
    for name in study.completed[0].params:
        if (
            len(got) > 1
            and not found
            and all(same(trial.params.get(name), value) for trial, value in zip(study.completed, got, strict=False))
        ):
            return f"the objective is the suggested {name} itself: return the value of the program's own evaluation"
    if len(got) < 2 or found or any(one != got[0] for one in got):
        return None
    if any(source == "torch.item" for trial in study.completed for source, _, _ in trial.stretch.scalars):
        return None
    return (
        f"the objective is {got[0]:.6g} for every trial, which is nothing that the training computed: "
        "return the value of the program's own evaluation"
    )


# --- rows of the final test ---


def _learned_from_test(study: Study, account: Search) -> str | None:
    """Trials that learn from the rows on which the final model is measured, and which it does not learn from itself."""
    after = account.after.passes
    known: frozenset[int] = frozenset().union(*(one.rows for one in after if _taught(one)))
    tests = [one.rows - known for one in after if one.kind in ("score", "predict") and not _taught(one)]
    tests = [rows for rows in tests if rows]
    learned = [one.rows for trial in study.completed for one in trial.stretch.passes if one.kind == "fit" and one.rows]
    if not known or not tests or not all(any(_shares(rows, test) for rows in learned) for test in tests):
        return None
    return f"the trials learn from the rows that the final model is tested on: {_CARVE}"


def _taught(one: Pass) -> bool:
    return one.kind == "fit" or one.what == "keras.validation"


def _shares(rows: frozenset[int], test: frozenset[int]) -> bool:
    """Whether a good part of the test's rows is among these. Of a large table only its smallest digests are known."""
    within = {row for row in test if len(rows) < _TOLD or row <= max(rows)}
    return len(rows & test) >= max(2, 0.3 * len(within))


# --- on which data --------------------------------------------------------------------------------------------


def _training_data(study: Study, account: Search, found: set[Origin], printed: Sequence[Printed]) -> str | None:
    if not found or not all(_on_training(origin, study.completed) for origin in found):
        return None
    held = has_held_out(account.outside_scalars, printed) or _scored_apart(account)
    if held is None:
        return None
    origin = min(found, key=str)
    return (
        f"the objective is {origin}, measured on the training data, although the program measures {held}: "
        "return a value of held-out data"
    )


def _on_training(origin: Origin, trials: Iterable[Trial]) -> bool:
    if origin.trained_on:
        return True
    learned, scored = _data_of(origin, trials)
    return bool(scored) and scored <= learned


def _data_of(origin: Origin, trials: Iterable[Trial]) -> tuple[set[str], set[str]]:
    """Digests of the data that trials learned from and that this number was measured on, where they are known."""
    what = _what(origin)
    if what is None:
        return set(), set()
    passes = [one for trial in trials for one in trial.stretch.passes]
    return {one.data for one in passes if one.kind == "fit" and one.what == what[0]}, {
        one.data for one in passes if one.kind == "score" and one.what == what[1]
    }


def _what(origin: Origin) -> tuple[str, str] | None:
    """What the passes over training data, and over the measured data, are called."""
    if origin.source == "sklearn.score":
        return "sklearn.score", "sklearn.score"
    if origin.source == "sklearn.metric":
        return "sklearn.metric", f"sklearn.{origin.name}"
    if origin.source == "keras.history" and origin.name.startswith("val_"):
        return "keras", "keras.validation"
    if origin.source == "keras.evaluate":
        return "keras", "keras.evaluate"
    return None


def _scored_apart(account: Search) -> str | None:
    """Data that something is measured on outside of the trials, and that nothing learns from."""
    passes = [*account.after.passes]
    learned = {one.data for one in passes if one.kind == "fit"}
    apart = [one for one in passes if one.kind == "score" and one.data not in learned]
    return "on other data than it learns from" if apart else None


def _test_data(study: Study, account: Search, found: set[Origin], baseline: Observation) -> str | None:
    """The value is measured on data that the original keeps for a single test, when all training is over."""
    after = account.after.passes
    for origin in found:
        if origin.source.startswith("lightning") and "test" in words(origin.name).split():
            if any(source.startswith("lightning") and _validates(name) for source, name, _ in _scalars(baseline)):
                return f"the objective is {origin}, a value of the test data: return one of the validation data"
    computed = [origin for origin in found if origin.source not in ("torch.item", "printed")]
    known = [origin for origin in computed if _what(origin)]
    if known and len(known) == len(computed):
        for origin in known:
            _, scored = _data_of(origin, study.completed)
            passes = [one for trial in study.completed for one in trial.stretch.passes]
            targets = {one.data for one in passes if origin.source == one.what.removesuffix(".y") != one.what}
            if not any(_kept_for_test(data, after, _fits(account)) for data in (scored, targets)):
                return None
        return f"the objective is {known[0]}, measured on the data of the final test: {_CARVE}"
    return _torch_test(study, after) if not computed else None


def _scalars(run: Observation) -> Iterable[tuple[str, str, float]]:
    return [tuple(entry) for entry in run.trace.get("scalars", []) if len(entry) == 3]


def _validates(name: str) -> bool:
    return bool({"val", "valid", "validation"} & set(words(name).split()))


def _fits(account: Search) -> int:
    return sum(str(event.get("event")) in ("sklearn.fit", "keras.fit") for event in account.outside)


def _kept_for_test(scored: set[str], after: Iterable[Pass], fits: int) -> bool:
    """Whether all of these data are scored after the search too, not epoch after epoch, and serve for nothing else."""
    other = {one.data for one in after if one.what == "keras.validation" or one.kind == "fit"}
    counts = {
        data: max((one.count for one in after if one.kind == "score" and one.data == data), default=0)
        for data in scored
    }
    return bool(scored - other) and all(0 < count < 2 * max(1, fits) for count in counts.values())


def _torch_test(study: Study, after: Iterable[Pass]) -> str | None:
    """Loaders: the same test data in the trials and once after the search, where there are several epochs."""
    passes = [one for trial in study.completed for one in trial.stretch.passes if one.what == "torch"]
    scored = {one.data for one in passes if one.kind == "score"}
    epochs = max((one.count for one in after if one.kind == "fit" and one.what == "torch"), default=0)
    final = {one.data: one.count for one in after if one.kind == "score" and one.what == "torch"}
    if epochs < 2 or not scored or not all(final.get(data) == 1 for data in scored):
        return None
    return f"the objective is measured on the data that the program tests once, after training: {_CARVE}"


def _direction(direction: str, found: set[Origin]) -> str | None:
    ways = {origin.better for origin in found if origin.better}
    if len(ways) != 1 or direction in ways or direction not in ("minimize", "maximize"):
        return None
    way = ways.pop()
    origin = next(origin for origin in found if origin.better == way)
    return (
        f"the study {direction}s {origin}, which gets better the {'smaller' if way == 'minimize' else 'larger'} it is: "
        f"create it with direction={way!r}"
    )
