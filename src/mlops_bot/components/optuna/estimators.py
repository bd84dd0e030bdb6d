"""scikit-learn: every estimator is made by a function of a trial, which cross-validation on its own data scores."""

from __future__ import annotations

import ast

from mlops_bot.components.optuna import makers, tried
from mlops_bot.components.optuna.emit import MAX_LINE, add_imports, program_indent
from mlops_bot.components.optuna.makers import Maker
from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.draft import APART, Draft
from mlops_bot.rewrite.edits import first_line
from mlops_bot.rewrite.program import Function, Program
from mlops_bot.rewrite.purity import is_pure

_HELPERS = {
    "score": '''def tune(build, X, y=None):
    """What `build` makes of the best trial; trials are scored by cross-validation on these data."""
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: cross_val_score(build(trial), X, y, cv=3).mean(), n_trials=N_TRIALS)
    print("best cross-validated score:", study.best_value, "with", study.best_params)
    return build(study.best_trial)''',
    "clusters": '''def tune_clusters(build, X):
    """What `build` makes of the best trial; trials are scored by how well their clusters are apart."""

    def objective(trial):
        labels = build(trial).fit_predict(X)
        return silhouette_score(X, labels) if 1 < len(set(labels)) < len(labels) else -1.0

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=N_TRIALS)
    print("best silhouette score:", study.best_value, "with", study.best_params)
    return build(study.best_trial)''',
    "grid": '''def best_of(estimator, grid, X, y=None):
    """The best combination of a grid's values, as a grid of its own; trials are scored by cross-validation."""

    def objective(trial):
        params = {name: trial.suggest_categorical(name, list(values)) for name, values in grid.items()}
        return cross_val_score(clone(estimator).set_params(**params), X, y).mean()

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=N_TRIALS)
    print("best cross-validated score:", study.best_value, "with", study.best_params)
    return {name: [value] for name, value in study.best_params.items()}''',
    "reconstruction": '''def tune_transformation(build, X):
    """What `build` makes of the best trial; trials are scored by how well held-out data can be restored."""

    def restored(model, X, y=None):
        return -((X - model.inverse_transform(model.transform(X))) ** 2).mean()

    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: cross_val_score(build(trial), X, scoring=restored, cv=3).mean(), n_trials=N_TRIALS)
    print("best reconstruction score:", study.best_value, "with", study.best_params)
    return build(study.best_trial)''',
}
_NAMES = {
    "score": "tune",
    "clusters": "tune_clusters",
    "reconstruction": "tune_transformation",
    "grid": "best_of",
}
_SAID = {
    "score": "cross-validated score",
    "clusters": "silhouette of the clusters",
    "reconstruction": "restoration of held-out data",
    "grid": "cross-validated score",
}
_CROSS = ("sklearn.model_selection", "cross_val_score")
_IMPORTS = {
    "score": (_CROSS,),
    "clusters": (("sklearn.metrics", "silhouette_score"),),
    "reconstruction": (_CROSS,),
    "grid": (("sklearn.base", "clone"), _CROSS),
}
_BEST = frozenset(  # what of a grid search speaks of its best combination only
    {"fit", "predict", "predict_proba", "score", "decision_function", "best_params_", "best_score_", "best_estimator_"}
)


def tune(program: Program) -> tuple[str, list[str]] | str:
    """The text with a search for every estimator that can have one, and notes; or why there is none."""
    draft = Draft(program)
    grids = [grid for grid in _grids(program) if _narrow(program, draft, grid)]
    found = [maker for maker in makers.find(program) if not _clashes(program, _NAMES[maker.kind])]
    found = [maker for maker in found if maker.shown or not grids]
    done = [maker for maker in found if _wrap(program, draft, maker)]
    if not done and not grids:
        return _beside(program)
    _move(program, draft, done)
    kinds = [*dict.fromkeys(maker.kind for maker in done), *(["grid"] if grids else [])]
    _imports(program, draft, kinds)
    helpers = [_styled(program, _HELPERS[kind]) for kind in kinds]
    calls = [*(maker.call for maker in done), *grids]
    draft.put(_place(program, draft, calls), "".join(f"{APART}\n{helper}\n" for helper in helpers) + f"{APART}\n")
    labels = [knob.label for maker in done for knob in maker.knobs] + ["the values of the grid"] * bool(grids)
    notes = [
        f"searched: {', '.join(dict.fromkeys(labels))}",
        f"objective: maximize the {' and the '.join(dict.fromkeys(_SAID[kind] for kind in kinds))}",
    ]
    if any(not maker.shown for maker in done):
        notes.append("the source shows no hyperparameter of these estimators: their libraries' defaults are searched")
    return draft.apply(), notes


def _beside(program: Program) -> tuple[str, list[str]] | str:
    """A search beside values that the program tries by itself, whose results it needs all."""
    found = tried.find(program)
    if found is None or _clashes(program, _NAMES["score"]):
        return "no estimator with a hyperparameter that a rule covers is made before its data in one place"
    draft = Draft(program)
    name, margin = program.free("best_model", "best_estimator"), program_indent(program)
    parts = [f"lambda trial: {_spread(program, found.build, margin)}", *found.data]
    rows = [part.replace("\n", f"\n{margin}") if at else part for at, part in enumerate(parts)]
    made = "".join(f"{margin}{row},\n" for row in rows)
    draft.insert_after(found.after, f"\n{name} = tune(\n{made})\n{name}.fit({', '.join(found.data)})")
    _imports(program, draft, ["score"], *([("sklearn.base", "clone")] if found.copies else []))
    helper = _styled(program, _HELPERS["score"])
    draft.put(_place(program, draft, [found.call]), f"{APART}\n{helper}\n{APART}\n")
    notes = [
        f"searched: {found.label}",
        f"objective: maximize the {_SAID['score']}",
        "the program tries these values by itself and shows all results: they stay, and the search is made beside them",
    ]
    return draft.apply(), notes


def _imports(program: Program, draft: Draft, kinds: list[str], *more: tuple[str, str]) -> None:
    """What the helpers need: in an import of the same module where there is one."""
    lines: list[str] = []
    for module, name in dict.fromkeys([*(entry for kind in kinds for entry in _IMPORTS[kind]), *more]):
        if program.imports.get(name) == f"{module}.{name}":
            continue
        same = [
            node
            for node in program.tree.body
            if isinstance(node, ast.ImportFrom) and node.module == module and node.names[0].name != "*"
        ]
        if not same:
            lines.append(f"from {module} import {name}")
            continue
        names = [alias.asname or alias.name for alias in same[0].names]
        larger = [alias for alias in same[0].names if alias.name > name and names == sorted(names)]
        if larger:
            draft.prefix(larger[0], f"{name}, ")
        else:
            draft.suffix(same[0].names[-1], f", {name}")
    add_imports(draft, program, ["import optuna", *lines])


def _styled(program: Program, text: str) -> str:
    if program.quote == "'":
        text = "\n".join(row if '"""' in row else row.replace('"', "'") for row in text.split("\n"))
    return text.replace("    ", program_indent(program))


def _clashes(program: Program, name: str) -> bool:
    taken = {node.id for node in program.nodes if isinstance(node, ast.Name)} | set(program.imports)
    taken |= {function.name for function in program.functions}
    return name in taken or "trial" in taken


def _place(program: Program, draft: Draft, calls: list[ast.Call]) -> int:
    """The line above which the helpers stand: before the first top-level statement that needs one."""
    for at, statement in enumerate(program.tree.body):
        definition = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if definition or any(program.inside(call, statement) for call in calls):
            above = (program.tree.body[at - 1].end_lineno or 0) if at else 0
            return draft.start(statement, above)
    return first_line(program.tree.body[0])


# --- grids ----------------------------------------------------------------------------------------------------------


def _grids(program: Program) -> list[ast.Call]:
    """Searches over a grid, outside of loops, of whose results only the best one is looked at."""
    found = []
    for call in program.calls:
        if not (program.qualified(call.func) or "").endswith("GridSearchCV") or program.loops_of(call):
            continue
        statement = program.statement_of(call)
        names = scopes.binds(statement) if isinstance(statement, ast.Assign) and statement.value is call else set()
        looked = {
            node.attr
            for node in program.nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
        }
        if names and looked <= _BEST:
            found.append(call)
    return found


def _narrow(program: Program, draft: Draft, call: ast.Call) -> bool:
    """`GridSearchCV(model, grid)` gets the best combination that a study finds in the grid."""
    estimator, grid = makers.grid_parts(call)
    data = makers.data_of(program, call)
    if estimator is None or grid is None or data is None or _clashes(program, "best_of"):
        return False
    made = frozenset({ast.unparse(estimator.func)} if isinstance(estimator, ast.Call) else ())
    if not tried.is_dictionary(program, grid) or not is_pure(estimator, made):
        return False
    parts = [estimator, grid, *(part for part in data if part is not None)]
    names = {name for part in parts for name in scopes.loads(part)}
    bound = {name for part in _before(program, program.statement_of(call)) for name in scopes.binds(part)}
    if not names <= bound | set(program.imports) | {function.name for function in program.functions}:
        return False
    draft.replace(grid, f"best_of({', '.join(program.source(part) for part in parts)})")
    return True


# --- one estimator --------------------------------------------------------------------------------------------------


def _wrap(program: Program, draft: Draft, maker: Maker) -> bool:
    """Make it by a function of the trial, in its place or where its data are there."""
    statement = program.statement_of(maker.call)
    after = _data_statement(program, maker, statement)
    if after is None or (after is not statement and not _movable(program, draft, statement, after)):
        return False
    for knob in maker.knobs:
        if knob.node is not None:
            draft.replace(knob.node, knob.text)
        elif knob.owner is not None:
            draft.add_argument(knob.owner, f"{knob.name}={knob.text}")
    if maker.builder is not None:
        _shorten(program, draft, maker.builder)
        by_name = bool(maker.builder.args.defaults or maker.call.keywords)
        draft.add_parameters(maker.builder, "trial")
        draft.add_argument(maker.call, "trial=trial" if by_name else "trial")
    draft.rewrite(maker.call, _call(program, draft, maker))
    return True


def _move(program: Program, draft: Draft, done: list[Maker]) -> None:
    """Statements that stand above their data go below them."""
    for statement in dict.fromkeys(program.statement_of(maker.call) for maker in done):
        mine = [maker for maker in done if program.statement_of(maker.call) is statement]
        places = [_data_statement(program, maker, statement) for maker in mine]
        below = [place for place in places if place is not None and place is not statement]
        if below:
            after = max(below, key=lambda place: place.lineno)
            rows = draft.take(statement, _above(program, statement))
            draft.insert_after(after, "\n".join(["", *rows]))


def _call(program: Program, draft: Draft, maker: Maker) -> str:
    """`tune(lambda trial: Model(...), X, y)`, on several lines where it is long."""
    margin = _margin(program, maker.call)
    inner = program_indent(program)
    made = _spread(program, draft.text_of(maker.call), margin)
    data = [program.source(part) for part in (maker.x, maker.y) if part is not None]
    data = data if maker.kind == "score" else data[:1]
    name = _NAMES[maker.kind]
    line = f"{name}(lambda trial: {made}, {', '.join(data)})"
    if "\n" not in made and maker.call.col_offset + len(line) <= MAX_LINE:
        return line
    rows = made.split("\n")
    body = "\n".join([rows[0], *(inner + row if row.strip() else row for row in rows[1:])])
    parts = [f"lambda trial: {body}", *data]
    return f"{name}(\n" + "".join(f"{margin}{inner}{part},\n" for part in parts) + f"{margin})"


def _margin(program: Program, node: ast.expr | ast.stmt) -> str:
    row = program.text.split("\n")[node.lineno - 1]
    return row[: len(row) - len(row.lstrip())]


def _shorten(program: Program, draft: Draft, builder: Function) -> None:
    """The line of a builder that the suggestions made long."""
    last = builder.body[-1]
    if isinstance(last, ast.Return) and isinstance(last.value, ast.Call):
        text = draft.text_of(last.value)
        shorter = _spread(program, text, _margin(program, last))
        if shorter != text:
            draft.rewrite(last.value, shorter)


def _spread(program: Program, text: str, margin: str) -> str:
    """The text of a call, with an argument a line where it is long and on one line."""
    if "\n" in text or "#" in text or len(margin) + len(text) <= MAX_LINE - 10:
        return text
    made = ast.parse(text, mode="eval").body
    if not isinstance(made, ast.Call):
        return text
    inner = margin + program_indent(program)
    rows = []
    for part in [*made.args, *made.keywords]:
        value = part.value if isinstance(part, (ast.keyword, ast.Starred)) else part
        label = (f"{part.arg}=" if part.arg else "**") if isinstance(part, ast.keyword) else ""
        label = "*" if isinstance(part, ast.Starred) else label
        shown = ast.get_source_segment(text, value) or ast.unparse(value)
        if isinstance(value, ast.Call) and len(inner) + len(label) + len(shown) > MAX_LINE:
            shown = _spread(program, shown, inner)
        rows.append(f"{inner}{label}{shown},\n")
    return f"{ast.get_source_segment(text, made.func)}(\n{''.join(rows)}{margin})"


# --- where the data are ---------------------------------------------------------------------------------------------


def _data_statement(program: Program, maker: Maker, statement: ast.stmt) -> ast.stmt | None:
    """The statement itself where its data are there already, or the one of the same suite that brings them."""
    names = {name for part in (maker.x, maker.y) if part is not None for name in scopes.loads(part)}
    scope = program.function_of(maker.call)
    bound = {name for part in _before(program, statement) for name in scopes.binds(part)} | set(program.imports)
    if scope is not None:
        own = {name for part in scope.body for name in scopes.binds(part)}
        bound |= scopes.bound_in(program, None) | (scopes.bound_in(program, scope) - own)
    if names <= bound:
        return statement
    suite = program.suite_of(statement)
    later = suite[suite.index(statement) + 1 :] if statement in suite else []
    made = scopes.binds(statement)
    used = next((at for at, part in enumerate(later) if made & scopes.loads(part)), len(later))
    bringing = [part for part in later[:used] if names & scopes.binds(part)]
    brought = {name for part in bringing for name in scopes.binds(part)}
    return bringing[-1] if bringing and names <= bound | brought else None


def _before(program: Program, statement: ast.stmt) -> list[ast.stmt]:
    """Statements that run before this one: above it in its own suite and in the suites around."""
    found: list[ast.stmt] = []
    current: ast.AST = statement
    while isinstance(current, ast.stmt):
        suite = program.suite_of(current)
        found += suite[: suite.index(current)] if current in suite else []
        above = program.parent.get(current)
        if isinstance(above, (ast.With, ast.For)):
            found.append(above)
        if isinstance(above, ast.If) and above is program.main_guard:
            current = above
            continue
        if not isinstance(above, ast.stmt) or isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
            break
        current = above
    return found


def _movable(program: Program, draft: Draft, statement: ast.stmt, after: ast.stmt) -> bool:
    """Whether the statement may run later: nothing in between reads what it binds, and it has its lines for itself."""
    suite = program.suite_of(statement)
    between = suite[suite.index(statement) + 1 : suite.index(after) + 1]
    own = scopes.binds(statement)
    return draft.alone(statement) and not any(own & scopes.loads(part) for part in between)


def _above(program: Program, statement: ast.stmt) -> int:
    suite = program.suite_of(statement)
    at = suite.index(statement)
    return (suite[at - 1].end_lineno or 0) if at else 0
