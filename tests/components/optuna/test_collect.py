"""What studies leave in files: databases and journals are read, everything else is passed over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_bot import components

COLLECT = components.load_all()["optuna"].folder / "collect.py"
PROGRAM = """
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

for storage in ("sqlite:///runs/search.db", JournalStorage(JournalFileBackend("journal.log"))):
    study = optuna.create_study(study_name="s", storage=storage)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2, n_trials=2)
    study.ask()
"""


def collected(root: Path) -> dict[str, Any]:
    command = [sys.executable, str(COLLECT), ".mlops-bot/evidence.json", "hyperparameter-optimization"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    evidence: dict[str, Any] = json.loads((root / ".mlops-bot" / "evidence.json").read_text(encoding="utf-8"))
    return evidence


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("job")
    (root / "project" / "runs").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=root / "project", check=True, capture_output=True)
    (root / "project" / "runs" / "other.db").write_bytes(b"SQLite format 3\0 and then nothing")
    (root / "project" / "notes.txt").write_text('{"op_code": 3\n', encoding="utf-8")
    return collected(root)


def test_databases_and_journals_are_read(stored: dict[str, Any]) -> None:
    assert sorted(stored["stores"]) == ["journal.log", "runs/search.db"]
    for study in stored["stored"]:
        assert study["name"] == "s"
        assert [trial["state"] for trial in study["trials"]] == ["COMPLETE", "COMPLETE", "RUNNING"]
        assert study["trials"][0]["params"] == ["x"]
        assert len(study["trials"][0]["values"]) == 1


def test_what_cannot_be_read_is_said(stored: dict[str, Any]) -> None:
    assert any(error.startswith("other.db: ") for error in stored["errors"])
    assert stored["version"] != "?"


def test_nothing_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    evidence = collected(tmp_path)
    assert evidence["stored"] == evidence["stores"] == evidence["errors"] == []
