"""Lightning with the tracker's own logger: given to every Trainer, with the parameters that the program shows."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_from_import
from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted, parameters
from mlops_bot.rewrite.tracking import lightning_callback, lightning_modules, trainers
from mlops_bot.rewrite.tracking.dialect import Dialect, Values
from mlops_bot.rewrite.tracking.writing import call_text
from mlops_bot.types import NotApplicable


@dataclass(frozen=True)
class Logger:
    """A logger of Lightning's: its class, the variable that holds it, how it is made, and what ends its run.

    `log` writes the code of a callback that logs (values, epoch), for a program that has to keep the logger it has.
    """

    kind: str  # "WandbLogger"
    name: str  # "wandb_logger"
    project: str | None
    finish: str  # "wandb_logger.experiment.finish()"
    log: Callable[[str, str], str]

    def made(self, program: Program) -> str:
        project = f"project={program.string(self.project)}" if self.project else ""
        return f"{self.name} = {self.kind}({project})"

    def configured(self, program: Program) -> str:
        """As an entry of LightningCLI's `trainer_defaults`."""
        text = program.string
        arguments = f", {text('init_args')}: {{{text('project')}: {text(self.project)}}}" if self.project else ""
        path = f"{trainers.package(program)}.loggers.{self.kind}"
        return f"{{{text('logger')}: {{{text('class_path')}: {text(path)}{arguments}}}}}"


def track(program: Program, edits: Edits, dialect: Dialect, logger: Logger) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes."""
    if any((program.qualified(call.func) or "").endswith((".Fabric", "fabric.Fabric")) for call in program.calls):
        return NotApplicable("not applicable because Lightning Fabric loops are not supported by the recipe")
    made, interfaces = trainers.calls(program, "Trainer"), trainers.calls(program, "LightningCLI")
    if not made and not interfaces:
        return NotApplicable("not applicable because no Trainer is made in this file that a logger can be given to")
    notes = lightning_modules.log_losses(program, edits)
    if isinstance(notes, NotApplicable):
        return notes
    if trainers.relies_on_its_logger(program):
        if interfaces:
            return NotApplicable("not applicable because the module needs the logger that LightningCLI makes")
        outcome = lightning_callback.track(program, edits, dialect, made, logger.log)
        return outcome if isinstance(outcome, NotApplicable) else [*outcome, *notes]
    if any(isinstance(node, ast.Name) and node.id == logger.name for node in program.nodes):
        return NotApplicable(f"not applicable because the name {logger.name} is taken")
    for call in interfaces:
        if (reason := _interface(program, edits, call, logger)) is not None:
            return NotApplicable(f"not applicable because {reason}")
    for call in made:
        _give(program, edits, call, logger)
    if edits.mentions(f"{logger.name} = "):
        add_from_import(edits, program, f"{trainers.package(program)}.loggers", logger.kind)
    return [f"{logger.kind}: logged metrics with their steps, and the hyperparameters", *notes]


# --- Trainer -------------------------------------------------------------------------------------------------


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
    values = trainers.visible(program, statement)
    if values is not None:
        edits.insert_before(statement, _hyperparameters(logger, statement, values))
    _after(program, edits, statement, trainers.target(statement, call), logger, values)


def _set(program: Program, edits: Edits, call: ast.Call, logger: Logger, part: str) -> None:
    """`cli.trainer.logger = wandb_logger`, where the arguments of the Trainer are not at hand."""
    statement = program.statement_of(call)
    owner = trainers.target(statement, call)
    if owner is None:
        return
    trainer = f"{owner}{part}"
    edits.insert_after(statement, logger.made(program))
    edits.insert_after(statement, f"{trainer}.logger = {logger.name}")
    values = trainers.visible(program, statement)
    if values is not None:
        edits.insert_after(statement, _hyperparameters(logger, statement, values))
    _after(program, edits, statement, trainer, logger, values)


def _hyperparameters(logger: Logger, statement: ast.stmt, values: Values) -> str:
    function = f"{logger.name}.log_hyperparams"
    if values.mapping:
        return f"{function}({values.mapping})"
    return call_text(function, values.entries, (), statement)


def _after(
    program: Program, edits: Edits, statement: ast.stmt, trainer: str | None, logger: Logger, values: Values | None
) -> None:
    """The optimizer's settings after the fit, where the `values` do not tell them; and the end of the run."""
    if trainer is None:
        return
    using = trainers.uses(program, statement, trainer)
    fits = trainers.fits(using, trainer)
    if fits and not trainers.tells(program, values):
        entries = trainers.of_the_optimizer(program, trainer)
        edits.insert_after(fits[-1], call_text(f"{logger.name}.log_hyperparams", entries, (), fits[-1]))
    if fits and not any(isinstance(node, (ast.Return, ast.Yield)) for part in using for node in ast.walk(part)):
        edits.insert_after(using[-1], logger.finish)


# --- LightningCLI --------------------------------------------------------------------------------------------


def _interface(program: Program, edits: Edits, call: ast.Call, logger: Logger) -> str | None:
    """A logger for the Trainer that LightningCLI makes, and the module's hyperparameters; returns why not."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    run = given.get("run")
    if isinstance(run, ast.Constant) and run.value is False and trainers.target(program.statement_of(call), call):
        _set(program, edits, call, logger, ".trainer")
        return None
    defaults = given.get("trainer_defaults")
    if None in given or not (defaults is None or isinstance(defaults, ast.Dict)):
        return f"what LightningCLI gives the Trainer cannot be read (line {call.lineno})"
    edits.set_keyword(program, call, "trainer_defaults", logger.configured(program), extend=True)
    _save_hyperparameters(program, edits, call.args[0] if call.args else given.get("model_class"))
    return None


def _save_hyperparameters(program: Program, edits: Edits, module: ast.expr | None) -> None:
    """`self.save_hyperparameters()` in a module of the file that has parameters and keeps none."""
    for definition in program.classes.get(dotted(module) or "", []) if module is not None else []:
        if "save_hyperparameters" in ast.unparse(definition):
            continue
        for method in definition.body:
            if isinstance(method, FUNCTIONS) and method.name == "__init__" and len(parameters(method)) > 1:
                first = next((part for part in method.body if "super().__init__" in ast.unparse(part)), None)
                if first is not None:
                    edits.insert_after(first, f"{parameters(method)[0]}.save_hyperparameters()")
