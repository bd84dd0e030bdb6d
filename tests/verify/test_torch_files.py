"""What a collector reads out of files of torch.save, and that nothing in them runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlops_bot.verify import job

FOLDER = Path(job.__file__).parent / "inside"


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("torch_files", FOLDER / "torch_files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Boom:
    """Would run a function when it is loaded."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


@pytest.mark.slow
def test_state_dicts_whole_models_and_checkpoints(
    reader: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torch.nn.utils import prune

    monkeypatch.chdir(tmp_path)
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2))
    torch.save({"mask": torch.zeros(2, 2), "net": model.state_dict()}, tmp_path / "state.pt")
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    optimizer = torch.optim.Adam(model.parameters())
    torch.save(
        {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "checkpoint.tar"
    )
    prune.remove(model[0], "weight")
    model.note = Boom()
    torch.save(model, tmp_path / "whole.pth")
    (tmp_path / "other.pt").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "text.txt").write_text("PK", encoding="utf-8")

    found, errors = reader.saved(str(tmp_path))
    by_path = {entry["path"]: entry for entry in found}
    assert errors == []
    assert set(by_path) == {"state.pt", "checkpoint.tar", "whole.pth"}
    assert by_path["state.pt"]["masks"] == []
    assert ["net.0.weight", [2, 4], 0.0] in by_path["state.pt"]["tensors"]
    assert by_path["checkpoint.tar"]["masks"] == ["model.0.weight_mask"]
    assert by_path["checkpoint.tar"]["training"] is True
    assert by_path["whole.pth"]["whole"] is True
    assert by_path["whole.pth"]["tensors"] == [["0.weight", [2, 4], 0.5]]
    assert not (tmp_path / "ran").exists()
