"""Every Python snippet of every guide runs with the installed release: a guide that goes stale fails here."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mlops_bot import components
from mlops_bot.types import Component, Functionality
from mlops_bot.verify.observe import belongs

from .snippets import run_all, snippets

GUIDES = [
    pytest.param(component, functionality, id=f"{component.name}-{functionality}")
    for component in components.load_all().values()
    for functionality in component.functionalities
]
TITLES = {"pytorch": "## PyTorch", "lightning": "## Lightning", "keras": "## Keras", "sklearn": "## scikit-learn"}


@pytest.mark.parametrize(("component", "functionality"), GUIDES)
def test_a_guide_covers_what_its_component_serves_and_stays_short(
    component: Component, functionality: Functionality
) -> None:
    guide = component.guide_for(functionality)
    assert len(snippets(guide)) >= 3
    assert len(guide.splitlines()) < 250
    if functionality in ("experiment-tracking", "model-registration"):
        for framework, title in TITLES.items():
            assert framework not in component.frameworks or title in guide


def _served(component: Component, folder: Path) -> dict[str, str]:
    """Where the snippets of lakeFS find a server: the one that smoke runs have."""
    if component.name != "lakefs":
        return {}
    server = runpy.run_path(str(component.folder / "smoke.py"))
    return {"LAKECTL_SERVER_ENDPOINT_URL": server["serve"](str(folder / "lake"))}


@pytest.mark.slow
@pytest.mark.parametrize(("component", "functionality"), GUIDES)
def test_the_snippets_run(component: Component, functionality: Functionality, tmp_path: Path) -> None:
    guide = component.guide_for(functionality)
    environment = {
        "KERAS_BACKEND": "torch",
        "MPLBACKEND": "Agg",
        **component.environment,
        **_served(component, tmp_path),
    }
    assert run_all(guide, tmp_path, environment, first=component.imports) == ""
    if functionality == "experiment-tracking":
        for number in range(1, len(snippets(guide)) + 1):
            folder = tmp_path / f"snippet{number}"
            left = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
            assert any(belongs(path, component.store) for path in left), f"snippet {number} leaves no store"
