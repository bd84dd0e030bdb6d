"""After which statement a trained model is at hand, and nothing happens to it any more."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from mlops_bot.rewrite.program import FUNCTIONS, LOOPS, Function, Program, dotted, parameters, walk_executed

Trains = Callable[[ast.stmt], bool]


def root(expression: ast.expr) -> str:
    """The name that an expression starts from: `self` of `self.model`, `models` of `models["a"]`."""
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def climb(program: Program, statement: ast.stmt, name: str) -> ast.stmt:
    """The outermost loop around a training whose turns do not bring a model of their own: it is over after that loop.

    A loop over models (`for clf in classifiers`) brings one: its turns stay apart.
    """
    found = statement
    for loop in reversed(program.loops_of(statement)):
        if not isinstance(loop, ast.While) and name in _stored(loop.target):
            break
        found = loop
    return found


def _stored(target: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def narrow(program: Program, statement: ast.stmt, trains: Trains) -> ast.stmt:
    """The last statement that trains inside of an `if` that may also do something else, or of a `with`."""
    while True:
        if isinstance(statement, ast.If):
            inside = [part for part in statement.body if trains(part)]
            beside = [part for part in statement.orelse if trains(part)]
            if bool(inside) == bool(beside):
                return statement
            statement = (inside or beside)[-1]
        elif isinstance(statement, (ast.With, ast.AsyncWith)) and opens_run(statement):
            inside = [part for part in statement.body if trains(part)]
            if not inside:
                return statement
            statement = inside[-1]
        else:
            return statement


def opens_run(statement: ast.With | ast.AsyncWith) -> bool:
    """`with mlflow.start_run():`, `with wandb.init() as run:`"""
    return any(
        isinstance(item.context_expr, ast.Call)
        and (dotted(item.context_expr.func) or "").split(".")[-1] in ("start_run", "init")
        for item in statement.items
    )


def last_use(program: Program, statement: ast.stmt, name: str) -> ast.stmt:
    """The last statement of the same suite that does anything with `name`, while it is the same thing.

    Where the value is bound anew by something that is no training, or deleted, its use ends.
    """
    suite = program.suite_of(statement)
    found = statement
    for later in suite[suite.index(statement) + 1 :]:
        if isinstance(later, (*FUNCTIONS, ast.ClassDef)):
            continue
        if isinstance(later, ast.Delete) and any(root(target) == name for target in later.targets):
            break
        if isinstance(later, (ast.Return, ast.Raise, ast.Break, ast.Continue)) or ends_run(later):
            break
        if _is_another(later, name):
            break
        if name in names(later):
            found = later
    return found


def _is_another(statement: ast.stmt, name: str) -> bool:
    """`name` gets another value, which is neither made of the one before nor read from a file that may hold that."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not any(name in _stored(target) for target in targets) or name in names(statement.value):
        return False
    return not (isinstance(statement.value, ast.Call) and "load" in ast.unparse(statement.value.func))


def ends_run(statement: ast.stmt) -> bool:
    """`mlflow.end_run()`, `wandb.finish()`"""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    return (dotted(statement.value.func) or "").split(".")[-1] in ("end_run", "finish")


def names(node: ast.AST) -> set[str]:
    """Names that running `node` itself reads or binds."""
    return {part.id for part in walk_executed(node) if isinstance(part, ast.Name)}


def bound_between(program: Program, name: str, first: ast.AST, last: ast.stmt, owner: ast.AST | None) -> bool:
    """Is `name` bound again after `first`, up to the end of `last`, in the code of `owner` itself?"""
    start, end = getattr(first, "end_lineno", 0) or 0, last.end_lineno or 0
    return any(
        start < (store.lineno or 0) <= end and program.function_of(store) is owner for store in stores(program, name)
    )


def stores(program: Program, name: str) -> Iterator[ast.Name]:
    for node in program.nodes:
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node


def arguments(function: Function, call: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call by the function's parameters; methods' `self` is left out."""
    names = parameters(function)
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    found = dict(
        zip(names, (argument for argument in call.args if not isinstance(argument, ast.Starred)), strict=False)
    )
    found.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
    return found


def is_plain(expression: ast.expr | None) -> bool:
    """A name, an attribute, an element: something that may be written again."""
    if isinstance(expression, ast.Name):
        return True
    if isinstance(expression, ast.Attribute):
        return is_plain(expression.value)
    if isinstance(expression, ast.Subscript):
        return is_plain(expression.value) and isinstance(
            expression.slice, (ast.Constant, ast.Name, ast.Slice, ast.Attribute)
        )
    return False


def in_loop(program: Program, node: ast.AST) -> bool:
    return any(isinstance(above, (*LOOPS, ast.ListComp, ast.GeneratorExp)) for above in program.ancestors(node))
