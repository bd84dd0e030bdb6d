"""Metrics that are handed to something that records them: progress bars, TensorBoard, trackers, Lightning, Keras."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mlops_bot.source import families

if TYPE_CHECKING:
    from mlops_bot.source.loops import Scope
    from mlops_bot.source.metrics import Finder

_TRACKERS = frozenset({"wandb", "mlflow", "comet_ml", "neptune", "swanlab", "trackio", "aim", "clearml"})


def note(finder: Finder, call: ast.Call, word: str, name: str | None) -> None:
    """Whatever one call records."""
    if word == "set_postfix":
        for label, value in _pairs(call):
            finder.add(label, value, call)
    elif word == "add_scalar" and len(call.args) >= 2:
        finder.add(_label(finder, call.args[0]), call.args[1], call)
    elif word == "add_scalars" and len(call.args) >= 2 and isinstance(call.args[1], ast.Dict):
        for label, value in _entries(call.args[1]):
            finder.add(f"{_label(finder, call.args[0])}/{label}", value, call)
    elif word == "scalar" and (name or "").endswith("summary.scalar") and len(call.args) >= 2:
        finder.add(_label(finder, call.args[0]), call.args[1], call)
    elif word in ("log", "log_dict", "log_metrics", "log_metric") and isinstance(call.func, ast.Attribute):
        _log(finder, call, word, name)
    elif word == "compile" and isinstance(call.func, ast.Attribute):
        _compile(finder, call)


def _log(finder: Finder, call: ast.Call, word: str, name: str | None) -> None:
    program, resolver = finder.program, finder.resolver
    assert isinstance(call.func, ast.Attribute)
    scope = program.scope[call]
    owner_roots = resolver.roots(program.class_of.get(scope or ""))
    of_module = (
        isinstance(call.func.value, ast.Name)
        and call.func.value.id == "self"
        and (any(families.is_lightning_module(r) for r in owner_roots) or _is_hook(scope))
    )
    receiver_roots = resolver.roots(resolver.instance(call.func.value, scope))
    tracker = families.top(name or "") in _TRACKERS or any(
        families.is_fabric(r) or families.top(r) in _TRACKERS for r in receiver_roots
    )
    if not of_module and not tracker:
        return
    where = _lightning_scope(call, scope) if of_module else None
    if where == "unknown":  # a helper of the hooks: eval_step called by validation_step
        hooks = [_lightning_scope(call, site.scope) for site in resolver.sites.get(scope or "", ())]
        where = next((h for h in ("epoch", "batch", "after") if h in hooks), "unknown")
    arguments = {k.arg: k.value for k in call.keywords if k.arg}
    first = call.args[0] if call.args else arguments.get("name") or arguments.get("key") or arguments.get("dictionary")
    if isinstance(first, ast.Dict):
        for label, value in _entries(first):
            finder.add(label, value, call, where)
        return
    second = call.args[1] if len(call.args) > 1 else arguments.get("value")
    if first is not None and second is not None and word != "log_dict":
        finder.add(_label(finder, first), second, call, where)


def _is_hook(scope: str | None) -> bool:
    return families.last(scope or "") in ("training_step", "validation_step", "test_step", "on_train_epoch_end")


def _lightning_scope(call: ast.Call, scope: str | None) -> Scope:
    """When Lightning records it: on_epoch and on_step as given, or by the hook that logs."""
    given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    if given.get("on_epoch") is True:
        return "epoch"
    hook = families.last(scope or "")
    if hook.startswith(("test_", "on_test")):
        return "after"
    if given.get("on_step") is True:
        return "batch"
    if hook in ("training_step", "on_train_batch_end", "on_train_batch_start"):
        return "batch"
    if hook.startswith(("validation_", "on_")) or hook.endswith(("epoch_end", "_eval")):
        return "epoch"
    return "unknown"


def _compile(finder: Finder, call: ast.Call) -> None:
    """Keras: compile(loss=..., metrics=[...]) makes fit() report them each epoch."""
    keywords = {k.arg: k.value for k in call.keywords if k.arg}
    if not ({"loss", "metrics", "weighted_metrics"} & set(keywords) or "optimizer" in keywords):
        return
    if "loss" in keywords:
        finder.add("loss", keywords["loss"], call, "epoch")
    elif len(call.args) > 1:
        finder.add("loss", call.args[1], call, "epoch")
    for group in ("metrics", "weighted_metrics"):
        given = keywords.get(group)
        if isinstance(given, ast.List | ast.Tuple):
            for element in given.elts:
                finder.add(_keras_label(element), element, call, "epoch")
        elif isinstance(given, ast.Dict):
            for _, value in _entries(given):
                for element in value.elts if isinstance(value, ast.List | ast.Tuple) else [value]:
                    finder.add(_keras_label(element), element, call, "epoch")


def _keras_label(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _label(finder: Finder, node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):  # f"{stage}_loss" stays as written between the quotes
        return ast.unparse(node)[2:-1]
    return finder.program.source(node)


def _entries(node: ast.Dict) -> list[tuple[str, ast.expr]]:
    found = []
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant):
            found.append((str(key.value), value))
        elif isinstance(key, ast.JoinedStr):
            found.append((ast.unparse(key)[2:-1], value))
    return found


def _pairs(call: ast.Call) -> list[tuple[str, ast.expr]]:
    found = [(k.arg, k.value) for k in call.keywords if k.arg and k.arg != "refresh"]
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            found += _entries(argument)
    return found


def _meters(finder: Finder) -> None:
    """Running averages: instances of a local class with update() and avg, made with the words they are shown by."""
    program, resolver = finder.program, finder.resolver
    for call in program.calls:
        func = call.func
        if not (isinstance(func, ast.Attribute) and func.attr == "update" and isinstance(func.value, ast.Name)):
            continue
        kind = resolver.instance(func.value, program.scope[call])
        if kind not in program.classes or (kind, "self.avg") not in program.assigned or call.lineno < 1:
            continue
        made = finder.latest(func.value)
        if not isinstance(made, ast.Call) or not made.args or not isinstance(made.args[0], ast.Constant):
            continue
        label = str(made.args[0].value)
        if (
            finder.is_timing(label)
            or finder.is_timing(func.value.id)
            or any(m.expression == f"{func.value.id}.avg" for m in finder.found)
        ):
            continue
        average = ast.parse(f"{func.value.id}.avg", mode="eval").body
        finder.add(label, average, call)


def unshown(finder: Finder) -> None:
    """Running averages, scores that are computed but not printed, what a Keras train_step or test_step returns."""
    program, resolver = finder.program, finder.resolver
    _meters(finder)
    for call in program.calls:
        name = resolver.targets.get(call)
        if call in finder.shown_calls:
            continue
        scoring = name is not None and (
            families.is_sklearn_metric(name)
            or (name.startswith("sklearn.") and families.last(name) in ("score", "cross_val_score"))
        )
        if scoring and name is not None and not _is_shown_later(finder, call) and not _is_argument(finder, call):
            finder.add(_target(finder, call) or families.last(name), call, call)
    for node in program.nodes:
        scope = program.scope[node]
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict) and scope is not None:
            if families.last(scope) not in ("train_step", "test_step"):
                continue
            if any(families.is_keras_model(r) for r in resolver.roots(program.class_of.get(scope))):
                for label, value in _entries(node.value):
                    finder.add(label, value, value, "epoch")


def _target(finder: Finder, call: ast.Call) -> str | None:
    parent = finder.program.parent.get(call)
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        return parent.targets[0].id
    return None


def _is_shown_later(finder: Finder, call: ast.Call) -> bool:
    for ancestor in finder.program.ancestors(call):
        if isinstance(ancestor, ast.Assign):
            scope = finder.program.scope[call]
            return any(isinstance(t, ast.Name) and (scope, t.id) in finder.shown_names for t in ancestor.targets)
        if isinstance(ancestor, ast.stmt):
            return False
    return False


def _is_argument(finder: Finder, call: ast.Call) -> bool:
    """Part of another call's arguments that is itself a score: only the outer one counts."""
    return any(
        isinstance(a, ast.Call) and families.is_sklearn_metric(finder.resolver.targets.get(a) or "")
        for a in finder.program.ancestors(call)
    )
