"""Runs that really happened (see running.py), read from fixtures, so that their judgement can be tested in no time."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_bot import components
from mlops_bot.types import Component, Observation, Output, SourceFacts

from .support import facts

FOLDER = Path(__file__).parent / "fixtures"


def observation_of(data: Mapping[str, Any]) -> Observation:
    return Observation(**{**data, "outputs": {path: Output(**output) for path, output in data["outputs"].items()}})


@dataclass
class Recorded:
    original: str
    facts: SourceFacts
    baseline: Observation
    after: Observation
    evidence: dict[str, Any]

    @property
    def run(self) -> dict[str, Any]:
        found: dict[str, Any] = self.evidence["runs"][0]
        return found

    def reason(self, component: Component) -> str | None:
        return components.check(component)(
            self.evidence,
            functionality="experiment-tracking",
            facts=self.facts,
            baseline=self.baseline,
            adapted=self.after,
        )

    def printing(self, old: str, new: str) -> Observation:
        """The adapted run with another output."""
        assert old in self.after.stdout
        return replace(self.after, stdout=self.after.stdout.replace(old, new))

    def traced(self, **parts: Any) -> Observation:
        """The adapted run with parts of its trace replaced."""
        return replace(self.after, trace={**copy.deepcopy(dict(self.after.trace)), **parts})


def recorded(name: str) -> Recorded:
    data = json.loads((FOLDER / f"run_{name}.json").read_text(encoding="utf-8"))
    return Recorded(
        data["original"],
        facts(data["original"]),
        observation_of(data["baseline"]),
        observation_of(data["after"]),
        data["evidence"],
    )
