"""What is MLflow's own in its check. What holds for every tracker is in ../test_tracking_checks.py."""

from __future__ import annotations

from dataclasses import replace

from mlops_bot import components
from mlops_bot.verify.tracked_params import fits

from ...verify.recorded import recorded  # noqa: TID252 - the recorded runs are the verdict's

MLFLOW = components.load_all()["mlflow"]


def test_autologged_scores_need_the_estimators_own_parameters() -> None:
    run = recorded("sklearn")
    for entry in run.evidence["runs"]:
        entry["params"] = {"max_depth": entry["params"]["max_depth"]}
    reason = run.reason(MLFLOW)
    assert reason is not None
    assert "training_" in reason


def test_a_search_is_known_by_its_own_parameters() -> None:
    run = recorded("sklearn")
    params = {"cv": None, "n_iter": 10, "estimator": "SVC()", "estimator__C": 1.0, "estimator__gamma": "scale"}
    event = {"event": "sklearn.fit", "class": "RandomizedSearchCV", "params": params, "shape": [9, 2], "digest": "0"}
    baseline = replace(run.baseline, trace={**run.baseline.trace, "training": [event]})
    assert fits({"params": {"cv": "None", "n_iter": "10", "estimator": "SVC()"}}, baseline)
    assert not fits({"params": {"cv": "5", "n_iter": "20", "estimator": "SVC()"}}, baseline)
