"""What a model is called with, as code that can stand before the training loop: the first batch of its data loader."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.rewrite import models, steps
from mlops_bot.rewrite.models import Scope
from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted
from mlops_bot.rewrite.pruning.place import Place, Trained

_MOVES = {
    "to", "cuda", "cpu", "float", "double", "half", "long", "int", "type", "view", "reshape", "flatten", "unsqueeze",
    "squeeze", "permute", "transpose", "contiguous", "requires_grad_", "t", "bool", "detach",
}  # fmt: skip
_BATCH = "\0"


@dataclass(frozen=True)
class Example:
    """`loader`: whose first batch it is. `inputs`: the arguments, where `\\0` stands for the batch."""

    loader: str
    inputs: tuple[str, ...]

    @property
    def is_single(self) -> bool:
        """One input, made of one reading of the batch."""
        return sum(code.count(_BATCH) for code in self.inputs) == 1

    def of(self, batch: str) -> list[str]:
        return [code.replace(_BATCH, batch) for code in self.inputs]


def example(program: Program, place: Place, trained: Trained) -> Example | None:
    """The arguments of the model's call in the training loop, made from the first batch; None where they are not."""
    for call in _calls(program, place, trained):
        loop = program.loops_of(call)[-1] if program.loops_of(call) else None
        if not isinstance(loop, ast.For) or call.keywords or not call.args:
            continue
        reader = _Reader(program, place, loop, call)
        loader = reader.loader()
        inputs = [reader.value(argument) for argument in call.args]
        if loader is not None and all(code is not None and _BATCH in code for code in inputs):
            return Example(loader, tuple(code for code in inputs if code is not None))
    return None


def called_by_keyword(program: Program, place: Place, trained: Trained) -> bool:
    return any(call.keywords for call in _calls(program, place, trained))


def _calls(program: Program, place: Place, trained: Trained) -> Iterator[ast.Call]:
    """Calls of the model in code that trains, in the order of the file."""
    for call in sorted(program.calls, key=lambda call: call.lineno):
        name, scope = dotted(call.func), program.function_of(call)
        if name is None or name not in models.visible(program, trained.model, scope):
            continue
        around = program.loops_of(call)
        if program.inside(call, place.first) or any(steps.trains_itself(loop) for loop in around):
            yield call


class _Reader:
    """Reads the values of one loop's body as expressions over its batch."""

    def __init__(self, program: Program, place: Place, loop: ast.For, call: ast.Call) -> None:
        self._program = program
        self._place = place
        self._loop = loop
        self._call = call
        self._scope: Scope = program.function_of(loop)

    def loader(self) -> str | None:
        """The data loader as the place can name it."""
        iterable = steps.unwrapped(self._loop.iter)
        if isinstance(iterable, ast.Call) and dotted(iterable.func) == "enumerate" and iterable.args:
            iterable = steps.unwrapped(iterable.args[0])
        name = dotted(iterable)
        return self._outside(name) if name is not None else None

    def value(self, node: ast.expr, before: int | None = None, depth: int = 6) -> str | None:
        """The expression as code over the batch; None where it is made of more than the batch and what is outside."""
        line = self._call.lineno if before is None else before
        if not depth:
            return None
        if isinstance(node, ast.Name):
            return self._name(node.id, line, depth)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            inner = self.value(node.value, line, depth - 1)
            return f"{inner}[{node.slice.value!r}]" if inner is not None else None
        if isinstance(node, ast.Attribute):
            return self._outside(dotted(node) or "") if dotted(node) is not None else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MOVES:
            inner = self.value(node.func.value, line, depth - 1)
            arguments = [self._argument(part, line, depth) for part in node.args]
            named = [(k.arg, self._argument(k.value, line, depth)) for k in node.keywords]
            if inner is None or None in arguments or any(name is None or code is None for name, code in named):
                return None
            given = [str(code) for code in arguments] + [f"{name}={code}" for name, code in named]
            return f"{inner}.{node.func.attr}({', '.join(given)})"
        return None

    def _argument(self, node: ast.expr, line: int, depth: int) -> str | None:
        if isinstance(node, (ast.Constant, ast.UnaryOp)):
            return self._program.source(node)
        if isinstance(node, ast.BinOp):
            sides = self._argument(node.left, line, depth), self._argument(node.right, line, depth)
            return self._program.source(node) if None not in sides and _plain(node, sides) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "size":
            inner = self.value(node.func.value, line, depth - 1)
            given = [self._program.source(part) for part in node.args if isinstance(part, ast.Constant)]
            return f"{inner}.size({', '.join(given)})" if inner is not None and len(given) == len(node.args) else None
        return self.value(node, line, depth - 1)

    def _name(self, name: str, line: int, depth: int) -> str | None:
        bound = self._binding(name, line)
        if bound is not None:
            statement, value, index = bound
            inner = self.value(value, statement.lineno, depth - 1)
            return inner if inner is None or index is None else f"{inner}[{index}]"
        if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(self._loop.target)):
            return self._of_target(name)
        return self._outside(name)

    def _binding(self, name: str, line: int) -> tuple[ast.stmt, ast.expr, int | None] | None:
        """The last assignment of a name above `line` in the loop's body: (statement, value, index in the value)."""
        found: tuple[ast.stmt, ast.expr, int | None] | None = None
        for statement in ast.walk(self._loop):
            if not isinstance(statement, ast.Assign) or statement.lineno >= line:
                continue
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    entry: tuple[ast.stmt, ast.expr, int | None] = (statement, statement.value, None)
                elif isinstance(target, ast.Tuple) and name in [getattr(part, "id", None) for part in target.elts]:
                    index = [getattr(part, "id", None) for part in target.elts].index(name)
                    pairs = isinstance(statement.value, ast.Tuple) and len(statement.value.elts) == len(target.elts)
                    value = statement.value.elts[index] if pairs else statement.value  # type: ignore[attr-defined]
                    entry = (statement, value, None if pairs else index)
                else:
                    continue
                if found is None or statement.lineno > found[0].lineno:
                    found = entry
        return found

    def _of_target(self, name: str) -> str | None:
        """`for i, (data, target) in enumerate(loader)`: data is the batch's first part."""
        target = self._loop.target
        iterable = steps.unwrapped(self._loop.iter)
        if isinstance(iterable, ast.Call) and dotted(iterable.func) == "enumerate":
            if not (isinstance(target, ast.Tuple) and len(target.elts) == 2):
                return None
            target = target.elts[1]
        code = _BATCH
        while isinstance(target, ast.Tuple):
            parts = target.elts
            index = next((at for at, part in enumerate(parts) if name in _stored(part)), None)
            if index is None:
                return None
            code, target = f"{code}[{index}]", parts[index]
        return code if isinstance(target, ast.Name) and target.id == name else None

    def _outside(self, name: str) -> str | None:
        """A name that the loop's function knows from outside the loop, as the place knows it."""
        root, _, rest = name.partition(".")
        home = self._place.home
        inside = _stored(self._place.first)
        if self._scope is home:
            return name if root not in inside or root == "self" else None
        if self._scope is None:
            return None
        own = models.bound(self._scope)
        if root == "self":
            same = home is not None and self._program.class_of(home) is self._program.class_of(self._scope)
            return name if same else None
        if root in [argument.arg for argument in (*self._scope.args.posonlyargs, *self._scope.args.args)]:
            return self._given(root, rest, inside)
        if root in own:
            return None
        known = home is None or root not in models.bound(home)
        return name if known and root not in (inside if home is None else set()) else None

    def _given(self, parameter: str, rest: str, inside: set[str]) -> str | None:
        """What the one call in the stretch gives for a parameter."""
        assert isinstance(self._scope, FUNCTIONS)
        sites = self._program.call_sites(self._scope)
        here = [call for call in sites if self._program.function_of(call) is self._place.home]
        given = [models.argument_of(self._program, self._scope, call, parameter) for call in here]
        values = {dotted(value) for value in given if value is not None}
        value = values.pop() if len(values) == 1 else None
        if value is None or (value.partition(".")[0] in inside and not value.startswith("self.")):
            return None
        return f"{value}.{rest}" if rest else value


def _stored(node: ast.AST) -> set[str]:
    """The names that some code binds."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _plain(node: ast.BinOp, sides: tuple[str | None, str | None]) -> bool:
    """Both sides stay as they are written."""
    return sides == (ast.unparse(node.left), ast.unparse(node.right))
