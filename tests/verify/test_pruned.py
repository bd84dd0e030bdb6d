"""What pruning may change about a training, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlops_bot.types import Observation, Output
from mlops_bot.verify import policy, pruned

from .support import observation

STDOUT = "epoch 1 loss 1.20 accuracy 0.50\nepoch 2 loss 1.10 accuracy 0.61\nsaved after 2 epochs\n"
SGD = {
    "event": "torch.optimizer",
    "class": "SGD",
    "steps": 8,
    "groups": [{"lr": 0.1, "momentum": 0.9}],
    "parameters": 100,
}
MODEL = {"class": "Net", "parameters": 100, "digest": "a", "norm": 1.0, "zeros": 0.0}
FILES = {"model.pt": Output("a", 2000), "log.csv": Output("b", 20, "1,2\n3,4\n5,6\n")}
BASELINE = observation(STDOUT, training=[{**SGD, "samples": 60, "batch_size": 8}], models=[MODEL], outputs=FILES)


def adapted(**changes: Any) -> Observation:
    what: dict[str, Any] = {
        "training": [SGD],
        "models": [{**MODEL, "digest": "b", "zeros": 0.5}],
        "outputs": FILES,
        **changes,
    }
    return observation(what.pop("stdout", STDOUT.replace("1.10", "1.1e+02").replace("0.61", "nan")), **what)


def test_it_is_what_judges_pruning() -> None:
    assert policy.comparison("model-optimization") is pruned.compare


@pytest.mark.parametrize(
    "after",
    [
        adapted(),
        adapted(stdout="Sparsity: 50.0%\n" + STDOUT.replace("1.20", "7.31")),
        adapted(stdout=STDOUT.replace(" accuracy", ", sparsity 0.25, accuracy")),
        adapted(training=[{**SGD, "steps": 12}]),  # fine-tuning
        adapted(training=[SGD, {**SGD, "groups": [{"lr": 0.01}]}]),  # by another optimizer
        adapted(training=[{**SGD, "parameters": 150, "groups": [*SGD["groups"], {"lr": 1.0}]}]),  # masks that learn
        adapted(models=[{**MODEL, "class": "Prunable"}]),
        adapted(outputs={**FILES, "model.pt": Output("c", 4000), "log.csv": Output("d", 20, "5,6\n7,8\n")}),
    ],
)
def test_what_may_change(after: Observation) -> None:
    assert pruned.compare(BASELINE, after) is None


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (adapted(training=[{**SGD, "steps": 4}]), "SGD made 8 optimizer steps originally, 4 now"),
        (adapted(training=[{**SGD, "class": "Adam"}]), "training used SGD originally, Adam now"),
        (adapted(training=[{**SGD, "groups": [{"lr": 0.2, "momentum": 0.9}]}]), "lr=0.1 originally, lr=0.2 now"),
        (adapted(training=[{**SGD, "parameters": 50}]), "trained 100 parameters originally, 50 now"),
        (adapted(training=[{**SGD, "samples": 30}]), "trained on samples: 60 originally, 30 now"),
        (adapted(training=[{**SGD, "batch_size": 2}]), "trained on batches of 8 originally, 2 now"),
        (adapted(training=[]), "a training is gone"),
        (adapted(models=[{**MODEL, "parameters": 200}]), "had 100 parameters originally, 200 now"),
        (adapted(models=[]), "is not there any more"),
        (adapted(stdout="epoch 1 loss 1.20 accuracy 0.50\n"), "the program printed 'saved after 2 epochs'"),
        (adapted(outputs={"log.csv": FILES["log.csv"]}), "the program wrote model.pt originally, and does not now"),
        (adapted(outputs={**FILES, "model.pt": Output("c", 0)}), "is empty now"),
        (adapted(outputs={**FILES, "log.csv": Output("c", 4, "1,2\n")}), "had 3 lines originally, 1 now"),
    ],
)
def test_what_may_not(after: Observation, reason: str) -> None:
    failed = pruned.compare(BASELINE, after)
    assert failed is not None
    assert failed.stage == "preserved"
    assert reason in failed.reason


def test_steps_by_hand_are_counted_by_their_losses() -> None:
    before, after = (observation(STDOUT, scalars=[["torch.backward", "loss", 1.0]] * count) for count in (8, 4))
    failed = pruned.compare(before, after)
    assert failed is not None and "8 losses were backpropagated originally, 4 now" in failed.reason
    assert pruned.compare(after, before) is None


def test_where_the_original_differs_from_itself_nothing_is_asked() -> None:
    second = replace(BASELINE, stdout=STDOUT.replace("saved after 2 epochs\n", ""))
    after = adapted(stdout="epoch 1 loss 1.20 accuracy 0.50\n")
    assert pruned.compare(BASELINE, after) is not None
    assert pruned.compare(BASELINE, after, second_baseline=second) is None
