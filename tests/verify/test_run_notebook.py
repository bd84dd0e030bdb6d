"""Notebooks run as Jupyter would: a kernel that takes long to end is waited for, since the trace is written then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import mlops_bot

RUN = Path(mlops_bot.__file__).parent / "verify" / "inside" / "run_notebook.py"
LATE = """\
import atexit, time
def late():
    time.sleep(6)  # longer than Jupyter waits by itself
    open("late.txt", "w").write("there")
atexit.register(late)
print("done")
"""


@pytest.mark.slow
def test_a_kernel_may_take_long_to_end(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LATE)])
    nbformat.write(notebook, tmp_path / "train.ipynb")
    command = [sys.executable, str(RUN), "train.ipynb"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "done" in ended.stdout
    assert (tmp_path / "late.txt").read_text() == "there"
