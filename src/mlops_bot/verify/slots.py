"""The hyperparameters that a training event shows, as a flat table: what was set, and to what. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mlops_bot.types import Json
from mlops_bot.verify.numbers import close

_SAME = {"learning_rate": "lr", "wd": "weight_decay", "alpha_l2": "alpha", "n_epochs": "epochs", "num_epochs": "epochs"}
_COUNTED = re.compile(r"_\d+$")  # the second optimizer of a program is called "adam_1"
_RUN = frozenset({"event", "steps", "digest", "shape", "supervised", "method"})  # what came of it, not what was set


def slots(event: Mapping[str, Json]) -> dict[str, Json]:
    """Name -> value of everything a training event was set up with; `class` is the trained or stepping class."""
    found: dict[str, Json] = {}
    for key, value in event.items():
        if key in _RUN:
            continue
        if key == "groups" and isinstance(value, list):
            for number, group in enumerate(value):
                _flatten(group, "" if number == 0 else f"{number}.", found)
        elif key in ("params", "optimizer", "hparams", "settings", "layers"):
            prefix = {"optimizer": "optimizer.", "hparams": "hparams."}.get(key, "")
            _flatten(value, prefix, found)
        else:
            _put(found, key, value)
    return found


def _flatten(value: Json, prefix: str, found: dict[str, Json]) -> None:
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        if isinstance(item, Mapping):
            _flatten(item, f"{prefix}{key}.", found)
        else:
            _put(found, f"{prefix}{key}", item)


def _put(found: dict[str, Json], key: str, value: Json) -> None:
    if isinstance(value, list):
        for number, item in enumerate(value[:10]):
            _put(found, f"{key}.{number}", item)
    elif value is None or isinstance(value, (bool, int, float, str)):
        if isinstance(value, str):
            if " at 0x" in value or len(value) > 1000:
                return
            value = _COUNTED.sub("", value) if key.endswith("name") else value
        found[key] = value


def same(a: Json, b: Json) -> bool:
    """Whether two values of a slot are the same setting: numbers within rounding, words as they are."""
    if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
        return a == b or (isinstance(a, bool) and isinstance(b, (bool, int)) and bool(b) == a)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return close(float(a), float(b), rtol=1e-5, atol=1e-12)
    return str(a) == str(b)


def shows(held: Json, value: Json) -> bool:
    """Whether a slot's value is a suggested one, or text that names it: "Adam" for "adam", RBF(length_scale=2.5)."""
    if same(held, value):
        return True
    if isinstance(held, str) and isinstance(value, str):
        return held.lower() == value.lower()
    if isinstance(held, str) and isinstance(value, (int, float)) and not isinstance(value, bool):
        numbers = re.findall(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", held)[:50]
        return any(close(float(number), float(value), rtol=1e-2, atol=0.0) for number in numbers)
    return False


def places(events: Iterable[Mapping[str, Json]], value: Json) -> set[str]:
    """The slots that show a value, in any of the events."""
    return {key for event in events for key, held in slots(event).items() if shows(held, value)}


def named(slot: str, name: str) -> bool:
    """Whether a slot is the one that a suggested name speaks of: `svc__C` for C, `optimizer.learning_rate` for lr."""
    last = re.split(r"__|\.", slot)[-1].lower()
    wanted = re.split(r"__|\.", name)[-1].lower()
    last, wanted = _SAME.get(last, last), _SAME.get(wanted, wanted)
    return last == wanted or ((len(last) > 1 or last == "c") and wanted.endswith(f"_{last}"))
