"""A right and a wrong adaptation, really run under the smoke hooks and judged by the stages that follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.components.judging import Judge

from mlops_bot.types import Failed, Passed

from .running import judge_runs
from .support import program, swap

TREE = program("sklearn_tree")
HEAD = ("import numpy as np\n", "import mlflow\nimport numpy as np\n")
RUN = ("rng = ", "run = mlflow.start_run()\nmlflow.log_params({'max_depth': 2})\nrng = ")


@pytest.mark.slow
def test_a_right_and_a_wrong_adaptation() -> None:
    scored = TREE + 'mlflow.log_metric("mse", mean_squared_error(np.sin(X_test).ravel(), y_2))\nmlflow.end_run()\n'
    failed, baseline, _, evidence = judge_runs(TREE, swap(scored, HEAD, RUN))
    assert failed is None
    assert evidence["runs"][0]["metrics"]["mse"]
    made_up = TREE + 'mlflow.log_metric("mse", float(len(X)) / 523)\nmlflow.end_run()\n'
    failed, *_ = judge_runs(TREE, swap(made_up, HEAD, RUN), baseline)
    assert failed is not None
    assert failed.stage == "effect"
    assert "mse" in failed.reason


BY_EPOCH = """import numpy as np
from sklearn.linear_model import SGDClassifier

rng = np.random.default_rng(3)
X = rng.normal(size=(200, 5))
y = (X[:, 0] > 0).astype(int)
model = SGDClassifier(alpha=0.01, random_state=0)
scores = []
for epoch in range(5):
    model.partial_fit(X, y, classes=[0, 1])
    scores.append(model.score(X, y))
    print(f"epoch {epoch}: accuracy {scores[-1]:.4f}")
"""


@pytest.mark.slow
def test_a_candidate_that_needs_every_epoch_gets_them(tmp_path: Path) -> None:
    judge = Judge("mlflow", BY_EPOCH, tmp_path)
    logged = "    for number in range(5):\n        mlflow.log_metric('accuracy', scores[number], step=number)\n"
    start = "with mlflow.start_run():\n    mlflow.log_param('alpha', model.alpha)\n"
    assert isinstance(judge("import mlflow\n" + BY_EPOCH + start + logged), Passed)
    assert any("running again with 5 epochs" in line for line in judge.said)
    beyond = judge("import mlflow\n" + BY_EPOCH + start + logged.replace("range(5)", "range(6)"))
    assert isinstance(beyond, Failed)
    assert "IndexError" in beyond.reason
