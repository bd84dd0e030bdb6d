"""Two trackers' accounts of the same program compared."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.verify.support import observation

from mlops_bot.components.mlflow.check import TRACKER
from mlops_bot.verify import retold

SOURCE: dict[str, Any] = {
    "runs": [
        {
            "run_id": "1",
            "name": "first",
            "status": "FINISHED",
            "params": {"lr": "0.1", "model.layers": "2"},
            "metrics": {"train/loss": [[0, 0.9], [2, 0.5]], "sys.cpu": [[0, 1.0]]},
            "labels": ["demo"],
            "artifacts": ["model.pt", "media/images/x.png", "config.yaml"],
        }
    ]
}
TARGET: dict[str, Any] = {
    "runs": [
        {
            "run_id": "a",
            "name": "first",
            "status": "FINISHED",
            "params": {"lr": 0.1, "model/layers": "2", "more": "1"},
            "metrics": {"train_loss": [[1, 0.9], [2, 0.5]]},
            "tags": {"demo": "true"},
            "artifacts": ["files/model.pt"],
        }
    ]
}


def judged(target: dict[str, Any], source: dict[str, Any] = SOURCE) -> str | None:
    return retold.check(target, TRACKER, source=source, adapted=observation())


def test_the_same_in_other_words_passes() -> None:
    assert judged(TARGET) is None


CHANGES = {
    "parameter `lr`, MLflow does not": lambda run: run["params"].pop("lr"),
    "the parameter `lr` was 0.1": lambda run: run["params"].update(lr="0.2"),
    "metric `train/loss`, MLflow does not": lambda run: run["metrics"].clear(),
    "had 2 values": lambda run: run["metrics"]["train_loss"].pop(),
    "as value number 2": lambda run: run["metrics"]["train_loss"].reverse() or run["metrics"].update(
        train_loss=[[1, 0.9], [2, 0.4]]),
    "give each its step": lambda run: run["metrics"].update(train_loss=[[0, 0.9], [0, 0.5]]),
    "the tag `demo`": lambda run: run["tags"].clear(),
    "kept the file model.pt": lambda run: run["artifacts"].clear(),
    "was never ended": lambda run: run.update(status="RUNNING"),
}  # fmt: skip


@pytest.mark.parametrize("said", CHANGES)
def test_what_is_missing_is_said(said: str) -> None:
    target = copy.deepcopy(TARGET)
    CHANGES[said](target["runs"][0])
    reason = judged(target)
    assert reason is not None
    assert said in reason


def test_each_run_needs_one_of_its_own() -> None:
    source = {"runs": [SOURCE["runs"][0], copy.deepcopy(SOURCE["runs"][0])]}
    reason = judged(TARGET, source)
    assert reason is not None
    assert "2 runs" in reason


def test_an_original_that_logs_nothing_proves_nothing() -> None:
    reason = judged(TARGET, {"runs": []})
    assert reason is not None
    assert "logged nothing" in reason


def test_a_trained_model_has_other_files_in_every_tracker_and_tables_have_none() -> None:
    source = copy.deepcopy(SOURCE)
    source["runs"][0]["artifacts"] += ["CometModel", "model-data/comet-sklearn-model.joblib"]
    source["runs"][0]["logged_artifacts"] = [{"name": "run-table", "files": ["table.table.json"]}]
    source["runs"][0]["artifacts"].append("run-table")
    target = copy.deepcopy(TARGET)
    target["runs"][0]["artifacts"] = ["files/model.pt"]
    assert judged(target, source) is None  # a file of a model
    target["runs"][0]["artifacts"] = []
    source["runs"][0]["artifacts"] = ["CometModel"]
    assert "kept a trained model" in str(judged(target, source))
    target["runs"][0]["models"] = [{"name": "line"}]
    assert judged(target, source) is None
