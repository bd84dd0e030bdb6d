"""Frameworks whose training MLflow follows by itself: one autolog call, and what autologging does not see."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from mlops_bot.components.mlflow.dialect import MLFLOW, log_metrics_to
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import block_end, import_place
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.tracking import crossval, lightning_modules, loop
from mlops_bot.rewrite.tracking.fits import fit_calls, is_model, is_network, runs_often, trained
from mlops_bot.rewrite.tracking.recipe import Way
from mlops_bot.rewrite.tracking.unseen import unseen
from mlops_bot.rewrite.tracking.writing import log_metrics
from mlops_bot.types import Framework, NotApplicable


def sklearn(program: Program, edits: Edits) -> list[str] | NotApplicable:
    fits = [call for call in fit_calls(program) if is_model(program, call)]
    if not fits:
        found = trained(program)
        names = [name for name, _ in found]
        outcome = loop.track(program, edits, MLFLOW, estimators=names, spots=[spot for _, spot in found])
        if isinstance(outcome, NotApplicable) and edits.empty:
            return crossval.track(program, edits, MLFLOW)
        return outcome
    often = any(runs_often(program, call) for call in fits)
    call = "mlflow.sklearn.autolog(log_models=False, log_datasets=False)" if often else "mlflow.sklearn.autolog()"
    notes = [f"{call}: parameters and metrics of every fit"]
    if often:
        notes.append("models and descriptions of the data are not stored, because the program fits many times")
    _enable(program, edits, call, ("sklearn",), ahead=_order(program))
    return notes + _log_unseen(program, edits, fits, sklearn=True)


def keras(program: Program, edits: Edits) -> list[str] | NotApplicable:
    fits = [call for call in fit_calls(program) if (call.args or call.keywords) and is_network(program, call)]
    if not fits:
        return loop.track(program, edits, MLFLOW)
    often = any(runs_often(program, call) for call in fits)
    call = "mlflow.keras.autolog(log_models=False)" if often else "mlflow.keras.autolog()"
    _enable(program, edits, call, ("keras", "tensorflow"))
    return [f"{call}: parameters of every fit, metrics per epoch", *_log_unseen(program, edits, fits, sklearn=False)]


def lightning(program: Program, edits: Edits) -> list[str] | NotApplicable:
    if any((program.qualified(call.func) or "").endswith((".Fabric", "fabric.Fabric")) for call in program.calls):
        return NotApplicable("not applicable because Lightning Fabric loops are not supported by the recipe")
    notes = lightning_modules.log_losses(program, edits)
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


WAYS: Mapping[Framework, Way] = {"sklearn": sklearn, "keras": keras, "lightning": lightning, "other": other}


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


# --- what autologging does not see ------------------------------------------------------------------------------


def _log_unseen(program: Program, edits: Edits, fits: list[ast.Call], *, sklearn: bool) -> list[str]:
    """Numbers shown after a fit that autologging does not know: logged to the run of that fit."""
    logs = unseen(program, fits, sklearn=sklearn, seen=_is_seen)
    if not logs:
        return []
    log_metrics(program, edits, logs, log_metrics_to("mlflow.last_active_run().info.run_id"))
    return ["computed by the program and logged to the same run: " + ", ".join(sorted({log.name for log in logs}))]


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
