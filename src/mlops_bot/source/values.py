"""Expressions as values: what is left of them without conversions, what they are called, what they cannot be."""

from __future__ import annotations

import ast
import re

from mlops_bot.source import messages
from mlops_bot.source.messages import Filled
from mlops_bot.source.program import Program

_CONVERSIONS = frozenset({"item", "detach", "cpu", "numpy", "mean", "compute", "result", "tolist"})


def own_name(node: ast.expr) -> str | None:
    """The variable that a value comes from: loss for loss.item(), val_loss for logs["val_loss"]."""
    core = core_of(node)
    if isinstance(core, ast.Name):
        return core.id
    if isinstance(core, ast.Attribute):
        return core.attr if core.attr not in ("avg", "val", "sum", "value", "data") else own_name(core.value)
    if isinstance(core, ast.Subscript):
        if isinstance(core.slice, ast.Constant) and isinstance(core.slice.value, str):
            return core.slice.value
        return own_name(core.value)
    if isinstance(core, ast.Call):
        func = core.func
        return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else None
    return None


def core_of(node: ast.expr) -> ast.expr:
    """Without what only converts: x of float(x.item()), round(x, 2), x.detach().cpu().numpy(), np.mean(x), 100 * x."""
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, receiver = node.func.attr, node.func.value
            if method in _CONVERSIONS and not node.args:
                node = receiver
                continue
            if method in ("mean", "sum", "average", "sqrt", "exp") and len(node.args) == 1:
                node = node.args[0]
                continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in ("float", "int", "round", "abs", "str"):
                node = node.args[0]
                continue
        if isinstance(node, ast.BinOp):
            node = node.right if isinstance(node.left, ast.Constant) else node.left
            continue
        return node


def unformatted(node: ast.expr) -> ast.expr:
    """x of "%.3f" % x, f"{x:.3f}" and "{:.3f}".format(x): the number, not its text."""
    found = [p for p in messages.parts(node, lambda _: None) if isinstance(p, Filled)]
    text = isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and messages.is_text(node)
    return found[0].value if text and len(found) == 1 else node


def names_outside_len(node: ast.expr) -> set[str]:
    found: set[str] = set()
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, ast.Call) and isinstance(current.func, ast.Name):
            if current.func.id == "len":
                continue
            todo += current.args
        elif isinstance(current, ast.Name):
            found.add(current.id)
        else:
            todo += ast.iter_child_nodes(current)
    return found


def root_of(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def calls_item(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "item" for n in ast.walk(node))


def is_duration(node: ast.expr, program: Program) -> bool:
    """`time.time() - start` under any name."""
    for name in ast.walk(node):
        if isinstance(name, ast.Name):
            for place in program.chain(program.scope.get(name)):
                for _, value, _where in program.assigned.get((place, name.id), []):
                    if re.search(r"\b(time|perf_counter|monotonic|now)\(\)", ast.unparse(value)):
                        return True
    return False


def range_counters(program: Program) -> set[str]:
    """Variables of loops over range or enumerate."""
    found = set()
    for (_, name), values in program.iterated.items():
        for _, value, where in values:
            word = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
            if (word in ("range", "trange", "count") and not where) or (word == "enumerate" and where == (0,)):
                found.add(name)
    return found
