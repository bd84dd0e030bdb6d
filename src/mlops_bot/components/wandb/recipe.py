"""Adds what W&B provides to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

from dataclasses import replace

from mlops_bot.components.wandb.dialect import Wandb
from mlops_bot.components.wandb.registration import Wandb as Registry
from mlops_bot.rewrite.moving import translate as moving
from mlops_bot.rewrite.registration import recipe as registering
from mlops_bot.rewrite.tracking import keras_fit, lightning_fit, sklearn_fit
from mlops_bot.rewrite.tracking import recipe as tracking
from mlops_bot.rewrite.tracking.lightning_fit import Logger
from mlops_bot.rewrite.tracking.projects import project
from mlops_bot.types import Component, Functionality, NotApplicable, Rewritten, SourceFacts

_ACCOUNT = "who runs it logs in once (`wandb login`), or sets WANDB_MODE=offline"


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with the functionality, or why not."""
    name = project(facts.path)
    if functionality == "model-registration":
        return registering.rewrite(text, facts, Registry(name))
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    dialect = Wandb(name)
    logger = Logger("WandbLogger", "wandb_logger", name, "wandb_logger.experiment.finish()", _row)
    outcome = tracking.rewrite(
        text,
        facts,
        dialect,
        {
            "lightning": lambda program, edits: lightning_fit.track(program, edits, dialect, logger),
            "keras": lambda program, edits: keras_fit.track(program, edits, dialect, log=_row("logs", "epoch")),
            "sklearn": lambda program, edits: sklearn_fit.track(program, edits, dialect),
        },
    )
    return outcome if isinstance(outcome, NotApplicable) else replace(outcome, notes=(*outcome.notes, _ACCOUNT))


def _row(values: str, epoch: str) -> str:
    return f'wandb.log({{**{values}, "epoch": {epoch}}})'


def translate(
    text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
) -> Rewritten | NotApplicable:
    """A script that tracks with another component, with W&B in its place."""
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    return moving.translate(text, facts, source=source.name, target="wandb")
