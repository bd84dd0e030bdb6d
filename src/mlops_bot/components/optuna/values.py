"""Where the value that a search optimizes comes from: which numbers of the run it is, and what they were measured on.

Pure. Values are looked up among the numbers that the training computed while their trial ran, and among those that the
program printed; one origin has to explain the values of all trials, so chance plays no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_bot.verify.explain import Explained, Scalar, explain, pool
from mlops_bot.verify.numbers import Printed, close, family, shows, split, words
from mlops_bot.verify.search import Trial

_LOWER = ("error", "loss", "deviance", "davies_bouldin_score")  # of scikit-learn's metrics, by their endings
_HELD_OUT = ("keras.evaluate", "sklearn.cross_validation")


@dataclass(frozen=True, slots=True)
class Origin:
    """A kind of number: `sign` is -1 where the value is what is missing from it (1 - accuracy) or its negative."""

    source: str
    name: str
    sign: Literal[1, -1] = 1

    @property
    def trained_on(self) -> bool:
        """Measured on the data that are learned from, as its name and place say."""
        if self.source == "torch.backward":
            return True
        if self.source == "keras.history":
            return not self.name.startswith("val_")
        if self.source == "keras.train_on_batch":
            return True
        return self.source.startswith(("lightning", "printed")) and split(self.name) == "train"

    @property
    def better(self) -> Literal["minimize", "maximize", ""]:
        """The direction in which the value gets better; "" where nothing tells."""
        way = _way(self.source, self.name)
        if not way or self.sign == 1:
            return way
        return "maximize" if way == "minimize" else "minimize"

    def __str__(self) -> str:
        return f"{self.name} ({self.source})"


def _way(source: str, name: str) -> Literal["minimize", "maximize", ""]:
    if source == "torch.item":
        return ""
    if source == "torch.backward":
        return "minimize"
    if source in ("sklearn.score", "sklearn.cross_validation"):
        return "maximize"  # greater is better, by scikit-learn's convention
    if source == "sklearn.metric":
        return "minimize" if name.endswith(_LOWER) else "maximize"
    kind = family(name)
    if "reward" in words(name):
        return "maximize"
    return "minimize" if kind == "loss" else "maximize" if kind == "score" else ""


def origins(trials: Sequence[Trial], printed: Sequence[Printed] = (), index: int = 0) -> set[Origin]:
    """The kinds of numbers that explain the value number `index` of every one of these trials.

    A number that the program read from a tensor says nothing of its kind; it only counts where nothing else is known.
    """
    common: set[Origin] | None = None
    for trial in trials:
        if index >= len(trial.values) or not math.isfinite(trial.values[index]):
            continue
        value = trial.values[index]
        found = {*_of(value, trial.stretch.scalars), *_shown(value, printed)}
        common = found if common is None else common & found
    known = {origin for origin in common or () if origin.source != "torch.item"}
    return known or common or set()


def _shown(value: float, printed: Sequence[Printed]) -> Iterator[Origin]:
    """Printed numbers with a label of their own that are the value, to the last digit."""
    for number in printed:
        if number.integer or number.family not in ("loss", "score") or not number.label:
            continue
        name = f"{number.split} {number.label}".strip()
        if shows(number, value) or (number.unit == "%" and shows(number, value * 100)):
            yield Origin("printed", name)
        elif shows(number, -value) or shows(number, 1 - value):
            yield Origin("printed", name, -1)


def _of(value: float, scalars: Sequence[Scalar]) -> Iterator[Origin]:
    series: dict[tuple[str, str], list[float]] = {}
    for source, name, number in scalars:
        series.setdefault((source, name), []).append(number)
    for (source, name), numbers in series.items():
        found = _sign(value, numbers)
        if found is None and source == "torch.backward":
            known = pool((), [(source, name, number) for number in numbers])
            found = 1 if isinstance(explain("loss", [value], known), Explained) else None
        if found is not None:
            yield Origin(source, name, found)


def _sign(value: float, numbers: Sequence[float]) -> Literal[1, -1] | None:
    """Whether the value is one of the numbers or a plain mean, extreme or root of them; -1 for its opposite."""
    wanted = _summaries(numbers)
    for spelled in (value, value / 100, value * 100):
        if any(close(spelled, number, rtol=5e-5, atol=1e-9) for number in wanted):
            return 1
    opposites = [-value, 1 - value, 100 - value] if value else [1.0]
    for spelled in opposites:
        if any(close(spelled, number, rtol=5e-5, atol=1e-9) for number in wanted):
            return -1
    return None


def _summaries(numbers: Sequence[float]) -> list[float]:
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return []
    mean = math.fsum(finite) / len(finite)
    roots = [math.sqrt(number) for number in finite if number >= 0]
    return [*finite, mean, *roots, math.sqrt(mean) if mean >= 0 else mean]


def has_held_out(scalars: Iterable[Scalar], printed: Iterable[Printed] = ()) -> str | None:
    """A number that the program measures on held-out data, in words."""
    for source, name, _ in scalars:
        held = source in _HELD_OUT or (source == "keras.history" and name.startswith("val_"))
        if held or (source.startswith("lightning") and split(name) == "test"):
            return f"{name} ({source})"
    for number in printed:
        if number.split == "test" and number.family in ("loss", "score"):
            return f"{number.label!r} (printed)"
    return None
