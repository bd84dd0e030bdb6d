"""Translations as text: a file without what belongs to the component that it moves away from. Pure.

What is the component's may go or change; everything else has to stay. A statement is the component's where it mentions
one of its names: what is imported from it, and what was made by calling it, under whatever name it is handed on.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from mlops_bot.types import Component
from mlops_bot.verify.code import Code, FunctionNode, Item, dotted
from mlops_bot.verify.used import belongs

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_Definition = TypeVar("_Definition", bound="ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef")


def without(code: Code, component: Component) -> Code:
    """`code` without the statements, imports, decorators, base classes and parameters that are the component's."""
    names = names_of(code, component)
    gone = {item.node for item in code.items if _mentions_any(item, names, component)}
    for item in reversed(code.items):  # inner ones first: what only asked whether to do it goes with it
        if isinstance(item.node, ast.If) and all(part in gone for part in (*item.node.body, *item.node.orelse)):
            gone.add(item.node)
    kept = [item for item in code.items if item.node not in gone]
    needless = _names(code.items) - _names(kept)  # imports for what is gone
    imports = {
        local: name
        for local, name in code.imports.items()
        if not belongs(name, component) and local.partition(".")[0] not in needless
    }
    places = {item.index: index for index, item in enumerate(kept)}
    items = [
        replace(item, index=index, loops=tuple(places[loop] for loop in item.loops if loop in places))
        for index, item in enumerate(kept)
    ]
    return replace(
        code,
        items=items,
        imports=imports,
        import_lines={
            name: line
            for name, line in code.import_lines.items()
            if not belongs(name, component) and (name in imports.values() or name not in code.imports.values())
        },
        definitions={name: _bare(node, names) for name, node in code.definitions.items()},
    )


def left(code: Code, component: Component) -> str | None:
    """What is left of a component in a file that has moved away from it, in words."""
    for name, line in code.import_lines.items():
        if belongs(name, component):
            return f"{component.title} is still imported (`{name}`, line {line}): replace every use of it"
    for name in code.imports.values():
        if belongs(name, component):
            return f"{component.title} is still imported (`{name}`): replace every use of it"
    for node in ast.walk(code.tree):
        if isinstance(node, ast.keyword) and any(
            isinstance(child, ast.Constant) and child.value == component.name for child in ast.walk(node.value)
        ):
            return f"`{ast.unparse(node)}` (line {node.value.lineno}) still asks for {component.title}"
    return None


def names_of(code: Code, component: Component) -> frozenset[str]:
    """Variables (`run`, `self.run`) and functions that stand for something of the component."""
    names = {local for local, name in code.imports.items() if belongs(name, component)}
    functions = {
        name.rpartition(".")[2]: node for name, node in code.definitions.items() if isinstance(node, _Function)
    }
    while True:
        found = set(names)
        for node in ast.walk(code.tree):
            found |= set(_bound(node, names))
            if isinstance(node, ast.Call):
                function = functions.get((dotted(node.func) or "").rpartition(".")[2])
                if function is not None:
                    found |= set(_parameters(node, function, names))
        for name, function in functions.items():
            returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
            if any(_made(value, names) for value in returned):
                found.add(name)
            found |= {a.arg for a in _arguments(function) if a.annotation is not None and _made(a.annotation, names)}
        if found == names:
            return frozenset(names)
        names = found


def _bound(node: ast.AST, names: set[str]) -> Iterator[str]:
    """Variables that a statement binds to something of the component."""
    pairs: list[tuple[ast.expr, ast.expr | None]] = []
    if isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        pairs = [(node.optional_vars, node.context_expr)]
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        pairs = [(node.target, node.iter)]
    for target, value in pairs:
        if value is None or not _made(value, names):
            continue
        for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            if name := dotted(part):
                yield name


def _parameters(call: ast.Call, function: FunctionNode, names: set[str]) -> Iterator[str]:
    """Parameters of a local function that are given something of the component."""
    positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if positional[:1] in (["self"], ["cls"]) and isinstance(call.func, ast.Attribute):
        positional = positional[1:]
    for name, value in zip(positional, call.args, strict=False):
        if _made(value, names):
            yield name
    known = {argument.arg for argument in _arguments(function)}
    for keyword in call.keywords:
        if keyword.arg in known and _made(keyword.value, names):
            yield keyword.arg


def _made(value: ast.expr, names: set[str]) -> bool:
    """Whether a value is something of the component: a chain of attributes, calls and items that begins there."""
    while True:
        if (dotted(value) or "") in names:
            return True
        if isinstance(value, (ast.Attribute, ast.Subscript, ast.Starred, ast.Await)):
            value = value.value
        elif isinstance(value, ast.Call):
            value = value.func
        else:
            return False


def _names(items: Sequence[Item]) -> frozenset[str]:
    """Names that statements use, each without the statements inside of it."""
    parts = [part for item in items for part in ((item.node,) if item.kind == "simple" else item.parts)]
    return frozenset(node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name))


def _mentions_any(item: Item, names: frozenset[str], component: Component) -> bool:
    prefix = f"{component.name.upper().replace('-', '_')}_"
    parts: tuple[ast.AST, ...] = (item.node,) if item.kind == "simple" else item.parts
    for part in parts:
        for node in ast.walk(part):
            if isinstance(node, (ast.Name, ast.Attribute)) and (dotted(node) or "") in names:
                return True
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(prefix):
                return True
    return False


def _arguments(function: FunctionNode) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _bare(node: _Definition, names: frozenset[str]) -> _Definition:
    bare = copy.copy(node)
    bare.decorator_list = [one for one in node.decorator_list if not _made(one, set(names))]
    if isinstance(bare, ast.ClassDef):
        bare.bases = [base for base in bare.bases if not _made(base, set(names))]
    elif any(argument.arg in names for argument in _arguments(bare)):
        old = bare.args
        positional = [*old.posonlyargs, *old.args]
        defaults = [None] * (len(positional) - len(old.defaults)) + list(old.defaults)
        pairs = [(a, d) for a, d in zip(positional, defaults, strict=True) if a.arg not in names]
        only = [(a, d) for a, d in zip(old.kwonlyargs, old.kw_defaults, strict=True) if a.arg not in names]
        bare.args = ast.arguments(
            posonlyargs=[],
            args=[a for a, _ in pairs],
            vararg=old.vararg,
            kwonlyargs=[a for a, _ in only],
            kw_defaults=[d for _, d in only],
            kwarg=old.kwarg,
            defaults=[d for _, d in pairs if d is not None],
        )
    return bare
