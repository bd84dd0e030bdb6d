"""What each functionality may change about a training: which reading of a file and of two runs judges it. Pure.

Tracking, registration and versioning leave the training as it is. Pruning and a hyperparameter search change numbers
by design, and something else has to stay: a functionality that does so brings its own comparison.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from mlops_bot.types import Component, Failed, Functionality, Json, Observation
from mlops_bot.verify import lost, moved, preserved, pruned, searched, versioned
from mlops_bot.verify.code import Code


class Reading(Protocol):
    """What of the original is lost or forbiddenly changed in the candidate's text, in words; None when all is there."""

    def __call__(self, original: Code, candidate: Code, hyperparameters: frozenset[str]) -> str | None: ...


class Comparison(Protocol):
    """The first stable difference that counts between the original's run and the adapted program's run."""

    def __call__(
        self, baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
    ) -> Failed | None: ...


_READINGS: Mapping[Functionality, Reading] = {
    "hyperparameter-optimization": moved.check,
}
_COMPARISONS: Mapping[Functionality, Comparison] = {
    "hyperparameter-optimization": searched.compare,
    "model-optimization": pruned.compare,
    "version-control": versioned.preserved_but_ids,
}


def reading(functionality: Functionality) -> Reading:
    """How a candidate's text for this functionality is read; by default every statement stays as it is."""
    return _READINGS.get(functionality, lost.check)


def comparison(functionality: Functionality) -> Comparison:
    """How the runs of a candidate for this functionality are compared; by default everything has to be the same."""
    return _COMPARISONS.get(functionality, preserved.compare)


def needs_epochs(functionality: Functionality) -> bool:
    """Whether a run that is cut short by its epochs may fail for that: pruning and its end follow a schedule."""
    return functionality == "model-optimization"


def kept(functionality: Functionality) -> str:
    """What a verified candidate has left alone, in words."""
    return "everything else unchanged" if functionality in _COMPARISONS else "training unchanged"


_OWN_REMOTE = re.compile(rb"create_remote|Remote\.(?:add|create)\b|remote[\"', ]+add\b|\bset_url\b")
_MASTER = re.compile(rb"[\"'/.:]master\b")


_READS = re.compile(rb"clone_from|\.clone\(|\bpull\b|\bfetch\b")
_WRITES = re.compile(rb"\.commit\(|[\"']commit[\"']|\bpush\b|\.add\(|create_tag|create_head|[\"']add[\"']")


def repository(functionality: Functionality, files: Mapping[str, bytes]) -> Mapping[str, Json] | None:
    """What the project has to be as a Git repository to be run: with a remote, unless the program makes its own."""
    if functionality != "version-control":
        return None
    sources = [content for path, content in files.items() if path.endswith(".py")]
    return {
        "origin": not any(_OWN_REMOTE.search(content) for content in sources),
        "branch": "master" if any(_MASTER.search(content) for content in sources) else "main",
        # only takes data from remotes: then they have some, where the component keeps it
        "reads": any(map(_READS.search, sources)) and not any(map(_WRITES.search, sources)),
    }


def repository_of(known: Mapping[str, Json] | None, component: Component | None) -> Mapping[str, Json] | None:
    """The same for a run with this component: in remotes that a program only reads, it has the data already."""
    if known is None or component is None or not known["reads"]:
        return known
    return {**known, "under": component.name, "suffixes": sorted(versioned.DATA)}


def unjudgeable(functionality: Functionality, source: Mapping[str, Json], title: str) -> str | None:
    """Why what the original left gives nothing to judge a translation by; None when it does. `title`: moved from."""
    return versioned.nothing(source, title) if functionality == "version-control" else None
