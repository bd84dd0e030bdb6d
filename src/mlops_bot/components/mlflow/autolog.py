"""Frameworks whose training MLflow follows by itself: one autolog call, and what autologging does not see."""

from __future__ import annotations

import ast

from mlops_bot.components.mlflow import crossval, fitted, loop, modules, numeric
from mlops_bot.components.mlflow.metrics import Log, is_collection, unique
from mlops_bot.components.mlflow.writing import log_metrics
from mlops_bot.rewrite import displays, naming, runs, steps
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import block_end, import_place
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.types import NotApplicable

_FITS = {"fit", "fit_transform", "fit_predict", "fit_generator"}
_MEASURES = {"evaluate", "score"}
_OTHER_PATCHES = {"xgboost", "lightgbm", "catboost", "imblearn", "skorch"}  # classes that only look like scikit-learn's
_NO_MODELS = (  # feature preparation, which MLflow does not follow as training
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose",
)


def sklearn(program: Program, edits: Edits) -> list[str] | NotApplicable:
    fits = [call for call in _fit_calls(program) if _is_model(program, call)]
    if not fits:
        trained = _trained(program)
        names = [name for name, _ in trained]
        outcome = loop.track(program, edits, estimators=names, spots=[spot for _, spot in trained])
        if isinstance(outcome, NotApplicable) and edits.empty:
            return crossval.track(program, edits)
        return outcome
    often = any(_runs_often(program, call) for call in fits)
    call = "mlflow.sklearn.autolog(log_models=False, log_datasets=False)" if often else "mlflow.sklearn.autolog()"
    notes = [f"{call}: parameters and metrics of every fit"]
    if often:
        notes.append("models and descriptions of the data are not stored, because the program fits many times")
    _enable(program, edits, call, ("sklearn",), ahead=_order(program))
    return notes + _log_unseen(program, edits, fits, also=True)


def keras(program: Program, edits: Edits) -> list[str] | NotApplicable:
    fits = [call for call in _fit_calls(program) if (call.args or call.keywords) and _is_network(program, call)]
    if not fits:
        return loop.track(program, edits)
    often = any(_runs_often(program, call) for call in fits)
    call = "mlflow.keras.autolog(log_models=False)" if often else "mlflow.keras.autolog()"
    _enable(program, edits, call, ("keras", "tensorflow"))
    return [f"{call}: parameters of every fit, metrics per epoch", *_log_unseen(program, edits, fits)]


def lightning(program: Program, edits: Edits) -> list[str] | NotApplicable:
    if any((program.qualified(call.func) or "").endswith((".Fabric", "fabric.Fabric")) for call in program.calls):
        return NotApplicable("not applicable because Lightning Fabric loops are not supported by the recipe")
    notes = modules.log_losses(program, edits)
    if isinstance(notes, NotApplicable):
        return notes
    _enable(program, edits, "mlflow.pytorch.autolog()", ("lightning", "pytorch_lightning", "torch"))
    return ["mlflow.pytorch.autolog(): optimizer parameters, logged metrics per epoch, the model", *notes]


_OTHER = {"xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": None}


def other(program: Program, edits: Edits) -> list[str] | NotApplicable:
    for module, flavor in _OTHER.items():
        if flavor and any(target.split(".")[0] == module for target in program.imports.values()):
            _enable(program, edits, f"mlflow.{flavor}.autolog()", (module,))
            return [f"mlflow.{flavor}.autolog(): parameters and metrics of every training"]
    return NotApplicable("not applicable because the recipe does not know this program's framework")


# --- where it is switched on -----------------------------------------------------------------------------------


def _enable(
    program: Program, edits: Edits, call: str, beside: tuple[str, ...], *, ahead: tuple[ast.stmt, str] | None = None
) -> None:
    """`call` after the imports; before one of them where there is a reason, `ahead`: (import, reason)."""
    end = block_end(program, "mlflow", beside=beside)
    if ahead is not None and (end is None or ahead[0].lineno <= end.lineno):
        node, reason = ahead
        place, where = import_place(program, "mlflow", beside=beside)
        if place is not None and (place.lineno, where == "after") >= (node.lineno, False):
            edits.insert_before(node, "import mlflow")
        gap = "" if _has_gap_above(program, node) else "\n"
        edits.insert_before(node, f"{gap}# {reason}\n{call}\n")
        edits.pad(node)
        return
    if end is None:
        body = program.tree.body
        first = next((part for part in body if not loop.is_docstring(part)), body[0])
        edits.insert_before(first, "import mlflow")
        edits.insert_before(first, f"\n{call}\n")
        return
    edits.insert_after(end, f"\n{call}\n")


def _has_gap_above(program: Program, node: ast.stmt) -> bool:
    lines = program.text.splitlines()
    return node.lineno >= 2 and not lines[node.lineno - 2].strip()


def _order(program: Program) -> tuple[ast.stmt, str] | None:
    """The first import that autologging has to precede, and why: MLflow replaces functions of these modules."""
    for node in program.tree.body:
        if not isinstance(node, ast.ImportFrom):
            continue
        names = {alias.asname or alias.name for alias in node.names}
        calls = [call for call in program.calls if isinstance(call.func, ast.Name) and call.func.id in names]
        if node.module == "sklearn.metrics" and any(_is_seen_call(program, call) for call in calls):
            return node, "before sklearn.metrics is imported: only then are its results logged"
        if node.module == "sklearn.model_selection" and any(crossval.is_cross(call) for call in calls):
            return node, "before sklearn.model_selection is imported: the fits of cross-validation are not runs"
    return None


# --- fits ------------------------------------------------------------------------------------------------------


def _fit_calls(program: Program) -> list[ast.Call]:
    return [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in _FITS
        and not (isinstance(call.func.value, ast.Call) and dotted(call.func.value.func) == "super")
        and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "self")
    ]


def _is_model(program: Program, call: ast.Call) -> bool:
    """Not a scaler or encoder, and not a class of the file itself (MLflow patches scikit-learn's own classes)."""
    assert isinstance(call.func, ast.Attribute)
    made = _maker(program, call.func.value)
    if made is None:
        return True
    name = program.qualified(made.func)
    if dotted(made.func) in program.classes or (name is not None and name.split(".")[0] in _OTHER_PATCHES):
        return False
    return not (name or "").startswith(_NO_MODELS)


def _is_network(program: Program, call: ast.Call) -> bool:
    """Not a scaler or another estimator of scikit-learn, which a Keras program may fit, too."""
    assert isinstance(call.func, ast.Attribute)
    made = _maker(program, call.func.value)
    name = program.qualified(made.func) if made is not None else None
    return call.func.attr in ("fit", "fit_generator") and not (name or "").startswith("sklearn.")


def _maker(program: Program, receiver: ast.expr) -> ast.Call | None:
    """The constructor call of `x` in x.fit(...), when it is bound once."""
    if isinstance(receiver, ast.Call):
        inner = receiver.func
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, (ast.Name, ast.Call)) and inner.attr == "fit":
            return _maker(program, inner.value)
        return receiver
    if isinstance(receiver, ast.Name):
        bound = program.assignments(receiver.id, program.function_of(receiver)) or program.assignments(receiver.id)
        values = [getattr(statement, "value", None) for statement in bound]
        if len(values) == 1 and isinstance(values[0], ast.Call):
            return _maker(program, values[0])
    return None


def _trained(program: Program) -> list[tuple[str, ast.stmt]]:
    """Estimators that MLflow does not follow: own classes, partial_fit, cross-validation; (name, statement)."""
    found: list[tuple[str, ast.stmt]] = []
    for call in program.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("partial_fit", *_FITS):
            name = dotted(call.func.value)
            made = _maker(program, call.func.value)
            if made is not None and (program.qualified(made.func) or "").startswith(_NO_MODELS):
                continue
        elif crossval.is_cross(call) and call.args:
            name = dotted(call.args[0])
        else:
            continue
        if name and name != "self" and not name.startswith("self."):
            found.append((name, program.statement_of(call)))
    return found


def _runs_often(program: Program, call: ast.Call) -> bool:
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


# --- what autologging does not see ------------------------------------------------------------------------------


def _log_unseen(program: Program, edits: Edits, fits: list[ast.Call], *, also: bool = False) -> list[str]:
    """Numbers shown after a fit that autologging does not know: logged to the run of that fit.

    `also`: those of scikit-learn that are computed and not shown.
    """
    logs: dict[tuple[ast.AST | None, str], Log] = {}
    for item in displays.shown(program):
        expression = item.expression
        if isinstance(expression, ast.Constant) or not is_pure(expression, also=_is_metric_function(program)):
            continue
        # scikit-learn: whatever has decimals; Keras: losses and scores by name, as its own are all there
        if not naming.is_metric(item, training=also and item.floating) or (also and _is_seen(program, expression)):
            continue
        if is_collection(program, expression) or not numeric.is_number(program, item):
            continue
        if numeric.is_duration(program, expression) or not _after_fit(program, item.statement, fits):
            continue
        value = program.source(expression)
        log = Log(item.statement, _metric_name(program, item), value, steps.step(program, item.statement), batch=False)
        logs.setdefault((program.function_of(item.statement), value), log)
    if also:
        for log in fitted.unshown(
            program, fits, lambda call: _is_seen_call(program, call), lambda spot: _after_fit(program, spot, fits)
        ):
            logs.setdefault((program.function_of(log.statement), log.value), log)
    if not logs:
        return []
    found = unique(list(logs.values()))
    log_metrics(program, edits, found, run="run_id=mlflow.last_active_run().info.run_id")
    return ["computed by the program and logged to the same run: " + ", ".join(sorted({log.name for log in found}))]


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


def _is_seen(program: Program, expression: ast.expr) -> bool:
    """A metric function's result on a prediction, or a score: MLflow logs these by itself."""
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    if isinstance(expression, ast.Attribute) and expression.attr == "best_score_":
        return True
    if isinstance(expression, ast.Call):
        return _is_seen_call(program, expression)
    if isinstance(expression, ast.Name):
        function = program.function_of(expression)
        values = [getattr(part, "value", None) for part in program.assignments(expression.id, function)]
        return bool(values) and all(isinstance(v, ast.Call) and _is_seen_call(program, v) for v in values)
    return len(names) == 1 and isinstance(expression, ast.BinOp) and _is_seen(program, names[0])


def _is_seen_call(program: Program, call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "score":
        return True
    if not (program.qualified(call.func) or "").startswith("sklearn.metrics."):
        return False
    return any(_is_prediction(program, argument) for argument in [*call.args, *[k.value for k in call.keywords]])


def _is_prediction(program: Program, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in ("predict", "predict_proba")
    if isinstance(node, ast.Name):
        values = [getattr(part, "value", None) for part in program.assignments(node.id, program.function_of(node))]
        return bool(values) and all(isinstance(value, ast.Call) and _is_prediction(program, value) for value in values)
    return False


def _after_fit(program: Program, statement: ast.stmt, fits: list[ast.Call]) -> bool:
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
