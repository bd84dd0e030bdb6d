"""Does the evidence prove that Optuna searched this program's hyperparameters? Pure: None, or why not.

A study that merely exists proves nothing: its trials have to train anew with what they were given, their value has to
be a number measured on held-out data, taken in the right direction, and the final training has to use the best
parameters.
All of it was seen while the program ran (smoke.py); nothing is read from what the program prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot.components.optuna import measured
from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify.search import Search, Study, Trial, search
from mlops_bot.verify.slots import named, places, same, shows, slots


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when the search is proven, otherwise why not, in one sentence."""
    if functionality != "hyperparameter-optimization":
        return f"Optuna's evidence for {functionality} cannot be judged"
    account = search(adapted.trace)
    if account is None:
        return "no study was made: create one with optuna.create_study(direction=...) and let it optimize an objective"
    studies = [study for study in account.studies if study.trials]
    if not studies:
        return _nothing_ran(account.studies)
    trains = bool(baseline.trace.get("training"))
    for study in studies:
        reason = (
            _completed(study)
            or _ranges(study)
            or (_trained(study) if trains else None)
            or _ignored(study)
            or (_alike(study) if trains else None)
            or measured.value(study, account, baseline, adapted)
            or (_final(study, account) if trains else None)
        )
        if reason:
            return reason
    return _read(account)


def _nothing_ran(studies: Sequence[Study]) -> str:
    if any(study.added for study in studies):
        return (
            "the study's trials were put in with add_trial, and none was run: "
            "let study.optimize(objective, n_trials=...) run the training for every trial"
        )
    return "the study ran no trial: call study.optimize(objective, n_trials=...)"


def _completed(study: Study) -> str | None:
    done = len(study.completed)
    failed = sum(trial.state == "FAIL" for trial in study.trials)
    pruned = sum(trial.state == "PRUNED" for trial in study.trials)
    total = len(study.trials)
    if not done:
        return (
            f"no trial completed: {failed} failed and {pruned} were pruned, of {total}; an exception in the objective "
            "has to end the program, and not to be caught (catch=...) or turned into TrialPruned"
        )
    if failed > done:
        return f"{failed} of {total} trials failed: the objective has to work for every value that it suggests"
    if done + pruned < 2:
        asked = next((count for count in study.asked if count is not None), None)
        said = f"n_trials={asked}" if asked is not None else f"{total} trial"
        return f"a search of one trial ({said}) compares nothing: let the study run several"
    if study.added >= done:
        return f"{study.added} of the study's trials were put in with add_trial: only trials that train count"
    return None


def _ranges(study: Study) -> str | None:
    for trial in study.completed:
        if not trial.params:
            return f"trial {trial.number} suggests no hyperparameter: use trial.suggest_float, suggest_int, ..."
        for name, distribution in trial.distributions.items():
            if distribution.get("single") is True:
                return (
                    f"the range of {name} is a single value, so it is not searched: give it a range around the default"
                )
    return None


def _trained(study: Study) -> str | None:
    for trial in study.completed:
        if not trial.stretch.trained:
            return (
                f"trial {trial.number} completed without training anything: "
                "the objective has to train a model with the suggested values"
            )
        if trial.stretch.continued:
            return (
                f"trial {trial.number} goes on training the model of an earlier trial ({trial.stretch.continued}): "
                "build a new model and a new optimizer inside the objective"
            )
    return None


def _ignored(study: Study) -> str | None:
    """A suggested value that training shows under its own name, but never takes."""
    trials = study.completed
    for name in trials[0].params:
        given = [trial.params.get(name) for trial in trials]
        if _slots_of(trials, name) or all(same(given[0], value) for value in given):
            continue
        held: dict[str, set[str]] = {}
        for trial in trials:
            for event in trial.stretch.events:
                for slot, value in slots(event).items():
                    if named(slot, name):
                        held.setdefault(slot, set()).add(str(value))
        if held and all(len(found) == 1 for found in held.values()):
            slot, found = next(iter(held.items()))
            return (
                f"the trials ignore {name}: {', '.join(_short(value) for value in given[:3])} were suggested, "
                f"but all of them trained with {slot}={_short(next(iter(found)))}; use the suggested value"
            )
    return None


def _alike(study: Study) -> str | None:
    """Trials of estimators alone, all with the same parameters and data, and none the better: nothing was searched.

    Of an estimator everything is seen that it was set up with. Of a network it is not: dropout, for one.
    """
    trials = study.completed
    if len(trials) < 2 or any(trial.values != trials[0].values for trial in trials):
        return None
    if all(trial.params == trials[0].params for trial in trials):
        return None
    if any(event.get("event") != "sklearn.fit" for trial in trials for event in trial.stretch.events):
        return None
    if any(trial.stretch.steps or _trained_as(trial) != _trained_as(trials[0]) for trial in trials):
        return None
    names = ", ".join(trials[0].params)
    return (
        f"the trials ignore what they are given ({names}): all of them trained the same estimators on the same data, "
        f"and the value is {_short(trials[0].values[0])} each time; use the suggested values"
    )


def _trained_as(trial: Trial) -> list[tuple[Json, ...]]:
    return [(str(sorted(slots(event).items(), key=str)), event.get("digest")) for event in trial.stretch.events]


def _slots_of(trials: Sequence[Trial], name: str) -> set[str]:
    """The slots that show the suggested value in every trial, where the trials differ in it."""
    given = [trial.params.get(name) for trial in trials]
    if len(given) < 2 or all(same(given[0], value) for value in given):
        return set()
    found = [places(trial.stretch.events, trial.params.get(name)) for trial in trials]
    return set.intersection(*found)


def _final(study: Study, account: Search) -> str | None:
    kinds = {event.get("event") for trial in study.trials for event in trial.stretch.events}
    events = [event for event in account.after_study(study) if event.get("event") in kinds]
    if account.after.continued:
        return (
            f"the final training goes on with the model of a trial ({account.after.continued}): "
            "build a new one with the best parameters"
        )
    if not events and not account.after.steps:
        return "nothing is trained after the search: train the final model with study.best_params"
    wrong: str | None = None
    for best in study.best:
        wrong = _unused(study, best, events)
        if wrong is None:
            return None
    return wrong


def _unused(study: Study, best: Mapping[str, Json], events: Sequence[Mapping[str, Json]]) -> str | None:
    """A best value that the final training does not have where the trials had theirs."""
    for name, value in best.items():
        where = _slots_of(study.completed, name)
        held = [held for event in events for slot, held in slots(event).items() if slot in where]
        if held and not any(shows(one, value) for one in held):
            return (
                f"the best parameters are not used: the final training has {name}={_short(held[-1])}, "
                f"while the best trial had {_short(value)}"
            )
    return None


def _read(account: Search) -> str | None:
    if account.read:
        return None
    return "the result of the search is never looked at: train the final model with study.best_params"


def _short(value: Json) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:60]
