"""Names: which a piece of code reads before it binds them, binds, changes the objects of, or takes from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, parameters

_CHANGING = frozenset(
    {
        "append",
        "extend",
        "insert",
        "update",
        "add",
        "pop",
        "remove",
        "clear",
        "setdefault",
        "push",
        "popleft",
        "appendleft",
    }
)
_INNER = (*FUNCTIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def loads(node: ast.AST) -> set[str]:
    """Every name that is read in `node`, inner functions included, but for what these bind themselves."""
    if isinstance(node, (*FUNCTIONS, ast.Lambda)):
        outside = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
        outside += [] if isinstance(node, ast.Lambda) else list(node.decorator_list)
        return free(node) | {name for part in outside for name in loads(part)}
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        bound = {name for generator in node.generators for name in binds(generator.target)}
        return {name for child in ast.iter_child_nodes(node) for name in loads(child)} - bound
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    found = {name for child in ast.iter_child_nodes(node) for name in loads(child)}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.add(node.target.id)
    return found


def binds(node: ast.AST) -> set[str]:
    """Every name that running `node` may bind in its own scope; a `del` counts as well."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    if isinstance(node, _INNER):
        return {part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr)}
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    found = {name for child in ast.iter_child_nodes(node) for name in binds(child)}
    return found | {node.name} if isinstance(node, ast.ExceptHandler) and node.name else found


def free(function: Function | ast.Lambda) -> set[str]:
    """What a function takes from outside: read or, where it says `global`, bound."""
    body: Sequence[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else function.body
    declared = {name for part in body for name in _declared(part)}
    given = set(parameters(function)) if not isinstance(function, ast.Lambda) else _given(function)
    for extra in (function.args.vararg, function.args.kwarg):
        given |= {extra.arg} if extra is not None else set()
    local = {name for part in body for name in binds(part)} - declared
    return ({name for part in body for name in loads(part)} | declared) - given - local


def _given(function: ast.Lambda) -> set[str]:
    given = function.args
    return {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)}


def _declared(node: ast.AST) -> set[str]:
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return set(node.names)
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
        return set()
    return {name for child in ast.iter_child_nodes(node) for name in _declared(child)}


def globals_of(function: Function) -> set[str]:
    """Names that a function declares global, and so may bind at module level."""
    return {name for part in ast.walk(function) if isinstance(part, ast.Global) for name in part.names}


def changes(node: ast.AST) -> set[str]:
    """Names whose objects are changed: `losses.append(...)`, `config["lr"] = ...`, `args.lr = ...`, `total += ...`."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in _CHANGING:
            found |= _root(part.func.value)
        elif isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            found |= _root(part.value)
        elif isinstance(part, ast.AugAssign):
            found |= _root(part.target)
    return found


def _root(node: ast.expr) -> set[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def reads_first(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that are read before these statements have surely bound them."""
    reads, _ = _flow(list(statements), frozenset())
    return reads


def _flow(statements: Sequence[ast.stmt], bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    reads: set[str] = set()
    for statement in statements:
        more, bound = _step(statement, bound)
        reads |= more
    return reads, bound


def _step(node: ast.stmt, bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    if isinstance(node, (ast.For, ast.AsyncFor)):
        reads = loads(node.iter) - bound
        inner = bound | binds(node.target)
        more, after = _flow(node.body, inner)
        rest, after = _flow(node.orelse, after)  # a loop is taken to run at least once
        return reads | more | rest, after
    if isinstance(node, ast.While):
        reads = loads(node.test) - bound
        more, after = _flow(node.body, bound | binds(node.test))
        rest, after = _flow(node.orelse, after)
        return reads | more | rest, after
    if isinstance(node, ast.If):
        reads = loads(node.test) - bound
        first, a = _flow(node.body, bound | binds(node.test))
        second, b = _flow(node.orelse, bound | binds(node.test))
        return reads | first | second, a & b
    if isinstance(node, (ast.With, ast.AsyncWith)):
        reads = {name for item in node.items for name in loads(item.context_expr)} - bound
        more, after = _flow(node.body, bound | {name for item in node.items for name in binds(item)})
        return reads | more, after
    if isinstance(node, ast.Try):
        reads, after = _flow(node.body, bound)
        for handler in node.handlers:
            reads |= (loads(handler.type) if handler.type is not None else set()) - bound
            more, _ = _flow(handler.body, bound | ({handler.name} if handler.name else set()))
            reads |= more
        rest, after = _flow([*node.orelse, *node.finalbody], after)
        return reads | rest, after
    return loads(node) - bound, bound | binds(node)


def bound_in(program: Program, function: Function | None) -> set[str]:
    """Names that a scope binds: parameters and assignments of a function, or everything at module level."""
    body = program.tree.body if function is None else function.body
    found = {name for part in body for name in binds(part)}
    return found | set(parameters(function)) if function is not None else found
