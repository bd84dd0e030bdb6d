from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.components.mlflow.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Rewritten

START = """\
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_predict, cross_val_score, cross_validate, learning_curve
from sklearn.model_selection import permutation_test_score, validation_curve
from sklearn.feature_selection import RFECV
from sklearn.tree import DecisionTreeClassifier

X, y = load_iris(return_X_y=True)
clf = DecisionTreeClassifier(max_depth=2)
"""


def added(code: str) -> list[str]:
    text = START + dedent(code)
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, Rewritten), outcome
    again = rewrite(outcome.text, analyse("train.py", outcome.text), "experiment-tracking")
    assert isinstance(again, NotApplicable)
    old = [line.strip() for line in text.splitlines()]
    return [line.strip() for line in outcome.text.splitlines() if line.strip() and line.strip() not in old]


@pytest.mark.parametrize(
    ("code", "log"),
    [
        ("this_scores = cross_val_score(clf, X, y)", 'mlflow.log_metric("this_score", this_scores.mean())'),
        (
            "result = cross_validate(clf, X, y)",
            'mlflow.log_metric("test_score", result["test_score"].mean())',
        ),
        (
            "a = cross_validate(clf, X, y, scoring=['r2', 'max_error'])\nplot(a['test_r2'])",
            "mlflow.log_metric('a_test_r2', a['test_r2'].mean())",
        ),
        (
            "train_scores, test_scores = validation_curve(clf, X, y, param_name='max_depth', param_range=[1, 2])",
            "'best_test_score': test_scores.mean(axis=1).max(),",
        ),
        (
            "sizes, _, test_scores = learning_curve(clf, X, y)",
            'mlflow.log_metric("final_test_score", test_scores[-1].mean())',
        ),
        (
            "score, others, p_value = permutation_test_score(clf, X, y)",
            'mlflow.log_metrics({"score": score, "p_value": p_value})',
        ),
    ],
)
def test_results_that_are_kept_are_logged(code: str, log: str) -> None:
    lines = added(code)
    assert log in lines
    assert "mlflow.log_params(clf.get_params())" in lines
    assert "with mlflow.start_run():" in lines


def test_a_search_among_features_is_training() -> None:
    lines = added("rfecv = RFECV(estimator=clf, cv=3)\nrfecv.fit(X, y)\n")
    assert lines[1:] == [
        "with mlflow.start_run():",
        "mlflow.log_params(rfecv.get_params())",
        'mlflow.log_metric("best_cv_score", rfecv.cv_results_["mean_test_score"].max())',
    ]


def test_several_estimators_are_described() -> None:
    lines = added(
        """\
        other = DecisionTreeClassifier(max_depth=3)
        first_scores = cross_val_score(clf, X, y)
        other_scores = cross_val_score(other, X, y)
        """
    )
    assert 'mlflow.log_params({"clf": clf, "other": other})' in lines


@pytest.mark.parametrize("code", ["p = cross_val_predict(clf, X, y)", "plot(cross_val_score(clf, X, y))"])
def test_without_a_kept_score_it_does_not_apply(code: str) -> None:
    text = START + code + "\n"
    assert isinstance(rewrite(text, analyse("train.py", text), "experiment-tracking"), NotApplicable)
