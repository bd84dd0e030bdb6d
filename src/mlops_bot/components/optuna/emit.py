"""Writes the search into the program: the unit takes a trial, a study calls it, and then the best trial does."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_bot.components.optuna import state
from mlops_bot.components.optuna.goal import Goal
from mlops_bot.components.optuna.places import Place, Writing
from mlops_bot.components.optuna.unit import Unit, runner
from mlops_bot.rewrite import cells, scopes
from mlops_bot.rewrite.draft import APART, Draft, indented
from mlops_bot.rewrite.edits import default_indent, first_line
from mlops_bot.rewrite.imports import block_end, import_place
from mlops_bot.rewrite.program import Program

N_TRIALS = 20
MAX_LINE = 100
_BESIDE = ("torch", "torchvision", "lightning", "pytorch_lightning", "keras", "tensorflow", "sklearn")
_NAMES = ("train_once", "run_trial", "train_with")


@dataclass
class Parts:
    """How the data of the search are kept apart from those of the final test, where the program does not do it."""

    helper: str = ""  # a function above the unit
    inside: tuple[ast.stmt, str] | None = None  # after this statement of the unit
    given: list[str] = field(default_factory=list)  # names of the unit that are handed in: the program's own loaders
    search: str = ""  # what is handed in by the search
    note: str = ""


def emit(unit: Unit, goal: Goal, places: Sequence[Place], draft: Draft, parts: Parts, *, final: bool) -> list[str]:
    """Make all edits; returns notes for the reader. `final`: the unit has to know whether it is the final training."""
    program = unit.program
    writing = Writing(draft)
    for place in places:
        place.write(writing, place.label)
    for call, given in writing.command_line.items():
        writing.opening.append(f"options = [{', '.join(given)}]")
        draft.add_argument(call, "args=[*sys.argv[1:], *options]")
        writing.imports += [] if "sys" in program.imports else ["sys"]
    for statement, code in writing.outside:
        draft.insert_after(statement, code)
    if parts.inside is not None:
        draft.insert_after(*parts.inside)
    if unit.function is not None:
        _function(unit, goal, writing, parts, final)
    else:
        _statements(unit, goal, writing, parts, final)
    if "sys" in writing.imports:
        _import_sys(draft, program)
    add_imports(draft, program, [f"import {module}" for module in sorted({*writing.imports, "optuna"} - {"sys"})])
    searched = ", ".join(place.label for place in places)
    notes = [f"searched: {searched}", f"objective: {goal.way} the {words_for(goal)}"]
    notes += [parts.note] if parts.note else []
    if goal.side == "train":
        notes.append("the program measures nothing on held-out data: the objective is a value of the training itself")
    return notes


def words_for(goal: Goal) -> str:
    side = {"val": "validation", "test": "held-out" if goal.once else "test", "train": "training"}[goal.side]
    return f"{side} {'loss' if goal.way == 'minimize' else 'score'}"


# --- a function of the program ------------------------------------------------------------------------------------


def _function(unit: Unit, goal: Goal, writing: Writing, parts: Parts, final: bool) -> None:
    program, draft = unit.program, writing.draft
    function, site = unit.function, unit.site
    assert function is not None
    assert site is not None
    statement = program.statement_of(site)
    body = [part for part in function.body if not _docstring(part)]
    after = body[body.index(goal.ready) + 1 :]
    whole = (runner(program, site) if isinstance(function, ast.AsyncFunctionDef) else None) or site
    used = not (isinstance(statement, ast.Expr) and statement.value is whole)
    final = final or used or any(isinstance(node, (ast.Call, ast.Return)) for part in after for node in ast.walk(part))
    by_name = bool(function.args.defaults or function.args.vararg or function.args.kwonlyargs or site.keywords)
    by_name = by_name or any(isinstance(argument, ast.Starred) for argument in site.args)
    draft.add_parameters(function, "trial", *(["final=False"] if final else []))
    if isinstance(function.returns, ast.Constant) and function.returns.value is None:
        draft.replace(function.returns, "float | None" if final else "float")
    elif final and isinstance(function.returns, (ast.Name, ast.Attribute, ast.Subscript)):
        draft.suffix(function.returns, " | float")
    result = f"return {goal.value}"
    draft.insert_after(goal.ready, f"if not final:\n{program_indent(program)}{result}" if final else result)
    again = [(name, value) for name, value in state.left_over(unit).items() if name not in writing.shared]
    anew = []
    for name, value in again:
        line = f"{name} = {value}  # every training begins anew"
        said = [part for part in body if isinstance(part, ast.Global) and name in part.names]
        if said:
            draft.insert_after(said[0], line)
        elif not any(isinstance(node, ast.Global) and name in node.names for node in ast.walk(function)):
            writing.shared.add(name)
            anew.append(line)
    opening = [f"global {', '.join(sorted(writing.shared))}", *anew] if writing.shared else []
    margin = program_indent(program)
    if lines := [*opening, *(row for line in writing.opening for row in wrapped(line, margin, 2))]:
        draft.insert_before(body[0], "\n".join(lines), comments=True)
    if parts.helper:
        draft.put(draft.start(function, 0), f"{APART}\n{parts.helper}\n{APART}\n")
    trial = "trial=trial" if by_name else "trial"
    plain = not site.args and not site.keywords and whole is site
    called = _with(program, site, trial)
    if whole is not site:
        called = program.source(whole).replace(program.source(site), called, 1)
    objective = ast.unparse(site.func) if plain else f"lambda trial: {called}"
    draft.insert_before(statement, "\n".join(_study(program, goal, objective)), comments=True)
    best = "study.best_trial"
    draft.add_argument(site, (f"trial={best}" if by_name else best) + (", final=True" if final else ""))


def _with(program: Program, call: ast.Call, argument: str) -> str:
    text = program.source(call)
    return f"{text[:-1]}{', ' if call.args or call.keywords else ''}{argument})"


def _docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def program_indent(program: Program) -> str:
    return default_indent([row + "\n" for row in program.text.split("\n")])


def _study(program: Program, goal: Goal, objective: str) -> list[str]:
    q = program.quote
    return [
        f"study = optuna.create_study(direction={q}{goal.way}{q})",
        f"study.optimize({objective}, n_trials=N_TRIALS)",
        f"print({q}best {words_for(goal)}:{q}, study.best_value, {q}with{q}, study.best_params)",
    ]


# --- statements that become a function ------------------------------------------------------------------------------


def _statements(unit: Unit, goal: Goal, writing: Writing, parts: Parts, final: bool) -> None:
    program, draft = unit.program, writing.draft
    name = _free(program)
    given = ["trial", *parts.given, *(["final=False"] if final else [])]
    margin = program_indent(program)
    shared = _shared(unit) - set(parts.given) | writing.shared
    rows: list[str] = [f"global {', '.join(sorted(shared))}"] if shared else []
    rows += [*unit.again, *(row for line in writing.opening for row in wrapped(line, margin, 1))]
    ends = _ends(program)
    last = unit.statements[-1]
    guarded = program.main_guard is not None and any(part is last for part in program.main_guard.body)
    place = first_line(program.main_guard) if guarded and program.main_guard else draft.start(last, ends[last])
    study_margin = margin if guarded else ""
    line = draft.start(last, ends[last])
    for at, statement in enumerate(unit.statements):
        apart = at and draft.blank_above(statement, ends[statement])
        if isinstance(statement, ast.Expr) and cells.ends_at(program.text, statement.end_lineno or 0):
            if isinstance(statement.value, (ast.Name, ast.Attribute, ast.Subscript)):  # a cell shows its last value
                draft.replace(statement, f"display({program.source(statement)})")
        rows += [*([""] if apart else []), *draft.take(statement, ends[statement])]
    said = words_for(goal)
    result = ["if not final:", f"{margin}return {goal.value}"] if final else [f"return {goal.value}"]
    rows = [
        f'"""One training from scratch with the values of a trial; returns its {said}."""',
        *rows,
        *result,
    ]
    text = "\n".join([f"def {name}({', '.join(given)}):", *indented(rows, margin)])
    handed = ", ".join(parts.given)
    objective = f"lambda trial: {name}(trial, {parts.search})" if parts.given else name
    study = _study(program, goal, objective)
    best = f"{name}(study.best_trial{', ' + handed if handed else ''}{', final=True' if final else ''})"
    study_text = "\n".join(indented([*study, best], study_margin)) + "\n"
    helper = f"{APART}\n{parts.helper}\n" if parts.helper else ""
    draft.put(place, f"{helper}{APART}\n{text}\n{APART}\n")
    draft.put(line, study_text)


def wrapped(line: str, margin: str, depth: int) -> list[str]:
    """A statement on one line, or with the arguments of its call on a line of their own where it is long."""
    opening, closing = ("[", "]") if line.endswith("]") else ("(", ")")
    if len(line) + depth * len(margin) <= MAX_LINE or opening not in line or not line.endswith(closing):
        return [line]
    head, _, rest = line.partition(opening)
    return [f"{head}{opening}", f"{margin}{rest[:-1]}", closing]


def _free(program: Program) -> str:
    taken = {node.id for node in program.nodes if isinstance(node, ast.Name)} | {f.name for f in program.functions}
    return next(name for name in (*_NAMES, "train_once_more") if name not in taken)


def _shared(unit: Unit) -> set[str]:
    """Names that the unit binds and others read: what comes after it, and functions."""
    program = unit.program
    bound = {name for statement in unit.statements for name in scopes.binds(statement)}
    bound |= {line.split()[-1] for line in unit.again}
    inside = [function for function in program.functions if any(program.inside(function, s) for s in unit.statements)]
    read = {name for function in program.functions if function not in inside for name in scopes.free(function)}
    for node in program.nodes:
        if isinstance(node, ast.Lambda) and not any(program.inside(node, s) for s in unit.statements):
            read |= scopes.free(node)
    return bound & (read | scopes.reads_first(unit.later))


def _ends(program: Program) -> dict[ast.stmt, int]:
    """The last line of whatever stands above each statement at module level: its comments begin below that."""
    found: dict[ast.stmt, int] = {}
    for body in (program.tree.body, program.main_guard.body if program.main_guard is not None else []):
        above = first_line(body[0]) - 1 if body and body is not program.tree.body else 0
        above = program.main_guard.lineno if body and program.main_guard and body is program.main_guard.body else above
        for statement in body:
            found[statement] = above
            above = statement.end_lineno or statement.lineno
    return found


# --- at the top -------------------------------------------------------------------------------------------------


def add_imports(draft: Draft, program: Program, lines: Sequence[str]) -> None:
    """Imports near those of the framework, and below their block the number of trials."""
    place, where = import_place(program, "optuna", beside=_BESIDE)
    constant = f"\nN_TRIALS = {N_TRIALS}  # trainings that the search may take"
    plain = [line for line in lines if line.startswith("import ")]
    others = [line for line in lines if line not in plain]
    if place is None:
        first = next((s for s in program.tree.body if not _docstring(s)), program.tree.body[0])
        draft.insert_before(first, "\n".join([*plain, *others, constant, ""]), comments=True)
        return
    end = block_end(program, "optuna", beside=_BESIDE) or place
    if where == "before":
        draft.insert_before(place, "\n".join(plain))
        last: list[str] = []
    elif place is end:
        last = plain
    else:
        draft.insert_after(place, "\n".join(plain))
        last = []
    draft.insert_after(end, "\n".join([*last, *others, constant]))


def _import_sys(draft: Draft, program: Program) -> None:
    """Among the standard library's imports, where there are some."""
    place, where = import_place(program, "sys", beside=("os", "argparse", "math", "json", "random", "copy", "time"))
    if place is not None and where == "after":
        draft.insert_after(place, "import sys")
    elif place is not None:
        draft.insert_before(place, "import sys")
    else:
        draft.insert_before(program.tree.body[0], "import sys")


def stands_alone(unit: Unit, draft: Draft) -> bool:
    """Whether every statement of the unit can be taken from its lines."""
    return all(draft.alone(statement) for statement in unit.statements)
