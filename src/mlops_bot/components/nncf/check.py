"""Does the evidence prove that NNCF pruned the training? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import sparsity
from mlops_bot.verify.sparse_files import Library


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    return sparsity.check(evidence, LIBRARY, facts=facts, adapted=adapted)


LIBRARY = Library(
    name="nncf",
    title="NNCF",
    mask="nncf.prune(model, mode=..., ratio=..., examples_inputs=...)",
    permanent="nncf.strip(model, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)",
)
