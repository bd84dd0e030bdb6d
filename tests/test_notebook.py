"""Notebooks as scripts and back: what is not touched stays byte for byte."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot import notebook
from mlops_bot.errors import UserError

ROOT = Path(__file__).parents[1]


def document(*sources: str | list[str], **more: Any) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "execution_count": 3, "id": f"c{number}", "metadata": {"tags": ["x"]},
         "outputs": [{"name": "stdout", "output_type": "stream", "text": ["1\n"]}], "source": source}
        for number, source in enumerate(sources)
    ]  # fmt: skip
    return {"cells": cells, "metadata": {"kernelspec": {"name": "k", "language": "python"}}, "nbformat": 4,
            "nbformat_minor": 5, **more}  # fmt: skip


LAYOUTS = st.sampled_from([{"indent": 1}, {"indent": 2}, {"indent": 4}, {}, {"indent": 1, "sort_keys": True}])
CELL = st.lists(
    st.sampled_from(["x = 1", "for a in b:", "    print('ä')", "%matplotlib inline", "!pip list", "    !ls", "", "help?",
                     "%%time", "%%bash", "pass  # a comment", "# %% a marker of somebody's own"]), max_size=5,
).map("\n".join)  # fmt: skip


@given(st.lists(CELL, min_size=1, max_size=4), LAYOUTS, st.booleans(), st.booleans())
def test_a_text_that_is_not_changed_gives_back_the_very_bytes(
    cells: list[str], layout: dict[str, Any], plain: bool, end: bool
) -> None:
    data = (json.dumps(document(*cells), ensure_ascii=plain, **layout) + ("\n" if end else "")).encode()
    if not any(cell.strip() for cell in cells):
        with pytest.raises(UserError, match="has no code"):
            notebook.script_of("n.ipynb", data)
        return
    text = notebook.script_of("n.ipynb", data)
    assert notebook.notebook_of("n.ipynb", data, text) == data


def test_what_is_ipythons_becomes_python_and_comes_back() -> None:
    data = json.dumps(
        document(["%matplotlib inline\n", "if x:\n", "    !ls {x}\n", "y = 2"], "%%bash\necho 1\n")
    ).encode()
    text = notebook.script_of("n.ipynb", data)
    ast.parse(text)
    changed = notebook.notebook_of("n.ipynb", data, text.replace("y = 2", "y = 2\nz = 3"))
    cells = json.loads(changed)["cells"]
    assert cells[0]["source"] == ["%matplotlib inline\n", "if x:\n", "    !ls {x}\n", "y = 2\n", "z = 3"]
    assert cells[1] == json.loads(data)["cells"][1]
    assert cells[0]["outputs"] and cells[0]["metadata"] == {"tags": ["x"]}


def test_a_line_before_the_first_cell_belongs_to_it() -> None:
    data = json.dumps(document("x = 1")).encode()
    changed = notebook.notebook_of("n.ipynb", data, "import mlflow\n" + notebook.script_of("n.ipynb", data))
    assert json.loads(changed)["cells"][0]["source"] == "import mlflow\nx = 1"


def test_markdown_is_no_code() -> None:
    data = json.dumps(document("x = 1")).encode()
    raw = json.loads(data)
    raw["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "x ="})
    assert notebook.script_of("n.ipynb", json.dumps(raw).encode()) == "# %% [cell 1]\nx = 1"


@pytest.mark.parametrize("change", ["# %% [cell 0]\n", "# %% [cell 1]\n"])
def test_cells_that_are_lost_are_refused(change: str) -> None:
    data = json.dumps(document("x = 1", "y = 2")).encode()
    text = notebook.script_of("n.ipynb", data)
    with pytest.raises(UserError, match="lines that name"):
        notebook.notebook_of("n.ipynb", data, text.replace(change, ""))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "is no notebook"),
        (b"[]", "is no notebook"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "is no notebook"),
        (json.dumps(document("x", metadata={"kernelspec": {"language": "R"}})).encode(), "speaks R"),
        (json.dumps(document("", " \n")).encode(), "has no code"),
    ],
)
def test_what_is_no_python_notebook_is_said(data: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        notebook.script_of("n.ipynb", data)


@pytest.mark.slow
def test_a_notebook_is_adapted_and_run_by_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = document(
        "%matplotlib inline\nimport torch\nEPOCHS = 40",
        "torch.manual_seed(0)\nx = torch.randn(64, 3)\ny = x.sum(1, keepdim=True)\nmodel = torch.nn.Linear(3, 1)",
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for epoch in range(EPOCHS):\n    optimizer.zero_grad()\n    loss = torch.nn.functional.mse_loss(model(x), y)\n"
        "    loss.backward()\n    optimizer.step()\n    print(f'epoch {epoch} loss {loss.item():.4f}')",
    )
    path = tmp_path / "train.ipynb"
    path.write_text(json.dumps(original, indent=1))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    command = ["add", "mlflow", str(path), "--engine", "recipe", "--sandbox", "process", "--write", "--json"]
    done = subprocess.run([sys.executable, "-m", "mlops_bot", *command, str(tmp_path / "r.json")], cwd=tmp_path,
                          capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert any(note["kind"] == "limit" and "40 -> 2" in note["detail"] for note in report["evidence"]["notes"])
    (run,) = report["evidence"]["component"]["runs"]
    assert run["metrics"] and {len(points) for points in run["metrics"].values()} == {2}
    written = json.loads(path.read_text())
    for before, after in zip(original["cells"], written["cells"], strict=True):
        assert after["outputs"] == before["outputs"] and after["id"] == before["id"]
    assert "mlflow" in "".join(written["cells"][0]["source"]) and "%matplotlib inline" in written["cells"][0]["source"]
