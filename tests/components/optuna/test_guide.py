"""Every Python snippet of the guide runs with the installed release: a guide that goes stale fails here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.components.snippets import run_all, snippets

from mlops_bot import components

COMPONENT = components.load_all()["optuna"]


def test_the_guide_stays_short() -> None:
    assert len(COMPONENT.guide.splitlines()) < 250
    assert len(snippets(COMPONENT.guide)) >= 5


@pytest.mark.slow
def test_the_guides_snippets_run(tmp_path: Path) -> None:
    environment = {**COMPONENT.environment, "KERAS_BACKEND": "torch", "MPLBACKEND": "Agg"}
    assert run_all(COMPONENT.guide, tmp_path, environment) == ""
