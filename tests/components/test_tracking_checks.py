"""The check of every tracker on evidence of real runs, and on the same evidence spoilt in many ways."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from mlops_bot.types import Component

from ..verify.recorded import Recorded, recorded  # noqa: TID252 - the recorded runs are the verdict's
from .trackers import NAMES, TRACKERS

EACH = pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
MLFLOW = TRACKERS[NAMES.index("mlflow")]

ALL = ("torch", "sklearn", "keras", "lightning")


def series(run: Recorded, name: str) -> list[list[Any]]:
    found: list[list[Any]] = run.run["metrics"][name]
    return found


@EACH
@pytest.mark.parametrize("name", ALL)
def test_right_evidence_is_proof(name: str, component: Component) -> None:
    reason = recorded(name).reason(component)
    if name == "sklearn" and component is not MLFLOW:  # only MLflow is trusted to compute scores by itself
        assert "training_" in (reason or "")
    else:
        assert reason is None


def harmless_names(run: Recorded) -> None:
    metrics = run.run["metrics"]
    run.run["metrics"] = {
        "train/loss": metrics["train_loss"],
        "test/loss": metrics["test_loss"],
        "test/acc": metrics["test_accuracy"],
    }


def harmless_only_accuracy(run: Recorded) -> None:
    run.run["metrics"] = {"acc": run.run["metrics"]["test_accuracy"]}


def harmless_fraction(run: Recorded) -> None:
    run.run["metrics"]["test_accuracy"] = [[step, value / 100] for step, value in series(run, "test_accuracy")]


def harmless_rounded(run: Recorded) -> None:
    run.run["metrics"]["test_loss"] = [[step, round(value, 4)] for step, value in series(run, "test_loss")]


def harmless_extras(run: Recorded) -> None:
    run.run["metrics"] |= {
        "epoch_seconds": [[0, 1.5], [1, 1.4]],
        "epoch": [[0, 1], [1, 2]],
        "lr": [[0, 0.1]],
        "system/cpu_utilization_percentage": [[0, 50.0]],
    }
    run.run["tags"] |= {"a": "b"}
    run.run["artifacts"] = ["net.pt", "model/MLmodel"]
    run.run["name"] = "renamed"


def harmless_batches(run: Recorded) -> None:
    losses = [value for source, _, value in run.baseline.trace["scalars"] if source == "torch.backward"]
    run.run["metrics"] = {"batch_loss": [[step, value] for step, value in enumerate(losses)]}


def harmless_nested(run: Recorded) -> None:
    parent = {**run.run, "run_id": "parent", "metrics": {}, "params": {}}
    run.evidence["runs"].append(parent)


def harmless_some_parameters(run: Recorded) -> None:
    run.run["params"] = {"lr": "0.1", "batch_size": "16", "optimizer": "SGD", "device": "cpu"}


def given(run: Recorded, **options: Any) -> None:
    """The program was started with options of its own."""
    run.baseline = replace(run.baseline, trace={**run.baseline.trace, "options": options})


def harmless_options_of_the_command_line(run: Recorded) -> None:
    given(run, batch_size=1)  # which is the default of another option
    run.run["params"] = {"batch_size": "1", "lr": "0.1"}


def harmless_sum_over_samples(run: Recorded) -> None:
    losses = [value for source, _, value in run.baseline.trace["scalars"] if source == "torch.backward"]
    run.run["metrics"]["train_loss"] = [[1, sum(losses[:4]) * 16 / 600], [2, sum(losses[4:]) * 16 / 600]]


def harmless_last_of_each_epoch(run: Recorded) -> None:
    losses = [value for source, _, value in run.baseline.trace["scalars"] if source == "torch.backward"]
    run.run["metrics"]["train_loss"] = [[1, losses[3]], [2, losses[7]]]


def harmless_noted(run: Recorded) -> None:
    note = {"hooked": True, f"run {run.run['run_id']}": True, "run another": True}
    run.after = run_with(run, note)


@EACH
@pytest.mark.parametrize("change", [value for key, value in list(globals().items()) if key.startswith("harmless_")])
def test_harmless_variants_pass(change: Any, component: Component) -> None:
    run = recorded("torch")
    change(run)
    assert run.reason(component) is None


def run_with(run: Recorded, note: dict[str, Any]) -> Any:
    return replace(run.after, trace={**run.after.trace, "component": note})


def no_store(run: Recorded) -> str:
    run.evidence |= {"runs": [], "stores": []}
    return "no {title} {noun} was recorded"


def empty_store(run: Recorded) -> str:
    run.evidence["runs"] = []
    return "the store is empty"


def broken_store(run: Recorded) -> str:
    run.evidence |= {"runs": [], "errors": ["mlflow.db: DatabaseError: malformed"]}
    return "cannot be read: mlflow.db"


def running(run: Recorded) -> str:
    run.run["status"] = "RUNNING"
    return "was never ended"


def failed(run: Recorded) -> str:
    run.run["status"] = "FAILED"
    return "ended as FAILED"


def no_metrics(run: Recorded) -> str:
    run.run["metrics"] = {}
    return "has no metrics"


def no_parameters(run: Recorded) -> str:
    run.run["params"] = {}
    return "has no parameters, but the program has hyperparameters"


def only_counters(run: Recorded) -> str:
    run.run["metrics"] = {"epoch": [[0, 1.0], [1, 2.0]], "duration": [[0, 3.2]]}
    return "no training metric, only duration, epoch"


def loss_is_a_counter(run: Recorded) -> str:
    run.run["metrics"] = {"loss": [[0, 1.0], [1, 2.0]]}
    return "loss = 1, 2 is nothing the program printed or computed"


def constant(run: Recorded) -> str:
    run.run["metrics"] = {"train_loss": [[0, 0.5], [1, 0.5]]}
    return "train_loss = 0.5"


def plausible_invention(run: Recorded) -> str:
    run.run["metrics"] = {"train_loss": [[0, 0.61], [1, 0.55]]}
    return "nothing the program printed or computed"


def one_invented_among_right_ones(run: Recorded) -> str:
    run.run["metrics"]["val_accuracy"] = [[1, 97.3], [2, 98.1]]
    return "val_accuracy"


def wrong_variable(run: Recorded) -> str:
    run.run["metrics"]["test_loss"] = series(run, "test_accuracy")
    return "test_loss logs the wrong variable"


def accuracy_that_is_the_loss(run: Recorded) -> str:
    run.run["metrics"]["test_accuracy"] = series(run, "test_loss")
    return "test_accuracy logs the wrong variable"


def test_loss_that_is_the_training_loss(run: Recorded) -> str:
    losses = [value for source, _, value in run.baseline.trace["scalars"] if source == "torch.backward"]
    run.run["metrics"]["test_loss"] = [[1, losses[3]], [2, losses[7]]]
    return "test_loss logs the wrong variable"


def stale(run: Recorded) -> str:
    value = series(run, "test_loss")[0][1]
    run.run["metrics"]["test_loss"] = [[1, value], [2, value]]
    return "the same value"


def only_once(run: Recorded) -> str:
    run.run["metrics"] = {name: points[-1:] for name, points in run.run["metrics"].items()}
    return "the training ran 2 epochs, but"


def forged_and_printed(run: Recorded) -> str:
    run.run["metrics"] = {"accuracy": [[0, 0.991], [1, 0.995]]}
    run.after = replace(run.after, stdout=run.after.stdout + "\naccuracy: 0.991\naccuracy: 0.995\n")
    return "nothing the program printed or computed"


def wrong_parameter(run: Recorded) -> str:
    run.run["params"] = {"batch_size": "1", "lr": "0.1"}
    return "the parameter batch_size is logged as 1, which is the value of seed; its own is 16"


def default_in_place_of_what_was_given(run: Recorded) -> str:
    given(run, batch_size=64)
    run.run["params"] = {"batch_size": "1", "lr": "0.1"}
    return "the parameter batch_size is logged as 1, which is the value of seed; its own is 64"


def never_finite(run: Recorded) -> str:
    run.run["metrics"] = {"loss": [[0, "nan"], [1, "nan"]]}
    return "never finite"


def written_by_hand(run: Recorded) -> str:
    run.after = run_with(run, {"hooked": True, "run another": True})
    return "was not opened by the program through {title}"


def nothing_opened(run: Recorded) -> str:
    run.after = run_with(run, {"hooked": True})
    return "its files were written in some other way"


WRONG = [written_by_hand, nothing_opened, no_store, empty_store, broken_store, running, failed, no_metrics, no_parameters, only_counters, loss_is_a_counter,
         constant, plausible_invention, one_invented_among_right_ones, wrong_variable, accuracy_that_is_the_loss,
         test_loss_that_is_the_training_loss, stale, only_once, forged_and_printed, wrong_parameter, default_in_place_of_what_was_given, never_finite]  # fmt: skip
test_loss_that_is_the_training_loss.__test__ = False  # type: ignore[attr-defined]


@EACH
@pytest.mark.parametrize("change", WRONG, ids=lambda change: change.__name__)
def test_wrong_evidence_is_no_proof(change: Any, component: Component) -> None:
    run = recorded("torch")
    words = change(run).format(title=component.title, noun="experiment" if component.name == "comet" else "run")
    reason = run.reason(component)
    assert reason is not None
    assert words in reason, reason
    assert "MLflow" not in reason.replace(component.title, "")


@EACH
@pytest.mark.parametrize("name", ["max_depth", "tree.max_depth", "DecisionTreeRegressor/max_depth"])
def test_a_changed_estimator_parameter_is_named(name: str, component: Component) -> None:
    run = recorded("sklearn")
    del run.run["params"]["max_depth"]
    run.run["params"][name] = "7"
    reason = run.reason(component)
    assert reason is not None
    assert f"{name} is logged as 7, but the program uses 2, 5" in reason


@EACH
def test_keras_validation_under_the_name_of_training(component: Component) -> None:
    run = recorded("keras")
    run.run["metrics"] = {"val_loss": run.run["metrics"]["loss"], "loss": run.run["metrics"]["loss"]}
    reason = run.reason(component)
    assert reason is not None
    assert "val_loss logs the wrong variable" in reason


@EACH
@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"runs": 3},
        {"runs": [3, None]},
        {"runs": [{"status": "FINISHED", "metrics": [1], "params": "x"}]},
        {"runs": [{"status": "FINISHED", "metrics": {"loss": [[1], "x", [1, {}]]}}]},
    ],
)
def test_hostile_evidence_is_no_proof_and_no_crash(evidence: dict[str, Any], component: Component) -> None:
    run = recorded("torch")
    run.evidence = evidence
    assert run.reason(component) is not None
    assert not math.isnan(len(run.reason(component) or ""))


@EACH
@pytest.mark.parametrize(("supervised", "said"), [(True, "no metrics"), (False, None), (None, "no metrics")])
def test_without_metrics_only_a_training_that_has_no_score_passes(
    supervised: bool | None, said: str | None, component: Component
) -> None:
    run = recorded("sklearn")
    fit = {"event": "sklearn.fit", "class": "KMeans", "params": {"n_clusters": 3}, "shape": [9, 2], "digest": "0"}
    fit |= {} if supervised is None else {"supervised": supervised}
    trace = {**run.baseline.trace, "scalars": [], "training": [fit]}
    run = replace(
        run,
        facts=replace(run.facts, hyperparameters=()),
        baseline=replace(run.baseline, trace=trace, stdout=""),
        after=replace(run.after, trace=trace, stdout=""),
    )
    run.evidence["runs"] = [{**run.run, "params": {"n_clusters": "3"}, "metrics": {}}]
    reason = run.reason(component)
    assert reason is None if said is None else said in str(reason)
