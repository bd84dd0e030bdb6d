"""Search spaces: by name and value, and always with the present value in them."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.components.optuna.space import rule_for, suggestion


class Recorder:
    """Stands for a trial: keeps the range that it is asked for."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> None:
        self.low, self.high, self.log = low, high, log

    def suggest_int(self, name: str, low: int, high: int) -> None:
        self.low, self.high = low, high

    def suggest_categorical(self, name: str, choices: list[Any]) -> None:
        self.choices = choices


def asked(text: str, **names: object) -> Recorder:
    trial = Recorder()
    eval(compile(ast.parse(text, mode="eval"), "suggestion", "eval"), {"trial": trial, "max": max, **names})
    return trial


@pytest.mark.parametrize(
    ("name", "value", "sklearn", "expected"),
    [
        ("lr", 0.01, False, 'trial.suggest_float("lr", 0.001, 0.1, log=True)'),
        ("LEARNING_RATE", 3e-3, False, 'trial.suggest_float("LEARNING_RATE", 0.0003, 0.03, log=True)'),
        ("lr_actor", 1e-4, False, 'trial.suggest_float("lr_actor", 1e-05, 0.001, log=True)'),
        ("weight_decay", 5e-4, False, 'trial.suggest_float("weight_decay", 5e-05, 0.005, log=True)'),
        ("dropout", 0.2, False, 'trial.suggest_float("dropout", 0.0, 0.5)'),
        ("dropout", 0.8, False, 'trial.suggest_float("dropout", 0.0, 0.9)'),
        ("momentum", 0.9, False, 'trial.suggest_float("momentum", 0.45, 0.95)'),
        ("hidden", 64, False, 'trial.suggest_categorical("hidden", [32, 64, 128])'),
        ("batchSize", 32, False, 'trial.suggest_categorical("batchSize", [16, 32, 64])'),
        ("C", 5.0, True, 'trial.suggest_float("C", 0.5, 50.0, log=True)'),
        ("max_depth", 2, True, 'trial.suggest_int("max_depth", 1, 4)'),
        ("min_samples_split", 2, True, 'trial.suggest_int("min_samples_split", 2, 4)'),
        ("n_components", 32, True, 'trial.suggest_int("n_components", 16, 32)'),
        ("normalize_y", False, True, 'trial.suggest_categorical("normalize_y", [True, False])'),
    ],
)
def test_rules(name: str, value: Any, sklearn: bool, expected: str) -> None:
    rule = rule_for(name, value, sklearn=sklearn)
    assert rule is not None
    assert suggestion(name, rule, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 10), ("num_epochs", 10), ("seed", 1), ("test_batch_size", 1000), ("log_interval", 10), ("workers", 4),
        ("min_lr", 1e-4), ("lr_step_size", 7), ("patience", 5), ("num_classes", 10), ("image_size", 28), ("C", 1.0),
        ("gamma", 0.0), ("weight_decay", 0.0), ("lr", "auto"), ("input_size", 28), ("momentum", 1.0), ("lambda_gp", 10),
    ],
)  # fmt: skip
def test_what_is_not_searched(name: str, value: Any) -> None:
    assert rule_for(name, value) is None


def test_sizes_are_left_alone_where_heads_have_to_divide_them() -> None:
    assert rule_for("hidden", 64) is not None
    assert rule_for("hidden", 64, heads=True) is None
    assert rule_for("batch_size", 64, heads=True) is not None


NAMES = ["lr", "weight_decay", "dropout", "momentum", "hidden", "batch_size", "C", "max_depth", "n_components", "eps",
         "l1_ratio", "min_samples_split", "n_clusters", "gamma", "tol", "clip"]  # fmt: skip


@given(
    st.sampled_from(NAMES),
    st.one_of(st.integers(1, 4096), st.floats(1e-8, 1e4, allow_nan=False)),
    st.booleans(),
)
def test_every_range_includes_the_present_value(name: str, value: float, by_reference: bool) -> None:
    rule = rule_for(name, value, sklearn=True)
    if rule is None:
        return
    trial = asked(suggestion(name, rule, value, "now" if by_reference else None), now=value)
    if hasattr(trial, "choices"):
        assert value in trial.choices
        return
    slack = 1e-9 * abs(value)
    assert trial.low - slack <= value <= trial.high + slack
    assert trial.low < trial.high or rule.kind == "upto"
    assert not getattr(trial, "log", False) or trial.low > 0
