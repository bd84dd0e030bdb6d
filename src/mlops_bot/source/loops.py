"""The training loops of a program: which loop goes over epochs, which over batches, and where a statement stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal

from mlops_bot.source import families
from mlops_bot.source.program import LoopNode, Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import Loop

Scope = Literal["batch", "epoch", "after", "unknown"]

_NOTHING, _STEP, _BATCHES, _EPOCHS = 0, 1, 2, 3
_EPOCH_WORD = re.compile(r"(?<![a-z])(num_?|n_?|max_?)?epochs?(?![a-z])", re.IGNORECASE)
_LOADER_WORD = re.compile(
    r"loader|batches|dataset|data_?iter|minibatch|(?<![a-z])(dl|dataloader|batch)(?![a-z])", re.IGNORECASE
)

_UNWRAPPED = frozenset(
    {"enumerate", "tqdm", "iter", "islice", "zip", "progress", "track", "cycle", "list", "progress_bar"}
)


class Loops:
    def __init__(self, program: Program, resolver: Resolver, steps: list[ast.Call], whole: list[ast.Call]) -> None:
        """`steps`: calls that do one update; `whole`: calls that train for all epochs by themselves (fit)."""
        self.program = program
        self.resolver = resolver
        self._steps = set(steps)
        self.whole = set(whole)
        self._function_levels: dict[str, int] = {}
        self._levels: dict[ast.AST, int] = {}
        self.kinds: dict[LoopNode, Literal["epoch", "batch"]] = {}
        self._inside: dict[str, list[ast.Call]] = {}
        self._context: dict[str, Scope] = {}
        for loop in program.loops:
            self._level(loop)
        self._settle()

    # --- classification ---------------------------------------------------------------------------------

    def _function_level(self, function: str) -> int:
        if function not in self._function_levels:
            self._function_levels[function] = _NOTHING  # recursion adds nothing
            node = self.program.functions[function]
            self._function_levels[function] = max((self._level(s) for s in node.body), default=_NOTHING)
        return self._function_levels[function]

    def _level(self, node: ast.AST) -> int:
        """How much training a node contains: nothing, a step, a loop over batches, a loop over epochs."""
        if node in self._levels:
            return self._levels[node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            self._levels[node] = _NOTHING  # defining trains nothing
            return _NOTHING
        if isinstance(node, ast.expr):  # expressions can be deeper than Python's stack
            level = max((self._call_level(n) for n in _evaluated(node) if isinstance(n, ast.Call)), default=_NOTHING)
        else:
            level = max((self._level(child) for child in ast.iter_child_nodes(node)), default=_NOTHING)
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            level = self._loop_level(node, level)
        self._levels[node] = level
        return level

    def _call_level(self, call: ast.Call) -> int:
        target = self.resolver.targets.get(call)
        if target in self.program.classes:
            target = self.resolver.member(target, "__init__")
        level = self._function_level(target) if target in self.program.functions else _NOTHING
        return max(level, _STEP) if call in self._steps else level

    def _loop_level(self, node: LoopNode, inner: int) -> int:
        head = self._head(node)
        epoch_word = bool(_EPOCH_WORD.search(head))
        if inner == _NOTHING:
            if epoch_word and any(child in self.whole for child in ast.walk(node)):  # fit(epochs=1) in a loop
                self.kinds[node] = "epoch"
                return _EPOCHS
            return _NOTHING
        if (not epoch_word and self._over_loader(node, inner)) or (inner == _STEP and not epoch_word):
            self.kinds[node] = "batch"
            return max(inner, _BATCHES)
        if inner == _EPOCHS and not epoch_word:
            return _EPOCHS  # folds, restarts, searches: around the epochs
        if not epoch_word and isinstance(node, ast.For) and isinstance(node.iter, ast.List | ast.Tuple):
            return inner  # phases
        self.kinds[node] = "epoch"
        return _EPOCHS

    def _head(self, node: LoopNode) -> str:
        if isinstance(node, ast.While):
            return ast.unparse(node.test)
        return f"{ast.unparse(node.target)} {ast.unparse(node.iter)}"

    def _over_loader(self, node: LoopNode, inner: int = _STEP) -> bool:
        """Does it go over batches? `inner`: how much training the body contains."""
        if isinstance(node, ast.While):
            return False
        iterated = node.iter
        enumerated = False
        while isinstance(iterated, ast.Call) and iterated.args:
            word = iterated.func.attr if isinstance(iterated.func, ast.Attribute) else getattr(iterated.func, "id", "")
            if word not in _UNWRAPPED:
                break
            enumerated = enumerated or word == "enumerate"
            iterated = iterated.args[0]
        if _literal_range(iterated):
            return False
        kind = self.resolver.instance(iterated, self.program.scope[node])
        if any(families.is_loader(r) for r in self.resolver.roots(kind)):
            return True
        if isinstance(iterated, ast.Call):
            return bool(_LOADER_WORD.search(ast.unparse(iterated.func)))
        if enumerated and inner <= _STEP and not isinstance(iterated, ast.List | ast.Tuple):
            return True
        return bool(_LOADER_WORD.search(ast.unparse(iterated)))

    def _settle(self) -> None:
        """Of nested candidates keep what a person would call the loops: one kind of epochs, one of batches."""
        program = self.program
        named = [n for n, k in self.kinds.items() if k == "epoch" and _EPOCH_WORD.search(self._head(n))]
        for node in list(self.kinds):
            around = [a for a in program.ancestors(node) if a in self.kinds and program.scope[a] == program.scope[node]]
            if self.kinds[node] == "batch" and any(self.kinds[a] == "batch" for a in around):
                del self.kinds[node]  # accumulation, several critic steps: a part of one batch
            elif self.kinds[node] == "epoch" and node not in named and any(a in named for a in around):
                del self.kinds[node]
        for node in [n for n, k in self.kinds.items() if k == "batch"]:
            # an outer loop over a loader was seen after the inner one was taken for the epochs
            for inner in ast.walk(node):
                if inner is not node and isinstance(inner, ast.For | ast.While) and self.kinds.get(inner) == "epoch":
                    if inner not in named:
                        del self.kinds[inner]

    # --- answers ----------------------------------------------------------------------------------------

    def loops(self) -> tuple[Loop, ...]:
        found = []
        for node, kind in self.kinds.items():
            scope = self.program.scope[node]
            found.append(Loop(kind, node.lineno, node.end_lineno or node.lineno, _counter(node), scope))
        return tuple(sorted(found, key=lambda loop: loop.line))

    def epoch_expressions(self) -> list[str]:
        """The bounds of the epoch loops, as written, in source order."""
        found = []
        for node in sorted((n for n, k in self.kinds.items() if k == "epoch"), key=lambda n: n.lineno):
            bound = _bound(node)
            if bound is not None:
                found.append(self.program.source(bound))
        return found

    def scope_of(self, node: ast.AST) -> Scope:
        """Where a statement stands in the training: in a batch, once an epoch, after it."""
        return self._scope_of(node, frozenset())

    def _scope_of(self, node: ast.AST, busy: frozenset[str]) -> Scope:
        program = self.program
        function = program.scope[node]
        for ancestor in program.ancestors(node):
            if program.scope.get(ancestor) != function and not isinstance(ancestor, ast.FunctionDef):
                break
            if isinstance(ancestor, ast.For | ast.AsyncFor | ast.While):
                if ancestor in self.kinds:
                    return self.kinds[ancestor]
                if self.kinds and self._over_loader(ancestor):
                    return "batch"  # going over a loader to evaluate
                if self._level(ancestor) == _EPOCHS and self._after(node, ancestor):
                    return "after"
        if self._after(node, program.functions.get(function or "", program.tree)):
            own = self._function_level(function) if function else _EPOCHS
            if own in (_EPOCHS, _NOTHING):  # nothing: no loop of its own, it called fit()
                return "after"
        if function is None:
            return "unknown"
        return self._context_of(function, busy)

    def _context_of(self, function: str, busy: frozenset[str]) -> Scope:
        if function in self._context:
            return self._context[function]
        if function in busy:
            return "unknown"
        scopes = {self._scope_of(site.place, busy | {function}) for site in self.resolver.sites.get(function, ())}
        order: tuple[Scope, ...] = ("epoch", "batch", "after")
        found: Scope = next((s for s in order if s in scopes), "unknown")
        if not busy:
            self._context[function] = found
        return found

    def _after(self, node: ast.AST, block: ast.AST) -> bool:
        """Does the node stand behind something that trains for at least all epochs, in the same function?"""
        program = self.program
        line = getattr(node, "lineno", 0)
        scope = program.scope[node]
        for loop in self.kinds:
            if program.scope[loop] == scope and (loop.end_lineno or 0) < line and self.kinds[loop] == "epoch":
                return True
        only_batches = not any(kind == "epoch" for kind in self.kinds.values())
        for loop in self.kinds:
            if only_batches and program.scope[loop] == scope and (loop.end_lineno or 0) < line:
                return True
        for call in program.calls:
            if program.scope[call] != scope or (call.end_lineno or 0) >= line:
                continue
            if call in self.whole or self._trains_wholly(call):
                return True
        return False

    def _trains_wholly(self, call: ast.Call) -> bool:
        target = self.resolver.targets.get(call)
        if target not in self.program.functions:
            return False
        if self._function_level(target) == _EPOCHS:
            return True
        return self.program.scope[call] != target and self._fits(target, frozenset())

    def _fits(self, function: str, busy: frozenset[str]) -> bool:
        """Does a local function call fit() somewhere?"""
        if function in busy:
            return False
        if function not in self._inside:
            node = self.program.functions[function]
            self._inside[function] = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
        for call in self._inside[function]:
            if call in self.whole:
                return True
            target = self.resolver.targets.get(call)
            if target in self.program.functions and self._fits(target, busy | {function}):
                return True
        return False


def _evaluated(node: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression that are evaluated with it: a lambda's body is not."""
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if not isinstance(current, ast.Lambda):
            yield current
            todo += ast.iter_child_nodes(current)


def _literal_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _counter(node: LoopNode) -> str | None:
    if isinstance(node, ast.While):
        bound = node.test
        return bound.left.id if isinstance(bound, ast.Compare) and isinstance(bound.left, ast.Name) else None
    target = node.target
    enumerated = (
        isinstance(target, ast.Tuple)
        and len(target.elts) == 2
        and any(isinstance(n, ast.Name) and n.id == "enumerate" for n in ast.walk(node.iter))
    )
    if enumerated and isinstance(target, ast.Tuple):
        target = target.elts[0]
        return target.id if isinstance(target, ast.Name) else None
    ranged = any(isinstance(n, ast.Name) and n.id in ("range", "trange", "count") for n in ast.walk(node.iter)) or any(
        isinstance(n, ast.Attribute) and n.attr in ("trange", "count") for n in ast.walk(node.iter)
    )
    named = isinstance(target, ast.Name) and _EPOCH_WORD.search(target.id)
    return target.id if isinstance(target, ast.Name) and (ranged or named) else None


def _bound(node: LoopNode) -> ast.expr | None:
    """The number of rounds: N of range(N), range(a, N), range(1, N + 1), while epoch < N."""
    if isinstance(node, ast.While):
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Lt | ast.LtE):
            return test.comparators[0]
        return None
    for call in ast.walk(node.iter):
        if not isinstance(call, ast.Call):
            continue
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if word not in ("range", "trange") or not call.args:
            continue
        if len(call.args) == 1:
            return call.args[0]
        stop = call.args[1]
        if isinstance(stop, ast.BinOp) and isinstance(stop.op, ast.Add):
            if isinstance(stop.right, ast.Constant) and stop.right.value == 1:
                return stop.left
            if ast.unparse(stop.left) == ast.unparse(call.args[0]):  # range(start, start + N)
                return stop.right
            if isinstance(stop.left, ast.Constant) and stop.left.value == 1:
                return stop.right
        return stop
    return None
