"""The static reading for a hyperparameter search: statements may move into an objective, literals become suggestions.

Everything else has to stay: a dropped statement, another epoch, a value that is not searched. Pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlops_bot.verify import changed, lost, objective
from mlops_bot.verify import code as reading
from mlops_bot.verify.changed import SHOWING
from mlops_bot.verify.code import Code, Item, callee, dotted, is_literal, resolve

SUGGESTED = "__suggested__"  # what stands for a suggestion, whatever its range
_EPOCHS = re.compile(r"(?i)^((n|num|max|total)_?)?(epochs?|episodes?)$")
_LOST_ARGUMENT = re.compile(r"^the argument `(\w+)=")


def check(original: Code, candidate: Code, hyperparameters: frozenset[str]) -> str | None:
    """What of the original is lost or forbiddenly changed, or why the text alone shows that nothing is searched."""
    opaque = without_suggestions(candidate)
    names = frozenset(objective.suggested_names(candidate))
    return (
        lost.check(original, opaque, hyperparameters, excuse=Moved(opaque, names))
        or _epochs(original, candidate, names)
        or objective.check(original, candidate)
    )


def without_suggestions(code: Code) -> Code:
    """The same file with every `trial.suggest_float(...)` taken for an unknown value: its range is no setting."""
    return reading.take_apart(code.text, _Opaque().visit(ast.parse(code.text)))


class _Opaque(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        if callee(node).startswith("suggest_"):
            return ast.copy_location(ast.Name(id=SUGGESTED, ctx=ast.Load()), node)
        return self.generic_visit(node)


class Moved:
    """Excuses for statements that live on in another form: in a builder and its caller, renamed, searched."""

    def __init__(self, candidate: Code, names: frozenset[str]) -> None:
        self._names = {objective.plain(name) for name in names}
        self._opened = any(callee(call) == "set_params" for call in _calls(candidate.tree))
        self._calls: dict[str, list[ast.Call]] = {}
        for item in candidate.items:
            if item.dead is None and item.scope in candidate.live:
                for part in [item.node] if item.kind == "simple" else item.parts:
                    for call in _calls(part):
                        self._calls.setdefault(callee(call), []).append(call)

    def lost(self, item: Item) -> bool:
        node = item.node
        if item.kind != "simple":
            return False
        if isinstance(node, ast.Assign) and _plain_value(node.value):
            return all(self._searched(target) for target in _flat(node.targets))
        calls = list(_calls(node))
        if not calls or any(callee(call) in SHOWING for call in calls):
            return False
        return all(any(self._stands_for(call, other) for other in self._calls.get(callee(call), ())) for call in calls)

    def changed(self, item: Item, other: Item, reason: str) -> bool:
        argument = _LOST_ARGUMENT.match(reason)
        return argument is not None and (self._opened or objective.plain(argument.group(1)) in self._names)

    def _searched(self, target: ast.expr) -> bool:
        name = (dotted(target) or "").rpartition(".")[2]
        return bool(name) and objective.plain(name) in self._names

    def _stands_for(self, call: ast.Call, other: ast.Call) -> bool:
        """The same call with what it was given: an argument may be searched, or come through a name."""
        opened = self._opened or any(keyword.arg is None for keyword in other.keywords)
        now = {keyword.arg: keyword.value for keyword in other.keywords if keyword.arg}
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg in now:
                continue
            if not (opened or objective.plain(keyword.arg) in self._names or len(other.args) > len(call.args)):
                return False
        pairs = [(keyword.value, now[keyword.arg]) for keyword in call.keywords if keyword.arg in now]
        pairs += list(zip(call.args, other.args, strict=False))
        return all(ast.dump(a) == ast.dump(b) or not is_literal(b) for a, b in pairs)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (child for child in ast.walk(node) if isinstance(child, ast.Call))


def _plain_value(node: ast.expr) -> bool:
    return is_literal(node) or (isinstance(node, (ast.Tuple, ast.List)) and all(is_literal(part) for part in node.elts))


def _flat(targets: list[ast.expr]) -> list[ast.expr]:
    return [
        part for target in targets for part in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])
    ]


def _epochs(original: Code, candidate: Code, names: frozenset[str]) -> str | None:
    """Another literal number of epochs than the original's, outside of what runs for a trial."""
    if any(_EPOCHS.match(name) for name in names):
        return None
    before = {value for value, _, _ in _lengths(original)}
    inside = objective.trial_scopes(candidate)
    for value, scope, line in _lengths(candidate):
        if before and value not in before and scope not in inside:
            return (
                f"the number of epochs changed: {value} in line {line}, "
                f"{' or '.join(str(count) for count in sorted(before))} originally"
            )
    return None


def _lengths(code: Code) -> Iterator[tuple[int, str, int]]:
    """Literal numbers of epochs: (value, scope, line)."""
    for item in code.items:
        if item.kind == "for" and _counts_epochs(item.parts[0]):
            bounds = changed.strip(item.parts[1])
            if isinstance(bounds, ast.Call) and callee(bounds) == "range" and bounds.args:
                yield from _literal(bounds.args[-1 if len(bounds.args) < 3 else 1], code, item)
        for part in [item.node] if item.kind == "simple" else item.parts:
            for call in _calls(part):
                for keyword in call.keywords:
                    if keyword.arg and _EPOCHS.match(keyword.arg) and callee(call) != "add_argument":
                        yield from _literal(keyword.value, code, item)


def _counts_epochs(target: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and "epoch" in node.id.lower() for node in ast.walk(target))


def _literal(node: ast.expr, code: Code, item: Item) -> Iterator[tuple[int, str, int]]:
    shown = resolve(node, code, item.scope)
    if isinstance(shown, ast.Constant) and type(shown.value) is int:
        yield shown.value, item.scope, item.line
