"""What each functionality may change about a training: which reading of a file and of two runs judges it. Pure.

Tracking, registration and versioning leave the training as it is. Pruning and a hyperparameter search change numbers
by design, and something else has to stay: a functionality that does so brings its own comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlops_bot.types import Failed, Functionality, Observation
from mlops_bot.verify import preserved


class Comparison(Protocol):
    """The first stable difference that counts between the original's run and the adapted program's run."""

    def __call__(
        self, baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
    ) -> Failed | None: ...


_COMPARISONS: Mapping[Functionality, Comparison] = {
    # "model-optimization" and "hyperparameter-optimization" get their own
}


def comparison(functionality: Functionality) -> Comparison:
    """How the runs of a candidate for this functionality are compared; by default everything has to be the same."""
    return _COMPARISONS.get(functionality, preserved.compare)
