"""Lightning with the tracker's own logger: given to every Trainer, with the parameters that the program shows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from mlops_bot.rewrite import params
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_from_import
from mlops_bot.rewrite.program import Function, Program, dotted, parameters
from mlops_bot.rewrite.tracking import lightning_modules
from mlops_bot.rewrite.tracking.dialect import Values
from mlops_bot.rewrite.tracking.writing import call_text
from mlops_bot.types import NotApplicable

_PACKAGES = ("lightning", "pytorch_lightning")


@dataclass(frozen=True)
class Logger:
    """A logger of Lightning's: its class, the variable that holds it, how it is made, and what ends its run."""

    kind: str  # "WandbLogger"
    name: str  # "wandb_logger"
    project: str | None
    finish: str  # "wandb_logger.experiment.finish()"

    def made(self, program: Program) -> str:
        project = f"project={program.string(self.project)}" if self.project else ""
        return f"{self.name} = {self.kind}({project})"


def track(program: Program, edits: Edits, logger: Logger) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes."""
    if any((program.qualified(call.func) or "").endswith((".Fabric", "fabric.Fabric")) for call in program.calls):
        return NotApplicable("not applicable because Lightning Fabric loops are not supported by the recipe")
    trainers = _calls(program, "Trainer")
    interfaces = [call for call in _calls(program, "LightningCLI") if _is_given(call, "run", False)]
    if not trainers and not interfaces:
        made_elsewhere = _calls(program, "LightningCLI")
        reason = (
            f"LightningCLI makes the Trainer (line {made_elsewhere[0].lineno}): set the logger in its configuration"
            if made_elsewhere
            else "no Trainer is made in this file that a logger can be given to"
        )
        return NotApplicable(f"not applicable because {reason}")
    notes = lightning_modules.log_losses(program, edits)
    if isinstance(notes, NotApplicable):
        return notes
    if any(isinstance(node, ast.Name) and node.id == logger.name for node in program.nodes):
        return NotApplicable(f"not applicable because the name {logger.name} is taken")
    add_from_import(edits, program, f"{_package(program)}.loggers", logger.kind)
    for call in trainers:
        _give(program, edits, call, logger)
    for call in interfaces:
        _set(program, edits, call, logger, ".trainer")
    return [f"{logger.kind}: logged metrics with their steps, and the hyperparameters", *notes]


def _calls(program: Program, kind: str) -> list[ast.Call]:
    """Calls of Lightning's class, or of one of the file's own that is derived from it."""
    own = {
        name
        for name, definitions in program.classes.items()
        for definition in definitions
        if any(_is_lightnings(program.qualified(base), kind) for base in definition.bases)
    }
    return [
        call
        for call in program.calls
        if _is_lightnings(program.qualified(call.func), kind) or (dotted(call.func) in own)
    ]


def _is_lightnings(name: str | None, kind: str) -> bool:
    return name is not None and name.split(".")[0] in _PACKAGES and name.split(".")[-1] == kind


def _is_given(call: ast.Call, name: str, value: bool) -> bool:
    return any(
        keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is value
        for keyword in call.keywords
    )


def _package(program: Program) -> str:
    """`lightning.pytorch` or `pytorch_lightning`, as the program spells it."""
    roots = {target.split(".")[0] for target in program.imports.values()}
    return "pytorch_lightning" if "pytorch_lightning" in roots else "lightning.pytorch"


def _give(program: Program, edits: Edits, call: ast.Call, logger: Logger) -> None:
    """`Trainer(..., logger=wandb_logger)`; a logger that is there already stays."""
    if any(keyword.arg is None for keyword in call.keywords):
        _set(program, edits, call, logger, "")
        return
    statement = program.statement_of(call)
    own = next((keyword.value for keyword in call.keywords if keyword.arg == "logger"), None)
    edits.insert_before(statement, logger.made(program))
    if own is None or isinstance(own, ast.Constant):
        edits.set_keyword(program, call, "logger", logger.name)
    elif isinstance(own, ast.List):
        edits.set_keyword(program, call, "logger", logger.name, extend=True)
    else:
        edits.set_keyword(program, call, "logger", f"[{program.source(own)}, {logger.name}]")
    trainer = _target(statement, call)
    values = visible(program, statement)
    if values is not None:
        edits.insert_before(statement, _hyperparameters(logger, statement, values))
    _after(program, edits, statement, trainer, logger, known=_tells(program, values))


def _set(program: Program, edits: Edits, call: ast.Call, logger: Logger, part: str) -> None:
    """`cli.trainer.logger = wandb_logger`, where the arguments of the Trainer are not at hand."""
    statement = program.statement_of(call)
    owner = _target(statement, call)
    if owner is None:
        return
    trainer = f"{owner}{part}"
    edits.insert_after(statement, logger.made(program))
    edits.insert_after(statement, f"{trainer}.logger = {logger.name}")
    values = visible(program, statement)
    if values is not None:
        edits.insert_after(statement, _hyperparameters(logger, statement, values))
    _after(program, edits, statement, trainer, logger, known=_tells(program, values))


def _tells(program: Program, values: Values | None) -> bool:
    """Do the parameters say how the optimizer is set, or does the module hand its own to the logger?"""
    own = any((dotted(call.func) or "").endswith(".save_hyperparameters") for call in program.calls)
    if values is None:
        return False
    return own or bool(values.mapping) or any(re.search(r"\b(lr|\w*learning_rate)\b", part) for part in values.entries)


def _hyperparameters(logger: Logger, statement: ast.stmt, values: Values) -> str:
    function = f"{logger.name}.log_hyperparams"
    if values.mapping:
        return f"{function}({values.mapping})"
    return call_text(function, values.entries, (), statement)


def _target(statement: ast.stmt, call: ast.Call) -> str | None:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is call:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        return dotted(target)
    return None


def _after(
    program: Program, edits: Edits, statement: ast.stmt, trainer: str | None, logger: Logger, *, known: bool
) -> None:
    """The optimizer's settings after the fit, where nothing else is `known`; and the end of the run."""
    if trainer is None:
        return
    suite = program.suite_of(statement)
    using = [
        part
        for part in suite[suite.index(statement) + 1 :]
        if any(dotted(node) == trainer for node in ast.walk(part) if isinstance(node, (ast.Name, ast.Attribute)))
    ]
    fits = [
        part for part in using if isinstance(part, (ast.Expr, ast.Assign)) and f"{trainer}.fit(" in ast.unparse(part)
    ]
    if fits and not known:
        entries = [
            f"{program.string('max_epochs')}: {trainer}.max_epochs",
            f"**{trainer}.optimizers[0].defaults",
        ]
        edits.insert_after(fits[-1], call_text(f"{logger.name}.log_hyperparams", entries, (), fits[-1]))
    if fits and not any(isinstance(node, (ast.Return, ast.Yield)) for part in using for node in ast.walk(part)):
        edits.insert_after(using[-1], logger.finish)


def visible(program: Program, place: ast.stmt) -> Values | None:
    """The parameters that can be named at `place`: parsed arguments, settings, or single constants."""
    home = program.function_of(place)
    for known in (*params.arguments(program), *params.settings(program)):
        owner = program.function_of(known.statement)
        if known.statement.lineno < place.lineno and owner in (None, home):
            if owner is home or (home is not None and _reads(home, known.name)):
                return Values(known.code)
    for function, name in params.parsed_in_call(program):
        if function is home:
            return Values(f"vars({name})")
    found = params.constants(program, place)
    if not found:
        return None
    return Values(
        entries=tuple(
            f"{program.string(name)}: {value.replace(chr(34), program.quote)}" for name, value in found.items()
        )
    )


def _reads(function: Function, name: str) -> bool:
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    return all(isinstance(node.ctx, ast.Load) for node in uses) and name not in parameters(function)
