"""scikit-learn programs that try values by themselves and show every result: a grid's whole table, a loop over values.

Their results stay as they are; a study chooses among the same values, and its best model is fitted on the same data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.components.optuna import makers
from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.source import families

_LIMIT = 3  # loops of one model


@dataclass(frozen=True)
class Tried:
    """`build`: source of what makes the model of a trial. Below `after`, at the end of what tries the values."""

    call: ast.Call
    build: str
    data: tuple[str, ...]
    after: ast.stmt
    label: str
    copies: bool = False  # it needs sklearn.base.clone


def find(program: Program) -> Tried | None:
    """The last search or loop over values that can be repeated by a study; None where there is none."""
    found = [*_grids(program), *_loops(program)]
    return max(found, key=lambda tried: tried.after.lineno, default=None)


def _grids(program: Program) -> Iterator[Tried]:
    q = program.quote
    for call in program.calls:
        if not (program.qualified(call.func) or "").endswith("GridSearchCV"):
            continue
        estimator, grid = makers.grid_parts(call)
        data = makers.data_of(program, call)
        after = _outside(program, call)
        if estimator is None or grid is None or data is None or after is None or not is_dictionary(program, grid):
            continue
        made = frozenset({ast.unparse(estimator.func)} if isinstance(estimator, ast.Call) else ())
        parts = [estimator, grid, *(part for part in data if part is not None)]
        if any(scopes.loads(part) & scopes.binds(loop) for part in parts for loop in program.loops_of(call)):
            continue
        if not all(is_pure(part, made) for part in parts) or not isinstance(grid, ast.Name):
            continue
        values = f"trial.suggest_categorical(name, list(values)) for name, values in {grid.id}.items()"
        model = program.source(estimator)
        if not isinstance(estimator, ast.Call):
            model = f"clone({model})"
        build = f"{model}.set_params(**{{name: {values}}})".replace('"', q)
        yield Tried(call, build, _sources(program, data), after, "the values of the grid", "clone(" in model)


def is_dictionary(program: Program, node: ast.expr) -> bool:
    """One dictionary of lists of values."""
    values: list[ast.AST | None] = [node]
    if isinstance(node, ast.Name):
        values = [getattr(statement, "value", None) for statement in program.assignments(node.id)]
    value = values[0] if len(values) == 1 else None
    return isinstance(value, ast.Dict) or (isinstance(value, ast.Call) and ast.unparse(value.func) == "dict")


def _loops(program: Program) -> Iterator[Tried]:
    """`for alpha in alphas: Ridge(alpha=alpha).fit(X, y)`."""
    for call in program.calls:
        loops = [loop for loop in program.loops_of(call) if isinstance(loop, ast.For)]
        name = makers.estimator_class(program, call)
        if name is None or not loops or families.is_sklearn_preparation(name) or program.class_of(call) is not None:
            continue
        data, after = makers.data_of(program, call), _outside(program, call)
        over = dict(filter(None, (_values(program, loop) for loop in loops)))
        taken = {
            keyword.value.id: keyword.arg
            for keyword in call.keywords
            if isinstance(keyword.value, ast.Name) and keyword.arg and keyword.value.id in over
        }
        bound = {name for loop in loops for name in scopes.binds(loop)}
        others = [
            *call.args,
            *(k.value for k in call.keywords if not (isinstance(k.value, ast.Name) and k.value.id in taken)),
        ]
        if not taken or len(taken) > _LIMIT or data is None or after is None:
            continue
        others += [part for part in data if part is not None]
        if any(scopes.loads(part) & bound for part in others) or any(k.arg is None for k in call.keywords):
            continue
        given = [program.source(argument) for argument in call.args]
        for keyword in call.keywords:
            value = program.source(keyword.value)
            if isinstance(keyword.value, ast.Name) and keyword.value.id in taken:
                value = f"trial.suggest_categorical({program.string(str(keyword.arg))}, {over[keyword.value.id]})"
            given.append(f"{keyword.arg}={value}")
        build = f"{program.source(call.func)}({', '.join(given)})"
        yield Tried(call, build, _sources(program, data), after, ", ".join(taken.values()))


def _values(program: Program, loop: ast.For) -> tuple[str, str] | None:
    """(variable, source of the list of its values) of a loop over values that can be written again."""
    target, source = loop.target, loop.iter
    if isinstance(source, ast.Call) and ast.unparse(source.func) == "enumerate" and isinstance(target, ast.Tuple):
        target, source = target.elts[-1], source.args[0]
    if not isinstance(target, ast.Name):
        return None
    if isinstance(source, (ast.List, ast.Tuple)):
        return target.id, program.source(source) if isinstance(source, ast.List) else f"list({program.source(source)})"
    if is_pure(source, frozenset({"range", "np.arange", "np.linspace", "np.logspace"})):
        return target.id, f"list({program.source(source)})"
    return None


def _outside(program: Program, call: ast.Call) -> ast.stmt | None:
    """The statement of a suite outside of loops after which everything that tries the values is over."""
    fits = [program.statement_of(call)]
    statement = fits[0]
    names = scopes.binds(statement) if isinstance(statement, ast.Assign) else set()
    for other in program.calls:
        if (
            isinstance(other.func, ast.Attribute)
            and other.func.attr == "fit"
            and scopes.loads(other.func.value) & names
        ):
            if program.function_of(other) is program.function_of(call):
                fits.append(program.statement_of(other))
    loops = program.loops_of(call)
    after: ast.stmt = loops[0] if loops else max(fits, key=lambda part: part.lineno)
    whole = (
        isinstance(program.parent[after], (ast.Module, ast.FunctionDef)) or program.parent[after] is program.main_guard
    )
    return after if whole else None


def _sources(program: Program, data: tuple[ast.expr, ast.expr | None]) -> tuple[str, ...]:
    return tuple(program.source(part) for part in data if part is not None)
