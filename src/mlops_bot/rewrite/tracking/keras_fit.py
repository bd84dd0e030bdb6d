"""Keras without autologging: a run around the fits, a callback that logs each epoch, and what `evaluate` gives."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_from_import
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.tracking import loop
from mlops_bot.rewrite.tracking.dialect import Dialect, Place, Values
from mlops_bot.rewrite.tracking.fits import fit_calls, is_network
from mlops_bot.rewrite.tracking.unseen import unseen
from mlops_bot.types import NotApplicable

CALLBACK = "log_epoch"
_CALLBACKS_AT = 5  # of Model.fit(x, y, batch_size, epochs, verbose, callbacks)
_LITERALS = ("batch_size", "epochs", "validation_split")


def track(program: Program, edits: Edits, dialect: Dialect, *, log: str | None = None) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes.

    `log`: how a callback logs the mapping `logs` of an `epoch`; None for a tracker that follows `fit` by itself,
    parameters included.
    """
    calls = [call for call in fit_calls(program) if (call.args or call.keywords) and is_network(program, call)]
    if not calls:
        return loop.track(program, edits, dialect)
    statements = [program.statement_of(call) for call in calls]
    logs = unseen(program, calls, sklearn=False)
    together = len({id(program.suite_of(statement)) for statement in statements}) == 1
    core = statements[0] if together else None
    spots = [
        *(item.statement for item in logs),
        *statements,
        *loop.figures(program, dialect, statements, saved_too=True),
    ]
    stretches = loop.spans(program, spots, core, statements)
    if not stretches:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    logs = [item for item in logs if stretches[0].covers(program, item.statement)]
    values = loop.parameters_of(program, edits, stretches[0], core, dialect)
    notes = ["parameters and metrics of every fit"]
    if log is not None:
        if (reason := _add_callback(program, edits, calls, log)) is not None:
            return NotApplicable(f"not applicable because {reason}")
        values += _of_the_fit(program, edits, dialect, stretches[0].first, calls[0], values)
        notes = ["metrics of every epoch"]
    return [*loop.write(program, edits, dialect, stretches, logs, values, trained=statements), *notes]


# --- the callback --------------------------------------------------------------------------------------------


def _add_callback(program: Program, edits: Edits, calls: list[ast.Call], log: str) -> str | None:
    """A callback for every fit; returns why not."""
    name = CALLBACK
    while any(isinstance(node, ast.Name) and node.id == name for node in program.nodes):
        name += "_"
    made: set[int] = set()
    for call in calls:
        if len(call.args) > _CALLBACKS_AT or any(isinstance(part, ast.Starred) for part in call.args):
            return f"the callbacks of fit are given by position (line {call.lineno})"
        if any(keyword.arg is None for keyword in call.keywords):
            return f"the arguments of fit are in a dictionary (line {call.lineno})"
        own = next((keyword.value for keyword in call.keywords if keyword.arg == "callbacks"), None)
        if own is None or isinstance(own, ast.List):
            edits.set_keyword(program, call, "callbacks", name, extend=True)
        elif _is_list(program, own):
            edits.set_keyword(program, call, "callbacks", f"[*{program.source(own)}, {name}]")
        else:
            return f"the callbacks of fit cannot be read (line {call.lineno})"
        suite = program.suite_of(program.statement_of(call))
        if id(suite) not in made:
            made.add(id(suite))
            code = f"{name} = {_callback(program, edits)}(\n    on_epoch_end=lambda epoch, logs: {log}\n)"
            edits.insert_before(program.statement_of(call), code)
    return None


def _is_list(program: Program, node: ast.expr) -> bool:
    """A name that is only ever bound to lists."""
    if not isinstance(node, ast.Name):
        return False
    bound = program.assignments(node.id, program.function_of(node)) or program.assignments(node.id)
    return bool(bound) and all(isinstance(getattr(part, "value", None), ast.List) for part in bound)


def _callback(program: Program, edits: Edits) -> str:
    """LambdaCallback as the program can spell it: it is there on every backend."""
    for local, target in program.imports.items():
        if target in ("keras", "tensorflow.keras", "tf_keras"):
            return f"{local}.callbacks.LambdaCallback"
    for local, target in program.imports.items():
        if target == "tensorflow":
            return f"{local}.keras.callbacks.LambdaCallback"
    of_tensorflow = any(target.startswith("tensorflow.keras.") for target in program.imports.values())
    add_from_import(
        edits, program, "tensorflow.keras.callbacks" if of_tensorflow else "keras.callbacks", "LambdaCallback"
    )
    return "LambdaCallback"


# --- parameters ----------------------------------------------------------------------------------------------


def _of_the_fit(
    program: Program, edits: Edits, dialect: Dialect, first: ast.stmt, call: ast.Call, known: list[Values]
) -> list[Values]:
    """What the optimizer is set to, and how long the fit is to be, where that is not `known`."""
    assert isinstance(call.func, ast.Attribute)
    told = {entry.partition(":")[0] for values in known for entry in values.entries}
    entries = [
        f"{program.string(keyword.arg)}: {keyword.value.value!r}"
        for keyword in call.keywords
        if keyword.arg in _LITERALS and isinstance(keyword.value, ast.Constant)
        if program.string(keyword.arg) not in told
    ]
    model = dotted(call.func.value)
    if model is not None:
        entries.append(f"{program.string('optimizer_config')}: {model}.optimizer.get_config()")
    if not entries:
        return []
    statement = program.statement_of(call)
    values = Values(entries=tuple(entries), again=_may_differ(program, edits, statement, known))
    if statement is first:
        return [values]
    edits.insert_before(statement, dialect.params(Place(program, statement), values))
    return []


def _may_differ(program: Program, edits: Edits, statement: ast.stmt, known: list[Values]) -> bool:
    """Could something of the same name be logged before: in an earlier turn, or with a mapping of unknown content?"""
    return bool(program.loops_of(statement)) or any(values.mapping for values in known) or edits.mentions("vars(")
