"""A program that tests once, when training is over: the search gets a part of its training data to measure on instead.

The test data stay for the final model. In the trials, the loaders that the unit knows as training and test loader are
two parts of the training data; in the final training they are the program's own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_bot.components.optuna.emit import Parts, program_indent
from mlops_bot.components.optuna.unit import Unit, top_level
from mlops_bot.rewrite import scopes, steps
from mlops_bot.rewrite.program import LOOPS, Function, Program, dotted, parameters, walk_executed
from mlops_bot.source import families

_HELPER = '''def hold_out(loader, share=0.2):
    """Two loaders of one loader's data: for training, and for what a trial is measured on."""
    size = len(loader.dataset)
    parts = torch.utils.data.random_split(loader.dataset, [size - int(share * size), int(share * size)])
    return [
        torch.utils.data.DataLoader(part, batch_size=loader.batch_size, shuffle=at == 0, collate_fn=loader.collate_fn)
        for at, part in enumerate(parts)
    ]'''
NOTE = "the test data stay for the final model: trials are measured on a part of the training data"


def parts(unit: Unit) -> Parts | str:
    """How the search is kept from the test data; or why it cannot be."""
    program = unit.program
    if program.imports.get("torch") != "torch":
        return "the test data are looked at once, and the training data cannot be split here"
    trains, tests = _loaders(unit)
    train, test = _only(trains), _only(tests)
    if train is None or test is None or train == test or "hold_out" in program.text:
        return "the test data are looked at once, and which loaders train and test is not sure"
    helper = _HELPER.replace("    ", program_indent(program))
    if unit.function is not None:
        bound = [part for part in unit.function.body if {train, test} & scopes.binds(part)]
        last = bound[-1] if bound else None
        if last is None or not all(_makes_loader(program, unit.function.body, name) for name in (train, test)):
            return "the loaders of training and test data are made elsewhere"
        margin = program_indent(program)
        code = f"if not final:  # the test data are for the final model\n{margin}{train}, {test} = hold_out({train})"
        return Parts(helper, inside=(last, code), note=NOTE)
    free = {name for function in unit.reached for name in scopes.free(function)}
    if {train, test} & free:
        return "functions read the loaders of training and test data as globals"
    outside = [part for part in top_level(program) if part not in unit.statements]
    if not all(_makes_loader(program, outside, name) for name in (train, test)):
        return "the loaders of training and test data are made elsewhere"
    return Parts(helper, given=[train, test], search=f"*hold_out({train})", note=NOTE)


def _only(names: set[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None


def _makes_loader(program: Program, body: list[ast.stmt], name: str) -> bool:
    """Whether one statement of a suite binds the name to a loader."""
    for statement in body:
        if name in scopes.binds(statement):
            calls = [node for node in walk_executed(statement) if isinstance(node, ast.Call)]
            if any(families.is_loader(families.canonical(program.qualified(call.func) or "")) for call in calls):
                return True
            return any(program.mentions(call) for call in calls)  # a function of the program makes it
    return False


def _loaders(unit: Unit) -> tuple[set[str], set[str]]:
    """Names in the unit that training loops and other loops over batches go through."""
    trains: set[str] = set()
    tests: set[str] = set()
    for name, training in _looped(unit):
        (trains if training else tests).add(name)
    return trains, tests - trains


def _looped(unit: Unit) -> Iterator[tuple[str, bool]]:
    functions: list[Function | None] = [None, *sorted(unit.reached, key=lambda function: function.lineno)]
    for function in functions:
        nodes = (
            list(unit.nodes()) if function is None else [node for part in function.body for node in walk_executed(part)]
        )
        for loop in nodes:
            if not isinstance(loop, LOOPS) or isinstance(loop, ast.While):
                continue
            over = steps.unwrapped(loop.iter)
            if isinstance(over, ast.Call) and dotted(over.func) == "enumerate" and over.args:
                over = steps.unwrapped(over.args[0])
            if not isinstance(over, ast.Name):
                continue
            training = any(steps.is_training_call(node) for node in walk_executed(loop))
            for name in _outer(unit, function, over.id):
                yield name, training


def _outer(unit: Unit, function: Function | None, name: str) -> Iterator[str]:
    """What a parameter of a function is called in the unit."""
    if function is None or name not in parameters(function):
        if function is None or name in scopes.free(function):
            yield name
        return
    at = parameters(function).index(name)
    for site in unit.program.call_sites(function):
        given = next((k.value for k in site.keywords if k.arg == name), site.args[at] if at < len(site.args) else None)
        home = unit.program.function_of(site)
        if isinstance(given, ast.Name):
            if unit.holds(site):
                yield given.id
            elif home is not None and home in unit.reached:
                yield from _outer(unit, home, given.id)
