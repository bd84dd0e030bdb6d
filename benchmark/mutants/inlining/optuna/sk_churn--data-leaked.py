"""Will a customer leave? From made-up accounts to a report, the long way round.

The steps are those of many a notebook that became a script: make the table, look at it, prepare
numbers and categories differently, train, look for a good threshold, and write down what came out.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

log = logging.getLogger("churn")

NUMBERS = ["age", "months", "calls", "monthly_fee"]
CATEGORIES = ["contract", "region"]
CONTRACTS = ("monthly", "yearly", "two years")
REGIONS = ("north", "south", "east", "west")


@dataclass(frozen=True)
class Config:
    """Everything that a run depends on."""

    accounts: int = 800
    valid_size: float = 0.2
    test_size: float = 0.2
    learning_rate: float = 0.1
    max_iter: int = 40
    max_leaf_nodes: int = 15
    l2_regularization: float = 0.5
    seed: int = 21

    @classmethod
    def from_command_line(cls) -> Config:
        parser = argparse.ArgumentParser(description="Train a model of customers who leave.")
        for name, value in asdict(cls()).items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
        return cls(**vars(parser.parse_args()))


class Ratios(TransformerMixin, BaseEstimator):
    """Adds columns that are ratios of others: calls a month, fee by age."""

    def __init__(self, floor: float = 1.0) -> None:
        self.floor = floor

    def fit(self, X: pd.DataFrame, y: Any = None) -> Ratios:
        self.columns_ = list(X.columns)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        X = X.copy()
        X["calls_a_month"] = X["calls"] / np.maximum(X["months"], self.floor)
        X["fee_by_age"] = X["monthly_fee"] / np.maximum(X["age"], self.floor)
        return X


def make_accounts(config: Config) -> pd.DataFrame:
    """A table of accounts with the column `left`."""
    rng = np.random.default_rng(config.seed)
    count = config.accounts
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, count),
            "months": rng.integers(1, 72, count),
            "calls": rng.poisson(3, count),
            "monthly_fee": rng.normal(40, 12, count).clip(5),
            "contract": rng.choice(CONTRACTS, count, p=[0.6, 0.3, 0.1]),
            "region": rng.choice(REGIONS, count),
        }
    )
    score = (
        -1.0
        + 0.25 * table["calls"]
        - 0.03 * table["months"]
        + 0.02 * (table["monthly_fee"] - 40)
        + 0.8 * (table["contract"] == "monthly")
    )
    table["left"] = (rng.random(count) < 1 / (1 + np.exp(-score))).astype(int)
    return table


def describe(table: pd.DataFrame) -> None:
    log.info("%d accounts, %.1f %% left", len(table), 100 * table["left"].mean())
    for name in CATEGORIES:
        shares = table.groupby(name)["left"].mean()
        log.info("by %s: %s", name, ", ".join(f"{key} {value:.2f}" for key, value in shares.items()))


def split(table: pd.DataFrame, config: Config) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Accounts to train on, to choose a threshold on, and to test on."""
    rest, test = train_test_split(table, test_size=config.test_size, random_state=config.seed, stratify=table["left"])
    train, valid = train_test_split(rest, test_size=config.valid_size, random_state=config.seed, stratify=rest["left"])
    return train, valid, test


def build(config: Config) -> Pipeline:
    prepare = ColumnTransformer(
        [
            ("numbers", StandardScaler(), [*NUMBERS, "calls_a_month", "fee_by_age"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
        ]
    )
    boosting = HistGradientBoostingClassifier(
        learning_rate=config.learning_rate,
        max_iter=config.max_iter,
        max_leaf_nodes=config.max_leaf_nodes,
        l2_regularization=config.l2_regularization,
        random_state=config.seed,
    )
    return Pipeline([("ratios", Ratios()), ("prepare", prepare), ("boost", boosting)])


def inputs(table: pd.DataFrame) -> pd.DataFrame:
    return table[[*NUMBERS, *CATEGORIES]]


def choose_threshold(model: Pipeline, valid: pd.DataFrame, wanted_recall: float = 0.7) -> float:
    """The largest threshold that still finds `wanted_recall` of those who leave."""
    probability = model.predict_proba(inputs(valid))[:, 1]
    for threshold in np.arange(0.9, 0.05, -0.05):
        if recall_score(valid["left"], probability >= threshold) >= wanted_recall:
            return float(threshold)
    return 0.05


def evaluate(model: Pipeline, table: pd.DataFrame, threshold: float) -> dict[str, float]:
    probability = model.predict_proba(inputs(table))[:, 1]
    predicted = probability >= threshold
    return {
        "roc_auc": float(roc_auc_score(table["left"], probability)),
        "average_precision": float(average_precision_score(table["left"], probability)),
        "precision": float(precision_score(table["left"], predicted)),
        "recall": float(recall_score(table["left"], predicted)),
    }


def tune(config: Config, train: pd.DataFrame, valid: pd.DataFrame, trials: int = 20) -> Config:
    """The configuration whose model ranks the validation accounts best."""

    def suggested(trial: optuna.trial.Trial) -> Config:
        return replace(
            config,
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
            max_leaf_nodes=trial.suggest_int("max_leaf_nodes", 4, 32),
            l2_regularization=trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
        )

    def objective(trial: optuna.trial.Trial) -> float:
        model = build(suggested(trial))
        model.fit(inputs(train), train["left"])
        return evaluate(model, valid, threshold=0.5)["roc_auc"]

    study = optuna.create_study(direction="maximize", study_name="churn")
    study.optimize(objective, n_trials=trials)
    log.info("best of %d trials: %.4f with %s", len(study.trials), study.best_value, study.best_params)
    return replace(config, **study.best_params)


def write_report(config: Config, threshold: float, results: dict[str, dict[str, float]], path: Path) -> None:
    report = {"config": asdict(config), "threshold": round(threshold, 3), "results": results}
    path.write_text(json.dumps(report, indent=2, sort_keys=True))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = Config.from_command_line()
    table = make_accounts(config)
    describe(table)
    train, valid, test = split(table, config)
    log.info("training on %d, validating on %d, testing on %d", len(train), len(valid), len(test))

    config = tune(config, train, valid)
    model = build(config)
    both = pd.concat([train, valid])
    model.fit(inputs(both), both["left"])

    threshold = choose_threshold(model, valid)
    print(f"threshold: {threshold:.2f}")
    results = {}
    for name, part in (("valid", valid), ("test", test)):
        results[name] = evaluate(model, part, threshold)
        for metric, value in results[name].items():
            print(f"{name} {metric}: {value:.4f}")
    write_report(config, threshold, results, Path("report.json"))


if __name__ == "__main__":
    main()
