"""Which names mean a number of epochs. By the words of the name, never by a list of programs."""

from __future__ import annotations

import functools
import re

_COUNT = frozenset(["n", "num", "nb", "no", "nr", "number", "max", "maximum", "total", "count"])
_OTHER = frozenset(
    [
        "start",
        "initial",
        "init",
        "begin",
        "first",
        "resume",
        "per",
        "every",
        "each",
        "step",
        "steps",
        "interval",
        "freq",
        "frequency",
        "patience",
        "current",
        "last",
        "best",
        "cur",
        "idx",
        "index",
        "log",
        "print",
        "save",
        "warmup",
    ]
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@functools.lru_cache(maxsize=None)
def words(name: str) -> tuple[str, ...]:
    parts = [part.lower() for part in _PARTS.findall(name)]
    joined: list[str] = []
    for part in parts:
        match = re.fullmatch(r"(n|num|nb|max|total)(epochs?)", part)
        joined.extend(match.groups() if match else (part,))
    return tuple(joined)


def is_epoch(name: str) -> bool:
    """A loop counter: `epoch`, `ep`, `i_epoch`."""
    parts = words(name)
    return "epoch" in parts or "epochs" in parts or name.lower() == "ep"


def is_epoch_count(name: str) -> bool:
    """A number of epochs: `epochs`, `num_epochs`, `maxEpoch`, `N_EPOCHS`, `EPOCH`."""
    parts = words(name)
    if _OTHER.intersection(parts):
        return False
    return "epochs" in parts or ("epoch" in parts and bool(_COUNT.intersection(parts))) or name == "EPOCH"


def is_epoch_option(name: str) -> bool:
    """The same for command-line options, where `niter` and a bare `epoch` are in use too."""
    return is_epoch_count(name) or name.lower().strip("_") in ("epoch", "niter", "nepoch", "n_iter_epochs")
