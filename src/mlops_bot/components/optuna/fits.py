"""What a trial returns where a library trains: the last value of a series that Keras or Lightning recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_bot.components.optuna.goal import Goal, Raise, Way, direction, runs_in
from mlops_bot.components.optuna.unit import Unit, is_cli
from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.draft import Draft
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, walk_executed
from mlops_bot.source import families

SHARE = 0.2  # of the training data, held out for the search
_ACCURACY = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")


# --- Keras ------------------------------------------------------------------------------------------------------


def keras(unit: Unit, draft: Draft) -> tuple[Goal, bool] | str | None:
    """The goal of a program that calls fit, and whether the search splits its validation data off; None without fit."""
    program = unit.program
    calls = [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("fit", "fit_generator")
        and runs_in(unit, program.statement_of(call)) and not _prepares(program, call)
    ]  # fmt: skip
    if not calls:
        return None
    call = max(calls, key=lambda call: call.lineno)
    statement = program.statement_of(call)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    custom = _own_step(program)
    validated = any(
        name in keywords and not (isinstance(keywords[name], ast.Constant) and not keywords[name].value)  # type: ignore[attr-defined]
        for name in ("validation_data", "validation_split")
    )
    splits = not validated and not custom and all(_arrays(program, one) for one in calls)
    key, way = _key(program, custom)
    key = f"val_{key}" if validated or splits else key
    named = _history(program, draft, statement, call)
    if named is None:
        return f"the history of the fit in line {call.lineno} is not kept in a variable"
    side = "val" if validated or splits else "train"
    value = f"{named}[{program.string(key)}][-1]"
    goal = Raise(unit, draft).value(value, statement, way, side, key)  # type: ignore[arg-type]
    if goal is None:
        return f"the history of the fit in line {call.lineno} cannot be returned from there"
    for one in calls if splits else ():  # every phase of the training leaves the same part out
        draft.add_argument(one, f"validation_split=0.0 if final else {SHARE}")
    return goal, splits


def _prepares(program: Program, call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    value = call.func.value
    if isinstance(value, ast.Name):
        made = [getattr(statement, "value", None) for statement in program.assignments(value.id)]
        value = next((one for one in made if isinstance(one, ast.Call)), value)
    name = families.canonical(program.qualified(value.func) or "") if isinstance(value, ast.Call) else ""
    return name.startswith("sklearn.")


def _arrays(program: Program, call: ast.Call) -> bool:
    """Inputs and targets are given apart, which only arrays are: of these `fit` can split a part off."""
    keywords = {keyword.arg for keyword in call.keywords}
    targets = len(call.args) > 1 or "y" in keywords
    taken = {"steps_per_epoch", "validation_data", "validation_split"} & keywords
    return targets and not taken and "tf.data" not in program.text


def _own_step(program: Program) -> bool:
    """A model with a training step of its own and no test step: it may have no loss to validate with."""
    for definitions in program.classes.values():
        for definition in definitions:
            methods = {part.name for part in definition.body if isinstance(part, FUNCTIONS)}
            if "train_step" in methods and "test_step" not in methods:
                return True
    return False


def _key(program: Program, custom: bool) -> tuple[str, Way]:
    """The series to optimize: an accuracy that is compiled by name, else the loss."""
    if custom:
        return _step_key(program), "minimize"
    for call in program.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "compile":
            given = next(
                (k.value for k in call.keywords if k.arg == "metrics"), call.args[2] if len(call.args) > 2 else None
            )
            names = [part.value for part in ast.walk(given) if isinstance(part, ast.Constant)] if given else []
            for name in names:
                if name in _ACCURACY:
                    return str(name), "maximize"
    return "loss", "minimize"


def _step_key(program: Program) -> str:
    """`return {"d_loss": ..., "g_loss": ...}` of a training step: the generator's loss, or the first one."""
    keys: list[str] = []
    for function in program.functions:
        if function.name == "train_step":
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
                    keys += [str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)]
    losses = [key for key in keys if "loss" in key]
    return next((key for key in losses if key.startswith(("g", "loss"))), losses[0] if losses else "loss")


def _history(program: Program, draft: Draft, statement: ast.stmt, call: ast.Call) -> str | None:
    """The dictionary of series after this statement; where the result was not kept, it is now."""
    if isinstance(statement, ast.Expr) and statement.value is call:
        taken = scopes.bound_in(program, program.function_of(statement)) | set(program.imports)
        name = next(name for name in ("history", "fit_history", "training_history", "history_") if name not in taken)
        draft.prefix(statement, f"{name} = ")
        return f"{name}.history"
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name = statement.targets[0].id
        if statement.value is call:
            return f"{name}.history"
        if (
            isinstance(statement.value, ast.Attribute)
            and statement.value.value is call
            and statement.value.attr == "history"
        ):
            return name
    return None


# --- Lightning --------------------------------------------------------------------------------------------------


def lightning(unit: Unit, draft: Draft) -> Goal | str | None:
    """The goal of a program whose Trainer fits a module of this file; None where no Trainer does."""
    program = unit.program
    calls = [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
        and runs_in(unit, program.statement_of(call)) and not _prepares(program, call)
    ]  # fmt: skip
    calls = calls or [
        call for call in program.calls if is_cli(program, call) and runs_in(unit, program.statement_of(call))
    ]
    if not calls:
        return None
    call = max(calls, key=lambda call: call.lineno)
    receiver = _trainer(program, draft, call)
    if receiver is None:
        return f"the Trainer in line {call.lineno} has no name"
    found = logged(program)
    chosen = _chosen(program, found, _validates(program, call))
    if chosen is None:
        if any(side == "test" for side, _ in found):
            return "the module measures itself in tests only, and its training data cannot be split here"
        chosen = _logging(program, draft)
    if chosen is None:
        return "the module logs no loss and no score"
    side, name, way = chosen
    value = f"{receiver}.callback_metrics[{program.string(name)}].item()"
    goal = Raise(unit, draft).value(value, program.statement_of(call), way, side, name)  # type: ignore[arg-type]
    return goal or f"what the Trainer in line {call.lineno} recorded cannot be returned from there"


def _trainer(program: Program, draft: Draft, call: ast.Call) -> str | None:
    """How the Trainer of a fit is spelled; a command line that fits by itself gets a name."""
    if not is_cli(program, call):
        return dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
    statement = program.statement_of(call)
    if isinstance(statement, ast.Assign) and statement.value is call and isinstance(statement.targets[0], ast.Name):
        return f"{statement.targets[0].id}.trainer"
    if isinstance(statement, ast.Expr) and statement.value is call:
        draft.prefix(statement, "cli = ")
        return "cli.trainer"
    return None


def _validates(program: Program, call: ast.Call) -> bool:
    given = {keyword.arg for keyword in call.keywords}
    return (
        len(call.args) > 2
        or bool(given & {"val_dataloaders", "datamodule", "val_dataloader"})
        or any(function.name == "val_dataloader" for function in program.functions)
        or (len(call.args) == 2 and "DataModule" in program.text)
    )


def logged(program: Program) -> list[tuple[str, str]]:
    """(side, name) of what modules log, by the step that does it."""
    found: list[tuple[str, str]] = []
    for function in program.functions:
        definition = program.parent[function]
        if not isinstance(definition, ast.ClassDef):
            continue
        for side, given in _sides(program, definition, function):
            for node in (node for part in function.body for node in walk_executed(part)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    found += [(side, name) for name in _names(node, given)]
    return list(dict.fromkeys(found))


def _sides(program: Program, definition: ast.ClassDef, function: Function) -> Iterator[tuple[str, dict[str, str]]]:
    """In which kind of step a method runs, with the texts that its parameters have there."""
    for side, word in (("val", "validation"), ("test", "test"), ("train", "train")):
        if function.name in (
            f"{word}_step",
            f"on_{word}_epoch_end",
            f"on_{word}_batch_end",
            "training_step" if side == "train" else "",
        ):
            yield side, {}
            return
    names = [argument.arg for argument in function.args.args][1:]
    for caller in (part for part in definition.body if isinstance(part, FUNCTIONS) and part is not function):
        for node in ast.walk(caller):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"self.{function.name}":
                given = {n: a.value for n, a in zip(names, node.args, strict=False) if isinstance(a, ast.Constant)}
                given |= {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
                for side, _ in _sides(program, definition, caller):
                    yield side, {str(key): str(value) for key, value in given.items()}


def _names(call: ast.Call, given: dict[str, str]) -> Iterator[str]:
    assert isinstance(call.func, ast.Attribute)
    if not (isinstance(call.func.value, ast.Name) and call.func.value.id == "self"):
        return
    if call.func.attr == "log" and call.args:
        if (name := _text(call.args[0], given)) is not None:
            yield name
    elif call.func.attr == "log_dict" and call.args and isinstance(call.args[0], ast.Dict):
        for key in call.args[0].keys:
            if key is not None and (name := _text(key, given)) is not None:
                yield name


def _text(node: ast.expr, given: dict[str, str]) -> str | None:
    """A text, or an f-string of parameters whose texts are known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id in given:
                parts.append(given[part.value.id])
            else:
                return None
        return "".join(parts)
    return None


def _chosen(program: Program, found: list[tuple[str, str]], validated: bool) -> tuple[str, str, Way] | None:
    """What checkpoints and early stopping watch, else a validation loss, a validation score, a training value."""
    known = [(side, name) for side, name in found if side != "test" and (side == "train" or validated)]
    for call in program.calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        monitor, mode = given.get("monitor"), given.get("mode")
        if isinstance(monitor, ast.Constant) and ("val", monitor.value) in known:
            way = direction(str(monitor.value), ast.Name("_", ast.Load()))
            if isinstance(mode, ast.Constant) and mode.value in ("min", "max"):
                way = "minimize" if mode.value == "min" else "maximize"
            if way is not None:
                return "val", str(monitor.value), way
    ranked = []
    for side, name in known:
        way = direction(name, ast.Name("_", ast.Load()))
        if way is not None:
            other = name.startswith(("d_", "disc"))
            ranked.append(((side != "val", other, way != "minimize"), side, name, way))
    if not ranked:
        return None
    _, side, name, way = min(ranked, key=lambda entry: entry[0])
    return side, name, way


def _logging(program: Program, draft: Draft) -> tuple[str, str, Way] | None:
    """A module that logs nothing: its training step logs the loss that it returns, or trains with by hand."""
    for function in program.functions:
        if function.name != "training_step" or not isinstance(program.parent[function], ast.ClassDef):
            continue
        manual = [
            node
            for part in function.body
            for node in walk_executed(part)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "manual_backward"
        ]
        if manual and manual[0].args and isinstance(manual[0].args[0], ast.Name):
            name = manual[0].args[0].id
            statement = program.statement_of(manual[0])
            draft.insert_after(statement, f"self.log({program.string(f'train_{name}')}, {name})")
            return "train", f"train_{name}", "minimize"
        last = function.body[-1]
        loss = _returned_loss(function)
        if isinstance(last, ast.Return) and loss is not None:
            draft.insert_before(last, f"self.log({program.string('train_loss')}, {loss})")
            return "train", "train_loss", "minimize"
    return None


def _returned_loss(function: Function) -> str | None:
    last = function.body[-1]
    assert isinstance(last, ast.stmt)
    value = last.value if isinstance(last, ast.Return) else None
    if isinstance(value, ast.Name):
        return value.id
    bound = {name for part in function.body for name in scopes.binds(part)}
    return "loss" if "loss" in bound else None
