"""What the tests of all registries share: which components register models, and how their recipes are called."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from textwrap import dedent

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import Component, NotApplicable, Rewritten

REGISTRIES = [
    component for component in components.load_all().values() if "model-registration" in component.functionalities
]
NAMES = [component.name for component in REGISTRIES]


def adapt(
    component: str | Component, text: str, path: str = "train.py", local: Collection[str] = ()
) -> Rewritten | NotApplicable:
    found = components.load_all()[component] if isinstance(component, str) else component
    recipe = components.recipe(found)
    assert recipe is not None
    return recipe(text, analyse(path, text, local_modules=frozenset(local)), "model-registration")


def adapted(component: str, text: str, path: str = "train.py", local: Collection[str] = ()) -> str:
    outcome = adapt(component, dedent(text), path, local)
    assert isinstance(outcome, Rewritten), outcome
    compile(outcome.text, path, "exec")
    again = adapt(component, outcome.text, path, local)
    assert isinstance(again, NotApplicable), "the recipe changes its own output"
    return outcome.text


def changes(component: str, text: str, path: str = "train.py", local: Collection[str] = ()) -> str:
    """What the recipe adds and takes away, line by line; the `watch` that it may define is left out."""
    text = dedent(text)
    after = adapted(component, text, path, local).splitlines()
    lines = difflib.unified_diff(text.splitlines(), after, n=0, lineterm="")
    shown = "\n".join(f"{line[0]} {line[1:]}".rstrip() for line in list(lines)[2:] if line[0] in "+-")
    start, _, rest = shown.partition("+ def watch(module):")
    return start + rest.partition("    return seen\n")[2] if rest else shown


def declined(component: str, text: str, path: str = "train.py") -> str:
    outcome = adapt(component, dedent(text), path)
    assert isinstance(outcome, NotApplicable), outcome
    return outcome.reason
