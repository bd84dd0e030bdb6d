from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow


def test_fits_scores_and_metrics(smoke: Smoke) -> None:
    source = """
import pickle
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, make_scorer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_iris(return_X_y=True)
a, b, c, d = train_test_split(X, y)
model = make_pipeline(StandardScaler(), LogisticRegression(C=2.0)).fit(a, c)
print(model.score(b, d), accuracy_score(d, model.predict(b)))
confusion_matrix(d, model.predict(b))
search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, scoring=make_scorer(accuracy_score)).fit(a, c)
print(pickle.loads(pickle.dumps(search)).best_score_)
LogisticRegression().fit(a[::-1], c[::-1])
"""
    first, second = smoke(source), smoke(source)
    assert first.code == 0, first.stderr
    assert first.stdout == second.stdout and first.record["scalars"] == second.record["scalars"]
    score, metric = (float(text) for text in first.stdout.splitlines()[0].split())
    shown, searched = first.record["scalars"][:2], first.record["scalars"][2:]
    assert shown == [["sklearn.score", "score", score], ["sklearn.metric", "accuracy_score", metric]]
    best = float(first.stdout.splitlines()[1])
    assert [name for _, name, _ in searched] == ["mean_test_score", "mean_test_score"]
    assert max(value for _, _, value in searched) == best
    pipeline, grid, last = first.record["training"]
    assert [pipeline["class"], grid["class"]] == ["Pipeline", "GridSearchCV"]
    assert pipeline["params"]["logisticregression__C"] == 2.0 and pipeline["shape"] == [112, 4]
    assert pipeline["digest"] == last["digest"]  # whatever the order of the rows
    assert first.record["errors"] == []


def test_what_fits_and_cross_validation_compute(smoke: Smoke) -> None:
    source = """
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score, cross_validate, learning_curve, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
X, y = load_iris(return_X_y=True)
print(make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X)[-1].inertia_)
tree = DecisionTreeClassifier(max_depth=1, random_state=0)
print(cross_val_score(tree, X, y, n_jobs=2).mean())
print(cross_validate(tree, X, y)["test_score"].mean())
print(learning_curve(tree, X, y)[2][-1].mean())
print(validation_curve(tree, X, y, param_name="max_depth", param_range=[1, 2])[1].mean(axis=1).max())
"""
    run = smoke(source)
    assert run.code == 0, run.stderr
    inertia, *means = (float(line) for line in run.stdout.splitlines())
    assert run.scalars("sklearn.fitted") == [inertia]
    computed = run.scalars("sklearn.cross_validation")
    assert all(any(abs(mean - value) < 1e-12 for value in computed) for mean in means)
    assert run.record["errors"] == []


def test_stand_ins(smoke: Smoke) -> None:
    source = """
from sklearn.datasets import fetch_20newsgroups, fetch_california_housing, fetch_openml
m = fetch_openml("mnist_784", version=1, as_frame=False)
print(m.data.shape, m.data.dtype, sorted(set(m.target)) == [str(n) for n in range(10)])
X, y = fetch_openml(data_id=41082, as_frame=False, return_X_y=True)
print(X.shape, X.dtype, y.dtype, type(y[0]))
t = fetch_openml("titanic", version=1, as_frame=True)
print(t.frame.shape, t.target.dtype, t.data["sex"].dtype)
h = fetch_california_housing(as_frame=True)
print(h.frame.shape, list(h.frame.columns)[-1])
print(len(fetch_20newsgroups(categories=["sci.med", "sci.space"]).data))
fetch_openml("no-such-data-at-all", version=1)
"""
    run = smoke(source)
    assert run.stdout.splitlines() == [
        "(70000, 784) float64 True",
        "(9298, 256) float64 object <class 'str'>",
        "(1309, 14) category category",
        "(20640, 9) MedHouseVal",
        "120",
    ], run.stderr
    assert any("no-such-data-at-all" in what for what in run.notes("unavailable"))
