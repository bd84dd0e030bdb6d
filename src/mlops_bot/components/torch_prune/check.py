"""Does the evidence prove that torch.nn.utils.prune pruned the training? Pure."""

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
    name="torch",
    title="torch.nn.utils.prune",
    mask="prune.l1_unstructured(module, 'weight', amount=...) or prune.global_unstructured(...)",
    permanent="prune.remove(module, 'weight')",
)
