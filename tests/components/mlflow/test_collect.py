"""collect.py as it is called: in a job's root, on stores that are whole, broken, foreign or differently shaped."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mlops_bot.components.mlflow.collect as collect

RUN = "0123456789abcdef0123456789abcdef"
SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp INTEGER, run_uuid TEXT, step INTEGER, is_nan INTEGER);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
"""


def make_store(path: Path, *, artifacts: str = "/x/project/mlruns/0/r/artifacts") -> None:
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO experiments VALUES (0, 'Default')")
    connection.execute("INSERT INTO runs VALUES (?, 'calm-fox', 'FINISHED', 1, 2, 'active', ?, 0)", (RUN, artifacts))
    connection.execute("INSERT INTO runs VALUES ('deleted', 'x', 'FINISHED', 1, 2, 'deleted', '', 0)")
    rows = [
        ("loss", 0.5, 3, RUN, 1, 0),
        ("loss", 0.75, 2, RUN, 0, 0),
        ("bad", 0, 1, RUN, 0, 1),
        ("big", 1.7976931348623157e308, 1, RUN, 0, 0),
    ]
    connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("INSERT INTO params VALUES ('lr', '0.1', ?)", (RUN,))
    connection.execute("INSERT INTO tags VALUES ('mlflow.user', 'me', ?)", (RUN,))
    connection.commit()
    connection.close()


def call(root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, collect.__file__, ".mlops-bot/evidence.json", "experiment-tracking"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((root / ".mlops-bot" / "evidence.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project" / "sub").mkdir(parents=True)
    return tmp_path


def test_a_database_in_any_place_under_any_name(root: Path) -> None:
    make_store(root / "project" / "sub" / "tracking.bin")
    folder = root / "project" / "mlruns" / "0" / "r" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "plot.png").write_bytes(b"x")
    evidence = call(root)
    assert evidence["stores"] == ["sqlite:///project/sub/tracking.bin"]
    assert evidence["errors"] == []
    (run,) = evidence["runs"]
    assert run["status"] == "FINISHED"
    assert run["params"] == {"lr": "0.1"}
    assert run["metrics"]["loss"] == [[0, 0.75], [1, 0.5]]
    assert run["metrics"]["bad"] == [[0, "nan"]]
    assert run["artifacts"] == ["plot.png"]


def test_nothing_is_no_error(root: Path) -> None:
    evidence = call(root)
    assert (evidence["runs"], evidence["stores"], evidence["errors"]) == ([], [], [])


def test_a_corrupt_store_is_reported_and_the_others_are_read(root: Path) -> None:
    make_store(root / "project" / "good.db")
    content = bytearray((root / "project" / "good.db").read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    (root / "project" / "bad.db").write_bytes(bytes(content))
    evidence = call(root)
    assert len(evidence["runs"]) == 1
    assert len(evidence["errors"]) == 1
    assert "bad.db" in evidence["errors"][0]


def test_other_databases_are_left_alone(root: Path) -> None:
    connection = sqlite3.connect(root / "project" / "study.db")
    connection.execute("CREATE TABLE trials (a)")
    connection.execute("CREATE TABLE filler AS SELECT zeroblob(2000) AS b")
    connection.commit()
    connection.close()
    evidence = call(root)
    assert (evidence["stores"], evidence["errors"]) == ([], [])


def test_the_file_store(root: Path) -> None:
    run = root / "project" / "mlruns" / "0" / RUN
    for name in ("metrics/train", "params", "tags", "artifacts/model"):
        (run / name).mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("artifact_location: x\nexperiment_id: '0'\nname: Default\n")
    (run / "meta.yaml").write_text(
        f"run_id: {RUN}\nrun_name: calm\nstatus: 3\nstart_time: 5\nend_time: null\nlifecycle_stage: active\n"
    )
    (run / "metrics" / "train" / "loss").write_text("1 0.75 0\n2 nan 1\n")
    (run / "params" / "lr").write_text("0.1")
    (run / "artifacts" / "model" / "MLmodel").write_text("x")
    (found,) = call(root)["runs"]
    assert found["status"] == "FINISHED"
    assert found["metrics"] == {"train/loss": [[0, 0.75], [1, "nan"]]}
    assert found["params"] == {"lr": "0.1"}
    assert found["artifacts"] == ["model/MLmodel"]


def test_a_store_of_another_shape_is_read_by_the_client(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(root / "project" / "mlflow.db")
    connection = sqlite3.connect(root / "project" / "mlflow.db")
    connection.execute("ALTER TABLE metrics RENAME COLUMN is_nan TO not_a_number")
    connection.commit()
    connection.close()
    asked: list[str] = []
    monkeypatch.chdir(root)
    monkeypatch.setattr(collect, "client_runs", lambda uri, where: asked.append(uri) or ([{"run_id": "by client"}], []))
    evidence = collect.collect(root / "project")
    assert evidence["runs"] == [{"run_id": "by client"}]
    assert asked[0].startswith("sqlite:////")


def test_flavours_are_read_from_mlmodel(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(
        "artifact_path: m\nflavors:\n  python_function:\n    env: {}\n  sklearn:\n    code: null\nmodel_id: x\n"
    )
    assert collect.flavors(tmp_path) == ["python_function", "sklearn"]
