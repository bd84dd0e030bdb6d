"""A right and a wrong adaptation, really run under the smoke hooks and judged by the stages that follow."""

from __future__ import annotations

import pytest

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
