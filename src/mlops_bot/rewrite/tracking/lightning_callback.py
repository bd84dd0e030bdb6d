"""Lightning where the module needs the logger that it has: a run around the fits, a callback that logs each epoch."""

from __future__ import annotations

import ast
from collections.abc import Callable

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_from_import
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.tracking import loop, trainers
from mlops_bot.rewrite.tracking.dialect import Dialect, Place, Values
from mlops_bot.rewrite.tracking.keras_fit import CALLBACK
from mlops_bot.types import NotApplicable


def track(
    program: Program, edits: Edits, dialect: Dialect, made: list[ast.Call], log: Callable[[str, str], str]
) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes. `log`: the code that logs (values, epoch)."""
    if len(made) != 1:
        return NotApplicable("not applicable because the module needs its own logger, and there are several Trainers")
    call, statement = made[0], program.statement_of(made[0])
    trainer = trainers.target(statement, call)
    using = trainers.uses(program, statement, trainer) if trainer is not None else []
    fits = trainers.fits(using, trainer) if trainer is not None else []
    own = next((keyword.value for keyword in call.keywords if keyword.arg == "callbacks"), None)
    if trainer is None or not fits or any(isinstance(node, ast.Return) for part in using for node in ast.walk(part)):
        return NotApplicable("not applicable because the module needs its own logger, and no fit follows its Trainer")
    if any(keyword.arg is None for keyword in call.keywords) or not (own is None or isinstance(own, ast.List)):
        return NotApplicable(f"not applicable because the callbacks of the Trainer cannot be read (line {call.lineno})")
    stretches = loop.spans(program, [statement, *using], None, fits)
    if not stretches:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    values = trainers.visible(program, statement)
    logged = log("trainer.callback_metrics", "trainer.current_epoch")
    hooks = ["on_train_epoch_end", *(["on_test_epoch_end"] if f"{trainer}.test(" in program.text else [])]
    arguments = "".join(f"    {hook}=lambda trainer, module: {logged},\n" for hook in hooks)
    edits.insert_before(statement, f"{CALLBACK} = LambdaCallback(\n{arguments})")
    edits.set_keyword(program, call, "callbacks", CALLBACK, extend=True)
    add_from_import(edits, program, f"{trainers.package(program)}.callbacks", "LambdaCallback")
    if not trainers.tells(program, values):
        settings = Values(entries=trainers.of_the_optimizer(program, trainer), again=True)
        edits.insert_after(fits[-1], dialect.params(Place(program, fits[-1], stretches[0]), settings))
    notes = loop.write(program, edits, dialect, stretches, [], [values] if values is not None else [])
    return [*notes, "metrics of every epoch, by a callback: the module needs the logger that it has"]
