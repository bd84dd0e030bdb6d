"""Caps in the program's own loops: a change of its syntax tree, in memory only, line numbers kept.

- a literal number of epochs (`EPOCHS = 50`, `fit(epochs=15)`, `def train(epochs=10)`) becomes the cap, so that whatever
  is computed from it stays consistent;
- `for epoch in range(...)`, loops that train and loops around training functions run a few times;
- `if step % 100 == 99` inside a capped loop, which would never hold, holds at every turn, so that what it logs is seen;
- "cuda" and "nccl" literals become "cpu" and "gloo" (no GPU in a smoke run), except in comparisons.

The rules look at words and structure, so the original and its adapted form are changed alike.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Iterable

from .hooks import Hooks
from .names import is_epoch, is_epoch_count

GPU = re.compile(r"(cuda|mps)(:\d+)?")
LOADER, STEPS, EPOCHS = "batches", "steps", "epochs"


def transform(tree: ast.Module, hooks: Hooks, filename: str) -> ast.Module:
    """Change `tree` in place. The names used (`__smoke_range__` ...) are put into builtins by `main_file`."""
    changed = Transformer(tree, hooks, filename).visit(tree)
    return ast.fix_missing_locations(changed)  # type: ignore[no-any-return]


class Transformer(ast.NodeTransformer):
    def __init__(self, tree: ast.Module, hooks: Hooks, filename: str) -> None:
        self._hooks = hooks
        self._file = filename
        self._loops: list[tuple[set[str], str, bool]] = []  # targets, kind, whether the counter starts at zero
        self._trainers = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _trains(node.body)
        }

    # --- literal numbers of epochs ---

    def _capped(self, name: str, value: Any) -> Any:
        limit = self._hooks.max_epochs
        number = isinstance(value, ast.Constant) and type(value.value) is int and value.value > limit
        if not number or not is_epoch_count(name):
            return value
        self._hooks.note("limit", f"epochs: {name}", f"{value.value} -> {limit}")
        return ast.copy_location(ast.Constant(limit), value)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                if len(target.elts) == len(node.value.elts):
                    pairs = zip(target.elts, node.value.elts)
                    node.value.elts = [self._capped(_name(left), right) for left, right in pairs]
            else:
                node.value = self._capped(_name(target), node.value)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = self._capped(_name(node.target), node.value)
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        node.value = self._capped(node.arg or "", node.value)
        return self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        node.values = [
            self._capped(key.value, value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else value
            for key, value in zip(node.keys, node.values)
        ]
        node.values = [self.visit(value) for value in node.values]
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        named = (node.posonlyargs + node.args)[-len(node.defaults) :] if node.defaults else []
        node.defaults = [self._capped(arg.arg, value) for arg, value in zip(named, node.defaults)]
        node.kw_defaults = [self._capped(arg.arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults)]
        return self.generic_visit(node)

    # --- loops ---

    def visit_For(self, node: ast.For) -> ast.AST:
        targets = {item.id for item in ast.walk(node.target) if isinstance(item, ast.Name)}
        kind = self._kind(node, targets)
        counting = [call for call in ast.walk(node.iter) if isinstance(call, ast.Call) and _name(call.func) == "range"]
        if kind is not None:
            for call in counting:
                call.func = ast.copy_location(ast.Name("__smoke_range__", ast.Load()), call.func)
                call.args = [ast.copy_location(ast.Constant(kind), call), *call.args]
            for call in ast.walk(node.iter):
                if isinstance(call, ast.Call) and _name(call.func) == "trange" and len(call.args) == 1:
                    call.args = [self._helper("__smoke_count__", call, ast.Constant(kind), call.args[0])]
            if isinstance(node.iter, ast.Call) and _name(node.iter.func) == "count":  # itertools.count never ends
                node.iter = self._helper("__smoke_endless__", node.iter, ast.Constant(kind), node.iter)
        zero = not counting or all(len(call.args) <= 2 for call in counting)
        node.target, node.iter = self.visit(node.target), self.visit(node.iter)
        self._loops.append((targets, kind or LOADER, zero))
        node.body = [self.visit(item) for item in node.body]
        self._loops.pop()
        node.orelse = [self.visit(item) for item in node.orelse]
        return node

    def _kind(self, node: ast.For, targets: set[str]) -> str | None:
        """What a counting loop counts, as far as it is known to be training; None: leave it alone."""
        names = {_name(item) for item in ast.walk(node.iter) if isinstance(item, (ast.Name, ast.Attribute))}
        names |= {str(item.value) for item in ast.walk(node.iter) if isinstance(item, ast.Constant)}
        if any(is_epoch(name) for name in targets) or any(is_epoch_count(name) for name in names):
            return EPOCHS
        if _calls(node.body).intersection(self._trainers) and not self._loops:
            return EPOCHS
        if _trains(node.body):
            inside = bool(self._loops)
            inner = any(isinstance(item, (ast.For, ast.While)) and _trains([item]) for item in _statements(node.body))
            return EPOCHS if inner and not inside else LOADER if inside else STEPS
        return None

    def visit_While(self, node: ast.While) -> ast.AST:
        trains = _trains(node.body) or bool(_calls(node.body).intersection(self._trainers))
        node.test = self.visit(node.test)
        if trains:
            more = self._helper("__smoke_more__", node.test, ast.Constant(f"{self._file}:{node.lineno}"))
            node.test = ast.copy_location(ast.BoolOp(ast.And(), [more, node.test]), node.test)
        self._loops.append((set(), STEPS, False))
        node.body = [self.visit(item) for item in node.body]
        self._loops.pop()
        node.orelse = [self.visit(item) for item in node.orelse]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        loops, self._loops = self._loops, []
        result = self.generic_visit(node)
        self._loops = loops
        return result

    # --- "every so many" conditions ---

    def visit_If(self, node: ast.If) -> ast.AST:
        node.test = self._every(node.test)
        return self.generic_visit(node)

    def _every(self, test: ast.expr, *, alone: bool = True) -> ast.expr:
        """`alone`: no further condition has to hold, such as `step != 0`."""
        if isinstance(test, ast.BoolOp):
            further = isinstance(test.op, ast.And) and any(isinstance(item, ast.Compare) for item in test.values[1:])
            test.values = [self._every(value, alone=alone and not further) for value in test.values]
            return test
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
            return test
        left = test.left
        if not (isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod)):
            return test
        names = {item.id for item in ast.walk(left.left) if isinstance(item, ast.Name)}
        for targets, kind, zero in reversed(self._loops):
            if names & targets:
                bare = isinstance(left.left, ast.Name) and zero and alone
                if bare and isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value == 0:
                    return test  # holds at the first turn anyway
                values = (left.left, left.right, test.comparators[0])
                return self._helper("__smoke_every__", test, ast.Constant(kind), *values)
        return test

    # --- devices ---

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.left = node.left if isinstance(node.left, ast.Constant) else self.visit(node.left)
        node.comparators = [item if isinstance(item, ast.Constant) else self.visit(item) for item in node.comparators]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, str) and (GPU.fullmatch(value) or value == "nccl"):
            return ast.copy_location(ast.Constant("gloo" if value == "nccl" else "cpu"), node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        first = node.values[0] if node.values else None
        if isinstance(first, ast.Constant) and first.value == "cuda:" and len(node.values) == 2:
            return ast.copy_location(ast.Constant("cpu"), node)
        return node

    def _helper(self, name: str, where: ast.expr, *args: ast.expr) -> ast.expr:
        call = ast.Call(ast.Name(name, ast.Load()), list(args), [])
        return ast.copy_location(call, where)


def _name(node: ast.AST | None) -> str:
    """The last word of a name, attribute or subscript with a text key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def _statements(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Everything inside these statements, without the bodies of definitions."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield statement
        yield from _statements(ast.iter_child_nodes(statement))


def _trains(body: Iterable[ast.AST]) -> bool:
    """Whether a gradient is computed here: `loss.backward()`, `scaler.scale(loss).backward()`, `train_on_batch`."""
    wanted = ("backward", "manual_backward", "train_on_batch", "apply_gradients")
    return any(
        isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr in wanted
        for item in _statements(body)
    )


def _calls(body: Iterable[ast.AST]) -> set[str]:
    """The functions called here, the closure of `optimizer.step(closure)` among them."""
    calls = [item for item in _statements(body) if isinstance(item, ast.Call)]
    closures = {_name(value) for call in calls if _name(call.func) == "step" for value in call.args}
    return {_name(call.func) for call in calls} | (closures - {""})
