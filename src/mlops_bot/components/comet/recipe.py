"""Adds experiment tracking with Comet to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

from dataclasses import replace

from mlops_bot.components.comet.dialect import Comet
from mlops_bot.rewrite.moving import translate as moving
from mlops_bot.rewrite.tracking import keras_fit, lightning_fit, sklearn_fit
from mlops_bot.rewrite.tracking import recipe as tracking
from mlops_bot.rewrite.tracking.lightning_fit import Logger
from mlops_bot.rewrite.tracking.projects import project
from mlops_bot.types import Component, Functionality, NotApplicable, Rewritten, SourceFacts

_LIGHTNINGS_OWN = "lightning_logs"  # the folder of checkpoints has the project's name, and "None" without one
_ACCOUNT = "who runs it logs in once (`comet login`), or sets COMET_START_ONLINE=false"


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with the functionality, or why not."""
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    name = project(facts.path)
    dialect = Comet(name)
    logger = Logger("CometLogger", "comet_logger", name or _LIGHTNINGS_OWN, "comet_logger.experiment.end()", _metrics)
    outcome = tracking.rewrite(
        text,
        facts,
        dialect,
        {
            "lightning": lambda program, edits: lightning_fit.track(program, edits, dialect, logger),
            # Comet itself follows the fits of libraries that are imported after it.
            "keras": lambda program, edits: keras_fit.track(program, edits, dialect),
            "sklearn": lambda program, edits: sklearn_fit.track(program, edits, dialect, params=False),
        },
    )
    return outcome if isinstance(outcome, NotApplicable) else replace(outcome, notes=(*outcome.notes, _ACCOUNT))


def _metrics(values: str, epoch: str) -> str:
    return f"comet_ml.get_running_experiment().log_metrics({values}, epoch={epoch})"


def translate(
    text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
) -> Rewritten | NotApplicable:
    """A script that tracks with another component, with Comet in its place."""
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    return moving.translate(text, facts, source=source.name, target="comet")
