"""What tracking code does, whatever the tracker. Expressions are source text of the program, as it is at that place."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


class Unsure(Exception):
    """Why a program is not translated."""


@dataclass(frozen=True)
class Place:
    node: ast.stmt  # the statement that is replaced
    line: int
    scope: ast.AST | None  # the function it is in; None at module level


@dataclass(frozen=True)
class Open:
    """A run begins. `variable`: what the program calls it; `block`: the statement is a `with`."""

    place: Place
    project: str | None = None
    name: str | None = None
    config: str | None = None
    tags: str | None = None  # a list of words
    notes: str | None = None
    variable: str | None = None
    block: bool = False


@dataclass(frozen=True)
class Params:
    place: Place
    values: str  # a mapping


@dataclass(frozen=True)
class Metrics:
    place: Place
    values: str  # a mapping
    step: str | None
    counted: bool = False  # the tracker counts by itself: each call is a step
    loop: str | None = None  # the counter of the only loop around it


@dataclass(frozen=True)
class File:
    place: Place
    path: str
    folder: bool = False


@dataclass(frozen=True)
class Tag:
    place: Place
    name: str
    value: str


@dataclass(frozen=True)
class Tags:
    place: Place
    values: str  # a mapping


@dataclass(frozen=True)
class Model:
    """A trained model is kept. `library`: "pytorch", "sklearn", ... as the trackers call their modules for it."""

    place: Place
    library: str
    model: str
    name: str


@dataclass(frozen=True)
class Context:
    """A `with` block that puts `prefix` before the names of metrics. The names have it already."""

    place: Place
    prefix: str


@dataclass(frozen=True)
class End:
    place: Place


@dataclass(frozen=True)
class Nothing:
    """A statement that has no counterpart; `why` becomes a comment. `before`: it stays, the comment goes above it."""

    place: Place
    why: str


@dataclass(frozen=True)
class Setting:
    """`wandb.config.lr = 0.1`: a setting that the program reads again."""

    place: Place
    name: str
    value: str


Operation = Open | Params | Metrics | File | Tag | Tags | Model | Context | End | Nothing | Setting


@dataclass
class Read:
    """All that was read. `settings`: expressions that read the run's settings; `imports`: statements to replace."""

    operations: list[Operation] = field(default_factory=list)
    settings: list[ast.expr] = field(default_factory=list)
    lookups: list[tuple[ast.expr, str]] = field(default_factory=list)  # one setting is read, by its name
    saved: list[tuple[ast.Call, str, Place]] = field(default_factory=list)  # files in the run's own folder
    loggers: list[ast.Call] = field(default_factory=list)  # Lightning's loggers, where they are made
    callbacks: list[ast.Call] = field(default_factory=list)  # Keras' callbacks that log
    imports: list[ast.stmt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
