"""What the text of a search gives away: suggestions that nothing uses, an objective of constants, the wrong direction.

Only what is certain counts; everything else is left to the run. Pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal

from mlops_bot.verify.code import Code, callee, dotted
from mlops_bot.verify.made_up import Origins
from mlops_bot.verify.numbers import words

Way = Literal["minimize", "maximize"]
_SHOWING = frozenset(
    {
        "print",
        "info",
        "debug",
        "warning",
        "log",
        "write",
        "set_user_attr",
        "format",
        "pprint",
        "dump",
        "dumps",
        "display",
    }
)
_RESULTS = frozenset({"best_params", "best_trial", "best_trials", "trials", "get_trials", "trials_dataframe"})
_LOWER = frozenset({"loss", "losses", "mse", "rmse", "mae", "mape", "nll", "perplexity", "ppl", "error", "deviance"})
_HIGHER = frozenset(
    {"acc", "accuracy", "accuracies", "f1", "auc", "auroc", "r2", "precision", "recall", "reward", "rewards", "correct"}
)
_SAME = {"learning_rate": "lr", "wd": "weight_decay", "n_epochs": "epochs", "num_epochs": "epochs"}
_DEPTH = 8


def plain(name: str) -> str:
    """`LEARNING_RATE`, `svc__C`, `learning_rate` and `lr` as the hyperparameter they name."""
    last = re.split(r"__|\.", name.lstrip("-").replace("-", "_"))[-1].lower()
    return _SAME.get(last, last)


def suggested_names(code: Code) -> set[str]:
    """The names of all suggestions that are written out, and the variables that they are given to."""
    found: set[str] = set()
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Call) and callee(node).startswith("suggest_"):
            arguments = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
            found |= {str(part.value) for part in arguments if isinstance(part, ast.Constant)}
        elif isinstance(node, ast.Assign) and _suggests(node.value):
            found |= {(dotted(target) or "").rpartition(".")[2] for target in node.targets} - {""}
    return found


def _suggests(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) and callee(part).startswith("suggest_") for part in ast.walk(node))


def trial_scopes(code: Code) -> set[str]:
    """Functions that run for a trial: that suggest, are optimized, or take a trial; and those inside of them."""
    roots = {name for name, _ in _objectives(code) if name}
    for name, node in code.definitions.items():
        if isinstance(node, ast.ClassDef):
            continue
        taken = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        if "trial" in taken or any(_suggests(statement) for statement in node.body):
            roots.add(name)
    return {name for name in code.definitions if any(name == root or name.startswith(f"{root}.") for root in roots)}


def check(original: Code, candidate: Code) -> str | None:
    """The first thing that the text alone proves wrong about a search; None when it may be right."""
    return (
        _unused(candidate)
        or _made_up(candidate)
        or _wrong_way(candidate)
        or _wrong_data(original, candidate)
        or _best_only_shown(candidate)
    )


# --- suggestions that nothing uses --------------------------------------------------------------------------------


def _unused(code: Code) -> str | None:
    parents = {child: node for node in ast.walk(code.tree) for child in ast.iter_child_nodes(node)}
    if any(isinstance(node, ast.Attribute) and node.attr == "params" for node in ast.walk(code.tree)):
        return None  # `trial.params` may be how they are used
    for call in (node for node in ast.walk(code.tree) if isinstance(node, ast.Call)):
        if not callee(call).startswith("suggest_"):
            continue
        above = parents[call]
        while isinstance(above, (ast.Dict, ast.Tuple, ast.List)):
            above = parents[above]
        if isinstance(above, ast.Expr):
            return f"the value of `{code.source(call)}` (line {call.lineno}) is never used: train with it"
        target = above.targets[0] if isinstance(above, ast.Assign) else None
        if isinstance(target, ast.Name) and not _used(code, parents, above, target.id):
            return f"the suggested `{target.id}` (line {call.lineno}) is never used: train with it"
    return None


def _used(code: Code, parents: dict[ast.AST, ast.AST], statement: ast.AST, name: str) -> bool:
    """Whether a name is read for more than showing it, in its function or, where it is declared there, anywhere."""
    scope: ast.AST = statement
    while not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
        scope = parents[scope]
    if any(isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names for node in ast.walk(scope)):
        scope = code.tree
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            if not _shown(node, parents):
                return True
        if isinstance(node, ast.Call) and callee(node) in ("locals", "vars", "eval", "exec"):
            return True
    return False


def _shown(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    while not isinstance(node, ast.stmt):
        node = parents[node]
        if isinstance(node, ast.Call) and callee(node) in _SHOWING:
            return True
    return False


# --- the objective ------------------------------------------------------------------------------------------------


def _objectives(code: Code) -> Iterator[tuple[str, list[ast.expr]]]:
    """What studies optimize: the function's name ("" for a lambda), and what it returns."""
    for call in (node for node in ast.walk(code.tree) if isinstance(node, ast.Call)):
        if callee(call) != "optimize" or not isinstance(call.func, ast.Attribute):
            continue
        given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "func"), None)
        if isinstance(given, ast.Call) and callee(given) == "partial" and given.args:
            given = given.args[0]
        if isinstance(given, ast.Lambda):
            inner = given.body
            if not (isinstance(inner, ast.Call) and callee(inner) in code.definitions):
                yield "", [inner]
                continue
            given = inner.func  # `lambda trial: train(trial, data)`: what `train` returns
        if isinstance(given, (ast.Name, ast.Attribute)):
            last = (dotted(given) or "").rpartition(".")[2]
            for name, node in code.definitions.items():
                if name.rpartition(".")[2] == last and not isinstance(node, ast.ClassDef):
                    yield name, _returned(node)


def _returned(function: ast.AST) -> list[ast.expr]:
    found: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                visit(child)

    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            visit(child)
    return found


def _made_up(code: Code) -> str | None:
    origins = Origins(code)
    learned = {  # what is backpropagated is computed, whatever its tensors were made of
        dotted(node.func.value)
        for node in ast.walk(code.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"
    }
    for name, returned in _objectives(code):
        made = [
            value
            for value in returned
            if not any(isinstance(node, ast.Name) and node.id in learned for node in ast.walk(value))
        ]
        if name and returned and len(made) == len(returned) and all(origins.made_up(value, name) for value in made):
            shown = code.source(returned[0])
            return (
                f"the objective returns constants, counters or random numbers only (`{shown}`, line "
                f"{returned[0].lineno}): return the value of the program's own evaluation"
            )
        if name and not returned:
            return f"the objective `{name}` returns nothing: return the value of the program's own evaluation"
    return None


def _wrong_way(code: Code) -> str | None:
    """The study's direction against the name of what the objective returns."""
    direction = _direction(code)
    if direction is None:
        return None
    for name, returned in _objectives(code):
        ways = {_way(value, code, name, _DEPTH) for value in returned}
        if len(ways) == 1 and (way := ways.pop()) is not None and way != direction:
            shown = code.source(returned[0])
            return (
                f"the study {direction}s what the objective returns (`{shown}`, line {returned[0].lineno}), "
                f"which gets better the {'smaller' if way == 'minimize' else 'larger'} it is: "
                f'create it with direction="{way}"'
            )
    return None


def _direction(code: Code) -> Way | None:
    """The one direction of all studies; None where it is no literal, or where there are several."""
    found: set[Way | None] = set()
    for call in (node for node in ast.walk(code.tree) if isinstance(node, ast.Call)):
        if callee(call) != "create_study":
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if "directions" in given or None in given:
            return None
        value = given.get("direction")
        if value is None:
            found.add("minimize")  # Optuna's default
        elif isinstance(value, ast.Constant) and value.value in ("minimize", "maximize"):
            found.add("minimize" if value.value == "minimize" else "maximize")
        else:
            return None
    return found.pop() if len(found) == 1 else None


def _way(node: ast.expr, code: Code, scope: str, depth: int) -> Way | None:
    """In which direction a value gets better, where its own name or that of its origin says so."""
    if depth <= 0:
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _turned(_way(node.operand, code, scope, depth - 1))
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Constant):
            return _turned(_way(node.right, code, scope, depth - 1))
        if isinstance(node.op, (ast.Div, ast.Mult)):
            ways = {_way(part, code, scope, depth - 1) for part in (node.left, node.right)} - {None}
            return ways.pop() if len(ways) == 1 else None
        return None
    if isinstance(node, ast.Call):
        return _way_of_call(node, code, scope, depth)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return _by_name(node.slice.value)
        part = _element(node, code)
        return _way(part[0], code, part[1], depth - 1) if part else _way(node.value, code, scope, depth - 1)
    if isinstance(node, ast.Name):
        value = code.value_of(node.id, scope)
        way = _way(value, code, scope, depth - 1) if value is not None else None
        return way or _by_name(node.id)
    return _by_name(node.attr) if isinstance(node, ast.Attribute) else None


def _element(node: ast.Subscript, code: Code) -> tuple[ast.expr, str] | None:
    """`run(...)[1]`: the element that the local function returns there, and its scope."""
    if not (isinstance(node.value, ast.Call) and isinstance(node.slice, ast.Constant)):
        return None
    word, at = callee(node.value), node.slice.value
    definition = code.definitions.get(word)
    if definition is None or isinstance(definition, ast.ClassDef) or not isinstance(at, int):
        return None
    returned = _returned(definition)
    tuples = [value for value in returned if isinstance(value, ast.Tuple) and -len(value.elts) <= at < len(value.elts)]
    return (tuples[0].elts[at], word) if len(tuples) == len(returned) == 1 else None


def _way_of_call(node: ast.Call, code: Code, scope: str, depth: int) -> Way | None:
    word = callee(node)
    if word in ("float", "round", "mean", "max", "min", "sum", "average", "median", "sqrt") and node.args:
        return _way(node.args[0], code, scope, depth - 1)
    if isinstance(node.func, ast.Attribute) and not node.args:
        if word in ("item", "mean", "max", "min", "cpu", "detach", "tolist", "sum"):
            return _way(node.func.value, code, scope, depth - 1)
    if word == "cross_val_score":
        return "maximize"
    definition = code.definitions.get(word)
    if definition is not None and not isinstance(definition, ast.ClassDef):
        ways = {_way(value, code, word, depth - 1) for value in _returned(definition)}
        return ways.pop() if len(ways) == 1 else None
    if word.endswith(("_error", "_loss", "_deviance")):
        return "minimize"
    return "maximize" if word in ("accuracy_score", "f1_score", "roc_auc_score", "r2_score") else None


def _by_name(name: str) -> Way | None:
    said = set(words(name).replace("f 1", "f1").replace("r 2", "r2").split())
    lower, higher = bool(said & _LOWER), bool(said & _HIGHER)
    if lower == higher or "neg" in said or "negative" in said:
        return None
    return "minimize" if lower else "maximize"


def _turned(way: Way | None) -> Way | None:
    return None if way is None else "maximize" if way == "minimize" else "minimize"


# --- on which data --------------------------------------------------------------------------------------------------


def _wrong_data(original: Code, candidate: Code) -> str | None:
    """The objective's value is made of test data by their names, while the original has validation data."""
    if not any(_validation(name) for name in _names(original.tree)):
        return None
    for name, returned in _objectives(candidate):
        for value in returned:
            used = _origin_names(value, candidate, name)
            test = sorted(one for one in used if set(words(one).split()) & {"test", "testing"})
            if test and not any(_validation(one) or "val" in words(one).split() for one in used):
                return (
                    f"the objective is measured on the test data (`{test[0]}`, line {value.lineno}): "
                    "the program has validation data for that"
                )
    return None


def _validation(name: str) -> bool:
    parts = words(name).split()
    return bool({"valid", "validation", "validate", "dev"} & set(parts)) or ("val" in parts and len(parts) > 1)


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name


def _origin_names(value: ast.expr, code: Code, scope: str) -> set[str]:
    """The names and text keys that a value is made of, through the variables of the objective."""
    function = code.definitions.get(scope)
    bound: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        bound.setdefault(part.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            bound.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            for part in ast.walk(node.target):
                if isinstance(part, ast.Name):
                    bound.setdefault(part.id, []).append(node.iter)
    found: set[str] = set()
    todo: list[ast.expr] = [value]
    while todo:
        for node in ast.walk(todo.pop()):
            said = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said = node.value
            if said is not None and said not in found:
                found.add(said)
                todo += bound.get(said, [])
    return found


# --- what becomes of the best ----------------------------------------------------------------------------------------


def _best_only_shown(code: Code) -> str | None:
    """The results are looked at, but for nothing more than printing or storing them."""
    parents = {child: node for node in ast.walk(code.tree) for child in ast.iter_child_nodes(node)}
    results = [node for node in ast.walk(code.tree) if isinstance(node, ast.Attribute) and node.attr in _RESULTS]
    if not results or any(not _only_shown(node, code, parents, _DEPTH) for node in results):
        return None
    first = min(results, key=lambda node: node.lineno)
    return f"the best parameters are only printed (line {first.lineno}): train the final model with them"


def _only_shown(node: ast.AST, code: Code, parents: dict[ast.AST, ast.AST], depth: int) -> bool:
    """Whether a value ends in what shows it; a name it is given to is followed, and so is a loop over it."""
    if depth <= 0:
        return False
    below = node
    while not isinstance(below, ast.stmt):
        below = parents[below]
        if isinstance(below, ast.Call) and callee(below) in _SHOWING:
            return True
    if isinstance(below, ast.Assign):
        targets: list[ast.expr] = list(below.targets)
    elif isinstance(below, (ast.For, ast.AsyncFor)):
        targets = [below.target]
    else:
        return isinstance(below, ast.Expr) and not any(isinstance(part, ast.Call) for part in ast.walk(below))
    names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    if not names or any(not isinstance(part, (ast.Name, ast.Tuple, ast.List)) for part in targets):
        return False
    uses = [
        use
        for use in ast.walk(code.tree)
        if isinstance(use, ast.Name) and use.id in names and isinstance(use.ctx, ast.Load)
    ]
    return all(_only_shown(use, code, parents, depth - 1) for use in uses)
