"""Does the evidence prove that Comet did its work? Pure: evidence and both runs in, None or a reason out."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import retold, tracked
from mlops_bot.verify.tracked_params import events


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


def _of_batches(name: str, baseline: Observation) -> bool:
    """Comet follows `fit` of Keras by itself: of some batches it logs what Keras has at that moment."""
    return name.startswith(("batch_", "val_batch_")) and bool(events(baseline, "keras.fit"))


TRACKER = tracked.Tracker(title="Comet", noun="experiment", ending="end it with experiment.end()", beside=_of_batches)


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
