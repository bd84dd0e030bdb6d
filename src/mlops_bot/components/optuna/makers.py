"""Where a scikit-learn program makes its estimators, what of them can be searched, and on which data they fit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mlops_bot.components.optuna.places import literal, options
from mlops_bot.components.optuna.space import Rule, Value, rule_for, suggestion
from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, parameters
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.source import families

Kind = Literal["score", "clusters", "reconstruction"]
_REPEATED = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)
LIMIT = 3  # hyperparameters of one estimator
_FEWEST = 6  # samples that can be cross-validated
_FITS = ("fit", "fit_transform", "fit_predict", "fit_resample")
_CROSS = ("cross_val_score", "cross_validate", "cross_val_predict", "learning_curve")
META = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
_FIRST = {  # names of first positional arguments
    "KNeighborsClassifier": "n_neighbors", "KNeighborsRegressor": "n_neighbors", "PCA": "n_components",
    "TruncatedSVD": "n_components", "NMF": "n_components", "FastICA": "n_components", "KMeans": "n_clusters",
    "MiniBatchKMeans": "n_clusters", "AgglomerativeClustering": "n_clusters", "DBSCAN": "eps",
}  # fmt: skip
_DEFAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (  # what is searched where the source shows nothing
    (("GradientBoosting", "XGB", "LGBM", "CatBoost"), "learning_rate", "float 0.01 1.0 log"),
    (("AdaBoost",), "learning_rate", "float 0.1 2.0 log"),
    (("RandomForest", "ExtraTree", "DecisionTree"), "min_samples_leaf", "int 1 10"),
    (("LogisticRegression", "LinearSV", "SVC", "SVR", "PassiveAggressive"), "C", "float 0.1 10.0 log"),
    (("Ridge", "Lasso", "ElasticNet", "MultinomialNB", "BernoulliNB", "ComplementNB"), "alpha", "float 0.1 10.0 log"),
    (("KNeighbors",), "n_neighbors", "int 1 15"),
    (("GaussianNB",), "var_smoothing", "float 1e-10 1e-08 log"),
    (("SGDClassifier", "SGDRegressor", "MLP"), "alpha", "float 1e-05 0.001 log"),
    (("GaussianProcessRegressor",), "alpha", "float 1e-10 0.01 log"),
    (("GaussianProcessClassifier",), "n_restarts_optimizer", "int 0 2"),
    (("QuadraticDiscriminantAnalysis",), "reg_param", "float 0.0 0.5"),
    (("HuberRegressor",), "epsilon", "float 1.1 2.0"),
    (("ARDRegression", "BayesianRidge"), "alpha_1", "float 1e-07 1e-05 log"),
    (("LinearRegression", "LinearDiscriminantAnalysis"), "", ""),
)  # fmt: skip


@dataclass
class Knob:
    """One argument of a constructor: `node` is replaced; a new one (`owner` gets `name`) where node is None."""

    label: str
    text: str  # the suggestion
    order: int
    node: ast.expr | None = None
    owner: ast.Call | None = None
    name: str = ""


@dataclass
class Maker:
    """An estimator that is made: `call` makes it, `x` and `y` are what it is fitted on."""

    call: ast.Call
    kind: Kind
    x: ast.expr
    y: ast.expr | None
    knobs: list[Knob] = field(default_factory=list)
    shown: bool = True  # the source shows what is searched
    builder: Function | None = None  # the function of the program that makes it, where `call` calls that


def find(program: Program) -> list[Maker]:
    """Estimators with something to search; those whose source shows something, or else the defaults of a few."""
    found = [maker for call in _outermost(program) if (maker := _maker(program, call)) is not None]
    shown = [maker for maker in found if maker.shown]
    return shown or found[:LIMIT]


def estimator_class(program: Program, call: ast.Call) -> str | None:
    """The qualified class of an estimator that a call makes: of scikit-learn, or one of this file, or of its kind."""
    name = families.canonical(program.qualified(call.func) or "")
    if families.is_sklearn_estimator(name) or name in (
        "sklearn.pipeline.make_pipeline", "sklearn.pipeline.make_union", "sklearn.compose.make_column_transformer"
    ):  # fmt: skip
        return name
    if families.top(name) in ("xgboost", "lightgbm", "catboost") and families.last(name).endswith(
        ("Classifier", "Regressor", "Ranker")
    ):
        return name
    if isinstance(call.func, ast.Name):
        for definition in program.classes.get(call.func.id, []):
            methods = {part.name for part in definition.body if isinstance(part, FUNCTIONS)}
            if "fit" in methods and "predict" in methods:
                return call.func.id
    return None


def _outermost(program: Program) -> Iterator[ast.Call]:
    """Calls that make an estimator which is no part of another one, once each, outside of classes."""
    for call in program.calls:
        if estimator_class(program, call) is None or program.class_of(call) is not None or program.loops_of(call):
            continue
        inside = [above for above in program.ancestors(call) if isinstance(above, ast.Call)]
        if any(estimator_class(program, above) not in (None, *_metas(program, above)) for above in inside):
            continue
        if any(isinstance(above, _REPEATED) for above in program.ancestors(call)):
            continue
        yield call


def _metas(program: Program, call: ast.Call) -> tuple[str, ...]:
    name = families.canonical(program.qualified(call.func) or "")
    return (name,) if families.last(name) in META else ()


def _maker(program: Program, call: ast.Call) -> Maker | None:
    name = estimator_class(program, call)
    if name is None or families.last(name) in META or families.is_sklearn_preparation(name):
        return None
    where, builder = call, None
    function = program.function_of(call)
    if function is not None and _returns(program, function, call):
        sites = program.call_sites(function)
        if len(sites) != 1 or program.loops_of(sites[0]):
            return None
        where, builder = sites[0], function
    data = data_of(program, where)
    kind = _kind(program, call, data)
    if data is None or kind is None or any(_few(program, part, where) for part in data if part is not None):
        return None
    grid = _grid_around(program, call)
    knobs, shown = [knob for knob in _knobs(program, call) if knob.label not in grid], True
    if not knobs:
        knobs, shown = [knob for knob in _default(program, call) if knob.label not in grid], False
    elif all("suggest_categorical" in knob.text for knob in knobs):  # on or off alone is no search
        knobs += [knob for knob in _default(program, call) if knob.label not in grid]
    if not knobs:
        return None
    return Maker(where, kind, data[0], data[1], knobs, shown, builder)


def _few(program: Program, part: ast.expr, call: ast.Call) -> bool:
    """Whether data are written out and too few for a cross-validation: `y_train = [0.5, 1]`."""
    if not isinstance(part, ast.Name):
        return False
    home = program.function_of(call)
    above = [
        one for one in program.assignments(part.id) if program.function_of(one) is home and one.lineno < call.lineno
    ]
    value = getattr(max(above, key=lambda one: one.lineno), "value", None) if above else None
    if isinstance(value, ast.Call) and value.args and families.last(ast.unparse(value.func)) in ("array", "asarray"):
        value = value.args[0]
    if not isinstance(value, (ast.List, ast.Tuple)) or len(value.elts) >= _FEWEST:
        return False
    return all(isinstance(one, ast.Constant) for one in value.elts)


def _grid_around(program: Program, call: ast.Call) -> str:
    """The text of the grid of a search that the estimator is made for; empty where there is none."""
    names = scopes.binds(program.statement_of(call)) if isinstance(program.statement_of(call), ast.Assign) else set()
    for other in program.calls:
        if families.last(program.qualified(other.func) or "") in META:
            estimator = grid_parts(other)[0]
            named = names & scopes.loads(estimator) if estimator is not None else set()
            if estimator is call or (named and not _made_again(program, named, call, other)):
                return _text_of(program, grid_parts(other)[1])
    return ""


def _made_again(program: Program, names: set[str], call: ast.Call, other: ast.Call) -> bool:
    """Whether the names are given something else between the two calls."""
    lines = [statement.lineno for name in names for statement in program.assignments(name)]
    return any(program.statement_of(call).lineno < line < other.lineno for line in lines)


def _text_of(program: Program, node: ast.expr | None) -> str:
    """The source of an expression, or of what its name is given."""
    if isinstance(node, ast.Name):
        values = [getattr(statement, "value", None) for statement in program.assignments(node.id)]
        return " ".join(program.source(value) for value in values if isinstance(value, ast.expr))
    return program.source(node) if node is not None else "grid"


def grid_parts(call: ast.Call) -> tuple[ast.expr | None, ast.expr | None]:
    """The estimator and the grid of a search over one."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    estimator = call.args[0] if call.args else keywords.get("estimator")
    grid = call.args[1] if len(call.args) > 1 else keywords.get("param_grid", keywords.get("param_distributions"))
    return estimator, grid


def _returns(program: Program, function: Function, call: ast.Call) -> bool:
    statement = program.statement_of(call)
    if isinstance(statement, ast.Return):
        return statement.value is call
    names = scopes.binds(statement) if isinstance(statement, ast.Assign) and statement.value is call else set()
    last = function.body[-1]
    return isinstance(last, ast.Return) and isinstance(last.value, ast.Name) and last.value.id in names


def _kind(program: Program, call: ast.Call, data: tuple[ast.expr, ast.expr | None] | None) -> Kind | None:
    """How trials are scored: by the estimator's own score, by its clusters, or by undoing a transformation."""
    classes = [
        name
        for node in ast.walk(call)
        if isinstance(node, ast.Call) and (name := estimator_class(program, node)) is not None
    ]
    steps = [one for one in classes if "make_" not in one and families.last(one) not in ("Pipeline", "FeatureUnion")]
    kinds = [name for name in steps if not families.is_sklearn_preparation(name)]
    if any(name.startswith("sklearn.cluster.") for name in kinds) and data is not None and data[1] is None:
        return "clusters"
    if kinds and all(name.startswith(("sklearn.decomposition.", "sklearn.manifold.")) for name in kinds):
        invertible = all(name.startswith("sklearn.decomposition.") or "Scaler" in name for name in steps)
        return "reconstruction" if invertible and _many_components(call) else None
    return "score" if kinds else None


def _many_components(call: ast.Call) -> bool:
    """More components than a plot shows; a kernel's transformation can be undone where that is asked for."""
    calls = [node for node in ast.walk(call) if isinstance(node, ast.Call)]
    given = {keyword.arg: literal(keyword.value) for node in calls for keyword in node.keywords}
    first = literal(call.args[0]) if call.args else None
    count = given.get("n_components", first)
    kernel = "KernelPCA" in ast.unparse(call.func)
    return isinstance(count, int) and count > 3 and (not kernel or given.get("fit_inverse_transform") is True)


# --- data ---------------------------------------------------------------------------------------------------------


def data_of(program: Program, call: ast.Call) -> tuple[ast.expr, ast.expr | None] | None:
    """What the estimator is fitted on, as expressions in the scope of the call that makes it."""
    scope = program.function_of(call)
    above = program.parent.get(call)
    if isinstance(above, ast.Attribute) and above.attr in _FITS:  # Maker(...).fit(X, y)
        outer = program.parent.get(above)
        return _given(outer) if isinstance(outer, ast.Call) else None
    statement = program.statement_of(call)
    names = scopes.binds(statement) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else set()
    exact, loose = [], []
    for fit in program.calls:
        data = _fitted(program, fit)
        if data is None or program.class_of(fit) is not None:
            continue
        receiver, x, y = data
        mapped = _mapped(program, fit, x, y, scope)
        if mapped is None:
            continue
        own = isinstance(receiver, ast.Name) and receiver.id in names and program.function_of(fit) is scope
        if own and fit.lineno >= call.lineno:
            exact.append((fit.lineno, mapped))
        elif not (isinstance(receiver, ast.Name) and _is_other(program, receiver, call)):
            loose.append(mapped)
    if exact:
        return min(exact, key=lambda entry: entry[0])[1]
    return loose[0] if loose else None


def _is_other(program: Program, receiver: ast.Name, call: ast.Call) -> bool:
    """Whether a name is known to hold something else than what this call makes."""
    values = [getattr(statement, "value", None) for statement in program.assignments(receiver.id)]
    made = [value for value in values if isinstance(value, ast.Call)]
    own = any(value is call or call in ast.walk(value) for value in made)
    return (
        bool(made)
        and not own
        and all(estimator_class(program, value) is not None and not _takes(program, value, call) for value in made)
    )


def _takes(program: Program, value: ast.Call, call: ast.Call, depth: int = 3) -> bool:
    """`GridSearchCV(pipe, ...)`, `VotingRegressor([("gb", reg1)])`: the other one is made of this one."""
    names, used = scopes.binds(program.statement_of(call)), scopes.loads(value)
    if names & used or not depth:
        return bool(names & used)
    further = [getattr(statement, "value", None) for name in used for statement in program.assignments(name)]
    return any(isinstance(one, ast.Call) and _takes(program, one, call, depth - 1) for one in further)


def _fitted(program: Program, call: ast.Call) -> tuple[ast.expr, ast.expr, ast.expr | None] | None:
    """(estimator, X, y) of a fit, or of a cross-validation."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _FITS:
        data = _given(call)
        return (call.func.value, *data) if data is not None else None
    last = families.last(program.qualified(call.func) or "")
    if last in _CROSS and call.args:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        x = call.args[1] if len(call.args) > 1 else keywords.get("X")
        y = call.args[2] if len(call.args) > 2 else keywords.get("y")
        return (call.args[0], x, y) if x is not None else None
    return None


def _given(call: ast.Call) -> tuple[ast.expr, ast.expr | None] | None:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    x = call.args[0] if call.args else keywords.get("X", keywords.get("raw_documents"))
    y = call.args[1] if len(call.args) > 1 else keywords.get("y")
    if isinstance(y, ast.Constant) and y.value is None:
        y = None
    return (x, y) if x is not None and not isinstance(x, ast.Starred) else None


def _mapped(
    program: Program, fit: ast.Call, x: ast.expr, y: ast.expr | None, scope: Function | None
) -> tuple[ast.expr, ast.expr | None] | None:
    """The data as the scope of the maker calls them: through the parameters of a function, where it is called there."""
    home = program.function_of(fit)
    if home is scope:
        fine = all(part is None or is_pure(part) for part in (x, y))
        return (x, y) if fine and not _looped(program, fit, x, y) else None
    if home is None:
        return None
    sites = [site for site in program.call_sites(home) if program.function_of(site) is scope]
    if not sites:
        return None
    names = parameters(home)
    given = dict(zip(names, sites[0].args, strict=False)) | {k.arg: k.value for k in sites[0].keywords if k.arg}
    parts: list[ast.expr | None] = []
    for part in (x, y):
        if part is None:
            parts.append(None)
        elif isinstance(part, ast.Name) and part.id in given and is_pure(given[part.id]):
            parts.append(given[part.id])
        elif isinstance(part, ast.Name) and part.id not in scopes.bound_in(program, home):
            parts.append(part)
        else:
            return None
    return (parts[0], parts[1]) if parts[0] is not None else None


def _looped(program: Program, fit: ast.Call, x: ast.expr, y: ast.expr | None) -> bool:
    """Whether the data are those of one turn of a loop."""
    names = scopes.loads(x) | (scopes.loads(y) if y is not None else set())
    return any(names & scopes.binds(loop) for loop in program.loops_of(fit))


# --- what is searched ---------------------------------------------------------------------------------------------


def _knobs(program: Program, call: ast.Call) -> list[Knob]:
    """Arguments that a rule covers, of the estimator and of those it is made of."""
    known = dict(options(program))
    found: list[Knob] = []
    calls = [node for node in ast.walk(call) if isinstance(node, ast.Call)]
    for owner in calls:
        name = estimator_class(program, owner)
        if name is None:
            continue
        given = [(keyword.arg, keyword.value) for keyword in owner.keywords if keyword.arg]
        first = _FIRST.get(families.last(name))
        if first and owner.args:
            given.append((first, owner.args[0]))
        for word, node in given:
            value, reference = _value(program, node, known)
            if value is None or (word == "n_components" and isinstance(value, int) and value < 4):
                continue
            rule: Rule | None = rule_for(word, value, sklearn=True)
            if rule is not None and rule.kind != "size":
                label = word if all(knob.label != word for knob in found) else f"{families.last(name).lower()}_{word}"
                text = suggestion(label, rule, value, reference, program.quote)
                found.append(Knob(label, text, rule.order, node))
        found += _of_dictionary(program, owner, found)
    return sorted(found, key=lambda knob: knob.order)[:LIMIT]


def _of_dictionary(program: Program, owner: ast.Call, known: list[Knob]) -> list[Knob]:
    """`Model(**params)` of a dictionary that is written out: other values for entries that nothing else reads."""
    given = [keyword.value for keyword in owner.keywords if keyword.arg is None]
    if len(given) != 1 or not isinstance(given[0], ast.Name):
        return []
    name = given[0].id
    values = [getattr(statement, "value", None) for statement in program.assignments(name)]
    if len(values) != 1 or not isinstance(values[0], ast.Dict):
        return []
    reads = {ast.unparse(node) for node in program.nodes if isinstance(node, ast.Subscript)}
    found: list[Knob] = []
    for key, node in zip(values[0].keys, values[0].values, strict=True):
        value = literal(node)
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)) or value is None:
            continue
        rule = rule_for(key.value, value, sklearn=True)
        if rule is None or f"{name}[{key.value!r}]" in reads or any(knob.label == key.value for knob in known):
            continue
        text = suggestion(key.value, rule, value, None, program.quote)
        found.append(Knob(key.value, f"{program.string(key.value)}: {text}", rule.order))
    chosen = sorted(found, key=lambda knob: knob.order)[:LIMIT]
    if not chosen:
        return []
    entries = ", ".join(knob.text for knob in chosen)
    return [Knob(", ".join(knob.label for knob in chosen), f"{{**{name}, {entries}}}", 0, given[0])]


def _value(program: Program, node: ast.expr, known: dict[str, Value]) -> tuple[Value | None, str | None]:
    """The present value of an argument, and the expression it is written as where that is no literal."""
    value = literal(node)
    if value is not None:
        return value, None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in known:
        return known[node.attr], program.source(node)
    if isinstance(node, ast.Name):
        bound = [statement for statement in program.assignments(node.id) if isinstance(statement, ast.Assign)]
        if len(bound) == 1 and len(program.assignments(node.id)) == 1:
            return literal(bound[0].value), program.source(node)
    return None, None


def _default(program: Program, call: ast.Call) -> list[Knob]:
    """What is usually searched of the first estimator that the table knows, around the library's default."""
    for owner in (node for node in ast.walk(call) if isinstance(node, ast.Call)):
        name = families.last(estimator_class(program, owner) or "")
        if not name or any(keyword.arg is None for keyword in owner.keywords):
            continue
        for words, argument, space in _DEFAULTS:
            if not any(word in name for word in words):
                continue
            if not argument:
                argument = "fit_intercept" if "Regression" in name else "store_covariance"
                text = f"trial.suggest_categorical({program.string(argument)}, [True, False])"
            else:
                kind, low, high, *log = space.split()
                text = f"trial.suggest_{kind}({program.string(argument)}, {low}, {high}{', log=True' if log else ''})"
            if any(keyword.arg == argument for keyword in owner.keywords):
                continue
            return [Knob(argument, text, 0, None, owner, argument)]
    return []
