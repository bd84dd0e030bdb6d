"""Texts that show numbers, taken apart: "Loss: {:.4f}".format(x), f"...", "..." % x, "a" + str(x), print("a", x).

A text becomes a list of parts: what is literal, and what is filled in with which format.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

Resolve = Callable[[ast.Name], ast.expr | None]  # the expression that a variable was last assigned
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?([diouxXeEfFgGcrsa%])")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}!:]*)(![rsa])?(?::((?:[^{}]|\{[^{}]*\})*))?\}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A value in a text. `number`: the format says it is one; `whole`: that it is a whole number."""

    value: ast.expr
    number: bool = False
    whole: bool = False


Part = str | Filled


def parts(node: ast.expr, resolve: Resolve, depth: int = 0) -> list[Part]:
    """One expression that is shown, as parts."""
    if depth > 40:
        return []
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return _joined(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        if (template := literal(node.left, resolve)) is not None:
            return _percent(template, node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = parts(node.left, resolve, depth + 1), parts(node.right, resolve, depth + 1)
        if any(isinstance(p, str) for p in left + right):
            return left + right
        return [Filled(node)]
    if isinstance(node, ast.Call):
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr == "format":
            if (template := literal(func.value, resolve)) is not None:
                return _format(template, node)
        if isinstance(func, ast.Attribute) and func.attr == "join" and len(node.args) == 1:
            inner = node.args[0]
            if isinstance(inner, ast.List | ast.Tuple):
                return [p for e in inner.elts for p in (*parts(e, resolve, depth + 1), " ")]
        if isinstance(func, ast.Name) and func.id in ("str", "repr") and len(node.args) == 1:
            return [Filled(node.args[0])]
        if isinstance(func, ast.Name) and func.id == "format" and node.args:
            spec = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else ""
            return [_filled(node.args[0], str(spec))]
    if isinstance(node, ast.Name) and (value := resolve(node)) is not None:
        if isinstance(value, ast.JoinedStr) or is_text(value):
            return parts(value, resolve, depth + 1)
    return [Filled(node, number=_rounds(node))]


def is_text(node: ast.expr) -> bool:
    """Is the expression visibly a text, whatever is filled in?"""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or (isinstance(node.op, ast.Add) and is_text(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return is_text(node.func.value)
    return isinstance(node, ast.JoinedStr)


def literal(node: ast.expr, resolve: Resolve) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = literal(node.left, resolve), literal(node.right, resolve)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.Name) and (value := resolve(node)) is not None and not isinstance(value, ast.Name):
        return literal(value, resolve)
    return None


def _rounds(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "round"


def _filled(value: ast.expr, spec: str) -> Filled:
    kind = spec[-1:] if spec else ""
    number = (kind in "feEgG%" and kind != "") or bool(re.search(r"\.\d+$", spec))
    return Filled(value, number=number or _rounds(value), whole=kind == "d")


def _joined(node: ast.JoinedStr) -> list[Part]:
    found: list[Part] = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            found.append(str(value.value))
        elif isinstance(value, ast.FormattedValue):
            spec = ""
            if isinstance(value.format_spec, ast.JoinedStr):
                spec = "".join(str(v.value) if isinstance(v, ast.Constant) else "0" for v in value.format_spec.values)
            found.append(_filled(value.value, spec))
    return found


def _percent(template: str, right: ast.expr) -> list[Part]:
    values = list(right.elts) if isinstance(right, ast.Tuple) else [right]
    named = {}
    if isinstance(right, ast.Dict):
        named = {k.value: v for k, v in zip(right.keys, right.values, strict=True) if isinstance(k, ast.Constant)}
    found: list[Part] = []
    position, index = 0, 0
    for match in _PERCENT.finditer(template):
        found.append(template[position : match.start()])
        position = match.end()
        kind = match.group(2)
        if kind == "%":
            found.append("%")
            continue
        value = named.get(match.group(1)) if match.group(1) else values[index] if index < len(values) else None
        index += not match.group(1)
        if value is not None:
            found.append(Filled(value, number=kind in "feEgFG", whole=kind in "diu"))
    found.append(template[position:])
    return found


def _format(template: str, call: ast.Call) -> list[Part]:
    keywords = {k.arg: k.value for k in call.keywords if k.arg}
    found: list[Part] = []
    position, index = 0, 0
    for match in _BRACES.finditer(template):
        found.append(template[position : match.start()])
        position = match.end()
        if match.group(0) in ("{{", "}}"):
            found.append(match.group(0)[0])
            continue
        field, spec = match.group(1), match.group(3) or ""
        head, dot, path = field.partition(".")
        value: ast.expr | None = None
        if field == "":
            value = call.args[index] if index < len(call.args) else None
            index += 1
        elif head.isdigit():
            value = call.args[int(head)] if int(head) < len(call.args) else None
        else:
            value = keywords.get(head)
        if value is None or isinstance(value, ast.Starred):
            continue
        if dot:  # "{top1.avg:.3f}".format(top1=top1)
            full = ast.parse(f"({ast.unparse(value)}).{path}" if not isinstance(value, ast.Name) else
                             f"{value.id}.{path}", mode="eval").body  # fmt: skip
            value = ast.copy_location(ast.fix_missing_locations(full), value)
        found.append(_filled(value, spec))
    found.append(template[position:])
    return found


def shown(arguments: list[ast.expr], resolve: Resolve) -> list[Part]:
    """The parts of print("Loss:", loss, "Accuracy:", acc): arguments side by side."""
    found: list[Part] = []
    for argument in arguments:
        found += parts(argument, resolve)
        found.append(" ")
    return found


def logged(arguments: list[ast.expr], resolve: Resolve) -> list[Part]:
    """The parts of logger.info("Loss %.4f", loss): a template with its values."""
    if len(arguments) > 1 and (template := literal(arguments[0], resolve)) is not None and "%" in template:
        values = ast.Tuple(elts=list(arguments[1:]), ctx=ast.Load())
        return _percent(template, values)
    return shown(arguments, resolve)
