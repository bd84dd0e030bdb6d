"""Every Python snippet of the guide runs with the installed release: a guide that goes stale fails here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_bot import components

COMPONENT = components.load_all()["mlflow"]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", COMPONENT.guide, re.MULTILINE | re.DOTALL)


def test_the_guide_covers_every_framework_and_stays_short() -> None:
    for title in ("## scikit-learn", "## Keras", "## Lightning", "## PyTorch"):
        assert title in COMPONENT.guide
    assert len(COMPONENT.guide.splitlines()) < 250
    assert len(SNIPPETS) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=[f"snippet{index}" for index in range(1, len(SNIPPETS) + 1)])
def test_the_guides_snippets_run(snippet: str, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KERAS_BACKEND": "torch",
        **COMPONENT.environment,
    }
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "mlflow.db").exists()
