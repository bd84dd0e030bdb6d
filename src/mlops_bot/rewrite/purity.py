"""May an expression be written a second time? Only if evaluating it again is cheap and changes nothing."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.program import dotted

_FUNCTIONS = {"len", "float", "int", "round", "abs", "min", "max", "sum", "str"}
_MODULES = {"math", "np", "numpy"}
_MODULE_FUNCTIONS = {
    "abs", "array", "asarray", "average", "exp", "floor", "log", "log10", "log2", "max", "mean", "median", "min",
    "nanmean", "sqrt", "square", "std", "sum", "var", "pow",
}  # fmt: skip
_METHODS = {
    "cpu", "detach", "double", "exp", "float", "item", "log", "log10", "mean", "numpy", "size", "sqrt", "std", "sum",
    "tolist", "get", "get_last_lr",
}  # fmt: skip


def is_pure(node: ast.expr, also: frozenset[str] = frozenset()) -> bool:
    """True for names, constants, arithmetic, attributes, subscripts and a known set of cheap calls on them.

    `also`: further functions, as the program spells them, that may be called again.
    """
    if isinstance(node, (ast.Name, ast.Constant)):
        return True
    if isinstance(node, ast.Attribute):
        return is_pure(node.value, also)
    if isinstance(node, ast.Subscript):
        return is_pure(node.value, also) and is_pure(node.slice, also)
    if isinstance(node, ast.Slice):
        return all(part is None or is_pure(part, also) for part in (node.lower, node.upper, node.step))
    if isinstance(node, ast.UnaryOp):
        return is_pure(node.operand, also)
    if isinstance(node, ast.BinOp):
        return is_pure(node.left, also) and is_pure(node.right, also)
    if isinstance(node, ast.Tuple):
        return all(is_pure(element, also) for element in node.elts)
    if isinstance(node, ast.Call):
        return _is_pure_call(node, also)
    return False


def _is_pure_call(node: ast.Call, also: frozenset[str]) -> bool:
    if not all(is_pure(argument, also) for argument in node.args):
        return False
    if not all(keyword.arg is not None and is_pure(keyword.value, also) for keyword in node.keywords):
        return False
    function = node.func
    if also and dotted(function) in also:
        return True
    if isinstance(function, ast.Name):
        return function.id in _FUNCTIONS
    if isinstance(function, ast.Attribute):
        if isinstance(function.value, ast.Name) and function.value.id in _MODULES:
            return function.attr in _MODULE_FUNCTIONS
        return function.attr in _METHODS and is_pure(function.value, also)
    return False


def is_pure_path(node: ast.expr) -> bool:
    """A file name that may be written a second time: a literal, an f-string, a join, arithmetic on strings."""
    if isinstance(node, ast.JoinedStr):
        return all(
            isinstance(part, ast.Constant) or (isinstance(part, ast.FormattedValue) and is_pure(part.value))
            for part in node.values
        )
    if isinstance(node, ast.BinOp):
        return is_pure_path(node.left) and is_pure_path(node.right)
    if isinstance(node, ast.Call):
        function = node.func
        joins = isinstance(function, ast.Attribute) and function.attr in ("join", "format")
        text = isinstance(function, ast.Name) and function.id == "str"
        return (joins or text) and all(is_pure_path(a) for a in node.args) and not node.keywords
    return is_pure(node)
