"""Which of the frameworks' modules a name may come from, where a file says `from module import *`. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OPTIMIZERS = re.compile(
    r"(Adam\w*|NAdam|RAdam|SparseAdam|SGD|ASGD|RMSprop|Rprop|Ada(grad|delta|max|factor)|LBFGS|Nadam|Ftrl|Lion)$"
)
_KNOWN = (
    (r"torch\.optim$|keras\.optimizers$", _OPTIMIZERS),
    (r"torch\.optim\.lr_scheduler$", re.compile(r"\w+(LR|Restarts|Plateau|Scheduler)$")),
    (r"torch\.utils\.data$", re.compile(r"\w*(DataLoader|Dataset|Sampler|Subset)$|random_split$")),
    (r"sklearn\.datasets$", re.compile(r"(load|fetch|make)_\w+$")),
    (
        r"sklearn\.model_selection$",
        re.compile(r"train_test_split$|cross_val\w+$|(learning|validation)_curve$|\w+(CV|Fold|Split)$"),
    ),
    (r"sklearn\.metrics$", re.compile(r"[a-z]\w+$")),
    (r"sklearn\.pipeline$", re.compile(r"make_(pipeline|union)$|Pipeline$|FeatureUnion$")),
    (r"sklearn\.preprocessing$", re.compile(r"\w+(Scaler|Encoder|Normalizer|Transformer|Features|Binarizer)$")),
)

_CLASSES = re.compile(r"(torch\.nn|keras(\.\w+)*|sklearn\.\w+|lightning(\.\w+)*|pytorch_lightning)$")


def home(modules: Sequence[str], name: str) -> str | None:
    """The module of a framework that may have a name, by what its names look like; None where none does."""
    loose: list[str] = []
    for written in modules:
        module = written.removeprefix("tensorflow.")
        known = next((names for pattern, names in _KNOWN if re.match(pattern, module)), None)
        if known is not None and known.match(name):
            return written
        if known is None and _CLASSES.match(module) and name[:1].isupper():
            loose.append(written)
    return loose[0] if loose else None
