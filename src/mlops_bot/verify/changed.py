"""What a changed statement may not change: numbers, loop headers, arguments. And what may not be added around it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from mlops_bot.verify.code import Code, Item, callee, dotted, is_literal, resolve

NAMES: Mapping[str, str] = {
    "lr": "the learning rate",
    "learning_rate": "the learning rate",
    "epochs": "the number of epochs",
    "num_epochs": "the number of epochs",
    "n_epochs": "the number of epochs",
    "max_epochs": "the number of epochs",
    "batch_size": "the batch size",
    "momentum": "the momentum",
    "weight_decay": "the weight decay",
    "seed": "the seed",
    "random_state": "the seed",
}
SHOWING = frozenset(
    {
        "print",
        "info",
        "debug",
        "warning",
        "error",
        "write",
        "log",
        "set_description",
        "set_postfix",
        "add_scalar",
        "title",
        "pprint",
    }
)
WRAPPERS = frozenset(
    {"enumerate", "tqdm", "trange", "track", "list", "iter", "tqdm_notebook", "progress_bar", "track_progress"}
)
PARTIAL = frozenset({"Subset", "islice", "head", "sample", "take", "random_split", "head_n", "resample"})


def named(name: str) -> str:
    return NAMES.get(name.lower(), f"`{name}`")


def head_name(node: ast.expr) -> str | None:
    return dotted(node.func if isinstance(node, ast.Call) else node)


def compare(item: Item, other: Item, before: ast.AST, after: ast.AST, original: Code, candidate: Code) -> str | None:
    """Why the change of one statement is forbidden; None when it is harmless or for the run to judge."""
    if _shows(item):
        return None
    if item.kind == "for":
        return _for(item, other, original, candidate)
    node, now = item.node, other.node
    if (
        isinstance(node, ast.Assign)
        and isinstance(now, ast.Assign)
        and isinstance(before, ast.Assign)
        and isinstance(after, ast.Assign)
    ):
        if (
            ast.dump(node.targets[0]) == ast.dump(now.targets[0])
            and is_literal(before.value)
            and is_literal(after.value)
        ):
            if ast.dump(before.value) != ast.dump(after.value):
                target = ast.unparse(node.targets[0])
                return (
                    f"{named(target.rpartition('.')[2])} changed: {target} = "
                    f"{ast.unparse(before.value)} -> {ast.unparse(after.value)}, line {other.line}"
                )
        if ast.dump(node.targets[0]) == ast.dump(now.targets[0]) and _portion(before.value, after.value):
            old, new = original.source(node), candidate.source(now)
            return f"another part of the data is taken: `{old}` -> `{new}`, line {other.line}"
    return _calls(before, after, other.line) or _constants(before, after, item, other, original, candidate)


def _portion(before: ast.expr, after: ast.expr) -> bool:
    """`rows[:60]` has become `rows`, or the other way round; in a tuple, any of its parts."""
    if isinstance(before, ast.Tuple) and isinstance(after, ast.Tuple) and len(before.elts) == len(after.elts):
        return any(_portion(a, b) for a, b in zip(before.elts, after.elts, strict=True))
    return any(
        isinstance(part, ast.Subscript)
        and isinstance(part.slice, ast.Slice)
        and ast.dump(part.value) == ast.dump(whole)
        for part, whole in ((before, after), (after, before))
    )


def _shows(item: Item) -> bool:
    node = item.node
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and callee(node.value) in SHOWING


def strip(iterable: ast.expr) -> ast.expr:
    while isinstance(iterable, ast.Call) and callee(iterable) in WRAPPERS and iterable.args:
        if callee(iterable) == "trange":
            return ast.Call(func=ast.Name(id="range", ctx=ast.Load()), args=iterable.args, keywords=[])
        iterable = iterable.args[0]
    return iterable


def _for(item: Item, other: Item, original: Code, candidate: Code) -> str | None:
    kept = frozenset(name for names in original.values.values() for name in names)
    before = strip(resolve(item.parts[1], original, item.scope, kept))  # type: ignore[arg-type]
    after = strip(resolve(other.parts[1], candidate, other.scope, kept))  # type: ignore[arg-type]
    if ast.dump(before) == ast.dump(after):
        return None
    old, new = original.source(item.node), candidate.source(other.node)
    reason = f"the loop header changed: `{old}` -> `{new}`, line {other.line}"
    if isinstance(before, ast.Call) and callee(before) == "range":
        if not (isinstance(after, ast.Call) and callee(after) == "range"):
            return reason
        if len(before.args) != len(after.args):
            a, b = [_bounds(before), _bounds(after)]
            if [ast.dump(x) for x in a] == [ast.dump(x) for x in b]:
                return None
            return reason
        for a_part, b_part in zip(before.args, after.args, strict=True):
            if ast.dump(a_part) == ast.dump(b_part):
                continue
            if is_literal(a_part) and is_literal(b_part):
                return reason
            if _narrowed(a_part, b_part) or is_literal(b_part):
                return reason
        return None
    if _narrowed(before, after):
        return reason
    return None


def _bounds(call: ast.Call) -> list[ast.expr]:
    zero, one = ast.Constant(value=0), ast.Constant(value=1)
    arguments = list(call.args)
    if len(arguments) == 1:
        return [zero, arguments[0], one]
    return [*arguments, one] if len(arguments) == 2 else arguments


def _narrowed(before: ast.AST, after: ast.AST) -> bool:
    """`after` does something to `before` that leaves less (or more) of it: arithmetic, min, a slice, islice."""
    inside = ast.dump(before)
    if ast.dump(after) == inside:
        return False
    for node in ast.walk(after):
        operands: Iterable[ast.AST] = ()
        if isinstance(node, ast.BinOp):
            operands = (node.left, node.right)
        elif isinstance(node, ast.Call) and callee(node) in ("min", "max", "islice", "zip", "int", *PARTIAL):
            operands = node.args
            if callee(node) == "int" and not any(isinstance(argument, ast.BinOp) for argument in node.args):
                operands = ()
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            operands = (node.value,)
        if any(ast.dump(operand) == inside for operand in operands):
            return True
    return False


def _all_calls(node: ast.AST) -> list[ast.Call]:
    return [child for child in ast.walk(node) if isinstance(child, ast.Call)]


def _calls(before: ast.AST, after: ast.AST, line: int) -> str | None:
    """Arguments of the original's calls that are gone or have another constant."""
    there: dict[str, list[ast.Call]] = {}
    for call in _all_calls(after):
        there.setdefault(ast.dump(call.func), []).append(call)
    for call in _all_calls(before):
        if callee(call) in SHOWING:
            continue
        others = there.get(ast.dump(call.func))
        if not others:
            continue
        other = max(others, key=lambda found: _likeness(call, found))
        name = ast.unparse(call.func)
        opened = any(keyword.arg is None for keyword in other.keywords)
        now = {keyword.arg: keyword.value for keyword in other.keywords if keyword.arg}
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            if keyword.arg not in now:
                if opened or len(other.args) > len(call.args):
                    continue
                return (
                    f"the argument `{keyword.arg}={ast.unparse(keyword.value)}` of `{name}(...)` is lost, line {line}"
                )
            reason = _argument(keyword.arg, keyword.value, now[keyword.arg], name, line)
            if reason:
                return reason
        for position, (a, b) in enumerate(zip(call.args, other.args, strict=False), 1):
            reason = _argument(str(position), a, b, name, line)
            if reason:
                return reason
        if callee(call) == "parse_args" and len(other.args) + len(other.keywords) > len(call.args) + len(call.keywords):
            return f"the command line is overridden: `{ast.unparse(other)}`, line {line}"
    return None


def _likeness(call: ast.Call, other: ast.Call) -> int:
    """How many arguments two calls share: of several calls of one function, the likest is the same one."""
    given = {keyword.arg: ast.dump(keyword.value) for keyword in other.keywords}
    same = sum(given.get(keyword.arg) == ast.dump(keyword.value) for keyword in call.keywords)
    return same + sum(ast.dump(a) == ast.dump(b) for a, b in zip(call.args, other.args, strict=False))


def _argument(name: str, before: ast.expr, after: ast.expr, function: str, line: int) -> str | None:
    if ast.dump(before) == ast.dump(after):
        return None
    if (
        (is_literal(before) and is_literal(after))
        or (is_literal(after) and not is_literal(before))
        or _narrowed(before, after)
    ):
        what = named(name) if not name.isdigit() else f"argument {name} of `{function}`"
        label = f"{name}=" if not name.isdigit() else ""
        return f"{what} changed: {label}{ast.unparse(before)} -> {label}{ast.unparse(after)}, line {line}"
    return None


class _Mask(ast.NodeTransformer):
    def __init__(self) -> None:
        self.constants: list[object] = []

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        self.constants.append(node.value)
        return ast.Constant(value=0)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self.generic_visit(node)


def _constants(before: ast.AST, after: ast.AST, item: Item, other: Item, original: Code, candidate: Code) -> str | None:
    """The same statement but for a constant."""
    import copy

    first, second = _Mask(), _Mask()
    a, b = first.visit(copy.deepcopy(before)), second.visit(copy.deepcopy(after))
    if ast.dump(a) != ast.dump(b) or len(first.constants) != len(second.constants):
        return None
    for old, new in zip(first.constants, second.constants, strict=True):
        if old != new or type(old) is not type(new):
            return f"`{original.source(item.node)}` changed: {old!r} -> {new!r}, line {other.line}"
    return None


def added(original: Code, candidate: Code, items: list[Item], hyperparameters: frozenset[str]) -> str | None:
    """Added statements that override what the original trains with."""
    known = frozenset(name for names in original.values.values() for name in names)
    for item in items:
        node = item.node
        if isinstance(node, ast.Assign):
            for target in node.targets:
                reason = _override(target, node.value, item, original, candidate, hyperparameters, known)
                if reason:
                    return reason
        if (
            isinstance(node, ast.AugAssign)
            and isinstance(node.target, ast.Attribute)
            and node.target.attr in hyperparameters
        ):
            return f"an added line changes {named(node.target.attr)}: `{candidate.source(node)}`, line {item.line}"
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if callee(call) == "set_defaults" and any(keyword.arg in hyperparameters for keyword in call.keywords):
                return (
                    f"an added line changes the command line's defaults: `{candidate.source(node)}`, line {item.line}"
                )
            if (
                callee(call) == "setattr"
                and len(call.args) == 3
                and isinstance(call.args[1], ast.Constant)
                and call.args[1].value in hyperparameters
            ):
                return (
                    f"an added line changes {named(str(call.args[1].value))}: "
                    f"`{candidate.source(node)}`, line {item.line}"
                )
    return None


def _override(
    target: ast.expr,
    value: ast.expr,
    item: Item,
    original: Code,
    candidate: Code,
    hyperparameters: frozenset[str],
    known: frozenset[str],
) -> str | None:
    said = f"`{candidate.source(item.node)}`, line {item.line}"
    if dotted(target) == "sys.argv":
        return f"an added line overrides the command line: {said}"
    if (
        isinstance(target, ast.Attribute)
        and target.attr in hyperparameters
        and not (isinstance(target.value, ast.Name) and target.value.id == "self")
    ):
        if (
            isinstance(target.value, ast.Name)
            and target.value.id in known
            and (is_literal(value) or _narrowed(target, value) or _reads(target, value))
        ):
            return f"an added line changes {named(target.attr)}: {said}"
    if isinstance(target, ast.Name) and target.id in known:
        if target.id in hyperparameters and target.id in original.values.get("", {}) | original.values.get(
            item.scope, {}
        ):
            old = original.value_of(target.id, item.scope)
            same = old is not None and ast.dump(resolve(old, original, "")) == ast.dump(resolve(value, candidate, ""))
            if not same and (is_literal(value) or _reads(target, value)):
                return f"an added line changes {named(target.id)}: {said}"
        if target.id in original.values.get(item.scope, {}) and _part_of(target.id, value):
            return f"an added line keeps only a part of `{target.id}`: {said}"
    return None


def _reads(target: ast.expr, value: ast.expr) -> bool:
    """`x = x // 2`, `x = min(x, 2)`."""
    wanted = ast.unparse(target)
    return any(
        ast.unparse(node) == wanted for node in ast.walk(value) if isinstance(node, (ast.Name, ast.Attribute))
    ) and any(
        isinstance(node, ast.BinOp) or (isinstance(node, ast.Call) and callee(node) in ("min", "max"))
        for node in ast.walk(value)
    )


def _part_of(name: str, value: ast.expr) -> bool:
    for node in ast.walk(value):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Slice)
            and isinstance(node.value, ast.Name)
            and node.value.id == name
        ):
            return True
        if isinstance(node, ast.Call) and callee(node) in PARTIAL:
            inside = [*node.args, node.func.value] if isinstance(node.func, ast.Attribute) else list(node.args)
            if any(isinstance(part, ast.Name) and part.id == name for part in inside):
                return True
    return False
