"""What a program shows while it trains: print, logging, tqdm and TensorBoard calls, as labels and expressions."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mlops_bot.rewrite.expressions import expression_name
from mlops_bot.rewrite.program import Program


@dataclass(frozen=True)
class Shown:
    """One value that is shown. `label` are the words just before it (or after it), `context` all the
    words before it."""

    label: str
    expression: ast.expr
    statement: ast.stmt
    context: str
    floating: bool = False  # formatted with decimals
    percent: bool = False  # followed by a percent sign
    ratio: ast.expr | None = None  # shown as `expression/ratio`
    step: ast.expr | None = None  # TensorBoard's own step
    transient: bool = False  # a progress bar's postfix: replaced by the next one
    prefix: ast.Name | None = None  # a name shown just before the label: f"{phase} loss: ..."


@dataclass(frozen=True)
class Value:
    expression: ast.expr
    floating: bool = False


Piece = str | Value
_PRINTS = {"print", "pprint", "rprint"}
_LOG_METHODS = {"info", "debug", "warning", "log", "write", "print", "error", "critical", "success"}
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*(?:\d+|\*)?(?:\.(\d+|\*))?[hlL]?([diouxXeEfFgGcrsa%])")
_FLOAT_SPEC = re.compile(r"\.\d+[feg%]?$|[feg]$")


def shown(program: Program) -> list[Shown]:
    """Every value that the program shows, in the order of the file."""
    found: list[Shown] = []
    for call in sorted(program.calls, key=lambda call: (call.lineno, call.col_offset)):
        statement = program.statement_of(call)
        if not isinstance(statement, (ast.Expr, ast.Assign)) or statement.value is not call:
            continue
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) != "_":
            continue
        found.extend(_of_call(_with_text(program, call), statement))
    return found


def _with_text(program: Program, call: ast.Call) -> ast.Call:
    """`message = f"..."; print(message)`: the call with the text that the name stands for."""
    if len(call.args) == 1 and (filled := _filled(program, call.args[0])) is not None:
        return ast.Call(func=call.func, args=[filled], keywords=call.keywords, lineno=call.lineno, col_offset=0)
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Name):
        return call
    name = call.args[0]
    bound = [
        statement
        for statement in program.assignments(name.id, program.function_of(call))
        if program.function_of(statement) is program.function_of(call)
    ]
    if len(bound) != 1 or not isinstance(bound[0], ast.Assign) or bound[0].lineno > call.lineno:
        return call
    value = bound[0].value
    if program.suite_of(bound[0]) is not program.suite_of(program.statement_of(call)):
        return call
    if not any(isinstance(piece, str) for piece in pieces(value)):
        return call
    return ast.Call(func=call.func, args=[value], keywords=call.keywords, lineno=call.lineno, col_offset=0)


def _filled(program: Program, node: ast.expr) -> ast.expr | None:
    """`template.format(...)`, `template % ...` of a name that only ever stands for one text: with the text itself."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = _constant_text(program, node.func.value)
        function = ast.Attribute(value=text, attr="format", ctx=ast.Load()) if text is not None else None
        return ast.Call(func=function, args=node.args, keywords=node.keywords) if function is not None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        text = _constant_text(program, node.left)
        return ast.BinOp(left=text, op=node.op, right=node.right) if text is not None else None
    return None


def _constant_text(program: Program, node: ast.expr) -> ast.Constant | None:
    if not isinstance(node, ast.Name):
        return None
    values = [getattr(statement, "value", None) for statement in program.assignments(node.id)]
    only = values[0] if len(values) == 1 else None
    return only if isinstance(only, ast.Constant) and isinstance(only.value, str) else None


def _of_call(call: ast.Call, statement: ast.stmt) -> Iterator[Shown]:
    function = call.func
    if isinstance(function, ast.Name) and function.id in _PRINTS:
        yield from _labelled(_joined(call.args), statement)
    elif isinstance(function, ast.Attribute):
        if function.attr in ("add_scalar", "log_value") and len(call.args) >= 2:
            tag, value = call.args[0], call.args[1]
            if isinstance(tag, ast.Constant) and isinstance(tag.value, str):
                step = call.args[2] if len(call.args) > 2 else _keyword(call, "global_step")
                yield Shown(tag.value, value, statement, tag.value, floating=True, step=step)
        elif function.attr == "set_postfix":
            for label, value in _postfix(call):
                yield Shown(label, value, statement, label, floating=True, transient=True)
        elif function.attr in ("set_description", "set_postfix_str", "set_description_str"):
            for item in _labelled(_joined(call.args[:1]), statement):
                yield replace(item, transient=True)
        elif function.attr in _LOG_METHODS and call.args:
            arguments = call.args[1:] if function.attr == "log" and len(call.args) > 1 else call.args
            first = arguments[0]
            if len(arguments) > 1 and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield from _labelled(_percent(first.value, list(arguments[1:])) or _joined(arguments), statement)
            else:
                yield from _labelled(_joined(arguments[:1]), statement)
        else:
            yield from _in_texts(call, statement)
    if isinstance(function, ast.Name) and function.id not in _PRINTS:
        yield from _in_texts(call, statement)


def _in_texts(call: ast.Call, statement: ast.stmt) -> Iterator[Shown]:
    """Labelled values in the texts given to any other call: plt.title(f"Accuracy: {accuracy:.2f}").

    A name made of a word and a number ("loss_" + str(i)) is no such text.
    """
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        parts = pieces(argument)
        if len(parts) > 1 and any(isinstance(part, str) for part in parts):
            for item in _labelled(parts, statement):
                if item.label and (item.floating or re.search(r"[:= ]$", item.context)):
                    yield replace(item, floating=False)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _postfix(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    for keyword in call.keywords:
        if keyword.arg not in (None, "refresh", "ordered_dict"):
            assert keyword.arg is not None
            yield keyword.arg, _unformatted(keyword.value)
    if call.args and isinstance(call.args[0], ast.Dict):
        for key, value in zip(call.args[0].keys, call.args[0].values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, _unformatted(value)


def _unformatted(node: ast.expr) -> ast.expr:
    """`f"{x:.3f}"` -> x."""
    values = [piece for piece in pieces(node) if isinstance(piece, Value)]
    return values[0].expression if len(values) == 1 else node


# --- text with values in it ----------------------------------------------------------------------------------


def _joined(arguments: list[ast.expr]) -> list[Piece]:
    found: list[Piece] = []
    for argument in arguments:
        found.extend([*pieces(argument), " "])
    return found


def pieces(node: ast.expr) -> list[Piece]:
    """A text expression as its literal parts and the values between them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        found: list[Piece] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                spec = "".join(p for p in pieces(part.format_spec) if isinstance(p, str)) if part.format_spec else ""
                inner = pieces(part.value)
                if any(isinstance(piece, str) for piece in inner):
                    found.extend(inner)
                else:
                    value = inner[0] if inner else Value(part.value)
                    assert isinstance(value, Value)
                    found.append(Value(value.expression, value.floating or bool(_FLOAT_SPEC.search(spec))))
                if spec.endswith("%"):
                    found.append(" ")
            else:
                found.extend(pieces(part))
        return found
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = pieces(node.left), pieces(node.right)
        if any(isinstance(piece, str) for piece in (*left, *right)):
            return left + right
        return [Value(node)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        template = _text(node.left)
        if template is not None:
            values = list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right]
            return _percent(template, values) or [template]
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "format":
            template = _text(function.value)
            if template is not None:
                return _format(template, node) or [template]
        if isinstance(function, ast.Name) and function.id in ("str", "repr", "format") and node.args:
            return pieces(node.args[0])
    return [Value(node)]


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None or right is None else left + right
    return None


def _percent(template: str, values: list[ast.expr]) -> list[Piece]:
    found: list[Piece] = []
    at = index = 0
    for match in _PERCENT.finditer(template):
        found.append(template[at : match.start()])
        at = match.end()
        name, precision, kind = match.groups()
        if kind == "%":
            found.append("%")
            continue
        if "*" in match.group() or name is not None or index >= len(values):
            return []
        found.append(Value(values[index], kind in "eEfFgG" or precision is not None))
        index += 1
    return [*found, template[at:]] if index else []


def _format(template: str, call: ast.Call) -> list[Piece]:
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return []
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    found: list[Piece] = []
    index = 0
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError:
        return []
    for literal, name, spec, _ in fields:
        found.append(literal)
        if name is None:
            continue
        value: ast.expr | None
        if name == "" or name.isdigit():
            position = index if name == "" else int(name)
            index += 1
            value = call.args[position] if position < len(call.args) else None
        else:
            value = keywords.get(name)
        if value is None:
            return []
        inner = pieces(value)
        if any(isinstance(piece, str) for piece in inner):
            found.extend(inner)
        else:
            found.append(Value(value, bool(_FLOAT_SPEC.search(spec or ""))))
    return found


# --- which words belong to which value -----------------------------------------------------------------------

_BREAK = re.compile(r"[|,;\t\n\r\]\[%]|\s-+\s|\s{2,}|--+|=+>|\.\s|\)\s")
_EDGE = " :=([{<>~*#-–—\"'\\/.!"


def own_label(text: str) -> str:
    """The last words of `text`: "Epoch: 3 | val loss: " -> "val loss"."""
    tail = _BREAK.split(text)[-1].rstrip(_EDGE)
    tail = re.split(r"[:=]\s*", tail)[-1].strip(_EDGE)
    if tail.count("(") > tail.count(")") and tail.endswith(tuple("abcdefghijklmnopqrstuvwxyz)")):
        tail += ")" * (tail.count("(") - tail.count(")"))
    return tail if re.search(r"[A-Za-z]", tail) else ""


def _labelled(parts: list[Piece], statement: ast.stmt) -> Iterator[Shown]:
    texts: list[str] = [""]
    values: list[Value] = []
    for part in parts:
        if isinstance(part, str):
            texts[-1] += part
        else:
            values.append(part)
            texts.append("")
    for index in range(len(values) - 1, -1, -1):  # f"reward_env_{i}={reward}": a part of the label
        if re.search(r"[A-Za-z_]$", texts[index]) and re.match(r"\w*\s?[:=]", texts[index + 1]):
            if not values[index].floating:
                texts[index : index + 2] = [texts[index].rstrip("_") + texts[index + 1]]
                del values[index]
    groups: list[tuple[str, list[int]]] = []
    for index in range(len(values)):
        label = own_label(texts[index])
        apart = "," in texts[index] or "|" in texts[index] or texts[index].strip() == ""
        if label or not groups or (apart and index > 0):
            groups.append((label, [index]))
        else:
            groups[-1][1].append(index)
    prefix: ast.Name | None = None
    for label, members in groups:
        last = members[-1]
        before = values[members[0] - 1].expression if members[0] else None
        if (
            label
            and isinstance(before, ast.Name)
            and not values[members[0] - 1].floating
            and texts[members[0]].strip(" _-/").startswith(label)
        ):
            prefix = before
        if not label and last == len(values) - 1:
            following = re.match(r"[%\s)]*([A-Za-z][A-Za-z ]*)", texts[-1])
            label = following.group(1).strip() if following else ""
        percents = [index for index in members if texts[index + 1].startswith("%")]
        if percents:
            chosen = values[percents[-1]]
            context = " ".join(texts[: percents[-1] + 1])
            yield Shown(label, chosen.expression, statement, context, True, percent=True, prefix=prefix)
            for index in members:
                if index > percents[-1] and values[index].floating:  # "12% 3.456": a value without a label
                    context = " ".join(texts[: index + 1])
                    yield Shown("", values[index].expression, statement, context, True)
        elif len(members) == 2 and texts[members[1]] == "/" and not values[members[1]].floating:
            whole = values[members[1]].expression
            context = " ".join(texts[: members[0] + 1])
            yield Shown(label, values[members[0]].expression, statement, context, ratio=whole, prefix=prefix)
        else:
            named = {expression_name(values[index].expression) for index in members}
            apart = 1 < len(members) == len(named - {""}) and all(values[index].floating for index in members)
            for index in members:
                own = label if index == members[0] and not apart else ""
                context = " ".join(texts[: index + 1])
                yield Shown(own, values[index].expression, statement, context, values[index].floating, prefix=prefix)
