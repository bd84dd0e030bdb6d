"""Trainings that are one call: `fit` of scikit-learn and Keras, and what is trained in other ways."""

from __future__ import annotations

import ast

from mlops_bot.rewrite import runs
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.tracking import crossval

_FITS = {"fit", "fit_transform", "fit_predict", "fit_generator"}
_OTHER_PATCHES = {"xgboost", "lightgbm", "catboost", "imblearn", "skorch"}  # classes that only look like scikit-learn's
_NO_MODELS = (  # feature preparation, which is no training
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose",
)


def fit_calls(program: Program) -> list[ast.Call]:
    return [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in _FITS
        and not (isinstance(call.func.value, ast.Call) and dotted(call.func.value.func) == "super")
        and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "self")
    ]


def is_model(program: Program, call: ast.Call) -> bool:
    """Not a scaler or encoder, and not a class of the file itself: one of scikit-learn's own models."""
    assert isinstance(call.func, ast.Attribute)
    made = maker(program, call.func.value)
    if made is None:
        return True
    name = program.qualified(made.func)
    if dotted(made.func) in program.classes or (name is not None and name.split(".")[0] in _OTHER_PATCHES):
        return False
    return not (name or "").startswith(_NO_MODELS)


def is_network(program: Program, call: ast.Call) -> bool:
    """Not a scaler or another estimator of scikit-learn, which a Keras program may fit, too."""
    assert isinstance(call.func, ast.Attribute)
    made = maker(program, call.func.value)
    name = program.qualified(made.func) if made is not None else None
    return call.func.attr in ("fit", "fit_generator") and not (name or "").startswith("sklearn.")


def maker(program: Program, receiver: ast.expr) -> ast.Call | None:
    """The constructor call of `x` in x.fit(...), when it is bound once."""
    if isinstance(receiver, ast.Call):
        inner = receiver.func
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, (ast.Name, ast.Call)) and inner.attr == "fit":
            return maker(program, inner.value)
        return receiver
    if isinstance(receiver, ast.Name):
        bound = program.assignments(receiver.id, program.function_of(receiver)) or program.assignments(receiver.id)
        values = [getattr(statement, "value", None) for statement in bound]
        if len(values) == 1 and isinstance(values[0], ast.Call):
            return maker(program, values[0])
    return None


def trained(program: Program) -> list[tuple[str, ast.stmt]]:
    """Estimators that are trained in any way, partial_fit and cross-validation included: (name, statement)."""
    found: list[tuple[str, ast.stmt]] = []
    for call in program.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("partial_fit", *_FITS):
            name = dotted(call.func.value)
            made = maker(program, call.func.value)
            if made is not None and (program.qualified(made.func) or "").startswith(_NO_MODELS):
                continue
        elif crossval.is_cross(call) and call.args:
            name = dotted(call.args[0])
        else:
            continue
        if name and name != "self" and not name.startswith("self."):
            found.append((name, program.statement_of(call)))
    return found


def runs_often(program: Program, call: ast.Call) -> bool:
    statement = program.statement_of(call)
    if program.loops_of(call) or any(
        isinstance(above, (ast.ListComp, ast.GeneratorExp, ast.DictComp)) for above in program.ancestors(call)
    ):
        return True
    function = program.function_of(statement)
    depth = 4
    while function is not None and depth:
        sites = program.call_sites(function)
        if len(sites) > 2 or any(program.loops_of(site) for site in sites):
            return True
        function = program.function_of(sites[0]) if sites else None
        depth -= 1
    return False


def after_fit(program: Program, statement: ast.stmt, fits: list[ast.Call]) -> bool:
    """Does a fit surely come before `statement`, in its function?"""
    spots = [program.statement_of(call) for call in fits]
    current: ast.stmt = statement
    while True:
        suite = program.suite_of(current)
        for earlier in suite[: suite.index(current)]:
            if isinstance(earlier, (ast.If, ast.Try)) and not any(program.inside(spot, earlier) for spot in spots):
                continue
            if any(runs.contains(program, earlier, spot) for spot in spots):
                return True
        owner = program.parent[current]
        if not isinstance(owner, ast.stmt) or isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return False
        current = owner
