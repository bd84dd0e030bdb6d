"""PyTorch: the modules that optimizers change, and where their training is over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.rewrite import steps
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, is_optimizer
from mlops_bot.rewrite.registration import calls as module_calls
from mlops_bot.rewrite.registration import places
from mlops_bot.rewrite.registration.trained import Trained
from mlops_bot.types import NotApplicable

_GIVES = ("parameters", "named_parameters")
_DEPTH = 4


@dataclass(frozen=True)
class Root:
    """A trained module as `model`, known at `spot`; `definition` is its class where the file has it."""

    model: ast.expr
    spot: ast.stmt


def modules(program: Program) -> list[Trained] | NotApplicable:
    """Every module that an optimizer changes, where its training is over."""
    roots = list(_roots(program))
    if not roots:
        return NotApplicable("not applicable because no optimizer is given the parameters of a module")
    found: dict[tuple[ast.AST | None, str], Trained] = {}
    for root in roots:
        located = _trained(program, root, _DEPTH)
        if located is None:
            text = ast.unparse(root.model)
            return NotApplicable(
                f"not applicable because it cannot be told where {text} (line {root.spot.lineno}) is trained to the end"
            )
        for each in located:
            key = (program.function_of(each.place), each.model)
            known = found.get(key)
            if known is None or known.place.lineno < each.place.lineno:
                found[key] = each
    return list(found.values())


# --- which modules ----------------------------------------------------------------------------------------------


def _roots(program: Program) -> Iterator[Root]:
    seen: set[tuple[ast.AST | None, str]] = set()
    for receiver in _receivers(program):
        model = _module(program, receiver)
        if model is None:
            continue
        root = Root(model, program.statement_of(receiver))
        key = (program.function_of(receiver), ast.unparse(model))
        if key not in seen:
            seen.add(key)
            yield root


def _receivers(program: Program) -> list[ast.expr]:
    """`net` of every `net.parameters()` that an optimizer is given, directly or through a variable."""
    optimizers = [call for call in program.calls if is_optimizer(program, call) or _looks_like_optimizer(call)]
    found: list[ast.expr] = []
    for call in optimizers:
        inside = list(_giving(call))
        for node in ast.walk(call):
            if not inside and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                for statement in _about(program, node):
                    inside += _giving(statement)
        found += inside
    if not optimizers:  # updated by hand: p.data -= lr * p.grad
        found = [receiver for call in program.calls for receiver in _giving(call) if _updates(program, call)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _looks_like_optimizer(call: ast.Call) -> bool:
    name = (dotted(call.func) or "").split(".")[-1]
    made = name[:1].isupper() or "optim" in name.lower()
    return made and any(True for _ in _giving(call)) and not name.endswith(("Averager", "EMA"))


def _giving(node: ast.AST) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in _GIVES:
            yield part.func.value


def _about(program: Program, name: ast.Name) -> list[ast.stmt]:
    """Statements that bind the name, or append to it."""
    function = program.function_of(name)
    statements = program.assignments(name.id, function)
    for call in program.calls:
        appends = isinstance(call.func, ast.Attribute) and call.func.attr in ("append", "extend")
        if appends and dotted(call.func.value) == name.id and program.function_of(call) is function:  # type: ignore[attr-defined]
            loops = program.loops_of(call)
            statements.append(loops[0] if loops else program.statement_of(call))
    return statements


def _updates(program: Program, call: ast.Call) -> bool:
    loop = program.parent.get(call)
    return isinstance(loop, ast.For) and any(
        isinstance(node, ast.Attribute) and node.attr == "grad" for node in ast.walk(loop)
    )


def _module(program: Program, receiver: ast.expr) -> ast.expr | None:
    """The module that holds the parameters: `net` of `net.fc`, `self.model` of `self.model.head`."""
    chain: list[ast.expr] = [receiver]
    while isinstance(chain[-1], (ast.Attribute, ast.Subscript)):
        chain.append(chain[-1].value)
    start = chain[-1]
    if not isinstance(start, ast.Name):
        return None
    if start.id == "self":
        owner = program.class_of(start)
        if owner is not None and is_module(program, owner):
            return start
        inner = chain[-2] if len(chain) > 1 else None
        return inner if isinstance(inner, ast.Attribute) else None
    made = class_of(program, start)
    if made is not None and not is_module(program, made) and len(chain) > 1:
        return chain[-2]  # agent.policy.parameters()
    return start


def class_of(program: Program, model: ast.expr, depth: int = 3) -> ast.ClassDef | None:
    """The class of the file that a name, or an attribute of `self`, is an instance of."""
    values: list[ast.expr | None] = []
    if isinstance(model, ast.Name):
        function = program.function_of(model)
        bound = program.assignments(model.id, function) or program.assignments(model.id)
        values = [getattr(statement, "value", None) for statement in bound]
    elif isinstance(model, ast.Attribute):
        text = ast.unparse(model)
        values = [
            node.value
            for node in program.nodes
            if isinstance(node, ast.Assign) and any(ast.unparse(target) == text for target in node.targets)
        ]
    for value in values:
        for node in ast.walk(value) if value is not None else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in program.classes:
                return program.classes[node.func.id][-1]
    return None


def is_module(program: Program, definition: ast.ClassDef, depth: int = 4) -> bool:
    for base in definition.bases:
        last = (dotted(base) or "").split(".")[-1]
        if last in ("Module", "LightningModule", "Sequential", "Model"):
            return True
        if (program.qualified(base) or "").startswith("torch.nn."):
            return True
        if depth and any(is_module(program, other, depth - 1) for other in program.classes.get(last, [])):
            return True
    return False


# --- where the training is over ---------------------------------------------------------------------------------


def _trained(program: Program, root: Root, depth: int) -> list[Trained] | None:
    """Around or after the place where the optimizer is made; else where the code that makes it is called."""
    name = places.root(root.model)
    statement = training(program, root.spot)
    if statement is not None:
        return [_at(program, root.model, statement)]
    function = program.function_of(root.spot)
    if function is None or not depth:
        return None
    if name == "self":
        return _in_method(program, root, function)
    found: list[Trained] = []
    for site in program.call_sites(function)[:4]:
        outer = _outside(program, function, root.model, site)
        located = _trained(program, Root(outer, program.statement_of(site)), depth - 1) if outer is not None else None
        if located is None:
            return None
        found += located
    return found or None


def training(program: Program, spot: ast.stmt) -> ast.stmt | None:
    """The last statement at or after `spot`, in its suite or one around it, that trains."""
    current: ast.stmt = spot
    while True:
        suite = program.suite_of(current)
        later = [part for part in suite[suite.index(current) :] if _trains(program, part)]
        if later:
            return later[-1]
        owner = program.parent.get(current)
        if not isinstance(owner, ast.stmt) or isinstance(owner, (*FUNCTIONS, ast.ClassDef)):
            return None
        current = owner


def _trains(program: Program, statement: ast.stmt) -> bool:
    return not isinstance(statement, (*FUNCTIONS, ast.ClassDef)) and steps.trains(program, statement)


def _outside(program: Program, function: Function, model: ast.expr, site: ast.Call) -> ast.expr | None:
    """What the caller calls the model: the argument it gives, or the name it is returned to."""
    if not isinstance(model, ast.Name):
        return model
    given = places.arguments(function, site).get(model.id)
    if given is not None:
        return given if places.is_plain(given) else None
    statement = program.statement_of(site)
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None and isinstance(statement, ast.Assign):
            target = _matching(node.value, model.id, statement.targets[0]) if statement.value is site else None
            if target is not None:
                return target
    local = any(program.function_of(store) is function for store in places.stores(program, model.id))
    return None if local else model


def _matching(returned: ast.expr, name: str, target: ast.expr) -> ast.expr | None:
    if isinstance(returned, ast.Name) and returned.id == name:
        return target if places.is_plain(target) else None
    if isinstance(returned, ast.Tuple) and isinstance(target, ast.Tuple) and len(returned.elts) == len(target.elts):
        for part, bound in zip(returned.elts, target.elts, strict=True):
            if isinstance(part, ast.Name) and part.id == name and places.is_plain(bound):
                return bound
    return None


def _in_method(program: Program, root: Root, function: Function) -> list[Trained] | None:
    """`self.model`, whose optimizer one method makes and another one uses: the outermost method that trains."""
    owner = program.class_of(function)
    if owner is None:
        return None
    methods = [part for part in owner.body if isinstance(part, FUNCTIONS) and part is not function]
    busy = [method for method in methods if any(_trains(program, part) for part in method.body)]
    outer = [
        method
        for method in busy
        if not any(method in program.reached(part) for other in busy if other is not method for part in other.body)
    ]
    if len(outer) != 1:
        return None
    last = [part for part in outer[0].body if _trains(program, part)][-1]
    return [_at(program, root.model, last)]


def over(program: Program, model: ast.expr, statement: ast.stmt) -> tuple[ast.stmt, ast.stmt]:
    """(the statement that trains, the last one that does anything with the model)."""
    name = places.root(model)
    narrowed = places.narrow(program, statement, lambda part: _trains(program, part))
    if name == "self":
        return narrowed, narrowed
    return narrowed, places.last_use(program, places.climb(program, narrowed, name), name)


def _at(program: Program, model: ast.expr, statement: ast.stmt) -> Trained:
    text = ast.unparse(model)
    narrowed, place = over(program, model, statement)
    definition = class_of(program, model)
    signature = module_calls.at_hand(program, text, place, definition)
    watched = None
    if signature is None:
        watched = narrowed
        signature = module_calls.remembered(program, "seen", definition, module_calls.calls_of(program, text))
    label = definition.name if definition is not None else _made_of(program, model) or text
    return Trained("torch", text, place, label, signature, watched=watched, files=())


def _made_of(program: Program, model: ast.expr) -> str | None:
    """ "resnet18" of `models.resnet18(...)`; None for containers, which say nothing."""
    if not isinstance(model, ast.Name):
        return None
    bound = program.assignments(model.id, program.function_of(model)) or program.assignments(model.id)
    for statement in bound:
        value = getattr(statement, "value", None)
        while (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and isinstance(value.func.value, ast.Call)
        ):
            value = value.func.value  # Net().to(device)
        if isinstance(value, ast.Call):
            name = (dotted(value.func) or "").split(".")[-1]
            qualified = program.qualified(value.func) or ""
            own = bool(program.functions_named(name, method=False))  # a function says what it does, not what it makes
            if name and not own and not qualified.startswith("torch.") and name not in ("to", "cuda", "compile"):
                return name
    return None
