"""Numbers around a training that is one call: what the program shows or computes, and `fit` does not know."""

from __future__ import annotations

import ast
from collections.abc import Callable

from mlops_bot.rewrite import displays, naming, steps
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.rewrite.tracking import fitted, numeric
from mlops_bot.rewrite.tracking.fits import after_fit
from mlops_bot.rewrite.tracking.metrics import Log, is_collection, unique

_MEASURES = {"evaluate", "score"}


def unseen(
    program: Program,
    fits: list[ast.Call],
    *,
    sklearn: bool,
    seen: Callable[[Program, ast.expr], bool] = lambda *_: False,
) -> list[Log]:
    """Numbers shown after a fit, with unique names.

    `sklearn`: those of scikit-learn that are computed and not shown as well. `seen`: does the tracker record the
    expression's value by itself?
    """
    logs: dict[tuple[ast.AST | None, str], Log] = {}
    for item in displays.shown(program):
        expression = item.expression
        if isinstance(expression, ast.Constant) or not is_pure(expression, also=_is_metric_function(program)):
            continue
        # scikit-learn: whatever has decimals; Keras: losses and scores by name, as its own are all there
        if not naming.is_metric(item, training=sklearn and item.floating) or (sklearn and seen(program, expression)):
            continue
        if is_collection(program, expression) or not numeric.is_number(program, item):
            continue
        if numeric.is_duration(program, expression) or not after_fit(program, item.statement, fits):
            continue
        value = program.source(expression)
        log = Log(item.statement, _metric_name(program, item), value, steps.step(program, item.statement), batch=False)
        logs.setdefault((program.function_of(item.statement), value), log)
    if sklearn:
        for log in fitted.unshown(
            program, fits, lambda call: seen(program, call), lambda spot: after_fit(program, spot, fits)
        ):
            logs.setdefault((program.function_of(log.statement), log.over or log.value), log)
    return unique(list(logs.values()))


def _metric_name(program: Program, item: displays.Shown) -> str:
    base = naming.base_name(item)
    split = _evaluated(program, item.expression) or naming.split_of(item, program, training=False)
    spread = isinstance(item.expression, ast.Call) and (dotted(item.expression.func) or "").endswith(".std")
    if spread and "std" not in base:
        base = f"{base.removesuffix('s')}_std"
    return f"{split}_{base}" if split and split not in base.split("_") else base


def _evaluated(program: Program, expression: ast.expr) -> str:
    """Which data the expression's value was measured on: `score = model.evaluate(x_test, y_test)`."""
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    values = [
        getattr(part, "value", None)
        for name in names
        for part in program.assignments(name.id, program.function_of(name))
    ]
    for call in [node for value in [expression, *values] if value is not None for node in ast.walk(value)]:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _MEASURES:
            words = [word for argument in call.args for word in naming.words(ast.unparse(argument))]
            found = {naming.SPLIT[word] for word in words if word in naming.SPLIT}
            if len(found) == 1:
                return found.pop()
    return ""


def _is_metric_function(program: Program) -> frozenset[str]:
    """Local spellings of scikit-learn metric functions: computing one again changes nothing."""
    return frozenset(
        dotted(call.func) or ""
        for call in program.calls
        if (program.qualified(call.func) or "").startswith("sklearn.metrics.")
        and not any(keyword.arg in ("sample_size", "random_state") for keyword in call.keywords)
    )
