"""scikit-learn: fitted estimators that have a name, and data that they were given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mlops_bot.rewrite.program import Function, Program, dotted, walk_executed
from mlops_bot.rewrite.registration import places
from mlops_bot.rewrite.registration.trained import Alternatives, Signature, Trained
from mlops_bot.types import NotApplicable

_FITS = ("fit", "fit_transform", "fit_predict", "partial_fit")
_ANSWERS = ("predict", "predict_proba", "transform")
_PREPARES = (
    "sklearn.preprocessing", "sklearn.impute", "sklearn.feature_extraction", "sklearn.feature_selection",
    "sklearn.compose", "sklearn.random_projection", "sklearn.kernel_approximation",
)  # fmt: skip
_TRANSFORMS = ("sklearn.decomposition", "sklearn.neural_network.BernoulliRBM")  # models only where nothing predicts
_ONLY_LABELS = {
    "DBSCAN", "OPTICS", "HDBSCAN", "AgglomerativeClustering", "SpectralClustering", "FeatureAgglomeration",
}  # fmt: skip
_ONLY_EMBEDDING = {"TSNE", "MDS", "SpectralEmbedding"}
_TRANSFORMERS = {"LocallyLinearEmbedding", "Isomap", "NeighborhoodComponentsAnalysis"}
_MAX_SITES = 6


@dataclass(frozen=True)
class Fit:
    """`model` is fitted to `data` by `statement`; both can be written right after it."""

    model: ast.expr
    data: ast.expr | None
    statement: ast.stmt
    made: ast.Call | None  # the call that makes the estimator


def _kind(program: Program, made: ast.Call | None) -> str | None:
    """The qualified class of what an estimator is in the end."""
    made = described(program, made)
    return program.qualified(made.func) if made is not None else None


def _label(program: Program, fit: Fit) -> str:
    made = described(program, fit.made)
    name = (dotted(made.func) or "").split(".")[-1] if made is not None else ""
    return name if name[:1].isupper() else ""


def estimators(program: Program) -> list[Trained] | NotApplicable:
    """Every estimator that the program keeps, where it is fitted for the last time."""
    fits = list(_fits(program))
    if not fits:
        return NotApplicable("not applicable because the program keeps no fitted model under a name")
    known = [(fit, _kind(program, fit.made)) for fit in fits]
    main = [fit for fit, name in known if not (name or "").startswith((*_PREPARES, *_TRANSFORMS))]
    fits = main or [fit for fit, name in known if not (name or "").startswith(_PREPARES)]
    if not fits:
        return NotApplicable("not applicable because the program only fits what prepares its data")
    last: dict[tuple[ast.AST | None, str], Fit] = {}
    for fit in fits:  # one that is fitted again is registered as it is in the end
        last[(program.function_of(fit.statement), ast.unparse(fit.model))] = fit
    return [_trained(program, fit) for fit in last.values()]


def _fits(program: Program) -> Iterator[Fit]:
    calls = [call for call in program.calls if isinstance(call.func, ast.Attribute) and call.func.attr in _FITS]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        statement = program.statement_of(call)
        assert isinstance(call.func, ast.Attribute)
        receiver = call.func.value
        if (isinstance(receiver, ast.Call) and dotted(receiver.func) == "super") or (
            places.root(receiver) == "self" and isinstance(receiver, ast.Name)
        ):
            continue
        if any(
            isinstance(above, (ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.Lambda))
            for above in program.ancestors(call)
        ):
            if (listed := _of_list(program, call, statement)) is not None:
                yield listed
            continue
        data = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "X"), None)
        if isinstance(receiver, ast.Call):  # model = Ridge().fit(X, y)
            target = _target(statement, call)
            if target is not None and call.func.attr in ("fit", "partial_fit"):
                yield Fit(target, data, statement, receiver)
            continue
        if places.is_plain(receiver):
            yield from _where_known(program, Fit(receiver, data, statement, maker(program, receiver)))


def _of_list(program: Program, call: ast.Call, statement: ast.stmt) -> Fit | None:
    """`models = [clf.fit(X, y) for clf in models]`: the fitted ones are known one by one in a loop over `models`."""
    made = statement.value if isinstance(statement, ast.Assign) else None
    if (
        not isinstance(made, (ast.ListComp, ast.GeneratorExp))
        or made.elt is not call
        or not isinstance(statement, ast.Assign)
    ):
        return None
    kept = statement.targets[0]
    data = call.args[0] if call.args else None
    for loop in program.nodes:
        if not isinstance(loop, ast.For) or loop.lineno < statement.lineno or not isinstance(kept, ast.Name):
            continue
        source, targets = loop.iter, [loop.target]
        if isinstance(source, ast.Call) and dotted(source.func) == "zip" and isinstance(loop.target, ast.Tuple):
            listed, targets = source.args, loop.target.elts
        else:
            listed = [source]
        for one, target in zip(listed, targets, strict=False):
            if isinstance(one, ast.Name) and one.id == kept.id and isinstance(target, ast.Name):
                return Fit(target, data, loop.body[0], None)
    return None


def unnamed(program: Program) -> list[ast.Call]:
    """Estimators that are made, fitted and gone in one expression: `PCA()` of `X = PCA().fit_transform(X)`."""
    found = []
    for call in program.calls:
        receiver = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr in _FITS else None
        name = program.qualified(receiver.func) if isinstance(receiver, ast.Call) else None
        if (
            isinstance(receiver, ast.Call)
            and name is not None
            and name.startswith("sklearn.")
            and not name.startswith(_PREPARES)
        ):
            if not places.in_loop(program, call):
                found.append(receiver)
    return found


def _target(statement: ast.stmt, call: ast.Call) -> ast.expr | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and statement.value is call:
        target = statement.targets[0]
        return (
            ast.parse(ast.unparse(target), mode="eval").body if isinstance(target, (ast.Name, ast.Attribute)) else None
        )
    return None


def _where_known(program: Program, fit: Fit, depth: int = 3) -> Iterator[Fit]:
    """A model that a function is given is registered by the callers, which know it by name."""
    function = program.function_of(fit.statement)
    if (
        function is None
        or not isinstance(fit.model, ast.Name)
        or not depth
        or not _is_parameter(function, fit.model.id)
    ):
        yield fit
        return
    sites = program.call_sites(function)
    given = [(site, places.arguments(function, site)) for site in sites]
    models = [arguments.get(fit.model.id) for _, arguments in given]
    if not 0 < len(sites) <= _MAX_SITES or not all(places.is_plain(model) for model in models):
        yield fit
        return
    for (site, arguments), model in zip(given, models, strict=True):
        assert model is not None
        data = arguments.get(fit.data.id) if isinstance(fit.data, ast.Name) else fit.data
        if isinstance(fit.data, ast.Name) and not _is_parameter(function, fit.data.id):
            data = None if places.bound_between(program, fit.data.id, function, function, function) else fit.data
        lifted = Fit(model, data, program.statement_of(site), maker(program, model))
        yield from _where_known(program, lifted, depth - 1)


def _is_parameter(function: Function, name: str) -> bool:
    arguments = function.args
    return any(a.arg == name for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def maker(program: Program, model: ast.expr) -> ast.Call | None:
    """The constructor call of a name that is bound to the result of one, once or always of the same class."""
    if not isinstance(model, ast.Name):
        return None
    bound = program.assignments(model.id, program.function_of(model)) or program.assignments(model.id)
    made = [value for value in (getattr(statement, "value", None) for statement in bound) if value is not None]
    calls = [_constructor(value) for value in made]
    if not calls or any(call is None for call in calls):
        return None
    return calls[-1] if len({ast.unparse(call.func) for call in calls if call is not None}) == 1 else None


def _constructor(value: ast.expr) -> ast.Call | None:
    """`Ridge()` of `Ridge()`, of `Ridge().fit(X, y)` and of `Ridge().set_params(...)`."""
    while (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Call)
    ):
        value = value.func.value
    return value if isinstance(value, ast.Call) else None


def described(program: Program, made: ast.Call | None, depth: int = 5) -> ast.Call | None:
    """The estimator that says most: the last step of a pipeline, what a search tries out."""
    while made is not None and depth:
        depth -= 1
        name = (dotted(made.func) or "").split(".")[-1]
        inner: ast.expr | None = None
        if name == "make_pipeline" and made.args:
            inner = made.args[-1]
        elif name in ("Pipeline", "ImbPipeline") and (made.args or made.keywords):
            steps = made.args[0] if made.args else made.keywords[0].value
            if isinstance(steps, (ast.List, ast.Tuple)) and steps.elts and isinstance(steps.elts[-1], ast.Tuple):
                inner = steps.elts[-1].elts[-1]
        elif name.endswith("SearchCV") and (made.args or made.keywords):
            inner = made.args[0] if made.args else next((k.value for k in made.keywords if k.arg == "estimator"), None)
        if isinstance(inner, ast.Name):
            inner = maker(program, inner)
        if not isinstance(inner, ast.Call):
            return made
        made = inner
    return made


# --- one of them ------------------------------------------------------------------------------------------------


def _trained(program: Program, fit: Fit) -> Trained:
    name = places.root(fit.model)
    function = program.function_of(fit.statement)
    settled = places.climb(program, fit.statement, name)
    best = _best(program, settled, fit.model)
    if best is not None:
        fit, name = replace(fit, model=best), best.id
    place = places.last_use(program, settled, name)
    model = ast.unparse(fit.model)
    signature = _signature(program, fit, model, place, function)
    if signature is None and place is not settled:
        signature = _signature(program, fit, model, settled, function)
        place = settled if signature is not None else place
    found = Trained("sklearn", model, place, _label(program, fit) or model, signature, own=_own(program, fit.made))
    if fit.made is not None and (dotted(fit.made.func) or "").endswith("SearchCV") and _refits(fit.made):
        # what the search itself is made of, such as its scoring, does not come along
        found = replace(found, model=f"{model}.best_estimator_", own=_own(program, _searched(program, fit.made)))
    loops = program.loops_of(fit.statement)
    inner = next((loop for loop in reversed(loops) if loop is not place and program.inside(place, loop)), None)
    if isinstance(inner, (ast.For, ast.AsyncFor)) and name in places.names(inner.target):
        found.one_of = _which(program, inner, model)
    return found


def _searched(program: Program, made: ast.Call) -> ast.Call | None:
    """The estimator that a search tries out; the search itself where that is not to be seen."""
    inner = made.args[0] if made.args else next((k.value for k in made.keywords if k.arg == "estimator"), None)
    if isinstance(inner, ast.Name):
        inner = maker(program, inner)
    return inner if isinstance(inner, ast.Call) else made


def _own(program: Program, made: ast.Call | None) -> tuple[str, ...]:
    """Classes and functions of the file that an estimator is made of."""
    names = {node.id for node in ast.walk(made) if isinstance(node, ast.Name)} if made is not None else set()
    defined = {*program.classes, *(function.name for function in program.functions)}
    return tuple(sorted(names & defined))


def _best(program: Program, loop: ast.stmt, model: ast.expr) -> ast.Name | None:
    """`best` of a loop in which `if score > best_score: best = model` keeps one of its models."""
    if not isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
        return None
    for node in walk_executed(loop):
        if isinstance(node, ast.Assign) and any(isinstance(above, ast.If) for above in program.ancestors(node)):
            targets, values = [node.targets[0]], [node.value]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                targets, values = node.targets[0].elts, node.value.elts
            for target, value in zip(targets, values, strict=False):
                if isinstance(target, ast.Name) and ast.unparse(value) == ast.unparse(model):
                    return target
    return None


def _refits(made: ast.Call) -> bool:
    return not any(
        keyword.arg == "refit" and isinstance(keyword.value, ast.Constant) and not keyword.value.value
        for keyword in made.keywords
    )


def _which(program: Program, loop: ast.For | ast.AsyncFor, model: str) -> Alternatives:
    """What tells the models of a loop apart: texts that come along, or their classes."""
    variable, texts = _texts_along(program, loop) or (None, ())
    return Alternatives(f"type({model}).__name__", variable, texts)


def _texts_along(program: Program, loop: ast.For | ast.AsyncFor) -> tuple[str, tuple[str, ...]] | None:
    """`name` of `for name, clf in zip(names, classifiers)`, of `.items()` or of a list of pairs."""
    target, source = loop.target, loop.iter
    if (
        isinstance(source, ast.Call)
        and dotted(source.func) == "enumerate"
        and source.args
        and isinstance(target, ast.Tuple)
    ):
        target, source = target.elts[-1], source.args[0]
    if not isinstance(target, ast.Tuple):
        return None
    names = [element.id if isinstance(element, ast.Name) else None for element in target.elts]
    columns: list[list[ast.expr]] = []
    if isinstance(source, ast.Call) and dotted(source.func) == "zip":
        listed = [_listed(program, argument) for argument in source.args]
        columns = [column or [] for column in listed]
    elif isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr == "items":
        value = _value(program, source.func.value)
        if isinstance(value, ast.Dict):
            columns = [[key for key in value.keys if key is not None], list(value.values)]
    else:
        rows = _listed(program, source) or []
        if rows and all(isinstance(row, ast.Tuple) and len(row.elts) == len(names) for row in rows):
            columns = [list(column) for column in zip(*(row.elts for row in rows), strict=True)]  # type: ignore[attr-defined]
    for name, column in zip(names, columns, strict=False):
        texts = [element.value for element in column if isinstance(element, ast.Constant)]
        if name and column and len(texts) == len(column) and all(isinstance(text, str) for text in texts):
            return name, tuple(str(text) for text in texts)
    return None


def _value(program: Program, node: ast.expr) -> ast.expr | None:
    if not isinstance(node, ast.Name):
        return node
    bound = program.assignments(node.id, program.function_of(node)) or program.assignments(node.id)
    values = [statement.value for statement in bound if isinstance(statement, ast.Assign)]
    return values[0] if len(values) == 1 and len(bound) == 1 else None


def _listed(program: Program, node: ast.expr) -> list[ast.expr] | None:
    value = _value(program, node)
    return list(value.elts) if isinstance(value, (ast.List, ast.Tuple)) else None


# --- what it is given and answers -------------------------------------------------------------------------------


def _signature(program: Program, fit: Fit, model: str, place: ast.stmt, function: Function | None) -> Signature | None:
    """From an answer that the program has, or a new one to a few rows of the data that the model was fitted to."""
    shown = _answered(program, model, fit.statement, place, function)
    if shown is not None:
        return shown
    if fit.data is None or not places.is_plain(fit.data):
        return None
    first = places.root(fit.data)
    if first != places.root(fit.model) and places.bound_between(program, first, fit.statement, place, function):
        return None
    data, label = ast.unparse(fit.data), _label(program, fit)
    if label in _ONLY_LABELS:
        return Signature(data, f"{model}.labels_")
    if label in _ONLY_EMBEDDING:
        return Signature(data, f"{model}.embedding_")
    method = "predict"
    name = _kind(program, fit.made)
    if label in _TRANSFORMERS or (name or "").startswith((*_PREPARES, *_TRANSFORMS)):
        method = "transform"
    few = data if isinstance(fit.data, ast.Subscript) and isinstance(fit.data.slice, ast.Slice) else f"{data}[:5]"
    return Signature(few, f"{model}.{method}({few})")


def _answered(
    program: Program, model: str, after: ast.stmt, place: ast.stmt, function: Function | None
) -> Signature | None:
    """`y_pred = model.predict(X_test)` after the fit, both names still the same where the model is registered."""
    for call in sorted(program.calls, key=lambda call: -call.lineno):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _ANSWERS or call.keywords:
            continue
        statement = program.statement_of(call)
        if ast.unparse(call.func.value) != model or len(call.args) != 1 or program.function_of(call) is not function:
            continue
        if not (after.end_lineno or 0) < statement.lineno <= (place.end_lineno or 0):
            continue
        if not isinstance(statement, ast.Assign) or statement.value is not call or len(statement.targets) != 1:
            continue
        target, data = statement.targets[0], call.args[0]
        if (
            not isinstance(target, ast.Name)
            or not places.is_plain(data)
            or program.suite_of(statement) is not program.suite_of(place)
        ):
            continue
        changed = (target.id, places.root(data))
        if not any(places.bound_between(program, name, statement, place, function) for name in changed):
            return Signature(ast.unparse(data), target.id)
    return None
