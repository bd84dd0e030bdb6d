"""Does the evidence prove that a program put its data into lakeFS? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import laked


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """Adding version control to a program that has none is not judged here: only translations are."""
    return "adding lakeFS to a program cannot be judged: only a translation to it can, `translate gitpython lakefs`"


def check_translation(
    evidence: Mapping[str, Json],
    *,
    source: Mapping[str, Json],
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when lakeFS holds at each revision the data that Git held, otherwise why not."""
    return laked.check(source, evidence)
