"""Explicit tracking of a training loop: a run around it, its parameters, what it shows, the files it saves."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.rewrite import displays, naming, params, runs, steps
from mlops_bot.rewrite.displays import Shown
from mlops_bot.rewrite.edits import Edits, key
from mlops_bot.rewrite.program import Function, Program, dotted, parameters, walk_executed
from mlops_bot.rewrite.purity import is_pure, is_pure_path
from mlops_bot.types import NotApplicable

_SKIP_FUNCTIONS = {"__init__", "forward", "__repr__", "__str__", "call", "build"}
_FIGURES = {"save_image", "savefig", "imsave", "imwrite"}
_MAX_LINE = 100


@dataclass
class Log:
    """One metric to be logged right after `statement`."""

    statement: ast.stmt
    name: str
    value: str
    step: str | None
    batch: bool  # shown inside a loop over batches
    own_step: bool = False  # the program itself says which step


def track(
    program: Program, edits: Edits, *, estimators: Sequence[str] = (), spots: Sequence[ast.stmt] = ()
) -> list[str] | NotApplicable:
    """Collects the edits for one program; returns notes for the reader.

    `estimators`: names of objects with get_params(), whose parameters belong to the run.
    `spots`: further statements that the run has to span.
    """
    core = runs.core_loop(program)
    logs = metrics(program)
    if not any(_trains_here(program, log.statement) for log in logs):
        logs += _losses(program, {log.name for log in logs})
    if not logs:
        return NotApplicable("not applicable because the program shows no metric and its loss has no name")
    files = [statement for statement, _, _ in _saved(program, core)]
    logged = [log.statement for log in logs]
    stretch = runs.choose(program, [*logged, *spots, *files], core, logged)
    if stretch is None:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    logs = [log for log in logs if stretch.covers(program, log.statement)]
    if not any(_trains_here(program, log.statement) for log in logs) and core is not None:
        more = _losses(program, {log.name for log in logs})
        logs += [log for log in more if stretch.covers(program, log.statement)]
    if not logs:
        return NotApplicable("not applicable because no metric is shown while the training's run is open")
    functions = [program.function_of(log.statement) for log in logs if not log.own_step]
    steps.hand_on(program, edits, dict.fromkeys(function for function in functions if function is not None))
    for log in logs:
        if not log.own_step:
            log.step = steps.step(program, log.statement, run=stretch.first)
    opening = _log_parameters(program, edits, stretch, core)
    opening += _estimator_parameters(program, stretch, estimators)
    log_metrics(program, edits, logs)
    saved = _log_files(program, edits, stretch, core)
    _open_run(edits, stretch, opening)
    names = sorted({log.name for log in logs})
    notes = [f"one MLflow run spans the training (line {stretch.first.lineno})", "metrics: " + ", ".join(names)]
    return [*notes, f"saved files that become artifacts: {saved}"] if saved else notes


def _open_run(edits: Edits, stretch: runs.Stretch, opening: list[str]) -> None:
    if stretch.wrap:
        edits.wrap(stretch.first, stretch.last, "with mlflow.start_run():", opening)
        return
    edits.before[key(stretch.first)] = ["mlflow.start_run()", *opening, *edits.before.get(key(stretch.first), [])]
    edits.insert_after(stretch.last, "mlflow.end_run()")


# --- metrics -------------------------------------------------------------------------------------------------


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
    if value is None:
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
        isinstance(node, ast.Call) and dotted(node.func) == f"{name.id}.backward"
        for node in ast.walk(function or program.tree)
    )


def is_collection(program: Program, expression: ast.expr) -> bool:
    """Bound to a list, a dict or text somewhere: no number."""
    if not isinstance(expression, ast.Name):
        return False
    function = program.function_of(expression)
    for statement in program.assignments(expression.id, function):
        value = getattr(statement, "value", None)
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
        for value in values if len(values) == len(_own_words(values)) else values[1:]:
            other = _other_name(name, value, values, taken)
            taken.add(other)
            for log in same:
                if log.value == value:
                    log.name = other
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


def _other_name(name: str, value: str, values: list[str], taken: set[str]) -> str:
    own = _own_words(values).get(value)
    if own is not None:
        words = [word for word in naming.words(own) if word not in name.split("_") and word not in naming.SPLIT]
        candidate = "_".join([*words, name]) if words and len(values) == len(_own_words(values)) else ""
        if candidate and candidate not in taken:
            return candidate
    return next(f"{name}_{index}" for index in range(2, 1000) if f"{name}_{index}" not in taken)


def _qualified_name(name: str, word: str) -> str:
    head, _, rest = name.partition("_")
    return f"{head}_{word}_{rest}" if rest and head in naming.SPLIT else f"{word}_{name}"


def _losses(program: Program, taken: set[str]) -> list[Log]:
    """`loss.backward()`: the loss, per epoch where there are epochs."""
    found: list[Log] = []
    for call in program.calls:
        function = call.func
        if not (isinstance(function, ast.Attribute) and function.attr in ("backward", "manual_backward")):
            continue
        tensor: ast.expr = function.value
        if function.attr == "manual_backward" and call.args:
            tensor = call.args[0]
        if isinstance(tensor, ast.Call) and call.args == [] and tensor.args:  # scaler.scale(loss).backward()
            tensor = tensor.args[0]
        loops = program.loops_of(call)
        if not isinstance(tensor, ast.Name):
            continue
        own = any(naming.METRIC.match(word) for word in naming.words(tensor.id))
        name = f"train_{tensor.id.lower()}" if own else "train_loss"
        if name in taken or any(log.name == name for log in found):
            continue
        if not loops:
            last = program.suite_of(program.statement_of(call))[-1]
            last = program.statement_of(call) if isinstance(last, ast.Return) else last
            found.append(Log(last, name, f"{tensor.id}.item()", steps.step(program, last), batch=True))
            continue
        inner = loops[-1]
        alone = (len(loops) == 1 and steps.is_epoch_loop(inner)) or (
            len(loops) == 1 and not steps.is_batch_loop(inner) and program.function_of(call) is None
        )
        if alone:
            last = inner.body[-1]
            found.append(Log(last, name, f"{tensor.id}.item()", steps.step(program, last), batch=False))
        else:
            total = _running_total(program, inner, tensor.id)
            length = steps.length(program, inner)
            value = f"{total} / {length}" if total and length else f"{tensor.id}.item()"
            found.append(Log(inner, name, value, steps.step(program, inner), batch=False))
    return found


def _running_total(program: Program, loop: ast.stmt, tensor: str) -> str | None:
    """`total += loss.item()`, set back before the loop."""
    for node in walk_executed(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, ast.Add):
            if ast.unparse(node.value) in (f"{tensor}.item()", f"float({tensor})", f"{tensor}.detach().item()"):
                suite = program.suite_of(loop)
                before = suite[: suite.index(loop)]
                inside = any(
                    isinstance(part, ast.Name) and part.id == node.target.id and isinstance(part.ctx, ast.Store)
                    for statement in program.assignments(node.target.id, loop)
                    if isinstance(statement, ast.Assign)
                    for part in ast.walk(statement)
                )
                if not inside and any(node.target.id in _bound(statement) for statement in before):
                    return node.target.id
    return None


def _bound(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _trains_here(program: Program, statement: ast.stmt) -> bool:
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


def log_metrics(program: Program, edits: Edits, logs: list[Log], *, run: str = "") -> None:
    """Statements that log, right after those that show. `run`: an argument that names a run which is not open."""
    groups: list[list[Log]] = []
    for log in logs:
        last = groups[-1] if groups else None
        if last is not None and last[-1].step == log.step and _follows(program, last[-1].statement, log.statement):
            last.append(log)
        else:
            groups.append([log])
    for same in groups:
        step = same[0].step
        rest = (f", step={step}" if step is not None else "") + (f", {run}" if run else "")
        named = list({log.name: log for log in same}.values())
        place = same[-1].statement
        if len(named) == 1:
            code = _call("mlflow.log_metric", [f"{_name(program, named[0])}, {named[0].value}"], rest, place, "")
        else:
            entries = [f"{_name(program, log)}: {log.value}" for log in named]
            code = _call("mlflow.log_metrics", entries, rest, place)
        edits.insert_after(place, code)


def _follows(program: Program, first: ast.stmt, second: ast.stmt) -> bool:
    """The same statement, or the next one of the suite (so that one call can log both)."""
    if first is second:
        return True
    suite = program.suite_of(first)
    at = suite.index(first)
    simple = isinstance(first, ast.Expr) and isinstance(second, ast.Expr)
    return simple and at + 1 < len(suite) and suite[at + 1] is second and second.lineno > (first.end_lineno or 0)


def _name(program: Program, log: Log) -> str:
    return ("f" if "{" in log.name else "") + program.string(log.name)


def _call(function: str, entries: list[str], rest: str, place: ast.stmt, braces: str = "{}") -> str:
    """`function({a, b}, rest)` on one line if it fits, otherwise an entry a line."""
    opening, closing = (braces[0], braces[1]) if braces else ("", "")
    line = f"{function}({opening}{', '.join(entries)}{closing}{rest})"
    if len(line) + place.col_offset <= _MAX_LINE:
        return line
    if not braces:
        return f"{function}(\n    {', '.join(entries)}{rest}\n)"
    if not rest or len(rest) > 40:
        inner = "".join(f"        {entry},\n" for entry in entries)
        tail = f"    {rest.removeprefix(', ')},\n" if rest else ""
        if tail:
            return f"{function}(\n    {opening}\n{inner}    {closing},\n{tail})"
    inner = "".join(f"    {entry},\n" for entry in entries)
    return f"{function}({opening}\n{inner}{closing}{rest})"


# --- parameters ----------------------------------------------------------------------------------------------


def _log_parameters(program: Program, edits: Edits, stretch: runs.Stretch, core: ast.stmt | None) -> list[str]:
    """Edits for parameters inside the run; what belongs at its very beginning is returned."""
    home = program.function_of(stretch.first)
    around = [loop.target.id for loop in program.loops_of(stretch.first) if _counts(loop)]  # type: ignore[union-attr]
    turns = (
        [f"mlflow.log_params({{{', '.join(f'{program.string(name)}: {name}' for name in around)}}})"] if around else []
    )
    for known in (*params.arguments(program), *params.settings(program)):
        owner = program.function_of(known.statement)
        inside = stretch.covers(program, known.statement)
        code = f"mlflow.log_params({known.code})"
        if inside and params.executes_once(program, owner):
            edits.insert_after(known.statement, code)
            return turns
        before = owner in (None, home) and known.statement.lineno < stretch.first.lineno
        if not inside and (before or (owner is None and home is not None and _reads_global(home, known.name))):
            return [code, *turns]
    for function, name in params.parsed_in_call(program):
        body = [part for part in function.body if not is_docstring(part)]
        if body and stretch.covers(program, body[0]) and params.executes_once(program, function):
            edits.insert_before(body[0], f"mlflow.log_params(vars({name}))")
            return []
    place = core if core is not None and stretch.covers(program, core) else stretch.first
    if place is not stretch.first and not (
        params.executes_once(program, program.function_of(place)) and not program.loops_of(place)
    ):
        place = stretch.first
    values = {**{name: name for name in around}, **params.constants(program, place)}
    epochs = params.loop_epochs(core if isinstance(core, (ast.For, ast.AsyncFor)) else None)
    if epochs is not None and not any("epoch" in name for name in values):
        values["epochs"] = epochs
    if not values:
        return []
    entries = [f"{program.string(name)}: {value.replace(chr(34), program.quote)}" for name, value in values.items()]
    code = _call("mlflow.log_params", entries, "", place)
    if place is stretch.first:
        return [code]
    edits.insert_before(place, code)
    return []


def _counts(loop: ast.AST) -> bool:
    """A loop around the run whose plain variable tells its turns apart."""
    return isinstance(loop, (ast.For, ast.AsyncFor)) and isinstance(loop.target, ast.Name) and loop.target.id != "_"


def _reads_global(function: Function, name: str) -> bool:
    """Does the function itself already rely on the global `name`?"""
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    return bool(uses) and all(isinstance(node.ctx, ast.Load) for node in uses) and name not in parameters(function)


def _estimator_parameters(program: Program, stretch: runs.Stretch, estimators: Sequence[str]) -> list[str]:
    """The parameters of the one estimator that exists before the run starts."""
    function = program.function_of(stretch.first)
    for name in estimators:
        bound = program.assignments(name, function)
        if bound and all(statement.lineno < stretch.first.lineno for statement in bound):
            return [f"mlflow.log_params({name}.get_params())"]
    return []


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


# --- files ---------------------------------------------------------------------------------------------------


def _log_files(program: Program, edits: Edits, stretch: runs.Stretch, core: ast.stmt | None) -> int:
    """`mlflow.log_artifact(path)` right after files are saved."""
    found = [item for item in _saved(program, core) if stretch.covers(program, item[0])]
    for statement, path, _ in found:
        edits.insert_after(statement, f"mlflow.log_artifact({path})")
    return len(found)


def _saved(program: Program, core: ast.stmt | None) -> list[tuple[ast.stmt, str, bool]]:
    """Statements that save a file: (statement, path, is it a figure). Models once, figures also per epoch."""
    found: list[tuple[ast.stmt, str, bool]] = []
    for call in program.calls:
        statement = program.statement_of(call)
        if not (isinstance(statement, ast.Expr) and statement.value is call):
            continue
        path = _saved_path(program, call)
        if path is None:
            continue
        loops = program.loops_of(statement)
        figure = (dotted(call.func) or "").split(".")[-1] in _FIGURES
        if loops and not (figure and (loops[-1] is core or steps.is_epoch_loop(loops[-1]))):
            continue
        if not figure and not params.executes_once(program, program.function_of(statement)):
            continue
        if figure and core is None:
            continue
        found.append((statement, path, figure))
    return found


def _saved_path(program: Program, call: ast.Call) -> str | None:
    name = dotted(call.func) or ""
    last = name.split(".")[-1]
    if program.qualified(call.func) == "torch.save":
        argument = call.args[1] if len(call.args) > 1 else _named(call, "f")
    elif last == "save_image" and len(call.args) > 1:
        argument = call.args[1]
    elif last == "savefig" and call.args:
        argument = call.args[0]
    else:
        return None
    if argument is None or not is_pure_path(argument) or not _is_path(argument):
        return None
    return program.source(argument)


def _named(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _is_path(node: ast.expr) -> bool:
    """Surely text: a literal, an f-string, a join; or a name that says so."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, (ast.JoinedStr, ast.BinOp)):
        return True
    if isinstance(node, ast.Call):
        return True
    written = (dotted(node) or "").lower()
    return any(word in naming.words(written) for word in ("path", "file", "filename", "filepath", "checkpoint", "ckpt"))
