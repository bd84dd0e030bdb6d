"""Numbers of a fit that neither autologging records nor the program prints: assigned metrics, inertia and the like."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from mlops_bot.rewrite import naming, steps
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.rewrite.tracking.metrics import Log

ATTRIBUTES = {  # what an unsupervised estimator reached -> the metric's name
    "inertia_": "inertia",
    "kl_divergence_": "kl_divergence",
    "lower_bound_": "lower_bound",
    "reconstruction_err_": "reconstruction_error",
}
_OWNERS = {
    "KMeans": "inertia_",
    "MiniBatchKMeans": "inertia_",
    "BisectingKMeans": "inertia_",
    "GaussianMixture": "lower_bound_",
    "BayesianGaussianMixture": "lower_bound_",
    "NMF": "reconstruction_err_",
    "TSNE": "kl_divergence_",
}
_METRICS = ("_score", "_error", "_loss", "_deviance")
_INNER = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def unshown(
    program: Program, fits: list[ast.Call], seen: Callable[[ast.Call], bool], after_fit: Callable[[ast.stmt], bool]
) -> list[Log]:
    """Logs of such numbers. `seen`: does autologging record this call? `after_fit`: is something fitted by then?"""
    read = list(_read(program))
    logs = [*_assigned(program, seen), *read]
    logs = [log for log in logs if after_fit(log.statement)]
    if not read:
        logs += _of_estimators(program, fits)
    for log in logs:
        if not log.own_step:
            log.step = steps.step(program, log.statement)
    return logs


def _assigned(program: Program, seen: Callable[[ast.Call], bool]) -> Iterator[Log]:
    """`score = silhouette_score(X, labels)`, `scores = [model.score(X, y) for model in models]`."""
    for call in program.calls:
        name = program.qualified(call.func) or ""
        statement = program.statement_of(call)
        of_model = isinstance(call.func, ast.Attribute) and call.func.attr == "score" and not name
        if not of_model and (not name.startswith("sklearn.metrics.") or not name.endswith(_METRICS)):
            continue
        if seen(call):
            continue
        if any(keyword.arg in ("average", "multioutput") for keyword in call.keywords):
            continue  # perhaps one number for each class
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        listed = isinstance(value, ast.ListComp) and value.elt is call
        if not isinstance(target, ast.Name) or not (listed or value is call):
            continue
        words = ["score" if listed and word == "scores" else word for word in naming.words(target.id)]
        told = any(naming.METRIC.match(word) for word in words)
        own = "_".join(words) if told else name.rpartition(".")[2] or "score"
        if listed:
            index, element = program.free("index", "turn"), program.free("score", "value")
            yield Log(statement, own, element, index, batch=False, own_step=True, over=target.id)
        else:
            yield Log(statement, own, target.id, None, batch=False)


def _read(program: Program) -> Iterator[Log]:
    """`results = [name, kmeans.inertia_]`: the program has a use for the number."""
    for node in program.nodes:
        if not (isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES and is_pure(node)):
            continue
        if any(isinstance(above, _INNER) for above in program.ancestors(node)):
            continue
        statement = program.statement_of(node)
        if isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign)) and not _binds(statement, node):
            yield Log(statement, ATTRIBUTES[node.attr], program.source(node), None, batch=False)


def _binds(statement: ast.stmt, node: ast.expr) -> bool:
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    bound = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return bool(used & bound)


def _of_estimators(program: Program, fits: list[ast.Call]) -> Iterator[Log]:
    """`kmeans.fit(X)`, `kmeans = KMeans(3).fit(X)`: there is nothing else to tell a good fit by."""
    for call in fits:
        statement = program.statement_of(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if not isinstance(statement, (ast.Expr, ast.Assign)) or statement.value is not call:
            continue
        name: str | None = None
        made: ast.expr | None = receiver
        if isinstance(receiver, ast.Name):
            bound = program.assignments(receiver.id, program.function_of(call))
            made = getattr(bound[0], "value", None) if len(bound) == 1 else None
            name = receiver.id
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            is_fit = isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
            name = statement.targets[0].id if is_fit else None
        if name is None or not isinstance(made, ast.Call):
            continue
        attribute = _OWNERS.get((program.qualified(made.func) or "").rpartition(".")[2])
        if attribute is not None and (program.qualified(made.func) or "").startswith("sklearn."):
            yield Log(statement, ATTRIBUTES[attribute], f"{name}.{attribute}", None, batch=False)
