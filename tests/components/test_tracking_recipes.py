"""What holds for the recipe of every tracker, on every program in tests/programs."""

from __future__ import annotations

import ast
import difflib
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import FRAMEWORKS, FUNCTIONALITIES, Component, Framework, NotApplicable, Rewritten

from .trackers import NAMES, PROGRAMS, TRACKERS, adapt, read

SPAWNED = """\
import torch
import torch.multiprocessing as mp


def run(rank):
    for epoch in range(2):
        loss = net(rank)
        loss.backward()
        print('loss', loss.item())


mp.spawn(run, nprocs=2)
"""
UNCALLED = """\
import torch


def train(model, loader, optimizer):
    for x in loader:
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        print('loss', loss.item())
"""


@pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_is_rewritten_once(path: Path, component: Component) -> None:
    text = read(path)
    first = adapt(component, text)
    assert isinstance(first, Rewritten), first
    compile(first.text, str(path), "exec")
    assert adapt(component, text) == first
    second = adapt(component, first.text)
    assert isinstance(second, NotApplicable)
    assert f"{component.title} is already used" in second.reason


@pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_nothing_is_lost(path: Path, component: Component) -> None:
    """Statements stay; lines that go come back indented, or are calls and signatures that take something more."""

    def statements(text: str) -> list[str]:
        simple = (ast.AugAssign, ast.Return, ast.Import, ast.ImportFrom)
        return [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, simple)]

    text = read(path)
    outcome = adapt(component, text)
    assert isinstance(outcome, Rewritten)
    kept = statements(outcome.text)
    assert [statement for statement in statements(text) if statement not in kept] == []
    diff = list(difflib.ndiff(text.splitlines(), outcome.text.splitlines()))
    come = [line[2:].strip() for line in diff if line.startswith("+ ")]
    for line in (line[2:].strip() for line in diff if line.startswith("- ")):
        head = line.rstrip("):").split(":")[0]
        begun = line.partition("(")[0] + "("
        assert line in come or any(new.startswith((head, begun)) for new in come), line


@pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SPAWNED, "training runs in processes started by mp.spawn (line 12)"),
        (UNCALLED, "nothing in this file calls its training code"),
        ("import torch\nif:\n", "cannot be parsed"),
        ("import torch\n", "trains no model"),
    ],
)
def test_where_it_does_not_apply(text: str, reason: str, component: Component) -> None:
    facts = (
        replace(analyse("train.py", UNCALLED), is_training=None) if "cannot" in reason else analyse("train.py", text)
    )
    recipe = components.recipe(component)
    assert recipe is not None
    outcome = recipe(text, facts, "experiment-tracking")
    assert isinstance(outcome, NotApplicable)
    assert outcome.reason.startswith("not applicable because ")
    assert reason in outcome.reason


@pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
@pytest.mark.parametrize("text", ["", "# nothing\n", '"""Only words."""\n', "x = 1\n"])
@pytest.mark.parametrize("framework", [*FRAMEWORKS, None])
def test_a_file_without_training_is_left_alone(text: str, framework: Framework | None, component: Component) -> None:
    recipe = components.recipe(component)
    assert recipe is not None
    facts = replace(analyse("train.py", text), framework=framework)
    assert isinstance(recipe(text, facts, "experiment-tracking"), NotApplicable)


@pytest.mark.parametrize("component", TRACKERS, ids=NAMES)
def test_what_a_component_does_not_serve_is_left_to_others(component: Component) -> None:
    recipe = components.recipe(component)
    assert recipe is not None
    for functionality in set(FUNCTIONALITIES) - set(component.functionalities):
        text = read(PROGRAMS[0])
        outcome = recipe(text, analyse("train.py", text), functionality)
        assert isinstance(outcome, NotApplicable)
        assert f"does not serve {functionality}" in outcome.reason
