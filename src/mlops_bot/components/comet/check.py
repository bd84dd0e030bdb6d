"""Does the evidence prove that Comet did its work? Pure: evidence and both runs in, None or a reason out."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import tracked

TRACKER = tracked.Tracker(title="Comet", ending="end it with experiment.end()", noun="experiment")


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
    return f"Comet's evidence for {functionality} cannot be judged"
