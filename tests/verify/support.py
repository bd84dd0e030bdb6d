"""What the tests of the verdict share: a component, facts about a program, small observations."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_bot.types import (
    Component,
    EntryPoint,
    Failed,
    Functionality,
    Hyperparameter,
    Observation,
    Output,
    SourceFacts,
    SourceFile,
    Task,
)
from mlops_bot.verify import static
from mlops_bot.verify.api import Api

PROGRAMS = Path(__file__).parent / "fixtures"
MLFLOW = Component(
    name="mlflow",
    title="MLflow",
    aliases=("ml-flow",),
    functionalities=("experiment-tracking",),
    frameworks={"pytorch": ("recipe", "llm"), "sklearn": ("recipe", "llm")},
    imports=("mlflow",),
    requirement="mlflow>=3.4,<4",
    docs_sources={},
    environment={},
    store=("mlflow.db", "mlruns/**"),
    api_modules=("mlflow", "mlflow.sklearn"),
    guide="",
    folder=Path(),
    has_recipe=True,
)


def program(name: str) -> str:
    return (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")


def facts(text: str, framework: Any = "pytorch") -> SourceFacts:
    """Facts with the argparse defaults and the capitalised or plain module constants of a program."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            flag = next(a.value for a in node.args if isinstance(a, ast.Constant) and str(a.value).startswith("--"))
            name = str(flag).lstrip("-").replace("-", "_")
            found.append(Hyperparameter(name, ast.unparse(default) if default else None, "argparse", node.lineno))
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            found.append(
                Hyperparameter(
                    ast.unparse(statement.targets[0]), ast.unparse(statement.value), "constant", statement.lineno
                )
            )
    return SourceFacts(
        "train.py", True, framework, (), {}, (), EntryPoint("main-guard", "main", 1), hyperparameters=tuple(found)
    )


def judge(
    original: str, adapted: str, *, api: Api | None = None, functionality: Functionality = "experiment-tracking"
) -> Failed | None:
    """The static stage on two texts."""
    file = SourceFile("train.py", original)
    task = Task("inlining", functionality, MLFLOW, (file,))
    return static.check(file, adapted, task=task, facts=facts(original), api=api)


def observation(
    stdout: str = "",
    *,
    scalars: Sequence[Sequence[Any]] = (),
    training: Sequence[Mapping[str, Any]] = (),
    models: Sequence[Mapping[str, Any]] = (),
    outputs: Mapping[str, Output] | None = None,
) -> Observation:
    trace = {
        "schema": 1,
        "frameworks": [],
        "notes": [],
        "scalars": [list(entry) for entry in scalars],
        "training": [dict(entry) for entry in training],
        "models": [dict(entry) for entry in models],
        "exit": {"kind": "normal"},
        "seconds": {},
    }
    return Observation(0, "exited", stdout, "", 1.0, json.loads(json.dumps(trace)), outputs or {})


def swap(text: str, *pairs: tuple[str, str]) -> str:
    """Replace each first string by the second; every one has to be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text
