"""Where a training is pruned: right before its loop; and where pruning ends: right after it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.rewrite import models, runs, steps
from mlops_bot.rewrite.models import Model, Scope
from mlops_bot.rewrite.program import FUNCTIONS, Function, LoopNode, Program, dotted, parameters, walk_executed
from mlops_bot.types import NotApplicable

_COMPILED = {"torch.jit.script", "torch.jit.trace", "torch.compile"}
_OTHER_WEIGHTS = {"spectral_norm", "weight_norm", "register_parametrization"}
_SAVING = re.compile(  # in another file: `utils.save_checkpoint(model, path)`, not `load_checkpoint(model, path)`
    r"(?!_*(?:load|restore|resume|read|set|reset|init|update|from))\w*(?:save|checkpoint|ckpt|snapshot|dump|state$)"
)
_PROCESSES = {"torch.multiprocessing.spawn", "torch.multiprocessing.Process", "multiprocessing.Process"}


@dataclass(frozen=True)
class Trained:
    """A model as the loop's scope calls it."""

    name: str
    model: Model


@dataclass(frozen=True)
class State:
    """An expression inside the pruned stretch that takes the model's state away: to a file, or to be kept.

    `subject` is the model in it, `whole` whether the model object itself is meant and not its state dictionary.
    """

    subject: ast.expr
    whole: bool
    saved: bool


@dataclass(frozen=True)
class Place:
    """The pruned stretch: `first`..`last` with the loop that trains in between."""

    loop: LoopNode
    first: ast.stmt
    last: ast.stmt
    home: Scope
    trained: tuple[Trained, ...]
    returns: tuple[ast.Return, ...]  # ways out of the stretch before its end
    states: tuple[State, ...]

    def suite_is_module(self) -> bool:
        return self.home is None


def find(program: Program) -> Place | NotApplicable:
    """The place in a program's own training, or why there is none."""
    loop = runs.core_loop(program)
    if loop is None:
        return _not("no training loop was found in this file")
    for call in program.calls:
        name = program.qualified(call.func) or dotted(call.func) or ""
        if name in _COMPILED or name.split(".")[-1] in _OTHER_WEIGHTS:
            return _not(f"{name} makes the weights in a way of its own (line {call.lineno})")
    outcome = _stretch(program, loop)
    if isinstance(outcome, NotApplicable):
        return outcome
    first, last = outcome
    home = program.function_of(loop)
    trained = _models_at(program, loop, home)
    if isinstance(trained, NotApplicable):
        return trained
    inside = _between(program, first, last)
    if home is not None and any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in inside):
        return _not(f"the training loop hands out values while it runs (line {loop.lineno})")
    returns = tuple(node for node in inside if isinstance(node, ast.Return) and program.function_of(node) is home)
    states = _states(program, trained, inside)
    if isinstance(states, NotApplicable):
        return states
    return Place(loop, first, last, home, trained, returns, states)


def _not(reason: str) -> NotApplicable:
    return NotApplicable(f"not applicable because {reason}")


# --- from where to where --------------------------------------------------------------------------------------


def _stretch(program: Program, loop: LoopNode) -> tuple[ast.stmt, ast.stmt] | NotApplicable:
    """The loop; with further loops that train beside it, from the first to the last; a `try` around it is its end."""
    spots = [
        program.statement_of(node)
        for node in program.nodes
        if steps.is_training_call(node) and not steps.is_step_call(node)
    ]
    first: ast.stmt = loop
    last: ast.stmt = loop
    rest = [spot for spot in spots if not runs.contains(program, loop, spot)]
    if rest:
        suite = program.suite_of(loop)
        parts = [part for part in suite if any(runs.contains(program, part, spot) for spot in spots)]
        if not all(any(runs.contains(program, part, spot) for part in parts) for spot in rest):
            return _not(f"the program trains in several places (lines {loop.lineno} and {rest[0].lineno})")
        first, last = parts[0], parts[-1]
    above = program.parent.get(last)
    while isinstance(above, (ast.Try, ast.TryStar)) and last in above.body and above.handlers:
        last = above
        above = program.parent.get(last)
    return first, last


def _between(program: Program, first: ast.stmt, last: ast.stmt) -> list[ast.AST]:
    """The nodes of the stretch itself, not of what it calls."""
    suite = program.suite_of(first)
    parts = [last] if last not in suite else suite[suite.index(first) : suite.index(last) + 1]
    return [node for part in parts for node in walk_executed(part)]


# --- the models -----------------------------------------------------------------------------------------------


def _models_at(program: Program, loop: LoopNode, home: Scope) -> tuple[Trained, ...] | NotApplicable:
    found: list[Trained] = []
    known = models.trained(program)
    if not known:
        return _not("no model was found whose parameters are optimized in this file")
    for model in known:
        names = models.visible(program, model, home)
        names = [name for name in names if name != "self"] or (["self"] if _is_called_as_self(program, loop) else [])
        if not names:
            continue
        name = next((one for one in names if _is_used(program, loop, one)), names[0])
        if home is not None and name.partition(".")[0] in parameters(home) and _in_other_process(program, home):
            return _not(f"{name} is trained in processes that {home.name} is started in (line {home.lineno})")
        found.append(Trained(name, model))
    if not found:
        own = any("self" in names for model in known for names in model.names.values())
        what = "the layers train themselves, past the hooks of a call" if own else "the trained model has no name there"
        return _not(f"the training loop (line {loop.lineno}) cannot reach the model: {what}")
    return tuple(found)


def _is_called_as_self(program: Program, loop: LoopNode) -> bool:
    """`self(batch)` in a model that trains itself. `self.forward(batch)` would go past the masks."""
    definition = program.class_of(loop)
    inside = [part for part in ast.walk(definition) if isinstance(part, ast.Call)] if definition is not None else []
    called = {dotted(call.func) for call in inside}
    return "self" in called and "self.forward" not in called


def _is_used(program: Program, loop: LoopNode, name: str) -> bool:
    return any(isinstance(node, (ast.Name, ast.Attribute)) and dotted(node) == name for node in ast.walk(loop))


def _in_other_process(program: Program, function: Function) -> bool:
    """Is the function only ever handed to something that runs it in another process?"""
    if program.call_sites(function):
        return False
    return any(
        program.qualified(call.func) in _PROCESSES
        and any(function in program.mentions(part) for part in ast.walk(call))
        for call in program.calls
    )


# --- what is taken out of the loop ----------------------------------------------------------------------------


def _states(program: Program, trained: tuple[Trained, ...], inside: list[ast.AST]) -> tuple[State, ...] | NotApplicable:
    """Where code that runs in the stretch saves or keeps a trained model."""
    reached = {function for node in inside if isinstance(node, ast.stmt) for function in program.reached(node)}
    nodes = [*inside, *(node for function in reached for part in function.body for node in walk_executed(part))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    loads = [call for call in calls if _method_of_model(program, trained, call, "load_state_dict")]
    found: list[State] = []
    for call in calls:
        name = program.qualified(call.func) or dotted(call.func) or ""
        subject = _method_of_model(program, trained, call, "state_dict")
        if subject is not None:
            found.append(State(subject, whole=False, saved=_is_saved(program, call)))
        elif name in ("torch.save", "copy.deepcopy", "pickle.dump", "joblib.dump"):
            whole = [part for part in _parts(call.args[0]) if _is_model(program, trained, part)] if call.args else []
            found += [State(part, whole=True, saved=name != "copy.deepcopy") for part in whole]
        elif _SAVING.match(name.split(".")[-1]) and not models.called_functions(program, call):
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            found += [State(part, whole=True, saved=True) for part in given if _is_model(program, trained, part)]
        elif name.split(".")[-1] in ("export", "trace", "script") and any(
            _is_model(program, trained, a) for a in call.args
        ):
            return _not(f"{name} exports the model while it trains (line {call.lineno})")
    if loads:
        if any(state.saved for state in found):
            line = loads[0].lineno
            return _not(
                f"the training loop loads a state into the model (line {line}) and saves others: masks would differ"
            )
        found = [state for state in found if state.whole]
    return tuple(found)


def _method_of_model(program: Program, trained: tuple[Trained, ...], call: ast.Call, method: str) -> ast.expr | None:
    """The model in `model.method(...)`."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == method:
        return call.func.value if _is_model(program, trained, call.func.value) else None
    return None


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """The object that is saved, or the entries of a dictionary of objects."""
    if isinstance(value, ast.Dict):
        yield from value.values
    elif isinstance(value, (ast.Tuple, ast.List)):
        yield from value.elts
    else:
        yield value


def _is_model(program: Program, trained: tuple[Trained, ...], node: ast.expr) -> bool:
    """One of the trained models, or what a wrapper holds (`model.module`)."""
    name = dotted(node)
    if name is None:
        return False
    scope = program.function_of(node)
    return any(
        name in (known, f"{known}.module") for one in trained for known in models.visible(program, one.model, scope)
    )


def _is_saved(program: Program, call: ast.Call) -> bool:
    """Does the state go to a file: in the call itself, or in a function that is there to save?"""
    for above in program.ancestors(call):
        if isinstance(above, ast.Call) and (dotted(above.func) or "").split(".")[-1] in (
            "save",
            "dump",
            "save_checkpoint",
        ):
            return True
        if isinstance(above, FUNCTIONS):
            return "save" in above.name or "checkpoint" in above.name
        if isinstance(above, ast.stmt) and isinstance(above, ast.Assign):
            names = {node.id for target in above.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
            scope = program.function_of(above)
            return any(
                program.qualified(other.func) == "torch.save"
                and program.function_of(other) is scope
                and any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(other))
                for other in program.calls
            )
    return False
