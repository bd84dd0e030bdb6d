from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_bot.verify.explain import Explained, Unexplained, explain, joined, pool
from mlops_bot.verify.numbers import printed

LOSSES = [2.31, 2.11, 1.87, 1.52, 1.31, 1.02, 0.91, 0.83]
BACKWARD = [("torch.backward", "loss", value) for value in LOSSES]


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("loss", [0.12345], "loss: 0.1235"),
        ("accuracy", [0.9], "Accuracy: 90/100 (90%)"),
        ("accuracy", [90.0], "Accuracy: 90/100 (90%)"),
        ("accuracy", [0.544], "Accuracy of the network: 54.4 %"),
        ("rmse", [2.0], "MSE: 4.0000"),
        ("perplexity", [math.exp(1.5)], "loss: 1.5000"),
        ("error", [0.1], "accuracy: 0.9000"),
        ("reward", [12.5], "Episode 3 average reward: 12.50"),
    ],
)
def test_explained_by_print(name: str, values: list[float], text: str) -> None:
    assert isinstance(explain(name, values, pool(printed(text), [])), Explained)


@pytest.mark.parametrize(
    "values",
    [
        [sum(LOSSES) / 8],
        [sum(LOSSES[:4]) / 4, sum(LOSSES[4:]) / 4],
        [sum(LOSSES[:4]), sum(LOSSES[4:])],
        [LOSSES[3], LOSSES[7]],
        [min(LOSSES)],
        [sum(LOSSES[: count + 1]) / (count + 1) for count in range(8)],
        [sum(LOSSES[:4]) * 16 / 600, sum(LOSSES[4:]) * 16 / 600],
        [(sum(LOSSES[:3]) * 16 + LOSSES[3] * 4) / 52, (sum(LOSSES[4:7]) * 16 + LOSSES[7] * 4) / 52],
    ],
)
def test_explained_by_aggregates(values: list[float]) -> None:
    assert isinstance(explain("train_loss", values, pool([], BACKWARD)), Explained)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("loss", [1.0, 2.0], "Epoch 1 loss: 0.5\nEpoch 2 loss: 0.4"),
        ("loss", [0.93], "loss: 0.5 acc: 0.93"),
        ("accuracy", [0.5], "loss: 0.5 acc: 0.93"),
        ("loss", [0.7], "loss: 0.5"),
        ("val_loss", [0.5], "train loss: 0.5\nval loss: 0.8"),
        ("loss_g", [0.5], "loss_d: 0.5 loss_g: 0.8"),
        ("loss", [math.nan], "loss: 0.5"),
    ],
)
def test_unexplained(name: str, values: list[float], text: str) -> None:
    assert isinstance(explain(name, values, pool(printed(text), [])), Unexplained)


def test_correct_counts_explain_an_accuracy() -> None:
    known = pool([], [("torch.item", "item", value) for value in (0.51, 21.0, 0.43, 23.0, 0.41, 30.0, 0.4, 27.0)])
    assert isinstance(explain("accuracy", [44 / 64, 57 / 64], known), Explained)
    assert isinstance(explain("accuracy", [0.91, 0.95], known), Unexplained)


def test_two_runs_do_not_run_into_one_series() -> None:
    known = joined(pool([], BACKWARD), pool([], BACKWARD))
    assert isinstance(explain("loss", [sum(LOSSES[:4]) / 4, sum(LOSSES[4:]) / 4], known), Explained)


def test_networks_trained_in_turn_have_their_own_means() -> None:
    both = [("torch.backward", "loss", value) for pair in zip(LOSSES, reversed(LOSSES), strict=True) for value in pair]
    means = [sum(LOSSES[:4]) / 4, sum(LOSSES[4:]) / 4]
    assert isinstance(explain("discriminator_loss", means, pool([], both, networks=2)), Explained)
    assert isinstance(explain("discriminator_loss", means, pool([], both)), Unexplained)


def test_a_spread_is_no_score() -> None:
    folds = [("sklearn.cross_validation", "test_score", value) for value in (0.91, 0.95, 0.99)]
    known = pool(printed("CV accuracy: 0.950 +/- 0.033"), folds)
    deviation = math.sqrt((0.04**2 + 0.04**2) / 3)
    assert isinstance(explain("cv_accuracy", [deviation], known), Unexplained)
    assert isinstance(explain("cv_accuracy_std", [deviation], known), Explained)
    assert isinstance(explain("cv_accuracy", [0.95], known), Explained)


def test_the_values_of_another_printed_series() -> None:
    known = pool(printed("Loss_D: 1.4000 Loss_G: 0.7000\nLoss_D: 1.3000 Loss_G: 0.8000"), [])
    wrong = explain("loss_d", [0.7, 0.8], known)
    assert isinstance(wrong, Unexplained)
    assert wrong.wrong_variable
    assert isinstance(explain("loss_d", [1.4, 1.3], known), Explained)


def test_near_a_printed_value_is_not_that_value() -> None:
    known = pool(printed("iter 0, loss: 3.332376\niter 50, loss: 3.188041"), [])
    assert isinstance(explain("loss", [3.332204], known), Unexplained)


@settings(derandomize=True)  # "hardly ever": some number is the mean of something
@given(st.floats(0.01, 0.99))
def test_an_invented_constant_is_hardly_ever_explained(value: float) -> None:
    result = explain("loss", [value], pool([], BACKWARD))
    # single values, and means of values that follow each other: those of an epoch, of a part of one
    near = [sum(LOSSES[i:j]) / (j - i) for i in range(len(LOSSES)) for j in range(i + 1, len(LOSSES) + 1)]
    total = sum(LOSSES)
    parts = [total / count for count in range(12, 2001)]
    if all(abs(value - other) > 1e-3 for other in near) and all(abs(value - other) > 1e-4 * value for other in parts):
        assert isinstance(result, Unexplained) or abs(value) < 0.3
