"""Does the evidence prove that a program put its data under DVC? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import versioned


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """Adding version control to a program that has none is not judged here: only translations are."""
    return "adding DVC to a program cannot be judged: only a translation to it can, `translate gitpython dvc`"


def check_translation(
    evidence: Mapping[str, Json],
    *,
    source: Mapping[str, Json],
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when DVC holds and gives back at each revision what Git held, otherwise why not."""
    return versioned.check(source, evidence, home="dvc", script=facts.path, titles=("Git", "DVC"))
