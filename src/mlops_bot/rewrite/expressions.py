"""What an expression is about, in a word."""

from __future__ import annotations

import ast


def expression_name(node: ast.expr) -> str:
    """The name that an expression is mostly about: `loss.item() / n` -> "loss", `100 * correct / n` -> ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = expression_name(node.value)
        own = node.attr
        return inner if own in ("avg", "val", "value", "data", "mean", "sum", "item", "global_avg") else own
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return node.slice.value
        return expression_name(node.value)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not node.args:
            return expression_name(node.func.value)
        if isinstance(node.func, ast.Name) and node.func.id in ("float", "round", "int", "sum") and node.args:
            return expression_name(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.args:
            of_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy", "math", "torch")
            return expression_name(node.args[0]) if of_numpy else node.func.attr
        return node.func.id if isinstance(node.func, ast.Name) else ""
    if isinstance(node, ast.BinOp):
        return expression_name(node.left) or expression_name(node.right)
    if isinstance(node, ast.UnaryOp):
        return expression_name(node.operand)
    return ""
