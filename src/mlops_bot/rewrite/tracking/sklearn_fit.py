"""scikit-learn without autologging: one run around all fits, their parameters, the scores that the program computes.

A supervised program that computes no score gets the one that autologging would give: that of the training data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.rewrite.runs import Stretch
from mlops_bot.rewrite.tracking import crossval, loop
from mlops_bot.rewrite.tracking.dialect import Dialect, Place, Values
from mlops_bot.rewrite.tracking.fits import element_of, fit_calls, is_model, maker, makers, runs_often, stored, trained
from mlops_bot.rewrite.tracking.metrics import Log, unique
from mlops_bot.rewrite.tracking.unseen import unseen
from mlops_bot.types import NotApplicable

_SCORELESS = {"NeighborhoodComponentsAnalysis", "PLSSVD", "FeatureUnion"}  # fitted to targets, and without score()


@dataclass(frozen=True)
class Fit:
    """`name` holds the estimator after `statement`."""

    call: ast.Call
    statement: ast.stmt
    name: str
    often: bool  # in a loop, or in a function that is called several times


def track(program: Program, edits: Edits, dialect: Dialect, *, params: bool = True) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes. `params`: log those of the estimators, too."""
    calls = [call for call in fit_calls(program) if is_model(program, call)]
    if not calls:
        return _without_fits(program, edits, dialect, params=params)
    fits = list(_named(program, calls))
    logs = unseen(program, calls, sklearn=True) or _own_scores(program, fits)
    if not logs and any(len(call.args) > 1 for call in calls):
        return NotApplicable("not applicable because the program computes no score, and none can be computed for it")
    statements = [program.statement_of(call) for call in calls]
    spots = [*(log.statement for log in logs), *statements, *loop.figures(program, dialect, statements, saved_too=True)]
    stretches = loop.spans(program, spots, None, statements)
    if not stretches:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    logs = [log for log in logs if stretches[0].covers(program, log.statement)]
    values = _parameters(program, edits, dialect, stretches[0], fits) if params else []
    if not values and not edits.mentions("get_params"):
        values = loop.parameters_of(program, edits, stretches[0], None, dialect)
    return loop.write(program, edits, dialect, stretches, logs, values, trained=statements)


def _without_fits(program: Program, edits: Edits, dialect: Dialect, *, params: bool) -> list[str] | NotApplicable:
    found = trained(program)
    names = [name for name, _ in found] if params else []
    outcome = loop.track(program, edits, dialect, estimators=names, spots=[spot for _, spot in found])
    if isinstance(outcome, NotApplicable) and edits.empty:
        return crossval.track(program, edits, dialect)
    return outcome


def _named(program: Program, calls: list[ast.Call]) -> Iterator[Fit]:
    """`model.fit(X, y)`, `model = SVC().fit(X, y)`; `[model.fit(X, y) for model in models]` where a loop reads it."""
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        statement, receiver = program.statement_of(call), dotted(call.func.value)
        if isinstance(program.parent[call], (ast.ListComp, ast.GeneratorExp)):
            yield from _read_in_loops(program, call)
            continue
        name = receiver if receiver is not None else _target(statement, call)
        if name is not None and isinstance(statement, (ast.Expr, ast.Assign)):
            yield Fit(call, statement, name, runs_often(program, call))


def _read_in_loops(program: Program, call: ast.Call) -> Iterator[Fit]:
    """`models = (model.fit(X, y) for model in models)` -> the turns of `for model, title in zip(models, titles):`."""
    statement = program.statement_of(call)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(target, ast.Name) or statement.value is not program.parent[call]:  # type: ignore[attr-defined]
        return
    for reader in program.nodes:
        if not isinstance(reader, ast.For) or reader.lineno < statement.lineno:
            continue
        first, name = reader.body[0], element_of(reader, target.id)
        same = program.function_of(reader) is program.function_of(statement)
        if same and name is not None and isinstance(first, (ast.Expr, ast.Assign)) and name not in stored(first):
            yield Fit(call, first, name, often=True)


def _target(statement: ast.stmt, call: ast.Call) -> str | None:
    fitted = isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
    if fitted and isinstance(statement, ast.Assign) and statement.value is call:
        return dotted(statement.targets[0]) if len(statement.targets) == 1 else None
    return None


# --- parameters ----------------------------------------------------------------------------------------------


def _parameters(program: Program, edits: Edits, dialect: Dialect, stretch: Stretch, fits: list[Fit]) -> list[Values]:
    """Of one estimator as they are, of several under their names, of those in a loop under their classes."""
    single = [fit for fit in fits if not fit.often]
    names = list(dict.fromkeys(fit.name for fit in single))
    if len(names) == 1 and len(single) == len(fits):
        fit = single[0]
        if _known_before(program, fit.name, stretch):
            return [Values(f"{fit.name}.get_params()")]
        _log(program, edits, dialect, stretch, fit, Values(f"{fit.name}.get_params()"))
        return []
    entries = {
        fit: f"{program.string(fit.name)}: {fit.name}.get_params()" for fit in {f.name: f for f in single}.values()
    }
    if entries and all(_known_before(program, fit.name, stretch) for fit in entries):
        opening = [Values(entries=tuple(entries.values()))]
    else:
        opening = []
        for fit, entry in entries.items():
            _log(program, edits, dialect, stretch, fit, Values(entries=(entry,)))
    for fit in fits:
        if fit.often:
            entry = f"type({fit.name}).__name__: {fit.name}.get_params()"
            _log(program, edits, dialect, stretch, fit, Values(entries=(entry,), again=True))
    return opening


def _known_before(program: Program, name: str, stretch: Stretch) -> bool:
    function = program.function_of(stretch.first)
    bound = program.assignments(name, function) if "." not in name else []
    return bool(bound) and all(
        statement.lineno < stretch.first.lineno and program.function_of(statement) is function for statement in bound
    )


def _log(program: Program, edits: Edits, dialect: Dialect, stretch: Stretch, fit: Fit, values: Values) -> None:
    edits.insert_after(fit.statement, dialect.params(Place(program, fit.statement, stretch), values))


# --- scores --------------------------------------------------------------------------------------------------


def _own_scores(program: Program, fits: list[Fit]) -> list[Log]:
    """`model.fit(X, y)` -> model.score(X, y)"""
    logs = []
    for fit in fits:
        data = [*fit.call.args, *(keyword.value for keyword in fit.call.keywords if keyword.arg in ("X", "y"))]
        plain = all(keyword.arg in ("X", "y", "sample_weight") for keyword in fit.call.keywords)
        if len(data) < 2 or not plain or not all(is_pure(part) for part in data[:2]) or not _scores(program, fit):
            continue
        value = f"{_scored(program, fit)}.score({program.source(data[0])}, {program.source(data[1])})"
        logs.append(Log(fit.statement, "training_score", value, None, batch=False))
    return unique(logs)


def _scores(program: Program, fit: Fit) -> bool:
    """Is it surely a model of scikit-learn with a score?"""
    assert isinstance(fit.call.func, ast.Attribute)
    made = makers(program, fit.call.func.value) if fit.call.func.attr == "fit" else []
    return bool(made) and all(_has_score(program, call) or _best_of(program, call) for call in made)


def _scored(program: Program, fit: Fit) -> str:
    """What has the score: a search that has several is represented by the model that it chose."""
    assert isinstance(fit.call.func, ast.Attribute)
    chosen = any(_best_of(program, call) for call in makers(program, fit.call.func.value))
    return f"{fit.name}.best_estimator_" if chosen else fit.name


def _best_of(program: Program, made: ast.Call) -> bool:
    """A search over one kind of model that refits the best by a rule of its own."""
    kind = (program.qualified(made.func) or "").rpartition(".")[2]
    refit = next((keyword.value for keyword in made.keywords if keyword.arg == "refit"), None)
    if not kind.endswith("SearchCV") or refit is None or not made.args or not _scores_in_its_own_way(made):
        return False
    rule = isinstance(refit, ast.Name) and bool(program.functions_named(refit.id, method=False))
    kept = rule or (isinstance(refit, ast.Constant) and bool(refit.value))
    return kept and _has_score(program, maker(program, made.args[0]))


def _scores_in_its_own_way(made: ast.Call) -> bool:
    """A search with several scores, or a function that chooses among them, has no one score."""
    given = {keyword.arg: keyword.value for keyword in made.keywords}
    named = {name: given[name] for name in ("scoring", "refit") if name in given}
    return None in given or not all(isinstance(value, ast.Constant) for value in named.values())


def _has_score(program: Program, made: ast.Call | None) -> bool:
    """A pipeline has the score of its last step."""
    while made is not None:
        name = program.qualified(made.func) or ""
        kind = name.rpartition(".")[2]
        if (dotted(made.func) or "") in program.classes:
            return _inherits_score(program, dotted(made.func) or "")
        if not name.startswith("sklearn.") or kind in _SCORELESS or _scores_in_its_own_way(made):
            return False
        if kind not in ("Pipeline", "make_pipeline"):
            return True
        last = made.args[-1] if made.args else None
        if isinstance(last, ast.List) and last.elts:
            last = last.elts[-1]
        if isinstance(last, ast.Tuple) and last.elts:
            last = last.elts[-1]
        made = maker(program, last) if last is not None else None
    return False


def _inherits_score(program: Program, name: str) -> bool:
    """A class of the file whose bases are models of scikit-learn."""
    bases = [program.qualified(base) or "" for definition in program.classes[name] for base in definition.bases]
    kinds = [base.rpartition(".")[2] for base in bases]
    return bool(bases) and all(
        base.startswith("sklearn.") and not kind.endswith("Mixin") and not kind.startswith("Base")
        for base, kind in zip(bases, kinds, strict=True)
    )
