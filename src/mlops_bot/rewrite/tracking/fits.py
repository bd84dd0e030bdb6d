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


def makers(program: Program, node: ast.expr, depth: int = 4) -> list[ast.Call]:
    """The constructor calls that an estimator may come from, also through a loop over some; empty where unsure."""
    if isinstance(node, ast.Call):
        made = maker(program, node)
        return [made] if made is not None else []
    if not isinstance(node, ast.Name) or not depth:
        return []
    found: list[ast.Call] = []
    for binding in _bindings(program, node):
        values = _bound_to(program, node.id, binding)
        several = [makers(program, value, depth - 1) for value in values]
        if not several or not all(several):
            return []
        found += [call for calls in several for call in calls]
    return found


def _bindings(program: Program, node: ast.Name) -> list[ast.stmt | ast.comprehension]:
    """What may give the name its value there: the comprehension or loop around it that does, else all that bind it."""
    for above in program.ancestors(node):
        if isinstance(above, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            own = [part for part in above.generators if node.id in stored(part.target)]
            if own:
                return [own[-1]]
    outside = [*stored_outside(program, node.id, program.function_of(node))] or [*stored_outside(program, node.id)]
    for loop in reversed(program.loops_of(node)):
        inside = [statement for statement in outside if runs.contains(program, loop, statement)]
        if inside:
            return [*inside]
    return [*outside]


def stored_outside(program: Program, name: str, within: ast.AST | None = None) -> list[ast.stmt]:
    """The statements that bind a name; a comprehension's own variable is another one."""
    nodes = [node for node in ast.walk(within or program.tree) if isinstance(node, ast.Name) and node.id == name]
    stores = [node for node in nodes if isinstance(node.ctx, ast.Store)]
    inner = [node for node in stores if any(isinstance(above, ast.comprehension) for above in program.ancestors(node))]
    return [program.statement_of(node) for node in stores if node not in inner]


def stored(node: ast.AST) -> set[str]:
    """The names that some code binds."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _bound_to(program: Program, name: str, statement: ast.stmt | ast.comprehension) -> list[ast.expr]:
    """The expressions whose values a statement may give to a name; empty where they cannot be told."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return [statement.value]
    if not isinstance(statement, (ast.For, ast.comprehension)):
        return []
    target, iterable = statement.target, statement.iter
    callee = dotted(iterable.func) if isinstance(iterable, ast.Call) else None
    if callee == "enumerate" and isinstance(iterable, ast.Call) and iterable.args and isinstance(target, ast.Tuple):
        target, iterable = target.elts[-1], iterable.args[0]
        callee = dotted(iterable.func) if isinstance(iterable, ast.Call) else None
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    at = next((index for index, part in enumerate(parts) if isinstance(part, ast.Name) and part.id == name), None)
    if at is None:
        return []
    if callee == "zip" and isinstance(iterable, ast.Call):
        return _elements(program, iterable.args[at], None) if len(parts) > 1 and at < len(iterable.args) else []
    if callee is not None and callee.endswith((".items", ".values")) and isinstance(iterable, ast.Call):
        assert isinstance(iterable.func, ast.Attribute)
        return _elements(program, iterable.func.value, None)
    return _elements(program, iterable, at if len(parts) > 1 else None)


def _elements(program: Program, collection: ast.expr, at: int | None) -> list[ast.expr]:
    """The elements of a literal, or of a name that is bound to one; `at`: the parts of its tuples at that place."""
    if isinstance(collection, ast.Name):
        bound = stored_outside(program, collection.id, program.function_of(collection)) or stored_outside(
            program, collection.id
        )
        around = program.statement_of(collection)  # models = [model.fit(X, y) for model in models]
        values = [getattr(statement, "value", None) for statement in bound if statement is not around]
        if not all(isinstance(value, ast.List | ast.Tuple | ast.Dict) for value in values):
            return []
        parts = [_elements(program, value, at) for value in values if value is not None]
        return [part for several in parts for part in several] if all(parts) else []
    found: list[ast.expr] = collection.values if isinstance(collection, ast.Dict) else getattr(collection, "elts", [])
    if at is None:
        return list(found)
    tuples = [element for element in found if isinstance(element, ast.Tuple) and at < len(element.elts)]
    return [element.elts[at] for element in tuples] if len(tuples) == len(found) else []


def element_of(loop: ast.For, collection: str) -> str | None:
    """The loop's name for the elements of a collection: `for model, title in zip(models, titles)`."""
    iterable, target = loop.iter, loop.target
    sources = [iterable]
    targets = [target]
    if isinstance(iterable, ast.Call) and dotted(iterable.func) in ("zip", "enumerate") and not iterable.keywords:
        sources = list(iterable.args)
        parts = target.elts if isinstance(target, ast.Tuple) else []
        targets = parts[1:] if dotted(iterable.func) == "enumerate" else parts
    for source, part in zip(sources, targets, strict=False):
        if dotted(source) == collection and isinstance(part, ast.Name):
            return part.id
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
    return runs.comes_after(program, statement, [program.statement_of(call) for call in fits])
