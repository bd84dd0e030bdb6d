"""Is a value that a program shows a number, and is it a measured time? For values without a telling format."""

from __future__ import annotations

import ast

from mlops_bot.rewrite import naming
from mlops_bot.rewrite.displays import Shown
from mlops_bot.rewrite.program import Program, dotted

_REDUCTIONS = {"mean", "std", "sum", "max", "min", "median", "var", "average", "score", "item", "abs", "sqrt", "norm"}
_CLOCKS = ("time.", "timeit.", "datetime.")


def is_number(program: Program, item: Shown) -> bool:
    """Formatted with decimals or as a percentage, or bound to nothing but the results of computations."""
    if item.floating or item.percent:
        return True
    expression = item.expression
    if not isinstance(expression, ast.Name):
        return _computes(program, expression)
    function = program.function_of(expression)
    bound = program.assignments(expression.id, function) or program.assignments(expression.id)
    if all(isinstance(getattr(part, "value", None), ast.Constant) for part in bound):
        return False  # a setting
    return all(
        (isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name) and _computes(program, part.value))
        or (isinstance(part, ast.Assign) and _is_unpacked(part))
        or (isinstance(part, ast.AugAssign) and not isinstance(part.op, ast.Mod))
        for part in bound
    )


def _is_unpacked(assignment: ast.Assign) -> bool:
    """`loss, accuracy = model.evaluate(x, y)`"""
    return isinstance(assignment.targets[0], (ast.Tuple, ast.List)) and isinstance(assignment.value, ast.Call)


def _computes(program: Program, node: ast.expr) -> bool:
    """Surely one number: arithmetic, a metric, a reduction, an attribute such as `inertia_` or `best_score_`."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    if isinstance(node, ast.UnaryOp):
        return _computes(program, node.operand)
    if isinstance(node, ast.BinOp):
        return _computes(program, node.left) or _computes(program, node.right)
    if isinstance(node, ast.Subscript) and any(isinstance(part, ast.Slice) for part in ast.walk(node.slice)):
        return False
    if isinstance(node, ast.Subscript):  # score[0], history.history["loss"][-1]
        if isinstance(node.value, ast.Name):
            bound = program.assignments(node.value.id, program.function_of(node))
            return bool(bound) and all(isinstance(getattr(part, "value", None), ast.Call) for part in bound)
        return True
    if isinstance(node, ast.Attribute):
        return node.attr.endswith("_") and any(naming.METRIC.match(word) for word in naming.words(node.attr))
    if isinstance(node, ast.Call):
        name = program.qualified(node.func) or dotted(node.func) or ""
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last in ("float", "len"):
            return True
        if name.startswith("sklearn.metrics."):
            return last.endswith(("_score", "_error", "_loss", "_deviance", "auc"))
        return last in _REDUCTIONS and not any(keyword.arg == "axis" for keyword in node.keywords)
    return False


def is_duration(program: Program, expression: ast.expr) -> bool:
    """Made with a clock: `time() - start`, or a name bound to that."""
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    values = [
        value
        for name in names
        for part in program.assignments(name.id, program.function_of(name))
        if (value := getattr(part, "value", None)) is not None
    ]
    return any(
        isinstance(node, ast.Call) and (program.qualified(node.func) or "").startswith(_CLOCKS)
        for value in [expression, *values]
        for node in ast.walk(value)
    )
