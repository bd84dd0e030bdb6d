"""Where does a logged number come from? Explain a metric's values by what a program printed and computed. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from mlops_bot.verify.numbers import Family, Printed, Split, close, family, split, spread, words

Scalar = tuple[str, str, float]  # source, name, value, as in trace.json
RTOL = 5e-5
_PARTS = 60  # a series is cut into at most so many epochs
_WINDOW = 400  # longer series are only looked at as a whole and by epochs


@dataclass(frozen=True, slots=True)
class Explained:
    how: str


@dataclass(frozen=True, slots=True)
class Unexplained:
    reason: str
    wrong_variable: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number that the program is known to have had."""

    value: float
    tolerance: float
    family: Family
    split: Split
    label: str
    where: str  # in words: "printed as 'Loss' in line 3"
    printed: bool


@dataclass(slots=True)
class Pool:
    """Numbers ready to be looked up by value, and the series they form."""

    numbers: list[Number] = field(default_factory=list)
    groups: dict[tuple[str, str], list[float]] = field(default_factory=dict)  # (source, label) -> in order
    _index: dict[float, tuple[list[float], list[Number]]] = field(default_factory=dict)

    def find(self, value: float) -> list[Number]:
        """The numbers that `value` could be, at most a few."""
        if not self._index:
            buckets: dict[float, list[Number]] = {}
            for number in self.numbers:
                if math.isfinite(number.value):
                    buckets.setdefault(number.tolerance, []).append(number)
            for tolerance, found in buckets.items():
                found.sort(key=lambda number: number.value)
                self._index[tolerance] = ([number.value for number in found], found)
        hits: list[Number] = []
        for tolerance, (values, found) in self._index.items():
            slack = tolerance + RTOL * abs(value) * (0.02 if tolerance else 1.0) + 1e-9
            start = bisect_left(values, value - slack)
            for position in range(start, min(start + 40, len(values))):
                if values[position] > value + slack:
                    break
                hits.append(found[position])
        return hits


def pool(printed: Iterable[Printed], scalars: Iterable[Scalar], *, networks: int = 1) -> Pool:
    """Gather the printed and traced numbers of one run.

    `networks`: how many are trained in turn (a GAN's two): the losses of each are a series of their own.
    Plain integers without a telling label are no evidence and are left out.
    """
    result = Pool()
    for entry in printed:
        kind = entry.family
        if kind in ("time", "system"):
            continue
        where = (
            f"printed as {entry.label!r} in line {entry.line} of the output"
            if entry.label
            else f"printed in line {entry.line} of the output"
        )
        if entry.out_of and entry.out_of > 0 and kind == "score":
            result.numbers.append(Number(entry.value / entry.out_of, 1e-9, kind, entry.split, entry.label, where, True))
        if entry.integer and kind not in ("loss", "score"):
            continue
        result.numbers.append(Number(entry.value, entry.tolerance, kind, entry.split, entry.label, where, True))
        result.groups.setdefault(("printed", entry.label), []).append(entry.value)
    for source, name, value in scalars:
        kind = _scalar_family(source, name)
        side: Split = split(name) or ("train" if source in ("torch.backward", "keras.history") else "")
        label = "" if source == "torch.item" else name
        result.numbers.append(Number(value, 0.0, kind, side, label, f"computed by {source} ({name})", False))
        result.groups.setdefault((source, name), []).append(value)
        if source == "torch.item":
            whole = float(value).is_integer() if math.isfinite(value) else False
            result.groups.setdefault((source, "whole" if whole else "broken"), []).append(value)
    backward = result.groups.get(("torch.backward", "loss"), [])
    if networks > 1 and len(backward) % networks == 0 and len(backward) >= 2 * networks:
        for turn in range(networks):
            result.groups["torch.backward", f"loss {turn + 1} of {networks}"] = backward[turn::networks]
    return result


def joined(first: Pool, second: Pool) -> Pool:
    """Two runs of one program: all numbers of both; of series that both have, the second's only where they differ."""
    result = Pool([*first.numbers, *second.numbers], dict(first.groups))
    for (source, label), values in second.groups.items():
        if first.groups.get((source, label)) != values:
            result.groups[source, label if (source, label) not in first.groups else f"{label} (adapted)"] = values
    return result


def _scalar_family(source: str, name: str) -> Family:
    if source == "torch.item":
        return ""
    if source == "torch.backward":
        return "loss"
    return family(name) or ("score" if source == "sklearn.score" else "")


def explain(name: str, series: Sequence[float], known: Pool) -> Explained | Unexplained:
    """Explain every value of one metric. `series`: its values in the order of their steps.

    A value counts as explained when it is a number of the metric's own kind (a loss for a loss), or one of unknown
    kind where the own kind does not exist or does not contradict, or a simple aggregate of such numbers.
    """
    kind, side = family(name), split(name)
    values = [value for value in series if math.isfinite(value)]
    if not values:
        strange = any(not math.isfinite(number.value) for number in known.numbers)
        return Explained("not finite, as in the program") if strange else Unexplained(f"{name} is never finite")
    relevant = kind in ("loss", "score")
    own_exists = any(number.family == kind for number in known.numbers) if relevant else False
    own: list[Number] = []
    other: list[Number] = []
    lacking: list[float] = []
    foreign = 0
    seen: dict[float, tuple[list[Number], list[Number]]] = {}
    for value in values:
        if value not in seen:
            hits = [number for shown in _spellings(name, value) for number in known.find(shown)]
            hits = [number for number in hits if spread(name) or not spread(number.label)]
            mine = [number for number in hits if not relevant or number.family in (kind, "")]
            theirs = [number for number in hits if relevant and number.family not in (kind, "")]
            if "err" in words(name):  # an error rate is what is missing from the accuracy
                mine += [n for shown in (1 - value, 100 - value) for n in known.find(shown) if n.family == "score"]
            seen[value] = (mine, theirs)
        mine, theirs = seen[value]
        own += mine[:8]
        other += theirs[:8]
        foreign += bool(theirs)
        if not mine:
            lacking.append(value)
    if relevant:
        taken = _anothers(name, series, known)
        if taken:
            return Unexplained(f"{name} logs the wrong variable: its values are those printed as {taken!r}", True)
        wrong = _wrong(name, kind, side, values, seen, known, own_exists, foreign)
        if wrong:
            return wrong
    if not lacking:
        stuck = _stuck(name, values, own, known)
        return stuck or Explained(own[0].where)
    aggregate = _aggregate(name, kind, values, lacking, known, relevant)
    if aggregate:
        return aggregate
    if foreign == len(values) and own_exists:
        return Unexplained(
            f"{name} logs the wrong variable: its values are those {other[0].where}", wrong_variable=True
        )
    shown = ", ".join(f"{value:.6g}" for value in lacking[:3])
    return Unexplained(f"{name} = {shown} is nothing the program printed or computed")


def _spellings(name: str, value: float) -> Iterator[float]:
    yield value
    yield value / 100
    yield value * 100
    if value:
        yield -value
    text = words(name)
    if any(word in text for word in ("rmse", "root", "std")):
        yield value * value
    if any(word in text for word in ("perplexity", "ppl")) and value > 0:
        yield math.log(value)


def _key(label: str) -> str:
    return words(label).replace(" ", "")


def _wrong(
    name: str,
    kind: Family,
    side: Split,
    values: Sequence[float],
    seen: dict[float, tuple[list[Number], list[Number]]],
    known: Pool,
    own_exists: bool,
    foreign: int,
) -> Unexplained | None:
    """The metric is a number of the program, but of another name: another kind, another split, another label."""
    wanted, mine = _key(name), set(words(name).split())
    certain = [[number for number in seen[value][0] if number.family == kind] for value in values]
    strangers = [[number for number in seen[value][1] if number.family in ("loss", "score")] for value in values]
    if own_exists and all(strangers) and not all(certain) and not _trivial(values):
        if "err" not in wanted:
            return Unexplained(
                f"{name} logs the wrong variable: its values are those {strangers[0][0].where}", wrong_variable=True
            )
    if not all(certain) or _trivial(values):
        return None
    flat = [number for numbers in certain for number in numbers]
    if side:
        same = any(number.family == kind and number.split == side for number in known.numbers)
        if same and not any(number.split == side for number in flat) and any(number.split for number in flat):
            return Unexplained(
                f"{name} logs the wrong variable: its values are those {flat[0].where}", wrong_variable=True
            )
    exact = [number for number in known.numbers if number.label and _key(number.label) == wanted]
    if exact and not any(_key(number.label) == wanted for number in flat):
        labels = [set(words(number.label).split()) for number in flat if number.label]
        generic = {
            "loss",
            "average",
            "mean",
            "avg",
            "train",
            "training",
            "epoch",
            "accuracy",
            "acc",
            "total",
            "running",
            "error",
            "score",
        }
        if labels and not any(mine <= found or found <= mine or found <= generic for found in labels):
            return Unexplained(
                f"{name} logs the wrong variable: its values are those {flat[0].where}", wrong_variable=True
            )
    return None


def _anothers(name: str, values: Sequence[float], known: Pool) -> str | None:
    """The label of another printed series with exactly these values, where the program prints the metric's own too."""

    def agree(group: Sequence[float]) -> bool:
        return all(close(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(values, group, strict=True))

    mine = set(words(name).split())
    printed = [
        (label, group, set(words(label).split()))
        for (source, label), group in known.groups.items()
        if source == "printed" and len(group) == len(values)
    ]
    own = [group for _, group, said in printed if said == mine]
    if not own or any(agree(group) for group in own) or _trivial(values):
        return None
    kinds = [(label, said) for label, group, said in printed if agree(group)]
    if any(mine <= said or said <= mine for _, said in kinds):
        return None
    return next((label for label, _ in kinds if family(label) == family(name)), None)


def _trivial(values: Sequence[float]) -> bool:
    """0 and 1 occur everywhere, so they say nothing about where they come from."""
    return all(value in (0.0, 1.0, 100.0) for value in values)


def _stuck(name: str, values: Sequence[float], own: Sequence[Number], known: Pool) -> Unexplained | None:
    """One value again and again, where the number it was taken from did change."""
    if (
        len(values) < 2
        or len(set(values)) > 1
        or any(word in words(name).split() for word in ("best", "min", "max", "final", "initial"))
    ):
        return None
    for number in own:
        if number.family != family(name) or not number.label:
            continue
        group = next(
            (
                found
                for (source, label), found in known.groups.items()
                if label == number.label and (source == "printed") == number.printed
            ),
            [],
        )
        if len(group) >= len(values) and len(set(group)) >= len(group) * 0.8 and len(set(group)) > 1:
            return Unexplained(
                f"{name} is the same value {values[0]:.6g} every time, while the "
                f"number it comes from changes ({number.where})"
            )
    return None


def _aggregate(
    name: str, kind: Family, values: Sequence[float], lacking: Sequence[float], known: Pool, relevant: bool
) -> Explained | None:
    groups = []
    for (source, label), found in known.groups.items():
        finite = [value for value in found if math.isfinite(value)]
        group_family = (
            "" if source == "torch.item" else (_scalar_family(source, label) if source != "printed" else family(label))
        )
        if len(finite) < 2 or (relevant and group_family not in (kind, "")):
            continue
        if relevant and source == "torch.item" and kind == "loss" and label == "whole":
            continue
        groups.append((source, label, finite))
    exact: dict[str, float] = {}  # how precisely each label was printed
    for number in known.numbers:
        if number.printed:
            exact[number.label] = max(exact.get(number.label, 0.0), number.tolerance)
    for source, label, finite in groups:
        slack = exact.get(label, 0.0) if source == "printed" else 0.0
        candidates = _aggregates(finite, len(values), spread(name))
        if all(any(_near(shown, candidates, slack) for shown in _spellings(name, value)) for value in lacking):
            return Explained(f"an aggregate of the {len(finite)} values of {label} ({source})")
    for source, label, finite in groups:
        if source != "printed" and (
            _scaled(values, finite)
            or (kind != "loss" and source == "torch.item" and label == "whole" and _ratios(values, finite))
        ):
            return Explained(f"proportional to the {len(finite)} values of {label} ({source}), epoch by epoch")
    return None


def _near(value: float, candidates: Sequence[float], slack: float) -> bool:
    slack += RTOL * abs(value) + 1e-8
    position = bisect_left(candidates, value - slack)
    return position < len(candidates) and candidates[position] <= value + slack


def _cuts(size: int, wanted: int) -> Iterator[int]:
    """Into how many equal epochs a series of `size` could fall."""
    for parts in range(1, min(_PARTS, size) + 1):
        if size % parts == 0 and (parts <= 10 or parts == wanted):
            yield parts


def _aggregates(series: list[float], wanted: int, spread: bool) -> list[float]:
    """Means, sums, extremes, running means of a series and of its equal parts; sorted."""
    found: set[float] = set()
    size = len(series)
    if wanted == 1 and size > 10:
        return _final(series, spread)
    for parts in _cuts(size, wanted):
        length = size // parts
        for start in range(0, size, length):
            part = series[start : start + length]
            total = math.fsum(part)
            found.update((total, total / length, min(part), max(part), part[-1], math.sqrt(abs(total / length))))
            if length > 1 and spread:
                found.add(math.sqrt(math.fsum((value - total / length) ** 2 for value in part) / length))
            if parts <= 10 and length <= _WINDOW:
                for count, running in enumerate(accumulate(part), 1):
                    found.update((running, running / count))
    if size <= _WINDOW:  # means over the last k values, for the intervals at which programs print
        totals = [0.0, *accumulate(series)]
        for width in (2, 3, 4, 5, 8, 10, 16, 20, 25, 50, 100, 200):
            for end in range(width, size + 1, width):
                found.add((totals[end] - totals[end - width]) / width)
    return sorted(found)


def _final(series: list[float], spread: bool) -> list[float]:
    """What one number at the end may be: of all, of the last epoch or stretch, the best epoch. Nothing on the way."""
    size = len(series)
    total = math.fsum(series)
    found = {total, total / size, min(series), max(series), series[-1], math.sqrt(abs(total / size))}
    if spread:
        found.add(math.sqrt(math.fsum((value - total / size) ** 2 for value in series) / size))
    for parts in _cuts(size, 1):
        length = size // parts
        means = [math.fsum(series[start : start + length]) / length for start in range(0, size, length)]
        found.update(
            (min(means), max(means), means[-1], means[-1] * length, *sorted(series[-length:])[:: length - 1 or 1])
        )
    for width in (10, 50, 100):
        if width < size:
            found.add(math.fsum(series[-width:]) / width)
    return sorted(found)


def _parts(series: Sequence[float], count: int) -> list[Sequence[float]] | None:
    if count < 1 or len(series) % count:
        return None
    length = len(series) // count
    return [series[start : start + length] for start in range(0, len(series), length)]


def _scaled(values: Sequence[float], series: Sequence[float]) -> bool:
    """Each value is the same multiple of an epoch's sum: a sum over the batches divided by the number of samples."""
    for parts in {len(values), *(count for count in range(1, 11) if len(values) % count == 0)}:
        cut = _parts(series, parts)
        if cut is None or len(values) != parts:
            continue
        sums = [math.fsum(part) for part in cut]
        if any(abs(total) < 1e-12 for total in sums) or any(value == 0 for value in values):
            continue
        factors = [value / total for value, total in zip(values, sums, strict=True)]
        if len(values) >= 2:
            varied = max(sums) - min(sums) > 1e-3 * max(map(abs, sums))
            if varied and factors[0] > 0 and all(close(factor, factors[0], rtol=1e-4, atol=0.0) for factor in factors):
                return True
            if _weighted(values, cut):
                return True
        elif factors[0] > 0:
            divisor = 1 / factors[0]
            if 1 <= round(divisor) <= 2000 and abs(divisor - round(divisor)) <= 2e-6 * divisor:
                return True
    return False


def _weighted(values: Sequence[float], cut: Sequence[Sequence[float]]) -> bool:
    """Means in which the last, smaller batch weighs less: the same weight in every epoch."""
    weights = []
    for value, part in zip(values, cut, strict=True):
        if len(part) < 2 or abs(part[-1] - value) < 1e-12:
            return False
        rest = part[:-1]
        weights.append((value * len(rest) - math.fsum(rest)) / (part[-1] - value))
    return 0 < weights[0] <= 1.0001 and all(close(weight, weights[0], rtol=1e-2, atol=1e-3) for weight in weights)


def _ratios(values: Sequence[float], counts: Sequence[float]) -> bool:
    """Correct answers divided by samples, of counts that were summed over each epoch."""
    if any(count < 0 for count in counts) or len(counts) > _WINDOW:
        return False
    cut = _parts(counts, len(values))
    totals = [math.fsum(part) for part in cut] if cut else []
    for factor in (1.0, 100.0):
        if totals and all((value == 0) == (total == 0) for value, total in zip(values, totals, strict=True)):
            pairs = [(value / factor, total) for value, total in zip(values, totals, strict=True) if total]
            samples = [total / value for value, total in pairs]
            if (
                samples
                and all(close(entry, samples[0], rtol=1e-6) for entry in samples)
                and samples[0] >= max(totals)
                and abs(samples[0] - round(samples[0])) < 1e-4
            ):
                return True
    return False
