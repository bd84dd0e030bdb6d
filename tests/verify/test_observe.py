from __future__ import annotations

import json

import pytest

from mlops_bot.types import RunResult
from mlops_bot.verify.observe import belongs, observe, trace


def result(files: dict[str, bytes]) -> RunResult:
    return RunResult(0, "out", "err", 1.5, "exited", files)


def test_outputs_are_what_is_new_or_changed_below_project() -> None:
    files = {"project/a.txt": b"1", "project/same.py": b"x", "project/mlruns/0/meta.yaml": b"y", "project/sub/mlflow.db": b"z",
             "project/__pycache__/m.pyc": b"p", "project/w.pt": b"\0\xff", ".mlops-bot/trace.json": b"{}", "elsewhere": b"e"}  # fmt: skip
    seen = observe(result(files), given={"same.py": b"x"}, store=("mlflow.db", "mlruns/**"))
    assert sorted(seen.outputs) == ["a.txt", "w.pt"]
    assert seen.outputs["a.txt"].text == "1"
    assert seen.outputs["w.pt"].text is None
    assert seen.ok


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"scalars": 3, "training": {"a": 1}, "models": [1, null]}'],
)
def test_a_hostile_trace_is_dropped(content: bytes | None) -> None:
    clean = trace(content)
    assert clean.get("scalars", []) == []
    assert clean.get("training", []) == []
    assert clean.get("models", []) == []


def test_scalars_are_cleaned() -> None:
    entries = [["a", "b", 1], ["a", "b", "nan"], ["a", "b", True], ["a"], ["a", "b", None], [1, 2, 3.5]]
    clean = trace(json.dumps({"scalars": entries}).encode())
    assert clean["scalars"] == [["a", "b", 1.0], ["a", "b", "nan"], ["1", "2", 3.5]]
    json.dumps(clean, allow_nan=False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mlruns/0/x", True),
        ("sub/mlruns/1/y", True),
        ("mlflow.db", True),
        ("mlflow.db-wal", False),
        ("my_mlruns/x", False),
        ("out.db", False),
    ],
)
def test_store_globs(path: str, expected: bool) -> None:
    assert belongs(path, ("mlflow.db", "mlruns/**")) is expected


def test_texts_of_plots_are_kept() -> None:
    assert trace(json.dumps({"texts": ["MSE: 0.02", 3]}).encode())["texts"] == ["MSE: 0.02", "3"]
    assert trace(json.dumps({"texts": {"a": 1}}).encode())["texts"] == []
