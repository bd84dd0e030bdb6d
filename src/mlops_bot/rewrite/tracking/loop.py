"""Explicit tracking of a training loop: a run around it, its parameters, what it shows, the files it saves."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from mlops_bot.rewrite import params, runs, steps
from mlops_bot.rewrite.edits import Edits, key
from mlops_bot.rewrite.program import Function, Program, parameters
from mlops_bot.rewrite.tracking.dialect import Dialect, Place, Values
from mlops_bot.rewrite.tracking.files import log_files, saved, shown
from mlops_bot.rewrite.tracking.losses import returned_metrics, training_losses
from mlops_bot.rewrite.tracking.metrics import Log, metrics, trains_here
from mlops_bot.rewrite.tracking.writing import log_metrics
from mlops_bot.types import NotApplicable


def track(
    program: Program,
    edits: Edits,
    dialect: Dialect,
    *,
    estimators: Sequence[str] = (),
    spots: Sequence[ast.stmt] = (),
    only: ast.stmt | None = None,
) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes for the reader.

    `estimators`: names of objects with get_params(), whose parameters belong to the run.
    `spots`: further statements that the run has to span.
    `only`: the one statement that trains in this process; elsewhere the same code runs without a run.
    """
    core = runs.core_loop(program)
    logs = metrics(program)
    if not any(trains_here(program, log.statement) for log in logs):
        logs += training_losses(program, {log.name for log in logs})
    logs += returned_metrics(program, logs)
    if not logs:
        return NotApplicable("not applicable because the program shows no metric and its loss has no name")
    logged = [log.statement for log in logs]
    files = [statement for statement, _, _ in saved(program, core)] + figures(program, dialect, logged)
    stretches = spans(program, [*logged, *spots, *files], core, logged, only=only)
    if not stretches:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    stretch = stretches[0]
    logs = [log for log in logs if stretch.covers(program, log.statement)]
    if not any(trains_here(program, log.statement) for log in logs) and core is not None:
        more = training_losses(program, {log.name for log in logs})
        logs += [log for log in more if stretch.covers(program, log.statement)]
    if not logs:
        return NotApplicable("not applicable because no metric is shown while the training's run is open")
    own_calls = core is not None and stretch.first is not core and runs.repeated(program, core) and only is None
    values = parameters_of(program, edits, stretch, core if only is None else None, dialect, each_call=own_calls)
    values += _estimator_parameters(program, stretch, estimators)
    return write(program, edits, dialect, stretches, logs, values, core=core, trained=logged, alone=only is None)


def figures(
    program: Program, dialect: Dialect, trained: Sequence[ast.stmt], *, saved_too: bool = False
) -> list[ast.stmt]:
    """Statements after the training that show a figure which the tracker is to log, or save one."""
    found = [item for item in shown(program, trained) if dialect.shown(Place(program, item[0]), item[1])]
    kept = [statement for statement, _, figure in saved(program, None, trained) if figure] if saved_too else []
    return [*(statement for statement, _ in found), *kept]


def spans(
    program: Program,
    spots: list[ast.stmt],
    core: ast.stmt | None,
    needed: list[ast.stmt],
    *,
    only: ast.stmt | None = None,
) -> list[runs.Stretch]:
    """What the run spans, or each of several equal runs; nothing where nothing in the file runs the `needed` spots."""
    stretch = runs.choose(program, spots, core, needed)
    if stretch is None:
        return []
    if only is not None:
        return [runs.Stretch(only, only, program.suite_of(only), True)]
    if core is not None and stretch.first is core and runs.repeated(program, core):
        covered = [spot for spot in spots if stretch.covers(program, spot)]
        return runs.around_calls(program, core, covered) or [stretch]
    return [stretch]


def write(
    program: Program,
    edits: Edits,
    dialect: Dialect,
    stretches: list[runs.Stretch],
    logs: list[Log],
    values: list[Values],
    *,
    core: ast.stmt | None = None,
    trained: Sequence[ast.stmt] = (),
    alone: bool = True,
) -> list[str]:
    """The edits for a run around each of the stretches, with these logs and opening values; returns notes.

    `trained`: statements after which figures are of interest. `alone`: what logs never runs without a run, in other
    processes.
    """
    stretch = stretches[0]
    functions = [program.function_of(log.statement) for log in logs if not log.own_step]
    steps.hand_on(program, edits, dict.fromkeys(function for function in functions if function is not None))
    for log in logs:
        if not log.own_step:
            log.step = steps.step(program, log.statement, run=stretch.first)
    outside = runs.elsewhere(program, stretches) if dialect.needs_run else set()

    def guard(statement: ast.stmt) -> str:
        return dialect.guard if not alone or program.function_of(statement) in outside else ""

    log_metrics(program, edits, logs, dialect.metrics, run=stretch, guard=guard)
    artifacts = log_files(program, edits, stretch, core, dialect, trained=trained, guard=guard)
    for part in stretches:
        open_run(program, edits, part, values, dialect)
    names = sorted({log.name for log in logs})
    notes = [f"one {dialect.title} {dialect.noun} spans the training (line {stretch.first.lineno})"]
    notes += ["metrics: " + ", ".join(names)] if names else []
    return [*notes, f"saved files that become artifacts: {artifacts}"] if artifacts else notes


def open_run(program: Program, edits: Edits, stretch: runs.Stretch, values: Sequence[Values], dialect: Dialect) -> None:
    """A run around the stretch, with its first parameters."""
    opening = dialect.opening(Place(program, stretch.first, stretch), values, wrap=stretch.wrap)
    if opening.header is not None:
        edits.wrap(stretch.first, stretch.last, opening.header, opening.inside)
        return
    before = edits.before[key(stretch.first)]
    before[:0] = [*opening.before, *opening.inside]
    for code in opening.after:
        edits.insert_after(stretch.last, code)


# --- parameters ----------------------------------------------------------------------------------------------


def parameters_of(
    program: Program,
    edits: Edits,
    stretch: runs.Stretch,
    core: ast.stmt | None,
    dialect: Dialect,
    *,
    each_call: bool = False,
) -> list[Values]:
    """Edits for parameters inside the run; what belongs at its very beginning is returned.

    `each_call`: every call of the function that trains is a run of its own.
    """
    home = program.function_of(stretch.first)
    around = [loop.target.id for loop in program.loops_of(stretch.first) if _counts(loop)]  # type: ignore[union-attr]
    turns = [Values(entries=tuple(f"{program.string(name)}: {name}" for name in around))] if around else []
    for known in (*params.arguments(program), *params.settings(program)):
        owner = program.function_of(known.statement)
        inside = stretch.covers(program, known.statement)
        if inside and params.executes_once(program, owner):
            place = Place(program, known.statement, stretch)
            edits.insert_after(known.statement, dialect.params(place, Values(known.code)))
            return turns
        before = owner in (None, home) and known.statement.lineno < stretch.first.lineno
        if not inside and (before or (owner is None and home is not None and _reads_global(home, known.name))):
            return [Values(known.code), *turns]
    for function, name in params.parsed_in_call(program):
        body = [part for part in function.body if not is_docstring(part)]
        if body and stretch.covers(program, body[0]) and params.executes_once(program, function):
            place = Place(program, body[0], stretch)
            edits.insert_before(body[0], dialect.params(place, Values(f"vars({name})")))
            return []
    spot = core if core is not None and stretch.covers(program, core) else stretch.first
    if (
        spot is not stretch.first
        and not each_call
        and not (params.executes_once(program, program.function_of(spot)) and not program.loops_of(spot))
    ):
        spot = stretch.first
    found = {**{name: name for name in around}, **params.constants(program, spot)}
    turns_of = params.loop_turns(core if isinstance(core, (ast.For, ast.AsyncFor)) else None)
    if turns_of is not None and not any(turns_of[0].rstrip("s") in name for name in found):
        found[turns_of[0]] = turns_of[1]
    if not found:
        return []
    values = Values(
        entries=tuple(
            f"{program.string(name)}: {value.replace(chr(34), program.quote)}" for name, value in found.items()
        )
    )
    if spot is stretch.first:
        return [values]
    edits.insert_before(spot, dialect.params(Place(program, spot, stretch), values))
    return []


def _counts(loop: ast.AST) -> bool:
    """A loop around the run whose plain variable tells its turns apart."""
    return isinstance(loop, (ast.For, ast.AsyncFor)) and isinstance(loop.target, ast.Name) and loop.target.id != "_"


def _reads_global(function: Function, name: str) -> bool:
    """Does the function itself already rely on the global `name`?"""
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    return bool(uses) and all(isinstance(node.ctx, ast.Load) for node in uses) and name not in parameters(function)


def _estimator_parameters(program: Program, stretch: runs.Stretch, estimators: Sequence[str]) -> list[Values]:
    """The parameters of the one estimator that exists before the run starts."""
    function = program.function_of(stretch.first)
    for name in estimators:
        bound = program.assignments(name, function)
        if bound and all(statement.lineno < stretch.first.lineno for statement in bound):
            return [Values(f"{name}.get_params()")]
    return []


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
