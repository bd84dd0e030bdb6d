"""Adds what MLflow provides to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

from mlops_bot.components.mlflow import autolog
from mlops_bot.components.mlflow.dialect import MLFLOW
from mlops_bot.rewrite.tracking import recipe as tracking
from mlops_bot.types import Functionality, NotApplicable, Rewritten, SourceFacts


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with the functionality, or why not."""
    if functionality == "experiment-tracking":
        return tracking.rewrite(text, facts, MLFLOW, autolog.WAYS)
    return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
