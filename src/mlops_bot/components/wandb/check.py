"""Does the evidence prove that W&B did its work? Pure: evidence and both runs in, None or a reason out."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import registered, retold, tracked

TRACKER = tracked.Tracker(title="W&B", ending="use `with wandb.init():`, or end it with run.finish()")


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    if functionality == "experiment-tracking":
        return tracked.check(evidence, TRACKER, facts=facts, baseline=baseline, adapted=adapted)
    if functionality == "model-registration":
        return registered.check(evidence, REGISTRY, baseline=baseline, adapted=adapted)
    return f"W&B's evidence for {functionality} cannot be judged"


REGISTRY = registered.Registry(
    title="W&B",
    register="log a wandb.Artifact(name, type='model') with the model's file, and link it with run.link_artifact(...)",
    unmade="was logged but not linked to a registered model: run.link_artifact(artifact, 'wandb-registry-model/NAME')",
)


def check_translation(
    evidence: Mapping[str, Json],
    *,
    source: Mapping[str, Json],
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when it holds what the tracker that the program moves away from held, otherwise why not."""
    if functionality == "experiment-tracking":
        return retold.check(evidence, TRACKER, source=source, adapted=adapted)
    return f"a translation for {functionality} cannot be judged"
