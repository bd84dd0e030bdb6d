"""Every Python snippet of every guide runs with the installed release: a guide that goes stale fails here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_bot import components
from mlops_bot.types import Component, Functionality
from mlops_bot.verify.observe import belongs

GUIDES = [
    (component, functionality)
    for component in components.load_all().values()
    for functionality in component.functionalities
]
TITLES = {"pytorch": "## PyTorch", "lightning": "## Lightning", "keras": "## Keras", "sklearn": "## scikit-learn"}


def snippets(guide: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)


SNIPPETS = [
    pytest.param(component, code, id=f"{component.name}-{functionality}-{index}")
    for component, functionality in GUIDES
    for index, code in enumerate(snippets(component.guide_for(functionality)), 1)
]


@pytest.mark.parametrize(
    ("component", "functionality"), GUIDES, ids=[f"{component.name}-{name}" for component, name in GUIDES]
)
def test_a_guide_covers_what_its_component_serves_and_stays_short(
    component: Component, functionality: Functionality
) -> None:
    guide = component.guide_for(functionality)
    assert snippets(guide)
    assert len(guide.splitlines()) < 250
    if functionality in ("experiment-tracking", "model-registration"):
        for framework, title in TITLES.items():
            assert framework not in component.frameworks or title in guide


@pytest.mark.slow
@pytest.mark.parametrize(("component", "code"), SNIPPETS)
def test_the_snippets_run(component: Component, code: str, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(code, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KERAS_BACKEND": "torch", **component.environment}
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    if component.store:
        left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
        assert any(belongs(path, component.store) for path in left)
