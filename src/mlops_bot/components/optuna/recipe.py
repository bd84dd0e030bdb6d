"""Adds a hyperparameter search with Optuna to a training script: pure, deterministic, a no-op on its own output."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace

from mlops_bot.components.optuna import emit, estimators, fits, goal, holdout, places, unit
from mlops_bot.rewrite import processes, scopes
from mlops_bot.rewrite.draft import Draft
from mlops_bot.rewrite.program import Program
from mlops_bot.types import Functionality, NotApplicable, Rewritten, SourceFacts


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with a search, or why not."""
    if functionality != "hyperparameter-optimization":
        return _no(f"the recipe does not serve {functionality}")
    try:
        program = Program(text)
    except (SyntaxError, ValueError) as error:
        return _no(f"the file cannot be parsed ({error})")
    if (line := _imported(program, "optuna")) is not None:
        return _no(f"Optuna is already used (line {line})")
    if (spawns := processes.spawns_training(program)) is not None and not facts.models:
        return _no(spawns)
    if facts.framework is None:
        return _no("no supported training framework was found")
    outcome = _add(program, facts)
    if isinstance(outcome, str):
        return _no(outcome)
    changed, notes = outcome
    try:
        compile(changed, facts.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _no(f"the statements around line {error.lineno} cannot be moved")
    return Rewritten(changed, tuple(notes))


def _no(reason: str) -> NotApplicable:
    return NotApplicable(f"not applicable because {reason}")


def _imported(program: Program, module: str) -> int | None:
    for node in program.nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.split(".")[0] == module for name in names):
            return getattr(node, "lineno", 1)
    return None


def _add(program: Program, facts: SourceFacts) -> tuple[str, list[str]] | str:
    if facts.framework == "sklearn":
        tuned = estimators.tune(program)
        if not isinstance(tuned, str) or "partial_fit" not in program.text:
            return tuned
    found = unit.find(program, facts)
    if isinstance(found, str):
        return found
    planned = _plan(found, facts)
    if isinstance(planned, str):
        return planned
    chosen = [place for place in places.choose(planned.unit) if _complete(planned.unit, place)]
    if not chosen:
        return "the source shows no hyperparameter that a rule covers"
    if planned.unit.function is None and not emit.stands_alone(planned.unit, planned.draft):
        return "several statements share a line"
    notes = emit.emit(planned.unit, planned.goal, chosen, planned.draft, planned.parts, final=planned.final)
    return planned.draft.apply(), notes


@dataclass
class _Plan:
    unit: unit.Unit
    goal: goal.Goal
    draft: Draft
    parts: emit.Parts = field(default_factory=emit.Parts)
    final: bool = False  # the unit has to know whether it is the final training


def _plan(found: unit.Unit, facts: SourceFacts) -> _Plan | str:
    """What a trial returns, with the edits for it made in a draft."""
    draft = Draft(found.program)
    if facts.framework == "keras":
        fitted = fits.keras(found, draft)
        if fitted is not None:
            return fitted if isinstance(fitted, str) else _Plan(found, fitted[0], draft, final=fitted[1])
    if facts.framework == "lightning":
        trained = fits.lightning(found, draft)
        if trained is not None:
            return trained if isinstance(trained, str) else _Plan(found, trained, draft)
    value = goal.find(found, draft)
    if (isinstance(value, str) or value.side == "train") and found.later:
        later = _with_evaluation(found)
        if later is not None:
            found, draft = later, Draft(found.program)
            value = goal.find(found, draft)
    if isinstance(value, str):
        return value
    if value.once and value.side == "test":
        parts = holdout.parts(found)
        return parts if isinstance(parts, str) else _Plan(found, value, draft, parts, final=bool(parts.inside))
    return _Plan(found, value, draft)


def _with_evaluation(found: unit.Unit) -> unit.Unit | None:
    """The unit with the statements behind it up to those that measure the trained model; None where none do."""
    for count in range(1, len(found.later) + 1):
        longer = replace(found, statements=[*found.statements, *found.later[:count]], later=found.later[count:])
        value = goal.find(longer, Draft(found.program))
        if isinstance(value, goal.Goal) and value.side != "train":
            return longer
    return None


def _complete(found: unit.Unit, place: places.Place) -> bool:
    """Whether nothing outside of the unit keeps the present value of the hyperparameter."""
    if not place.reads:
        return True
    name = place.reads.split(".")[0].split("[")[0]
    for statement in unit.top_level(found.program):
        if statement in found.statements or statement in found.later or name not in scopes.loads(statement):
            continue
        if place.reads in ast.unparse(statement) and not _parses(statement):
            return False
    return True


def _parses(statement: ast.stmt) -> bool:
    return "parse_args" in ast.unparse(statement) or "parse_known_args" in ast.unparse(statement)
