"""Where a program makes Lightning's Trainer, what it does with it, and which parameters can be named there."""

from __future__ import annotations

import ast
import re

from mlops_bot.rewrite import params
from mlops_bot.rewrite.program import Function, Program, dotted, parameters
from mlops_bot.rewrite.tracking.dialect import Values

_PACKAGES = ("lightning", "pytorch_lightning")
_EVERY_LOGGERS = {
    "experiment", "finalize", "group_separator", "log_dir", "log_graph", "log_hyperparams", "log_metrics", "name",
    "root_dir", "save", "save_dir", "version",
}  # fmt: skip


def calls(program: Program, kind: str) -> list[ast.Call]:
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
        if _is_lightnings(_class_of(program.qualified(call.func)), kind) or (_class_of(dotted(call.func)) in own)
    ]


def _class_of(callee: str | None) -> str | None:
    """`Trainer.from_argparse_args(args)` (Lightning 1) makes a Trainer, too, and takes its arguments."""
    return callee.removesuffix(".from_argparse_args") if callee is not None else None


def _is_lightnings(name: str | None, kind: str) -> bool:
    return name is not None and name.split(".")[0] in _PACKAGES and name.split(".")[-1] == kind


def package(program: Program) -> str:
    """`lightning.pytorch` or `pytorch_lightning`, as the program spells it."""
    roots = {target.split(".")[0] for target in program.imports.values()}
    return "pytorch_lightning" if "pytorch_lightning" in roots else "lightning.pytorch"


def target(statement: ast.stmt, call: ast.Call) -> str | None:
    """What the call's result is bound to."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is call:
        return dotted(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)
    return None


def relies_on_its_logger(program: Program) -> bool:
    """Is something called that only the Trainer's default logger has: `logger.experiment.add_image(...)`?"""
    for call in program.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr in _EVERY_LOGGERS:
            continue
        owner = dotted(call.func.value) or ""
        if re.search(r"(^|\.)_?(tb_|tensorboard_)?(logger|writer|tensorboard)\.experiment$", owner):
            return True
        if re.search(r"^(self|trainer|self\.trainer)\.logger$", owner):
            return True
    return False


def uses(program: Program, statement: ast.stmt, trainer: str) -> list[ast.stmt]:
    """Later statements of the suite that do something with the Trainer."""
    suite = program.suite_of(statement)
    return [
        part
        for part in suite[suite.index(statement) + 1 :]
        if any(dotted(node) == trainer for node in ast.walk(part) if isinstance(node, (ast.Name, ast.Attribute)))
    ]


def fits(using: list[ast.stmt], trainer: str) -> list[ast.stmt]:
    """Those among them that train."""
    return [
        part for part in using if isinstance(part, (ast.Expr, ast.Assign)) and f"{trainer}.fit(" in ast.unparse(part)
    ]


def of_the_optimizer(program: Program, trainer: str) -> tuple[str, str]:
    """Entries that hold after a fit: how long it was to be, and how its first optimizer was made."""
    return f"{program.string('max_epochs')}: {trainer}.max_epochs", f"**{trainer}.optimizers[0].defaults"


def tells(program: Program, values: Values | None) -> bool:
    """Do the parameters say how the optimizer is set, or does the module hand its own to the logger?"""
    if values is None:
        return False
    own = any((dotted(call.func) or "").endswith(".save_hyperparameters") for call in program.calls)
    return own or bool(values.mapping) or any(re.search(r"\b(lr|\w*learning_rate)\b", part) for part in values.entries)


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
