"""Smoke-run hooks for Optuna; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

Few trials, one after the other; and an account of the search: what each trial was given, what was trained and computed
while it ran, what came of it. It makes no trial, no value and no training of its own. Python 3.9+, standard library.

`hooks.trace.component["search"]`: {"studies": [{"name", "directions", "sampler", "storage", "asked": [{"n_trials",
"timeout"}], "trials": [{"number", "state", "values", "params", "distributions", + a stretch}], "added", "enqueued",
"best": {"number", "values", "params"}, "all_best": [params]}], "read": {attribute: times}, "after": a stretch}.
A stretch (sandbox/smoke/stretches.py) has the spans of the trace's lists and the data that were seen.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable

TRIALS = 3  # of one call of optimize
MOST = 6  # of one study, however often optimize is called
RESULTS = ("best_params", "best_trial", "best_trials", "best_value", "trials", "get_trials", "trials_dataframe")


def install(hooks: Any) -> None:
    stretches = importlib.import_module(f"{__package__}.stretches").Stretches(hooks)
    search = Search(hooks, stretches)
    hooks.after_import("optuna.study._optimize", search.telling)
    hooks.after_import("optuna.study.study", search.asking)


class Search:
    def __init__(self, hooks: Any, stretches: Any) -> None:
        self._hooks = hooks
        self._stretches = stretches
        self._marks: dict[Any, dict[str, int]] = {}  # by (study, trial's id)
        self._studies: dict[str, dict[str, Any]] = {}
        self._read: dict[str, int] = {}

    # --- the account ---

    def _account(self, study: Any) -> dict[str, Any]:
        name = str(study.study_name)
        if name not in self._studies:
            trace = self._hooks.trace
            if not self._studies:
                trace.finishers.append(self._finish)
                trace.component["search"] = {"studies": [], "read": self._read}
            self._studies[name] = {
                "name": name,
                "directions": [direction.name.lower() for direction in study.directions],
                "sampler": type(study.sampler).__name__,
                "storage": type(getattr(study._storage, "_backend", study._storage)).__name__,
                "asked": [],
                "trials": [],
                "added": 0,
                "enqueued": 0,
                "best": None,
                "all_best": [],
            }
            trace.component["search"]["studies"].append(self._studies[name])
        return self._studies[name]

    def _finish(self) -> None:
        self._hooks.trace.component["search"]["after"] = self._stretches.outside()

    # --- the end of a trial ---

    def telling(self, module: Any) -> None:
        self._tell(module)

    def _tell(self, module: Any) -> None:
        original = getattr(module, "_tell_with_warning", None)
        if original is None:
            return

        def tell(study: Any, trial: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(study, trial, *args, **kwargs)
            finally:
                self._quietly(self._told, study, trial)

        module._tell_with_warning = tell

    def _told(self, study: Any, trial: Any) -> None:
        if isinstance(trial, int):
            trial_id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, trial)
        else:
            trial_id = trial._trial_id
        mark = self._marks.pop((study.study_name, trial_id), None)
        if mark is None:
            return
        frozen = study._storage.get_trial(trial_id)
        account = self._account(study)
        account["trials"].append(
            {
                "number": frozen.number,
                "state": frozen.state.name,
                "values": frozen.values,
                "params": dict(frozen.params),
                "distributions": {name: _range(item) for name, item in frozen.distributions.items()},
                **self._stretches.end(mark),
            }
        )
        self._best(study, account)

    def _best(self, study: Any, account: dict[str, Any]) -> None:
        done = [trial for trial in study._storage.get_all_trials(study._study_id) if trial.state.name == "COMPLETE"]
        if not done:
            return
        if len(study.directions) > 1:
            account["all_best"] = [dict(trial.params) for trial in study.best_trials]
            return
        best = study._storage.get_best_trial(study._study_id)
        account["best"] = {"number": best.number, "values": best.values, "params": dict(best.params)}
        account["all_best"] = [dict(trial.params) for trial in done if trial.values == best.values]

    def _quietly(self, function: Callable[..., None], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:
            self._hooks.trace.error("account of a search", error)

    # --- the beginning of trials ---

    def asking(self, module: Any) -> None:
        self._tell(module)
        study = module.Study
        study.ask = self._ask(study.ask)
        study.optimize = self._optimize(study.optimize)
        study.add_trial = self._add(study.add_trial)
        if not self._hooks.full:
            study.enqueue_trial = self._enqueue(study.enqueue_trial)
        for name in RESULTS:
            self._follow(study, name)

    def _ask(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def ask(study: Any, *args: Any, **kwargs: Any) -> Any:
            self._quietly(lambda: self._account(study) and None)
            mark = self._stretches.mark()
            trial = original(study, *args, **kwargs)
            self._marks[(study.study_name, trial._trial_id)] = mark
            return trial

        return _named(ask, original)

    def _optimize(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def optimize(
            study: Any, func: Any, n_trials: Any = None, timeout: Any = None, n_jobs: int = 1, *args: Any, **kwargs: Any
        ) -> Any:
            account = self._account(study)
            account["asked"].append({"n_trials": n_trials, "timeout": timeout})
            if not self._hooks.full:
                most = max(0, min(TRIALS, MOST - len(account["trials"])))
                if n_trials is None or n_trials > most:
                    self._hooks.note("limit", "Optuna trials", f"{n_trials or 'no end'} -> {most}")
                    n_trials = most
                n_jobs, timeout = 1, None
            return original(study, func, n_trials, timeout, n_jobs, *args, **kwargs)

        return _named(optimize, original)

    def _add(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def add(study: Any, *args: Any, **kwargs: Any) -> Any:
            if self._hooks.from_project():
                self._account(study)["added"] += 1
            return original(study, *args, **kwargs)

        return _named(add, original)

    def _enqueue(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Of few trials, all would be the program's own choice; and the default winning would prove nothing."""

        def enqueue(study: Any, *args: Any, **kwargs: Any) -> Any:
            self._account(study)["enqueued"] += 1
            self._hooks.note("limit", "Optuna enqueue_trial", "left out, so that the few trials are sampled")

        return _named(enqueue, original)

    # --- results that the program looks at ---

    def _follow(self, owner: Any, name: str) -> None:
        found = vars(owner).get(name)
        if isinstance(found, property) and found.fget is not None:
            setattr(owner, name, property(self._reading(name, found.fget)))
        elif callable(found):
            setattr(owner, name, self._reading(name, found))

    def _reading(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def read(*args: Any, **kwargs: Any) -> Any:
            if self._hooks.from_project():
                self._read[name] = self._read.get(name, 0) + 1
            return original(*args, **kwargs)

        return _named(read, original)


def _range(distribution: Any) -> dict[str, Any]:
    return {"kind": type(distribution).__name__, "single": bool(distribution.single()), **distribution._asdict()}


def _named(replacement: Any, original: Any) -> Any:
    replacement.__name__ = getattr(original, "__name__", replacement.__name__)
    replacement.__doc__ = getattr(original, "__doc__", None)
    return replacement
