"""What differs between trackers: the calls that open a run and log to it. Everything else is about the program."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.runs import Stretch


@dataclass(frozen=True)
class Place:
    """Where a call is written: beside `statement`. `run`: what the run spans, where the recipe opens one."""

    program: Program
    statement: ast.stmt
    run: Stretch | None = None


@dataclass(frozen=True)
class Values:
    """Parameters to be logged: a mapping that the program has ("vars(args)"), or the entries of a new one."""

    mapping: str = ""
    entries: tuple[str, ...] = ()  # '"lr": lr'
    again: bool = False  # a later value may take the place of an earlier one


@dataclass(frozen=True)
class Opening:
    """How a run is opened around a stretch: by a `with` header, or by statements before and after it.

    `inside` are statements that come first in the body of the `with`, or right after `before`.
    """

    header: str | None
    before: Sequence[str] = ()
    inside: Sequence[str] = ()
    after: Sequence[str] = ()


class Dialect(Protocol):
    """One tracker's calls, as source text."""

    @property
    def title(self) -> str:
        """As people write it: "MLflow"."""
        ...

    @property
    def module(self) -> str:
        """What a program imports."""
        ...

    @property
    def noun(self) -> str:
        """What the tracker calls a run."""
        ...

    @property
    def needs_run(self) -> bool:
        """Does logging fail where no run is open?"""
        ...

    @property
    def early(self) -> bool:
        """Is it imported before the frameworks that it follows?"""
        ...

    @property
    def bridges(self) -> tuple[str, ...]:
        """Names that other libraries give their integrations with it: importing one means that it is used."""
        ...

    @property
    def guard(self) -> str:
        """An `if ...:` that holds while a run is open."""
        ...

    def opening(self, place: Place, values: Sequence[Values], *, wrap: bool) -> Opening:
        """A run, with its first parameters. `wrap`: the stretch is short enough for a `with`."""
        ...

    def params(self, place: Place, values: Values) -> str:
        """Logs parameters to the open run."""
        ...

    def metrics(self, place: Place, entries: Sequence[tuple[str, str]], step: str | None) -> str:
        """Logs metrics, (name as source text, value), to the open run."""
        ...

    def shown(self, place: Place, pyplot: str) -> str:
        """Logs the figure that is about to be shown, "" where the tracker is not to. `pyplot`: how it is spelt."""
        ...

    def file(self, place: Place, path: str, *, figure: bool) -> str:
        """Logs a file that has just been saved. `figure`: it is an image."""
        ...
