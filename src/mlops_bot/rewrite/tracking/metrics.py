"""What a program shows while it trains, as metrics with names and steps."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass

from mlops_bot.rewrite import displays, naming, steps
from mlops_bot.rewrite.displays import Shown
from mlops_bot.rewrite.program import Program, dotted, parameters
from mlops_bot.rewrite.purity import is_pure

_SKIP_FUNCTIONS = {"__init__", "forward", "__repr__", "__str__", "call", "build"}


@dataclass
class Log:
    """One metric to be logged right after `statement`."""

    statement: ast.stmt
    name: str
    value: str
    step: str | None
    batch: bool  # shown inside a loop over batches
    own_step: bool = False  # the program itself says which step
    over: str = ""  # a list whose elements are logged one by one, as `value`, counted by `step`


def metrics(program: Program) -> list[Log]:
    """What the program shows, as metrics with unique names."""
    found: list[tuple[Shown, Log]] = []
    for item in displays.shown(program):
        log = _metric(program, item)
        if log is not None:
            found.append((item, log))
    steady = {(log.name, log.batch) for item, log in found if not item.transient}
    kept = [log for item, log in found if not item.transient or not any(name == log.name for name, _ in steady)]
    return unique(kept)


def _metric(program: Program, item: Shown) -> Log | None:
    function = program.function_of(item.statement)
    if function is not None and function.name in _SKIP_FUNCTIONS:
        return None
    loops = program.loops_of(item.statement)
    closure = function is not None and bool(program.loops_of(function))
    training = any(steps.trains_itself(loop) for loop in loops) or (
        closure and any(steps.is_training_call(node) for node in ast.walk(function))  # type: ignore[arg-type]
    )
    looping = training or any(steps.trains(program, loop) for loop in loops)
    if loops and not looping and not _evaluates(program, loops[0]):
        return None
    if not naming.is_metric(item, training=bool(loops) or _has_loop(function)):
        return None
    value = _value(program, item)
    if value is None or _is_title(program, item):
        return None
    if item.step is not None and is_pure(item.step):
        step: str | None = program.source(item.step)
        name = naming.label_name(item.label)
        return Log(item.statement, name, value, step, batch=False, own_step=True)
    statement = item.statement
    if item.transient and loops and steps.is_batch_loop(loops[-1]):
        statement = loops[-1]
    base = naming.base_name(item)
    split = naming.split_of(item, program, training=training)
    name = f"{split}_{base}" if split and split not in base.split("_") else base
    if item.prefix is not None and _one_of_texts(program, item.prefix):
        name = f"{{{item.prefix.id}}}_{base}"
    batch = bool(loops) and statement is item.statement and not steps.is_epoch_loop(loops[-1])
    return Log(statement, name, value, steps.step(program, statement), batch)


def _is_title(program: Program, item: Shown) -> bool:
    """A function's parameter in the text of a plot: `plt.title("Accuracy over %s" % quantity)` shows no number."""
    statement, name = item.statement, item.expression
    if not isinstance(name, ast.Name) or item.floating or not isinstance(statement, (ast.Expr, ast.Assign)):
        return False
    call, function = statement.value, program.function_of(statement)
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)) or function is None:
        return False
    return call.func.attr in ("title", "set_title", "suptitle", "xlabel", "ylabel") and name.id in parameters(function)


def _one_of_texts(program: Program, name: ast.Name) -> bool:
    """Does the name run over texts: `for phase in ["train", "val"]`?"""
    for loop in program.loops_of(name):
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and loop.target.id == name.id:
            return isinstance(loop.iter, (ast.List, ast.Tuple)) and all(
                isinstance(item, ast.Constant) and re.fullmatch(r"[\w-]+", str(item.value)) for item in loop.iter.elts
            )
    return False


def _has_loop(function: ast.AST | None) -> bool:
    return function is not None and any(isinstance(node, (ast.For, ast.While)) for node in ast.walk(function))


def _evaluates(program: Program, loop: ast.AST) -> bool:
    """A loop over data that calls a model, or code that does."""
    return isinstance(loop, (ast.For, ast.AsyncFor)) and steps.is_batch_loop(loop)


def _value(program: Program, item: Shown) -> str | None:
    expression = item.expression
    if not is_pure(expression) or isinstance(expression, ast.Constant) or is_collection(program, expression):
        return None
    text = program.source(expression)
    if item.ratio is not None:
        if not is_pure(item.ratio):
            return None
        right = program.source(item.ratio)
        simple = isinstance(item.ratio, (ast.Name, ast.Call, ast.Attribute, ast.Constant))
        return f"{text} / {right}" if simple else f"{text} / ({right})"
    if isinstance(expression, ast.Name) and _is_loss_tensor(program, expression):
        return f"{text}.item()"
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == "str":
        return None
    return text


def _is_loss_tensor(program: Program, name: ast.Name) -> bool:
    """`loss` where the same function calls `loss.backward()`, and never makes a number of it."""
    function = program.function_of(name)
    numbers = (f"{name.id}.item()", f"float({name.id})", f"{name.id}.detach()", f"{name.id}.data")
    for statement in program.assignments(name.id, function):
        value = getattr(statement, "value", None)
        if value is not None and any(number in ast.unparse(value) for number in numbers):
            return False
    return any(
        isinstance(node, ast.Call)
        and dotted(node.func) == f"{name.id}.backward"
        and program.function_of(node) is function
        for node in ast.walk(function or program.tree)
    )


def is_collection(program: Program, expression: ast.expr) -> bool:
    """Bound to a list, a dict, text or an exception somewhere: no number."""
    if not isinstance(expression, ast.Name):
        return False
    function = program.function_of(expression)
    for node in ast.walk(function or program.tree):
        if isinstance(node, ast.ExceptHandler) and node.name == expression.id:
            return True
    for statement in program.assignments(expression.id, function):
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and dotted(value.func) in ("str", "repr", "format", "list", "dict", "sorted"):
            return True
        if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.JoinedStr, ast.DictComp)):
            return True
        if isinstance(value, ast.Constant) and isinstance(value.value, (str, bytes)):
            return True
    return False


def unique(logs: list[Log]) -> list[Log]:
    """One name, one meaning: values per batch and per epoch are told apart, and so are different expressions."""
    by_name: dict[str, list[Log]] = defaultdict(list)
    for log in logs:
        by_name[log.name].append(log)
    for same in by_name.values():
        if len({(log.value, log.batch) for log in same}) < 2:
            continue
        if len({log.batch for log in same}) == 2:
            for log in same:
                if log.batch:
                    log.name = _qualified_name(log.name, "batch")
    by_name = defaultdict(list)
    for log in logs:
        by_name[log.name].append(log)
    taken = set(by_name)
    for name, same in list(by_name.items()):
        values = list(dict.fromkeys(log.value for log in same))
        if len(values) < 2:
            continue
        same_words = [naming.words(value) == naming.words(name) for value in values]
        own = [
            name if plain else _own_name(name, value, values) for value, plain in zip(values, same_words, strict=True)
        ]
        others = taken - {name}
        if not all(own) or len({*own, *others}) < len(own) + len(others):
            own = [name, *(f"{name}_{index}" for index in range(2, len(values) + 1))]
        taken.update(text for text in own if text)
        for log in same:
            log.name = own[values.index(log.value)] or name
    return logs


def _own_words(values: list[str]) -> dict[str, str]:
    """A name that occurs in one of the expressions only: value -> name."""
    names = {
        value: [node.id for node in ast.walk(ast.parse(value, mode="eval")) if isinstance(node, ast.Name)]
        for value in values
    }
    found: dict[str, str] = {}
    for value, own in names.items():
        others = {name for other, listed in names.items() if other != value for name in listed}
        unique_names = [name for name in own if name not in others]
        if unique_names:
            found[value] = unique_names[0]
    return found


def _own_name(name: str, value: str, values: list[str]) -> str | None:
    """`name` with a word of the value's own before it, where every value has one."""
    own = _own_words(values)
    if len(own) < len(values):
        return None
    words = [word for word in naming.words(own[value]) if word not in name.split("_") and word not in naming.SPLIT]
    return "_".join([*words, name]) if words else None


def _qualified_name(name: str, word: str) -> str:
    head, _, rest = name.partition("_")
    return f"{head}_{word}_{rest}" if rest and head in naming.SPLIT else f"{word}_{name}"


def trains_here(program: Program, statement: ast.stmt) -> bool:
    """Is a metric logged while the model is being trained, rather than evaluated or afterwards?"""
    if any(steps.trains_itself(loop) for loop in program.loops_of(statement)):
        return True
    function = program.function_of(statement)
    if function is None or not any(steps.is_training_call(node) for node in ast.walk(function)):
        return False
    around = [
        *program.loops_of(function),
        *(x for site in program.call_sites(function) for x in program.loops_of(site)),
    ]
    return bool(around)
