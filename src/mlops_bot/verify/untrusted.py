"""JSON of which nothing is sure: what is not of the wanted kind counts as empty. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot.types import Json


def mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def mappings(value: Json) -> list[Mapping[str, Json]]:
    """The mappings of a list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def lists(value: Json) -> list[Sequence[Json]]:
    """The lists of a list."""
    return [entry for entry in value if isinstance(entry, list)] if isinstance(value, list) else []


def number(value: Json) -> float:
    """0.0 for what is no number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def listed(names: Sequence[Json]) -> str:
    """The first three of some names, and how many more there are."""
    shown = ", ".join(str(name)[:80] for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
