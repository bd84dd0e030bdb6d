"""Comet's calls, as source text."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.rewrite.program import Function, Program, parameters
from mlops_bot.rewrite.tracking.dialect import Opening, Place, Values
from mlops_bot.rewrite.tracking.files import is_drawing, stem
from mlops_bot.rewrite.tracking.writing import call_text

_VARIABLE = "experiment"
_RUNNING = "comet_ml.get_running_experiment()"


@dataclass(frozen=True)
class Comet:
    """An experiment is an object; code that cannot see it asks for the running one."""

    project: str | None = None
    title: str = "Comet"
    module: str = "comet_ml"
    noun: str = "experiment"
    needs_run: bool = True
    early: bool = True  # it follows frameworks that are imported after it
    bridges: tuple[str, ...] = ("CometLogger", "CometCallback")
    guard: str = f"if {_RUNNING}:"

    def opening(self, place: Place, values: Sequence[Values], *, wrap: bool) -> Opening:
        name = _name(place.program)
        arguments = f"project_name={place.program.string(self.project)}" if self.project else ""
        inside = [self.params(place, value) for value in values]
        return Opening(None, [f"{name} = comet_ml.start({arguments})"], inside, [f"{name}.end()"])

    def params(self, place: Place, values: Values) -> str:
        function = f"{_receiver(place)}.log_parameters"
        if values.mapping:
            return f"{function}({values.mapping})"
        return call_text(function, values.entries, (), place.statement)

    def metrics(self, place: Place, entries: Sequence[tuple[str, str]], step: str | None) -> str:
        rest = [f"{'epoch' if re.fullmatch(r'(?i)[a-z_]*epoch', step) else 'step'}={step}"] if step is not None else []
        receiver = _receiver(place)
        if len(entries) == 1:
            (name, value), *_ = entries
            return call_text(f"{receiver}.log_metric", [f"{name}, {value}"], rest, place.statement, "")
        row = [f"{name}: {value}" for name, value in entries]
        return call_text(f"{receiver}.log_metrics", row, rest, place.statement)

    def shown(self, place: Place, pyplot: str) -> str:
        return f"{_receiver(place)}.log_figure(figure={pyplot}.gcf())"

    def file(self, place: Place, path: str, *, figure: bool) -> str:
        receiver = _receiver(place)
        if figure:
            return f"{receiver}.log_asset({path})" if is_drawing(path) else f"{receiver}.log_image({path})"
        name = place.program.string(stem(path) or "model")
        return f"{receiver}.log_model({name}, {path})"


def _name(program: Program) -> str:
    """A variable for the experiment that the program does not use."""
    name = _VARIABLE
    taken = {node.id for node in program.nodes if isinstance(node, ast.Name)}
    taken |= {name for function in program.functions for name in parameters(function)}
    taken |= {function.name for function in program.functions} | set(program.imports)
    return name if name not in taken else f"comet_{name}"


def _receiver(place: Place) -> str:
    """The experiment as code at a place can reach it."""
    if place.run is None:
        return _RUNNING
    home = place.program.function_of(place.run.first)
    function: Function | None = place.program.function_of(place.statement)
    while function is not home and function is not None:
        function = place.program.function_of(function)
    return _name(place.program) if function is home else _RUNNING
