"""What the tests of all trackers share: which components track, and how their recipes and checks are called."""

from __future__ import annotations

import difflib
from pathlib import Path
from textwrap import dedent

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import Component, NotApplicable, Rewritten

PROGRAMS = sorted((Path(__file__).parents[1] / "programs").glob("*.py"))
TRACKERS = [
    component for component in components.load_all().values() if "experiment-tracking" in component.functionalities
]
NAMES = [component.name for component in TRACKERS]


def read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def program(name: str) -> str:
    return read(next(path for path in PROGRAMS if path.stem == name))


def adapt(component: str | Component, text: str, path: str = "train.py") -> Rewritten | NotApplicable:
    found = components.load_all()[component] if isinstance(component, str) else component
    recipe = components.recipe(found)
    assert recipe is not None
    return recipe(text, analyse(path, text), "experiment-tracking")


def adapted(component: str, text: str, path: str = "train.py") -> str:
    outcome = adapt(component, dedent(text), path)
    assert isinstance(outcome, Rewritten), outcome
    return outcome.text


def changes(component: str, text: str, path: str = "train.py") -> str:
    """What the recipe adds and takes away, line by line."""
    text = dedent(text)
    lines = difflib.unified_diff(text.splitlines(), adapted(component, text, path).splitlines(), n=0, lineterm="")
    return "\n".join(f"{line[0]} {line[1:]}".rstrip() for line in list(lines)[2:] if line[0] in "+-")
