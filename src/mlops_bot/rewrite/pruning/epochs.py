"""How far a training is: pruning grows with the epochs, and is complete after half of them."""

from __future__ import annotations

import ast

from mlops_bot.rewrite import steps
from mlops_bot.rewrite.program import LoopNode, Program, dotted
from mlops_bot.rewrite.purity import is_pure


def counted(program: Program, loop: LoopNode) -> tuple[str, str] | None:
    """(how many epochs begin with this turn, how many there are), as source text; None where nobody can say.

    `for epoch in range(n)` -> ("epoch + 1", "n"); `for epoch in range(1, n + 1)` -> ("epoch", "n").
    """
    if not isinstance(loop, ast.For) or not steps.is_epoch_loop(loop) or not isinstance(loop.target, ast.Name):
        return None
    iterable = steps.unwrapped(loop.iter)
    if not (isinstance(iterable, ast.Call) and dotted(iterable.func) == "range" and 1 <= len(iterable.args) <= 2):
        return None
    if iterable.keywords or not all(is_pure(argument) for argument in iterable.args):
        return None
    epoch, stop = loop.target.id, iterable.args[-1]
    if epoch == "_":
        return None
    start = iterable.args[0] if len(iterable.args) == 2 else ast.Constant(0)
    if isinstance(start, ast.Constant) and start.value == 1:
        return epoch, _less_one(program, stop)
    if isinstance(start, ast.Constant) and start.value != 0:
        return None
    return f"{epoch} + 1", _written(program, stop)  # a start that is a name: training goes on from there


def first(loop: LoopNode) -> str | None:
    """Whether a turn is not the first one, as source text, of a loop that counts from 0 or 1: "epoch > 0"."""
    if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
        return None
    iterable = steps.unwrapped(loop.iter)
    arguments = iterable.args if isinstance(iterable, ast.Call) else []
    start = arguments[0] if len(arguments) == 2 else ast.Constant(0)
    plain = isinstance(start, ast.Constant) and start.value in (0, 1)
    return f"{loop.target.id} > {start.value}" if plain else None  # type: ignore[attr-defined]


def share(counted: tuple[str, str] | None, sparsity: str) -> str | None:
    """The sparsity of a turn: a growing part of `sparsity`, all of it from the middle on."""
    if counted is None:
        return None
    turn, turns = counted
    turn = f"({turn})" if " " in turn else turn
    return f"{sparsity} * min(1, 2 * {turn} / {turns})"


def _less_one(program: Program, stop: ast.expr) -> str:
    if isinstance(stop, ast.Constant) and isinstance(stop.value, int):
        return str(stop.value - 1)
    one = isinstance(stop, ast.BinOp) and isinstance(stop.op, ast.Add)
    if one and isinstance(stop.right, ast.Constant) and stop.right.value == 1:  # type: ignore[attr-defined]
        return _written(program, stop.left)  # type: ignore[attr-defined]
    return f"({program.source(stop)} - 1)"


def _written(program: Program, node: ast.expr) -> str:
    text = program.source(node)
    simple = isinstance(node, (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Subscript))
    return text if simple else f"({text})"
