"""The account of a search, read from untrusted data, and the comparison of the final training with the original."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.components.optuna import check as optuna
from mlops_bot.source import analyse
from mlops_bot.types import Observation, Output
from mlops_bot.verify import searched
from mlops_bot.verify.search import search
from mlops_bot.verify.slots import named, shows, slots

FACTS = analyse("train.py", "import torch\n")


def step(lr: float, **more: Any) -> dict[str, Any]:
    event = {"event": "torch.optimizer", "class": "SGD", "steps": 8, "groups": [{"lr": lr, "momentum": 0.9}],
             "parameters": 10, "batch_size": 16, "samples": 96}  # fmt: skip
    return {**event, **more}


def trial(number: int, lr: float, value: float, **more: Any) -> dict[str, Any]:
    entry = {
        "number": number, "state": "COMPLETE", "values": [value], "params": {"lr": lr},
        "distributions": {"lr": {"kind": "FloatDistribution", "single": False, "low": 1e-3, "high": 1.0, "log": True}},
        "training": [number, number + 1], "scalars": [number, number + 1], "steps": 8, "continued": "",
        "passes": [{"kind": "fit", "what": "torch", "data": "a", "count": 2}],
    }  # fmt: skip
    return {**entry, **more}


def run(events: list[dict[str, Any]], trials: list[dict[str, Any]], *, out: str = "", **study: Any) -> Observation:
    """An adapted run: `events` of all trials, then those of the final training."""
    best = min(trials, key=lambda entry: entry["values"][0]) if trials and trials[0]["values"] else {"params": {}}
    account = {
        "studies": [
            {
                "name": "s", "directions": ["minimize"], "asked": [{"n_trials": 20}], "trials": trials, "added": 0,
                "best": {"number": 0, "values": [0.1], "params": best["params"]}, "all_best": [best["params"]], **study,
            }
        ],
        "read": {"best_params": 1},
        "after": {"training": [len(trials), len(events)], "scalars": [0, 0], "passes": [], "steps": 8, "continued": ""},
    }  # fmt: skip
    scalars = [["keras.history", "val_loss", entry["values"][0]] for entry in trials if entry["values"]]
    trace = {"training": events, "scalars": scalars, "component": {"search": account}, "notes": [], "models": []}
    return Observation(0, "exited", out, "", 1.0, trace, {})


def original(out: str = "", **more: Any) -> Observation:
    trace = {"training": [step(0.05)], "scalars": [], "notes": [], "models": [], **more}
    return Observation(0, "exited", out, "", 1.0, trace, {})


RATES = (0.01, 0.2, 0.5)
TRIALS = [trial(number, rate, 0.5 - number / 10) for number, rate in enumerate(RATES)]
EVENTS = [step(rate) for rate in RATES]


def judged(adapted: Observation, baseline: Observation | None = None) -> str | None:
    return optuna.check(
        {},
        functionality="hyperparameter-optimization",
        facts=FACTS,
        baseline=baseline or original(),
        adapted=adapted,
    )


def test_a_right_search_passes() -> None:
    adapted = run([*EVENTS, step(0.5)], TRIALS, out="loss: 0.123\n")
    assert judged(adapted) is None
    assert searched.compare(original("loss: 0.456\n"), adapted) is None


@pytest.mark.parametrize(
    ("adapted", "reason"),
    [
        (run([step(0.05)], []), "ran no trial"),
        (run([step(0.05)], [], added=3), "add_trial"),
        (run([*EVENTS, step(0.05)], TRIALS), "the best parameters are not used"),
        (run(EVENTS, TRIALS), None),  # steps after the search, of an optimizer that was there before
        (run([step(0.05), step(0.05), step(0.05), step(0.5)], TRIALS), "the trials ignore lr"),
        (run([step(0.01), step(0.5)], TRIALS[:1]), "compares nothing"),
        (run([*EVENTS, step(0.5)], [{**entry, "continued": "SGD"} for entry in TRIALS]), "goes on training"),
        (run([*EVENTS, step(0.5)], [{**entry, "training": [0, 0], "steps": 0} for entry in TRIALS]), "without training"),
        (run([*EVENTS, step(0.5)], TRIALS, directions=["maximize"]), "minimize"),
        (run([*EVENTS, step(0.5)], [{**entry, "state": "FAIL", "values": None} for entry in TRIALS]), "no trial completed"),
    ],
)  # fmt: skip
def test_wrong_searches(adapted: Observation, reason: str | None) -> None:
    said = judged(adapted)
    assert said is None if reason is None else reason in (said or ""), said


def test_a_value_that_is_the_parameter_itself() -> None:
    adapted = run([*EVENTS, step(0.5)], [{**entry, "values": [entry["params"]["lr"]]} for entry in TRIALS])
    adapted.trace["scalars"].clear()
    assert "the objective is the suggested lr itself" in (judged(adapted) or "")


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        (step(0.5, groups=[{"lr": 0.5, "momentum": 0.7}]), "momentum=0.9 originally, with momentum=0.7"),
        (step(0.5, steps=4), "8 training steps originally, 4"),
        (step(0.5, samples=50), "96 samples originally, on 50"),
        (step(0.5, **{"class": "Adam"}), "SGD trained originally, Adam"),
        (step(0.5, batch_size=8), "batch_size=16 originally"),
    ],
)
def test_what_the_final_training_has_to_keep(final: dict[str, Any], reason: str) -> None:
    failed = searched.compare(original(), run([*EVENTS, final], TRIALS))
    assert failed is not None
    assert reason in failed.reason
    assert "in the final training" in failed.reason


def test_what_is_searched_may_differ() -> None:
    events = [step(rate, batch_size=size, steps=100 // size) for rate, size in zip(RATES, (8, 16, 32), strict=True)]
    trials = [
        {**entry, "params": {**entry["params"], "batch_size": size}}
        for entry, size in zip(TRIALS, (8, 16, 32), strict=True)
    ]
    final = step(0.5, batch_size=32, steps=3)
    assert searched.compare(original("loss: 1.5\n" * 4), run([*events, final], trials, out="loss: 2.5\n")) is None


def test_lines_and_files_have_to_come_back() -> None:
    adapted = run([*EVENTS, step(0.5)], TRIALS, out="loss: 0.1\n")
    gone = searched.compare(original("loss: 0.1\naccuracy: 0.5\n"), adapted)
    assert gone is not None
    assert "'accuracy: 0.5'" in gone.reason
    less = searched.compare(original("loss: 0.1\nloss: 0.2\n"), adapted)
    assert less is not None
    assert "only 1 times now" in less.reason
    written = Observation(0, "exited", "", "", 1.0, original().trace, {"model.pt": Output("x", 10)})
    lost = searched.compare(written, adapted)
    assert lost is not None
    assert "model.pt" in lost.reason


def test_a_number_of_epochs_that_nobody_has_any_more() -> None:
    notes = [{"kind": "limit", "what": "loop over epochs", "detail": "14 -> 2"}]
    failed = searched.compare(original(notes=notes), run([*EVENTS, step(0.5)], TRIALS))
    assert failed is not None
    assert "14 epochs originally" in failed.reason


# --- reading ---------------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["studies", "trials", "training", "values", "params", "distributions", "passes", "best", "after"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(ANYTHING)
def test_an_account_of_any_shape_is_read(account: Any) -> None:
    for trace in ({"component": {"search": account}}, {"component": account}, {"training": account}):
        found = search(trace)
        if found is not None:
            for study in found.studies:
                assert study.completed is not None
                assert found.after_study(study) is not None


def test_slots_are_flat_and_without_what_came_of_it() -> None:
    found = slots({"event": "keras.fit", "class": "Sequential", "steps": 8, "params": {"batch_size": 32},
                   "optimizer": {"name": "adam_2", "learning_rate": 0.1}, "layers": {"0.Dense.units": 8}})  # fmt: skip
    assert found == {
        "class": "Sequential",
        "batch_size": 32,
        "optimizer.name": "adam",
        "optimizer.learning_rate": 0.1,
        "0.Dense.units": 8,
    }


@pytest.mark.parametrize(
    ("slot", "name", "same"),
    [
        ("optimizer.learning_rate", "lr", True),
        ("svc__C", "C", True),
        ("svc__C", "svc_C", True),
        ("0.Dense.units", "n_units", True),
        ("p", "dropout", False),
        ("weight_decay", "wd", True),
        ("lr", "lr_exponent", False),
    ],
)
def test_slots_by_name(slot: str, name: str, same: bool) -> None:
    assert named(slot, name) is same


def test_a_value_in_the_text_of_an_object_is_shown() -> None:
    assert shows("RBF(length_scale=2.51)", 2.512)
    assert shows("Adam", "adam")
    assert not shows("RBF(length_scale=2.5)", 3.5)
    assert not shows(True, 1) or shows(True, True)
