"""Hyperparameters: command line arguments, constants that training uses, keyword arguments of what is constructed."""

from __future__ import annotations

import ast
import re

from mlops_bot.source import families
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import Hyperparameter

_NOT_HYPERPARAMETERS = frozenset(
    {"verbose", "callbacks", "validation_data", "x", "y", "X", "sample_weight", "logger", "n_jobs", "params", "model",
     "train_dataloaders", "val_dataloaders", "datamodule", "dataloaders", "ckpt_path", "metrics", "name"}
)  # fmt: skip
_NOTED = {
    "click": "click",
    "fire": "fire",
    "hydra": "Hydra",
    "typer": "typer",
    "absl.flags": "absl flags",
    "absl": "absl flags",
    "jsonargparse": "jsonargparse",
    "tyro": "tyro",
    "simple_parsing": "simple-parsing",
    "omegaconf": "OmegaConf",
}
_CONFIG_WORDS = ("config", "cfg", "args", "hparams", "params", "settings", "hyper")


def find(program: Program, resolver: Resolver, entry_function: str | None) -> tuple[list[Hyperparameter], list[str]]:
    """All hyperparameters in source order, and which ways of configuration could not be read."""
    found: list[Hyperparameter] = []
    for call in program.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            found += _argument(program, call)
        else:
            found += _constructor(program, resolver, call)
    found += _constants(program, entry_function)
    unsure = []
    for module, line in program.modules.items():
        title = _NOTED.get(module) or _NOTED.get(families.top(module))
        if title is not None:
            unsure.append(f"line {line}: options defined through {title} are not listed among the hyperparameters")
    unique = {(h.name, h.origin, h.line): h for h in sorted(found, key=lambda h: h.line)}
    return list(unique.values()), unsure


def _argument(program: Program, call: ast.Call) -> list[Hyperparameter]:
    names = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if not names:
        return []
    keywords = {k.arg: k.value for k in call.keywords if k.arg}
    longest = next((n for n in names if n.startswith("--")), names[0])
    name = longest.lstrip("-").replace("-", "_")
    dest = keywords.get("dest")
    if isinstance(dest, ast.Constant) and isinstance(dest.value, str):
        name = dest.value
    value: str | None = None
    action = keywords.get("action")
    if "default" in keywords:
        value = program.source(keywords["default"])
    elif isinstance(action, ast.Constant) and action.value in ("store_true", "store_false"):
        value = "False" if action.value == "store_true" else "True"
    elif isinstance(action, ast.Constant) and action.value in ("version", "help"):
        return []
    return [Hyperparameter(name, value, "argparse", call.lineno)]


def is_constant(node: ast.expr) -> bool:
    """A number, string, bool, None or a tuple/list of them; with the arithmetic of literals (-1, 2 ** 10, 1 / 255)."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float | str | bool) or node.value is None
    if isinstance(node, ast.UnaryOp):
        return is_constant(node.operand)
    if isinstance(node, ast.BinOp):
        return all(is_constant(n) and not _is_string(n) for n in (node.left, node.right))
    return isinstance(node, ast.Tuple | ast.List) and all(is_constant(e) for e in node.elts)


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_place(node: ast.expr) -> bool:
    """An address or a file: where something is, not how it is trained."""
    text = str(node.value) if isinstance(node, ast.Constant) else ""
    return "/" in text or "\\" in text or bool(re.search(r"\.[A-Za-z]\w{1,4}$", text))


def _holds_strings(node: ast.expr) -> bool:
    """A list of names: titles, labels, columns."""
    return isinstance(node, ast.Tuple | ast.List) and any(_is_string(e) or _holds_strings(e) for e in node.elts)


def _constructor(program: Program, resolver: Resolver, call: ast.Call) -> list[Hyperparameter]:
    name = resolver.targets.get(call)
    if name is None:
        return []
    roots = resolver.roots(name)
    plain = families.canonical(name)
    optimizer = families.is_torch_optimizer(plain) or families.is_keras_optimizer(plain)
    wanted = (
        optimizer
        or families.is_scheduler(plain)
        or families.is_loader(plain)
        or families.is_lightning_trainer(plain)
        or (families.is_sklearn_estimator(plain) and name not in program.functions)
        or (
            any(families.is_keras_model(families.canonical(name.rpartition(".")[0])) for _ in (0,))
            and families.last(name) in ("fit", "compile", "fit_generator")
        )
        or (
            (families.top(plain) in families.OTHER_TRAINERS and families.is_class_like(plain) and bool(roots))
            and families.top(plain) in ("xgboost", "lightgbm", "catboost")
        )
        or (
            name in program.classes
            and any(families.is_torch_module(r) or families.is_lightning_module(r) for r in roots)
            and program.class_of.get(program.scope[call] or "") is None
        )
    )
    if not wanted:
        return []
    found = []
    if families.is_torch_optimizer(plain) and len(call.args) > 1 and not isinstance(call.args[1], ast.Starred):
        found.append(Hyperparameter("lr", program.source(call.args[1]), "argument", call.args[1].lineno))
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in _NOT_HYPERPARAMETERS:
            continue
        value = keyword.value
        if isinstance(value, ast.Constant) and value.value is None:
            continue
        if is_constant(value) or (
            isinstance(value, ast.Name | ast.Attribute) and not _is_object(program, resolver, value)
        ):
            found.append(Hyperparameter(keyword.arg, program.source(value), "argument", value.lineno))
    return found


def _is_object(program: Program, resolver: Resolver, node: ast.expr) -> bool:
    """Is the value an instance of something, or something imported, rather than a plain setting?"""
    scope = program.scope[node]
    return resolver.instance(node, scope) is not None or resolver.denotes(node, scope) is not None


def _constants(program: Program, entry_function: str | None) -> list[Hyperparameter]:
    used = _used_names(program)
    found = []
    for (scope, name), values in program.assigned.items():
        if (scope is not None and scope != entry_function) or name.startswith(("_", "self.")):
            continue
        if len(values) != 1 or name in program.classes:
            continue  # assigned again: a counter or an accumulator, no setting
        line, value, where = values[0]
        for position in where:  # LR, DECAY = 0.1, 1e-4
            elements = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            value = elements[position] if position < len(elements) else ast.Call(value, [], [])
        if isinstance(value, ast.Dict):
            found += _dictionary(program, name, value, line)
        elif is_constant(value) and not (isinstance(value, ast.Constant) and value.value is None):
            if (_is_string(value) and _is_place(value)) or _holds_strings(value):
                continue
            if name in used[0] if _is_string(value) else name in used[1]:
                if not _accumulates(program, scope, name):
                    found.append(Hyperparameter(name, program.source(value), "constant", line))
    for class_name, node in program.classes.items():
        found += _configuration_class(program, class_name, node)
    return found


def _dictionary(program: Program, name: str, node: ast.Dict, line: int) -> list[Hyperparameter]:
    if "kwargs" in name.lower() or not any(word in name.lower() for word in _CONFIG_WORDS):
        return []
    found = []
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and is_constant(value):
            found.append(Hyperparameter(key.value, program.source(value), "constant", key.lineno))
    return found


def _configuration_class(program: Program, name: str, node: ast.ClassDef) -> list[Hyperparameter]:
    dataclass = any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    named = any(word in name.lower() for word in _CONFIG_WORDS)
    if not (named and (dataclass or not node.bases)):
        return []
    found = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign | ast.Assign) and statement.value is not None:
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            if isinstance(target, ast.Name) and is_constant(statement.value):
                value = program.source(statement.value)
                found.append(Hyperparameter(target.id, value, "constant", statement.lineno))
    return found


def _accumulates(program: Program, scope: str | None, name: str) -> bool:
    return any(
        isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and n.target.id == name for n in program.nodes
    )


def _used_names(program: Program) -> tuple[set[str], set[str]]:
    """Names that are arguments of calls (where a string counts as a setting), and names used outside of prints."""
    as_argument: set[str] = set()
    anywhere: set[str] = set()
    for node in program.nodes:
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        parent = program.parent[node]
        call = next((a for a in program.ancestors(node) if isinstance(a, ast.Call)), None)
        if call is not None and isinstance(call.func, ast.Name) and call.func.id in ("print", "open"):
            continue
        anywhere.add(node.id)
        if isinstance(parent, ast.keyword | ast.Compare):
            as_argument.add(node.id)
    return as_argument, anywhere
