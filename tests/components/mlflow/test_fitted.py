from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.components.mlflow.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import Rewritten

START = """\
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import f1_score, silhouette_score
from sklearn.mixture import GaussianMixture
"""
RUN = "run_id=mlflow.last_active_run().info.run_id"


def logged(code: str) -> list[str]:
    text = START + dedent(code)
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, Rewritten), outcome
    return [line.strip() for line in outcome.text.splitlines() if "log_metric" in line]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("kmeans = KMeans(3)\nkmeans.fit(X)\n", f'mlflow.log_metric("inertia", kmeans.inertia_, {RUN})'),
        ("kmeans = KMeans(3).fit(X)\n", f'mlflow.log_metric("inertia", kmeans.inertia_, {RUN})'),
        ("gmm = GaussianMixture(2)\nlabels = gmm.fit_predict(X)\n",
         f'mlflow.log_metric("lower_bound", gmm.lower_bound_, {RUN})'),
        ("km = KMeans(3).fit(X)\nrow = [name, km.inertia_]\n", f'mlflow.log_metric("inertia", km.inertia_, {RUN})'),
        ("model = DBSCAN()\nlabels = model.fit_predict(X)\nquality = silhouette_score(X, labels)\n",
         f'mlflow.log_metric("quality", quality, {RUN})'),
        ("model = DBSCAN()\nlabels = model.fit_predict(X)\nvalue = silhouette_score(X, labels)\n",
         f'mlflow.log_metric("silhouette_score", value, {RUN})'),
    ],
)  # fmt: skip
def test_numbers_that_are_not_shown(code: str, expected: str) -> None:
    assert logged(code) == [expected]


@pytest.mark.parametrize(
    "code",
    [
        "model = DBSCAN()\nlabels = model.fit_predict(X)\nvalues = f1_score(y, labels, average=None)\n",
        "value = silhouette_score(X, labels)\nmodel = DBSCAN().fit(X)\n",
        "models = [KMeans(k).fit(X) for k in range(3)]\nall_of_them = [m.inertia_ for m in models]\n",
        "model = DBSCAN()\nmodel.fit(X)\n",
    ],
)
def test_what_is_no_number_for_sure_is_left_out(code: str) -> None:
    assert logged(code) == []
