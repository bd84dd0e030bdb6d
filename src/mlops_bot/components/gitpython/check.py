"""Does the evidence prove that a program put its data into Git, with GitPython? Pure."""

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
    return "adding Git to a program cannot be judged: only a translation to it can, `translate dvc gitpython`"


def check_translation(
    evidence: Mapping[str, Json],
    *,
    source: Mapping[str, Json],
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when Git (or Git LFS) holds at each revision what DVC held, otherwise why not."""
    return versioned.check(source, evidence, home="git", script=facts.path, titles=("DVC", "Git"))
