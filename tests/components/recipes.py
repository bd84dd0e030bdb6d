"""What tests of recipes share: the programs, and a rewrite as the lines that are added and taken away."""

from __future__ import annotations

import difflib
from pathlib import Path

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import Functionality, NotApplicable, Rewritten

PYTORCH = sorted((Path(__file__).parents[1] / "programs").glob("pytorch_*.py"))


def read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def adapt(component: str, text: str, functionality: Functionality = "model-optimization") -> Rewritten | NotApplicable:
    rewrite = components.recipe(components.load_all()[component])
    assert rewrite is not None
    return rewrite(text, analyse("train.py", text), functionality)


def adapted(component: str, text: str) -> str:
    outcome = adapt(component, text)
    assert isinstance(outcome, Rewritten), outcome
    return outcome.text


def changes(component: str, text: str) -> str:
    """The lines that are added (+) and taken away (-), helper functions and imports left out."""
    after = adapted(component, text)
    lines = list(difflib.unified_diff(text.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    kept = [f"{line[0]} {line[1:]}".rstrip() for line in lines if line[0] in "+-"]
    return "\n".join(line for line in kept if not line.startswith(("+ import", "+ from")) and line != "+").strip()


def main_part(component: str, text: str) -> str:
    """The same from the line on that begins with the first statement that is neither helper nor constant."""
    rows = changes(component, text).splitlines()
    inside = False
    found = []
    for row in rows:
        code = row[2:]
        if row.startswith("+ ") and code.startswith(("def ", "class ")):
            inside = True
        elif not (code.startswith((" ", "\t")) and inside):
            inside = False
        if not inside:
            found.append(row)
    return "\n".join(found)
