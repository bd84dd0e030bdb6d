"""collect.py of Comet, on the archive of an experiment that really happened, and on archives of any other kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import mlops_bot.components.comet.collect as collect
from mlops_bot import components

COMET = components.load_all()["comet"]
PROGRAM = """\
import comet_ml

experiment = comet_ml.start(project_name="p")
experiment.log_parameters({"lr": 0.1, "model": {"layers": 2}, "on": True})
for epoch in range(3):
    experiment.log_metric("loss", 1 / (epoch + 1), epoch=epoch)
    experiment.log_metrics({"bad": float("nan"), "big": float("inf")}, step=epoch)
with experiment.validate():
    experiment.log_metric("acc", 0.5)
experiment.log_text("hello")
open("model.pt", "w").write("weights")
experiment.log_model("net", "model.pt")
experiment.set_name("calm fox")
experiment.add_tag("nightly")
experiment.end()
comet_ml.start()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job's root with what the program left."""
    folder = tmp_path_factory.mktemp("job")
    project = folder / "project"
    project.mkdir()
    (project / "train.py").write_text(PROGRAM, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **COMET.environment}
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def call(root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, collect.__file__, ".mlops-bot/evidence.json", "experiment-tracking"],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((root / ".mlops-bot" / "evidence.json").read_text(encoding="utf-8"))
    return found


def test_an_experiment_with_everything(root: Path) -> None:
    evidence = call(root)
    assert evidence["errors"] == []
    assert len(evidence["stores"]) == 2
    run = next(run for run in evidence["runs"] if run["name"] == "calm fox")
    assert (run["status"], run["project"]) == ("FINISHED", "p")
    assert run["params"] == {"lr": "0.1", "model.layers": "2", "on": "True"}
    assert run["metrics"]["loss"] == [[0, 1.0], [1, 0.5], [2, 1 / 3]]
    assert [value for _, value in run["metrics"]["bad"]] == ["nan"] * 3
    assert [value for _, value in run["metrics"]["big"]] == ["inf"] * 3
    assert [value for _, value in run["metrics"]["val_acc"]] == [0.5]
    assert not [name for name in run["metrics"] if name.startswith("sys.")]
    assert "model.pt" in run["artifacts"]
    assert {"name": "model.pt", "kind": "model-element"} in run["logged_files"]
    assert next(run for run in evidence["runs"] if run["name"] != "calm fox")["params"] == {}


def archive(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(f"{name}.json", text)
    return path


def test_other_archives_are_left_alone_and_broken_ones_reported(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    archive(project / "data.zip", images="[]")
    (project / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    archive(project / "odd.zip", experiment="[1", messages="")
    evidence = call(tmp_path)
    assert (evidence["runs"], evidence["stores"]) == ([], [])
    assert sorted(error.partition(":")[0] for error in evidence["errors"]) == ["broken.zip", "odd.zip"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        '{"type": "metric_msg"}',
        '{"type": "metric_msg", "payload": {"metric": 3}}',
        '{"type": "metric_msg", "payload": {"metric": {"metricName": ["a"], "metricValue": {"b": 1}}}}',
        '{"type": "metric_msg", "payload": {"metric": {"metricName": "a", "metricValue": "many"}}}',
        '{"type": "parameter_msg", "payload": {"param": {"paramName": null}}}',
        '{"type": "file_upload", "payload": {"additional_params": []}}',
        '{"type": "log_other", "payload": {}}',
    ],
)
def test_messages_of_any_content_are_survived(line: str, tmp_path: Path) -> None:
    good = '{"type": "metric_msg", "payload": {"metric": {"metricName": "loss", "metricValue": 0.5, "step": 1}}}'
    path = archive(tmp_path / "x.zip", experiment='{"offline_id": "k"}', messages=f"{line}\n{good}\n")
    run = collect.read(path)
    assert run["metrics"]["loss"] == [[1, 0.5]]
    json.dumps(run, allow_nan=False)


def test_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    evidence = call(tmp_path)
    assert (evidence["runs"], evidence["stores"], evidence["errors"]) == ([], [], [])
