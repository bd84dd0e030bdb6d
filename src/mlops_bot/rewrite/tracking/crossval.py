"""Training that only happens inside cross-validation, whose results the program keeps but does not print.

Autologging is off within these functions, so the results are logged explicitly, to one run.
"""

from __future__ import annotations

import ast

from mlops_bot.rewrite import naming, runs, steps
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.tracking import loop
from mlops_bot.rewrite.tracking.dialect import Dialect, Values
from mlops_bot.rewrite.tracking.metrics import Log, unique
from mlops_bot.rewrite.tracking.writing import log_metrics
from mlops_bot.types import NotApplicable

FUNCTIONS = {
    "cross_val_score",
    "cross_validate",
    "cross_val_predict",
    "learning_curve",
    "permutation_test_score",
    "validation_curve",
}
SEARCHES = {"RFECV", "RFE", "SequentialFeatureSelector"}  # train, but are feature selection to autologging


def is_cross(call: ast.Call) -> bool:
    return (dotted(call.func) or "").split(".")[-1] in FUNCTIONS


def track(program: Program, edits: Edits, dialect: Dialect) -> list[str] | NotApplicable:
    """One run around everything that is cross-validated, with the mean scores of each."""
    calls = [call for call in program.calls if is_cross(call)]
    logs = unique([log for call in calls for log in _results(program, call)] + _selections(program))
    if not logs:
        return NotApplicable("not applicable because the program shows no metric and its loss has no name")
    spots = [log.statement for log in logs]
    stretch = runs.choose(program, spots, None, spots)
    if stretch is None:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    logs = [log for log in logs if stretch.covers(program, log.statement)]
    for log in logs:
        log.step = steps.step(program, log.statement, run=stretch.first)
    log_metrics(program, edits, logs, dialect.metrics, run=stretch)
    values = _parameters(program, stretch, calls) or loop.parameters_of(program, edits, stretch, None, dialect)
    loop.open_run(program, edits, stretch, values, dialect)
    return [
        f"one {dialect.title} {dialect.noun} spans the cross-validation (line {stretch.first.lineno})",
        "metrics: " + ", ".join(sorted({log.name for log in logs})),
    ]


def _results(program: Program, call: ast.Call) -> list[Log]:
    """`scores = cross_val_score(...)`: the mean over the folds, named after the variable."""
    statement = program.statement_of(call)
    if not isinstance(statement, ast.Assign) or statement.value is not call or len(statement.targets) != 1:
        return []
    target, function = statement.targets[0], (dotted(call.func) or "").split(".")[-1]
    found: list[tuple[str, str]] = []
    if isinstance(target, ast.Name):
        if function == "cross_val_score":
            found = [(_name(target.id), f"{target.id}.mean()")]
        elif function == "cross_validate":
            quote = program.quote
            found = [
                ("_".join([*_words(target.id), key]), f"{target.id}[{quote}{key}{quote}].mean()")
                for key in _keys(program, call, target.id)
            ]
    elif isinstance(target, ast.Tuple) and all(isinstance(part, ast.Name) for part in target.elts):
        names = [part.id for part in target.elts if isinstance(part, ast.Name)]
        if function == "permutation_test_score" and len(names) == 3:
            found = [(_name(names[0]), names[0]), (names[2].lower(), names[2])]
        elif function == "validation_curve" and len(names) == 2:
            found = [(f"best_{_name(name)}", f"{name}.mean(axis=1).max()") for name in names]
        elif function == "learning_curve" and len(names) >= 3:
            found = [(f"final_{_name(name)}", f"{name}[-1].mean()") for name in names[1:3] if name != "_"]
    return [Log(statement, name, value, None, batch=False) for name, value in found]


def _selections(program: Program) -> list[Log]:
    """`rfecv.fit(X, y)`: the best mean score, where the class is known to keep one."""
    found = []
    for call in program.calls:
        receiver = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == "fit" else None
        if not isinstance(receiver, ast.Name):
            continue
        for bound in program.assignments(receiver.id, program.function_of(call)):
            made = getattr(bound, "value", None)
            if isinstance(made, ast.Call) and (program.qualified(made.func) or "").endswith(".RFECV"):
                quote = program.quote
                value = f"{receiver.id}.cv_results_[{quote}mean_test_score{quote}].max()"
                found.append(Log(program.statement_of(call), "best_cv_score", value, None, batch=False))
    return found


def _name(variable: str) -> str:
    """ "test_scores_nb" -> "test_score_nb"."""
    return "_".join("score" if word == "scores" else word for word in naming.words(variable))


def _words(variable: str) -> list[str]:
    return [word for word in naming.words(variable) if word not in ("cv", "result", "results", "scores", "res")]


def _keys(program: Program, call: ast.Call, name: str) -> list[str]:
    """The scores of cross_validate's result: those the program reads, or the one that there is by default."""
    read = [
        node.slice.value
        for node in program.nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and node.slice.value.startswith(("test_", "train_"))
    ]
    if read:
        return list(dict.fromkeys(read))
    scoring = next((keyword.value for keyword in call.keywords if keyword.arg == "scoring"), None)
    plain = all(keyword.arg is not None for keyword in call.keywords)
    single = scoring is None or (isinstance(scoring, ast.Constant) and isinstance(scoring.value, str))
    return ["test_score"] if plain and single else []


def _parameters(program: Program, stretch: runs.Stretch, calls: list[ast.Call]) -> list[Values]:
    """The parameters of the estimator that is cross-validated; of several, how each of them was made."""
    function = program.function_of(stretch.first)
    names: list[str] = []
    for call in calls:
        if call.args and isinstance(call.args[0], ast.Name) and call.args[0].id not in names:
            names.append(call.args[0].id)
    for call in program.calls:
        made = isinstance(call.func, ast.Name) and call.func.id in SEARCHES
        holder = program.statement_of(call)
        if made and isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Name):
            names.append(holder.targets[0].id)
    known = []
    for name in names:
        bound = program.assignments(name, function)
        if bound and all(statement.lineno < stretch.first.lineno for statement in bound):
            known.append(name)
    if len(known) == 1:
        return [Values(f"{known[0]}.get_params()")]
    entries = tuple(f"{program.string(name)}: {name}" for name in known)
    return [Values(entries=entries)] if entries else []
