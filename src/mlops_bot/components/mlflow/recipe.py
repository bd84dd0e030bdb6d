"""Adds what MLflow provides to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

from mlops_bot.components.mlflow import autolog
from mlops_bot.components.mlflow.dialect import MLFLOW
from mlops_bot.components.mlflow.registration import MLFLOW as MLFLOW_REGISTRY
from mlops_bot.rewrite.moving import translate as moving
from mlops_bot.rewrite.registration import recipe as registering
from mlops_bot.rewrite.tracking import recipe as tracking
from mlops_bot.types import Component, Functionality, NotApplicable, Rewritten, SourceFacts


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with the functionality, or why not."""
    if functionality == "experiment-tracking":
        return tracking.rewrite(text, facts, MLFLOW, autolog.WAYS)
    if functionality == "model-registration":
        return registering.rewrite(text, facts, MLFLOW_REGISTRY)
    return NotApplicable(f"not applicable because the recipe does not serve {functionality}")


def translate(
    text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
) -> Rewritten | NotApplicable:
    """A script that tracks with another component, with MLflow in its place."""
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    return moving.translate(text, facts, source=source.name, target="mlflow")
