"""Which models a program trains, and what they are called in each of its functions.

A model is known by its parameters: those that an optimizer is given, or that a loop updates by their gradients. From
there its name is followed through calls, returns and attributes of `self`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, is_optimizer, parameters, walk_executed

Scope = Function | None  # None: the module
_OPTIMIZER = re.compile(r"optim|adam|sgd|rmsprop|adagrad|adadelta|lbfgs|lion|lamb", re.IGNORECASE)
_SAME = {"to", "cuda", "cpu", "float", "double", "half", "train", "eval", "apply", "requires_grad_", "share_memory"}
_WRAPPERS = {"DataParallel", "DistributedDataParallel", "DDP", "compile"}
_PARAMETERS = ("parameters", "named_parameters")


@dataclass
class Model:
    """One trained model. `names`: what it is called, by scope; `made`: what its value is made of, as callees."""

    names: dict[Scope, list[str]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def add(self, scope: Scope, name: str) -> bool:
        known = self.names.setdefault(scope, [])
        if name in known or len(known) > 20:
            return False
        known.append(name)
        return True


def trained(program: Program) -> list[Model]:
    """The models that the program trains, in the order of their optimizers."""
    models: list[Model] = []
    for scope, name in _seeds(program):
        if any(name in model.names.get(scope, ()) for model in models):
            continue
        model = Model()
        model.add(scope, name)
        _follow(program, model)
        models.append(model)
    return models


def followed(program: Program, model: Model) -> Model:
    """The same with every further name of it; for anything that is bound and handed on like a model."""
    _follow(program, model)
    return model


def visible(program: Program, model: Model, scope: Scope) -> list[str]:
    """The names under which code of `scope` can use the model."""
    found = list(model.names.get(scope, ()))
    outer: Scope = scope
    while outer is not None:
        own = bound(outer)
        outer = program.function_of(outer)
        found += [name for name in model.names.get(outer, ()) if name.partition(".")[0] not in own]
    return list(dict.fromkeys(found))


# --- where it begins ------------------------------------------------------------------------------------------


def _seeds(program: Program) -> Iterator[tuple[Scope, str]]:
    """(scope, name) of what an optimizer is given the parameters of; else of what is updated by hand."""
    by_hand: list[tuple[Scope, str]] = []
    any_optimizer = False
    for call in program.calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in _PARAMETERS):
            continue
        name = dotted(call.func.value)
        if name is None:
            continue
        scope = program.function_of(call)
        place = (scope, _root(program, name))
        if _given_to_optimizer(program, call):
            any_optimizer = True
            yield place
        elif _updated(program, call):
            by_hand.append(place)
    if not any_optimizer:
        yield from by_hand or _given_to_makers(program)


def _given_to_makers(program: Program) -> Iterator[tuple[Scope, str]]:
    """`d_opt, g_opt = get_optimizers(d_net, g_net)` of another file: what is called, where the result takes steps."""
    called = {(program.function_of(call), dotted(call.func)) for call in program.calls}
    stepped = {
        (program.function_of(call), dotted(call.func.value))
        for call in program.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "step"
    }
    for call in program.calls:
        statement, scope = program.statement_of(call), program.function_of(call)
        if not isinstance(statement, ast.Assign) or statement.value is not call or not _makes_optimizer(program, call):
            continue
        if called_functions(program, call) or not any((scope, name) in stepped for name in _targets(statement)):
            continue
        for argument in _given(call):
            name = dotted(argument)
            if name is not None and (scope, name) in called:
                yield scope, name


def _root(program: Program, name: str) -> str:
    """`model.fc` -> `model`, where it is the model that is called."""
    parts = name.split(".")
    called = {dotted(call.func) for call in program.calls}
    for count in range(1, len(parts)):
        whole = ".".join(parts[:count])
        if whole in called or any(f"{whole}.{method}" in called for method in ("train", "eval", "to", "zero_grad")):
            return whole
    return name


def _given_to_optimizer(program: Program, call: ast.Call) -> bool:
    for above in program.ancestors(call):
        if isinstance(above, ast.Call) and _makes_optimizer(program, above):
            return True
        if isinstance(above, ast.stmt):
            names = _targets(above)
            scope = program.function_of(above)
            return any(
                _makes_optimizer(program, other)
                and any(
                    isinstance(node, ast.Name) and node.id in names for part in _given(other) for node in ast.walk(part)
                )
                for other in program.calls
                if program.function_of(other) is scope
            )
    return False


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _makes_optimizer(program: Program, call: ast.Call) -> bool:
    if is_optimizer(program, call):
        return True
    name = (program.qualified(call.func) or dotted(call.func) or "").split(".")
    return bool(_OPTIMIZER.search(name[-1])) and "lr_scheduler" not in name and name[-1] not in ("step", "zero_grad")


def _updated(program: Program, call: ast.Call) -> bool:
    """`for p in model.parameters(): p.data.add_(-lr * p.grad)`."""
    loop = program.parent.get(call)
    while loop is not None and not isinstance(loop, ast.stmt):
        loop = program.parent.get(loop)
    return isinstance(loop, ast.For) and any(
        isinstance(node, ast.Attribute) and node.attr == "grad" for part in loop.body for node in ast.walk(part)
    )


def _targets(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {
        node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)
    }


# --- where it goes --------------------------------------------------------------------------------------------


def _follow(program: Program, model: Model) -> None:
    """Every further name of the model, until there is none."""
    for _ in range(12):
        grown = False
        for scope, names in list(model.names.items()):
            for name in list(names):
                for place, other in _next(program, model, scope, name):
                    grown |= model.add(place, other)
        if not grown:
            break


def _next(program: Program, model: Model, scope: Scope, name: str) -> Iterator[tuple[Scope, str]]:
    root, _, rest = name.partition(".")
    if root == "self" and scope is not None and rest:
        definition = program.class_of(scope)
        if definition is not None:
            for method in definition.body:
                if isinstance(method, FUNCTIONS):
                    yield method, name
    if scope is not None and root not in bound(scope):
        yield program.function_of(scope), name
        return
    if scope is not None and root in parameters(scope):
        for call in _calls_of(program, scope):
            argument = argument_of(program, scope, call, root)
            given = dotted(argument) if argument is not None else None
            if given is not None:
                yield program.function_of(call), f"{given}.{rest}" if rest else given
    yield from _bindings(program, model, scope, name)
    yield from _handed_on(program, scope, name)


def _bindings(program: Program, model: Model, scope: Scope, name: str) -> Iterator[tuple[Scope, str]]:
    """Other names in the same scope: `self.model = model`, `net = model.to(device)`, `model = DataParallel(net)`."""
    for node in _own_nodes(program, scope):
        if isinstance(node, ast.Return) and node.value is not None and scope is not None:
            yield from _returned(program, scope, node.value, name)
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for left, right in pairs:
                written, source = dotted(left), _source(right)
                if written is None or source is None:
                    continue
                if source == name:
                    yield scope, written
                elif written == name and not isinstance(source, ast.Call):
                    yield scope, str(source)
                elif written == name and isinstance(source, ast.Call):
                    model.made.add(program.qualified(source.func) or dotted(source.func) or "?")
                    yield from _returning(program, source)


def _source(value: ast.expr) -> str | ast.Call | None:
    """What a value stands for: a name, or the call that makes it; moves and wrappers are looked through."""
    while isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute) and function.attr in _SAME:
            value = function.value
        elif (dotted(function) or "").split(".")[-1] in _WRAPPERS and value.args:
            value = value.args[0]
        else:
            return value
    return dotted(value)


def _returned(program: Program, scope: Function, value: ast.expr, name: str) -> Iterator[tuple[Scope, str]]:
    """What callers bind to what a function returns."""
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    for index, item in enumerate(items):
        if _source(item) != name:
            continue
        for call in _calls_of(program, scope):
            statement = program.statement_of(call)
            if not (isinstance(statement, ast.Assign) and _source(statement.value) in (call, None)):
                continue
            target: ast.expr | None = statement.targets[0]
            if isinstance(value, ast.Tuple):
                same = isinstance(target, ast.Tuple) and len(target.elts) == len(items)
                target = target.elts[index] if same else None  # type: ignore[union-attr]
            written = dotted(target) if target is not None else None
            if written is not None:
                yield program.function_of(call), written


def _returning(program: Program, call: ast.Call) -> Iterator[tuple[Scope, str]]:
    """The name inside a local function that `model = build()` calls."""
    if isinstance(call.func, ast.Name):
        for function in program.functions_named(call.func.id, method=False):
            for node in _own_nodes(program, function):
                if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Tuple):
                    source = _source(node.value)
                    if isinstance(source, str):
                        yield function, source


def _handed_on(program: Program, scope: Scope, name: str) -> Iterator[tuple[Scope, str]]:
    """Parameters that get the model: of functions, methods, constructors, and objects that are called."""
    for node in _own_nodes(program, scope):
        if not isinstance(node, ast.Call):
            continue
        for function in called_functions(program, node):
            for parameter in parameters(function):
                argument = argument_of(program, function, node, parameter)
                if argument is not None and _source(argument) == name:
                    yield function, parameter


# --- calls ----------------------------------------------------------------------------------------------------


def called_functions(program: Program, call: ast.Call) -> list[Function]:
    """The file's own functions that a call runs: by name, by method, a class's __init__, an object's __call__."""
    if isinstance(call.func, ast.Attribute):
        return program.functions_named(call.func.attr, method=True)
    if not isinstance(call.func, ast.Name):
        return []
    found = list(program.functions_named(call.func.id, method=False))
    found += _methods(program, call.func.id, "__init__")
    for statement in program.assignments(call.func.id):
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            found += _methods(program, value.func.id, "__call__")
    return found


def _methods(program: Program, name: str, method: str) -> list[Function]:
    bodies = [part for definition in program.classes.get(name, []) for part in definition.body]
    return [part for part in bodies if isinstance(part, FUNCTIONS) and part.name == method]


def _calls_of(program: Program, function: Function) -> list[ast.Call]:
    definition = program.parent[function]
    if isinstance(definition, ast.ClassDef) and function.name == "__init__":
        return [call for call in program.calls if isinstance(call.func, ast.Name) and call.func.id == definition.name]
    return program.call_sites(function)


def argument_of(program: Program, function: Function, call: ast.Call, parameter: str) -> ast.expr | None:
    """What a call gives for a parameter; None where it gives nothing, or where stars hide it."""
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return keyword.value
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if isinstance(program.parent[function], ast.ClassDef) and names and not _static(function):
        names = names[1:]
    if parameter not in names or any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    index = names.index(parameter)
    return call.args[index] if index < len(call.args) else None


def _static(function: Function) -> bool:
    return any(dotted(decorator) == "staticmethod" for decorator in function.decorator_list)


def _own_nodes(program: Program, scope: Scope) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the functions and classes that it defines."""
    for statement in program.tree.body if scope is None else scope.body:
        if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            yield from walk_executed(statement)


def bound(function: Function) -> set[str]:
    """The names that are a function's own: parameters, and what it binds (no `global`, no `nonlocal`)."""
    outside = {
        name for node in ast.walk(function) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names
    }
    own = set(parameters(function))
    own |= {extra.arg for extra in (function.args.vararg, function.args.kwarg) if extra is not None}
    for statement in function.body:
        for node in walk_executed(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
    return own - outside
