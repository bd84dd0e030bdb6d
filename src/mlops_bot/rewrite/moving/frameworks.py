"""Loggers of Lightning and callbacks of Keras that log to a tracker: found, and written for another one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_bot.rewrite.moving.operations import Nothing, Unsure

if TYPE_CHECKING:
    from mlops_bot.rewrite.moving.reader import Reader

LOGGERS = {"wandb": "WandbLogger", "mlflow": "MLFlowLogger", "comet_ml": "CometLogger"}
_HOMES = ("lightning.pytorch.loggers", "pytorch_lightning.loggers")
# What each logger calls the same thing. What goes to a tracker's own functions has no counterpart.
_SHARED = {"save_dir": "save_dir", "prefix": "prefix", "log_model": "log_model"}
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "WandbLogger": {"project": "project", "name": "name", **_SHARED},
    "MLFlowLogger": {"experiment_name": "project", "run_name": "name", **_SHARED},
    "CometLogger": {
        "project": "project", "project_name": "project", "name": "name", "experiment_name": "name", "prefix": "prefix",
    },
}  # fmt: skip
_POSITIONS = {"WandbLogger": ("name", "save_dir"), "MLFlowLogger": ("experiment_name", "run_name"), "CometLogger": ()}
_SAME = ("log_hyperparams", "log_metrics", "finalize", "save", "name", "version", "save_dir")  # of every logger
_LEFT_OUT = ("watch", "unwatch", "log_image", "log_text", "log_table", "log_audio", "log_video", "log_graph")
_CALLBACKS = ("WandbMetricsLogger", "WandbCallback", "MlflowCallback", "MLflowCallback")


def find(reader: Reader) -> None:
    """Notes the loggers and callbacks of a program, and what is done with them. Raises Unsure."""
    kind = LOGGERS[reader.module]
    names = set()
    for node in reader.program.nodes:
        if isinstance(node, ast.Call) and is_logger(reader.qualified(node.func) or "", kind):
            reader.read.loggers.append(node)
        elif isinstance(node, ast.Call) and is_callback(reader.qualified(node.func) or "", reader.module):
            reader.read.callbacks.append(node)
            reader.known.update(part for part in ast.walk(node.func) if isinstance(part, ast.expr))
    if not reader.read.loggers:
        return
    for node in reader.program.nodes:
        if isinstance(node, ast.Assign) and node.value in reader.read.loggers:
            names |= {ast.unparse(target) for target in node.targets}
    for node in reader.program.nodes:
        if isinstance(node, ast.Attribute) and (ast.unparse(node.value) in names or _is_own(node.value)):
            _use(reader, node, ast.unparse(node.value) in names)


def is_logger(name: str, kind: str) -> bool:
    return name.endswith(f".{kind}") and name.startswith(_HOMES)


def is_callback(name: str, module: str) -> bool:
    return name.startswith(f"{module}.") and name.rpartition(".")[2] in _CALLBACKS and "keras" in name


def _is_own(node: ast.expr) -> bool:
    """`self.logger` and `trainer.logger`: the logger, seen from a module."""
    return isinstance(node, ast.Attribute) and node.attr == "logger"


def _use(reader: Reader, node: ast.Attribute, ours: bool) -> None:
    statement = reader.program.parent[reader.program.parent[node]]
    call = reader.program.parent[node]
    if node.attr in _LEFT_OUT and isinstance(statement, ast.Expr) and statement.value is call:
        why = f"`{node.attr}` of {LOGGERS[reader.module]} has no counterpart"
        reader.read.operations.append(Nothing(reader.place(statement), why))
    elif node.attr == "experiment" or (ours and node.attr not in _SAME):
        raise Unsure(
            f"line {node.lineno}: `{ast.unparse(node)}` is {reader.title}'s own, and has no certain counterpart"
        )


def logger(reader: Reader, call: ast.Call, target: str) -> str:
    """How the logger is made for another tracker (its module). Adds notes for what is lost."""
    old, new = LOGGERS[reader.module], LOGGERS[target]
    known, wanted = _ARGUMENTS[old], {meaning: name for name, meaning in reversed(list(_ARGUMENTS[new].items()))}
    given = [*zip(_POSITIONS[old], call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
    if len(call.args) > len(_POSITIONS[old]) or any(name is None for name, _ in given):
        raise Unsure(f"line {call.lineno}: what `{old}` is given could not be told")
    words = []
    for name, value in given:
        meaning = known.get(str(name), "")
        if meaning not in wanted:
            reader.read.notes.append(f"line {call.lineno}: `{name}` of `{old}` has no counterpart in `{new}`")
        else:
            words.append(f"{wanted[meaning]}={reader.text(value)}")
    written = reader.spans.source(call.func)
    return f"{written.removesuffix(old)}{new}({', '.join(words)})"


def imported(reader: Reader, target: str) -> list[tuple[ast.ImportFrom, str]]:
    """The import statements of the logger's class, with their new text."""
    old, new = LOGGERS[reader.module], LOGGERS[target]
    found = []
    for node in reader.program.nodes:
        if isinstance(node, ast.ImportFrom) and any(alias.name == old for alias in node.names):
            if any(alias.name == old and alias.asname for alias in node.names):
                raise Unsure(f"line {node.lineno}: `{old}` is imported under another name")
            names = [new if alias.name == old else ast.unparse(alias) for alias in node.names]
            found.append((node, f"from {node.module} import {', '.join(dict.fromkeys(names))}"))
    return found


def keras(imports: Mapping[str, str]) -> tuple[str, str | None]:
    """How the program's text says `keras.callbacks.Callback`, and the import that it needs for that."""
    for local, name in imports.items():
        if name in ("keras", "tensorflow.keras"):
            return f"{local}.callbacks.Callback", None
    for local, name in imports.items():
        if name == "tensorflow":
            return f"{local}.keras.callbacks.Callback", None
    root = next(
        (n.partition(".keras")[0] + ".keras" for n in imports.values() if n.startswith("tensorflow.keras.")), "keras"
    )
    return "Callback", f"from {root}.callbacks import Callback"


def prefix(call: ast.Call) -> str:
    """What the callback puts before the names of metrics."""
    return "epoch/" if ast.unparse(call.func).endswith("WandbMetricsLogger") else ""
