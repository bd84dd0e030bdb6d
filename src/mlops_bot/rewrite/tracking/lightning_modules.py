"""Lightning modules: autologging records what a module logs, so a module has to log something."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, parameters
from mlops_bot.types import NotApplicable

_LOGS = {"self.log", "self.log_dict"}


def log_losses(program: Program, edits: Edits) -> list[str] | NotApplicable:
    """Adds self.log of the training loss to modules that log nothing at all. Returns notes."""
    notes: list[str] = []
    for definition in [node for nodes in program.classes.values() for node in nodes]:
        step = next((m for m in definition.body if isinstance(m, FUNCTIONS) and m.name == "training_step"), None)
        if step is None or _is_abstract(step) or any(dotted(call.func) in _LOGS for call in _calls(definition)):
            continue
        outcome = _log_loss(program, edits, definition, step) or _log_result(program, edits, definition, step)
        if outcome is None:
            return NotApplicable(
                f"not applicable because {definition.name}.training_step (line {step.lineno}) logs nothing"
                " and its loss has no name"
            )
        notes.append(outcome)
    return notes


def _is_abstract(step: Function) -> bool:
    """Left to subclasses: it only raises, or does nothing."""
    body = [part for part in step.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return all(isinstance(part, (ast.Raise, ast.Pass)) for part in body)


def _log_result(program: Program, edits: Edits, definition: ast.ClassDef, step: Function) -> str | None:
    """`return F.mse_loss(...)`: a loss without a name is logged by the hook that is given it."""
    hook = "on_train_batch_end"
    methods = {part.name for part in definition.body if isinstance(part, FUNCTIONS)}
    returns = [node for node in ast.walk(step) if isinstance(node, ast.Return) and node.value is not None]
    if hook in methods or not returns or not all(isinstance(node.value, ast.Call) for node in returns):
        return None
    loss, name = program.string("loss"), program.string("train_loss")
    code = f"\ndef {hook}(self, outputs, batch, batch_idx):\n    self.log({name}, outputs[{loss}])\n"
    edits.insert_after(step, code)
    return f"{definition.name} logs train_loss after every batch"


def _calls(node: ast.AST) -> list[ast.Call]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Call)]


def _log_loss(program: Program, edits: Edits, definition: ast.ClassDef, step: Function) -> str | None:
    """`return loss`, `return {"loss": loss}` or manual_backward(loss): logged just before."""
    owner = parameters(step)[0] if parameters(step) else "self"
    returns = [node for node in ast.walk(step) if isinstance(node, ast.Return) and node.value is not None]
    added: list[str] = []
    for node in returns:
        loss = _loss_of(node.value)
        if loss is None or program.function_of(node) is not step:
            continue
        edits.insert_before(node, f"{owner}.log({program.string('train_loss')}, {loss})")
        added.append("train_loss")
    for call in _calls(step):
        if dotted(call.func) == f"{owner}.manual_backward" and call.args and isinstance(call.args[0], ast.Name):
            name = call.args[0].id
            label = "train_loss" if name == "loss" else name
            edits.insert_after(program.statement_of(call), f"{owner}.log({program.string(label)}, {name})")
            added.append(label)
    if not added:
        return None
    return f"{definition.name}.training_step logs {', '.join(dict.fromkeys(added))}"


def _loss_of(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.Call) and value.args and dotted(value.func) in ("OrderedDict", "dict"):
        value = value.args[0]
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "loss" and isinstance(item, ast.Name):
                return item.id
    return None
