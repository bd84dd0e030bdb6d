"""collect.py of W&B, on the log of a run that really happened, and on the same log cut off, spoilt and made up."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

import mlops_bot.components.wandb.collect as collect
from mlops_bot import components

WANDB = components.load_all()["wandb"]
PROGRAM = """\
import numpy as np
import wandb

with wandb.init(project="p", name="calm-fox", config={"lr": 0.1, "model": {"layers": 2}, "on": True}) as run:
    for epoch in range(300):
        wandb.log({"loss": 1 / (epoch + 1), "epoch": epoch, "text": "x" * 200})
    wandb.log({"late": 1}, step=3)
    wandb.log({"nested": {"acc": 0.5}, "bad": float("nan"), "big": float("inf"), "flag": True})
    wandb.log({"picture": wandb.Image(np.zeros((2, 2)))})
    open("model.pt", "w").write("weights")
    wandb.log_artifact("model.pt", name="net", type="model")
    wandb.config.update({"lr": 0.2}, allow_val_change=True)
    run.summary["best"] = 0.75
with wandb.init(config={"fold": 2}) as run:
    pass
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job's root with what the program left."""
    folder = tmp_path_factory.mktemp("job")
    project = folder / "project"
    project.mkdir()
    (project / "train.py").write_text(PROGRAM, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), **WANDB.environment}
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


def log_of(root: Path) -> bytes:
    return max(root.rglob("*.wandb"), key=lambda path: path.stat().st_size).read_bytes()


def read(content: bytes, tmp_path: Path) -> tuple[Any, Any]:
    from wandb.proto import wandb_internal_pb2

    (tmp_path / "run-x.wandb").write_bytes(content)
    return collect.read(tmp_path / "run-x.wandb", wandb_internal_pb2.Record)


def test_a_run_with_everything(root: Path) -> None:
    evidence = call(root)
    assert evidence["errors"] == []
    assert len(evidence["stores"]) == 2
    run, other = sorted(evidence["runs"], key=lambda run: run["name"] != "calm-fox")
    assert (run["status"], run["exit_code"], run["project"]) == ("FINISHED", 0, "p")
    assert run["params"] == {"lr": "0.2", "model.layers": "2", "on": "True"}
    assert run["metrics"]["loss"] == [[epoch, 1 / (epoch + 1)] for epoch in range(300)]
    assert run["metrics"]["nested.acc"] == [[300, 0.5]]
    assert run["metrics"]["bad"] == [[300, "nan"]]
    assert run["metrics"]["big"] == [[300, "inf"]]
    assert run["metrics"]["best"] == [[301, 0.75]]
    assert not {"late", "text", "flag", "_step", "picture.width"} & set(run["metrics"])
    assert run["media"] == {"picture": "image-file"}
    assert run["logged_artifacts"] == [{"name": "net", "type": "model", "files": ["model.pt"]}]
    assert any(name.startswith("media/images/picture") for name in run["artifacts"])
    assert (other["params"], other["metrics"], other["status"]) == ({"fold": "2"}, {}, "FINISHED")


def test_a_log_that_breaks_off_is_a_run_that_was_never_finished(root: Path, tmp_path: Path) -> None:
    content = log_of(root)
    run, problem = read(content[:40_000], tmp_path)
    assert problem is None
    assert run["status"] == "RUNNING"
    assert 10 < len(run["metrics"]["loss"]) < 300
    run, problem = read(content[:30], tmp_path)
    assert (run["run_id"], run["status"], problem) == ("x", "RUNNING", None)


def test_a_log_that_was_changed_is_damaged(root: Path, tmp_path: Path) -> None:
    content = bytearray(log_of(root))
    content[-100] ^= 1
    run, problem = read(bytes(content), tmp_path)
    assert run["status"] == "DAMAGED"
    assert "checksum" in problem
    assert read(b"no log of any kind" * 10, tmp_path) == (None, "Broken: it does not begin like a log of W&B")


@pytest.mark.parametrize("text", ["", "{}", '{"a": [1, 2', "\x00\xff", "9" * 5000])
def test_records_of_any_content_are_survived(text: str, tmp_path: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    record = wandb_internal_pb2.Record()
    record.run.run_id = "r"
    record.run.config.update.add(key="k", value_json=text)
    history = wandb_internal_pb2.Record()
    history.history.item.add(key="loss", value_json=text)
    history.history.item.add(key="_step", value_json=text)
    rest = b"".join(packed(part) for part in (record.SerializeToString(), history.SerializeToString(), b"\xff\xff"))
    run, problem = read(collect.HEADER + rest, tmp_path)
    assert run["run_id"] == "r"
    assert problem
    json.dumps(run, allow_nan=False)


def packed(content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(bytes([collect.FULL])))
    return struct.pack("<IHB", checksum, len(content), collect.FULL) + content


def test_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    evidence = call(tmp_path)
    assert (evidence["runs"], evidence["stores"], evidence["errors"]) == ([], [], [])
