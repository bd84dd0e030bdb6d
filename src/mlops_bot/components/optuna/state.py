"""What one training leaves to the next at module level: counters, best values, lists. Every trial begins them anew."""

from __future__ import annotations

import ast

from mlops_bot.components.optuna.unit import Unit, top_level
from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.program import dotted

_EMPTY = frozenset({"list", "dict", "set", "deque", "collections.deque", "Counter", "collections.Counter"})


def left_over(unit: Unit) -> dict[str, str]:
    """Names that a function of the program goes on counting or filling, with the source of their first value."""
    if unit.function is None:
        return {}  # statements take along what they change
    program = unit.program
    functions = {unit.function, *unit.reached}
    changed = {
        name for found in functions for name in scopes.globals_of(found) | (scopes.changes(found) & scopes.free(found))
    }
    surely = {name for statement in unit.statements for name in scopes.binds(statement)}
    read = scopes.reads_first(unit.statements)
    read |= {name for found in unit.reached for name in scopes.reads_first(found.body) & scopes.free(found)} - surely
    found: dict[str, str] = {}
    for statement in top_level(program):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not _beginning(statement.value):
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id not in changed & read:
            continue
        if [one for one in program.assignments(target.id) if program.function_of(one) is None] == [statement]:
            found[target.id] = program.source(statement.value)
    return found


def _beginning(value: ast.expr) -> bool:
    """A number, nothing, or an empty container: `0`, `None`, `-1.0`, `float("inf")`, `[]`, `Counter()`."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Call):
        name = dotted(value.func)
        plain = not value.args and not value.keywords
        return (name in _EMPTY and plain) or (name == "float" and all(isinstance(a, ast.Constant) for a in value.args))
    if isinstance(value, (ast.List, ast.Set)):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Constant) or dotted(value) in ("math.inf", "np.inf", "numpy.inf")
