"""Keras: models that `fit` or `train_on_batch` trained, and data that they were given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted
from mlops_bot.rewrite.registration import calls, modules, places
from mlops_bot.rewrite.registration.trained import Signature, Trained
from mlops_bot.types import NotApplicable

_FITS = ("fit", "fit_generator", "train_on_batch")
_BASES = ("keras.", "tensorflow.keras.", "tf_keras.")
_VARIABLES = ("trainable_variables", "trainable_weights", "parameters")


def networks(program: Program) -> list[Trained] | NotApplicable:
    """Every model that is trained, where it is for the last time."""
    last: dict[tuple[ast.AST | None, str], Trained] = {}
    for call in sorted(_fits(program), key=lambda call: (call.lineno, call.col_offset)):
        assert isinstance(call.func, ast.Attribute)
        model, statement = call.func.value, program.statement_of(call)
        name = places.root(model)
        place = places.last_use(program, places.climb(program, statement, name), name)
        signature = _signature(program, call, ast.unparse(model), place)
        text = ast.unparse(model)
        last[program.function_of(statement), text] = Trained(
            "keras", text, place, _label(program, model), signature, own=tuple(custom(program))
        )
    for trained in _looped(program) if not last else ():
        last[program.function_of(trained.place), trained.model] = trained
    if not last:
        return NotApplicable("not applicable because no Keras model is trained by fit or by an optimizer in a loop")
    return list(last.values())


def _looped(program: Program) -> Iterator[Trained]:
    """Models whose variables an optimizer changes in a loop of the program's own."""
    for node in program.nodes:
        if not isinstance(node, ast.Attribute) or node.attr not in _VARIABLES or not places.is_plain(node.value):
            continue
        if places.root(node.value) == "self":
            continue
        statement = modules.training(program, program.statement_of(node))
        if statement is None:
            continue
        _, place = modules.over(program, node.value, statement)
        text = ast.unparse(node.value)
        array = f"{spelled(program)}.ops.convert_to_numpy({{}})"
        signature = calls.at_hand(program, text, place, None, array)
        own = tuple(custom(program))
        yield Trained("keras", text, place, _label(program, node.value), signature, own=own)


def spelled(program: Program) -> str:
    """How the program spells Keras."""
    for wanted in ("keras", "tensorflow.keras", "tensorflow"):
        name = next((name for name, target in program.imports.items() if target == wanted), None)
        if name is not None:
            return f"{name}.keras" if wanted == "tensorflow" else name
    return "keras"


def _fits(program: Program) -> Iterator[ast.Call]:
    for call in program.calls:
        func = call.func
        if not isinstance(func, ast.Attribute) or func.attr not in _FITS or not (call.args or call.keywords):
            continue
        if (isinstance(func.value, ast.Name) and func.value.id == "self") or not places.is_plain(func.value):
            continue
        made = _made(program, func.value)
        if made is not None and (program.qualified(made.func) or "").startswith("sklearn."):
            continue
        yield call


def _made(program: Program, model: ast.expr) -> ast.Call | None:
    if not isinstance(model, ast.Name):
        return None
    bound = program.assignments(model.id, program.function_of(model)) or program.assignments(model.id)
    values = [getattr(statement, "value", None) for statement in bound]
    calls = [value for value in values if isinstance(value, ast.Call)]
    return calls[-1] if calls else None


def _label(program: Program, model: ast.expr) -> str:
    """The class where it is one of the file's own; else what the program calls the model."""
    made = _made(program, model)
    if made is not None and isinstance(made.func, ast.Name) and made.func.id in program.classes:
        return made.func.id
    return ast.unparse(model)


# --- what is the program's own ----------------------------------------------------------------------------------


def custom(program: Program) -> list[str]:
    """Classes and functions of the file that a saved model may consist of, by name.

    Layers, models, losses and the like; functions that are handed to compile or to a Lambda layer.
    """
    found = [
        name
        for name, definitions in program.classes.items()
        if any(_is_keras(program, definition) for definition in definitions)
    ]
    handed = {
        node.id
        for call in program.calls
        if (dotted(call.func) or "").split(".")[-1] in ("compile", "Lambda")
        for node in ast.walk(call)
        if isinstance(node, ast.Name)
    }
    functions = [node.name for node in program.tree.body if isinstance(node, FUNCTIONS) and node.name in handed]
    return [*found, *functions]


def _is_keras(program: Program, definition: ast.ClassDef) -> bool:
    for base in definition.bases:
        name = program.qualified(base) or ""
        if (
            name.startswith(_BASES)
            and "callbacks" not in name
            and not name.endswith(("Callback", "Sequence", "PyDataset"))
        ):
            return True
        written = dotted(base) or ""
        if any(_is_keras(program, other) for other in program.classes.get(written, []) if other is not definition):
            return True
    return False


def closed(program: Program, name: str) -> bool:
    """Does a class's constructor refuse the settings that Keras keeps of every layer (`trainable`, `dtype`)?"""
    for definition in program.classes.get(name, []):
        members = {part.name: part for part in definition.body if isinstance(part, FUNCTIONS)}
        if "from_config" in members:
            return False
        if "__init__" in members:
            return members["__init__"].args.kwarg is None
        return any(closed(program, dotted(base) or "") for base in definition.bases)
    return False


def uses_lambda(program: Program) -> bool:
    """A layer that is a function: Keras reads it only where it is told that this is safe."""
    return any((dotted(call.func) or "").split(".")[-1] == "Lambda" for call in program.calls)


# --- what it is given and answers -------------------------------------------------------------------------------


def _signature(program: Program, call: ast.Call, model: str, place: ast.stmt) -> Signature | None:
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "x"), None)
    labelled = len(call.args) > 1 or any(keyword.arg == "y" for keyword in call.keywords)
    if given is None:
        return None
    function = program.function_of(call)
    for name in {node.id for node in ast.walk(given) if isinstance(node, ast.Name)}:
        if places.bound_between(program, name, call, place, function):
            return None
    if not labelled and not _is_array(program, given):
        return _of_batch(program, given, model)
    if isinstance(given, (ast.List, ast.Tuple)):
        return _of_several(
            program, model, {_key(part, index): part for index, part in enumerate(given.elts)}, mapping=False
        )
    if isinstance(given, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in given.keys]
        if not all(isinstance(key, str) for key in keys):
            return None
        return _of_several(
            program, model, {str(key): value for key, value in zip(keys, given.values, strict=True)}, mapping=True
        )
    if not places.is_plain(given):
        return None
    few = _few(given)
    return Signature(few, f"{model}.predict({few}, verbose=0)")


def _is_array(program: Program, given: ast.expr) -> bool:
    """An autoencoder's `fit(x)` with arrays: a slice of something, or what NumPy made."""
    if isinstance(given, ast.Subscript):
        return True
    if not isinstance(given, ast.Name):
        return False
    values = [
        getattr(statement, "value", None) for statement in program.assignments(given.id, program.function_of(given))
    ]
    return any(
        isinstance(value, ast.Call) and (program.qualified(value.func) or "").startswith("numpy.") for value in values
    )


def _few(given: ast.expr) -> str:
    """The first rows of an array."""
    text = ast.unparse(given)
    sliced = isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Slice)
    return text if sliced and "epoch" not in text else f"{text}[:5]"


def _key(part: ast.expr, index: int) -> str:
    return part.id if isinstance(part, ast.Name) else f"input_{index}"


def _of_several(program: Program, model: str, parts: dict[str, ast.expr], *, mapping: bool) -> Signature | None:
    if not all(places.is_plain(part) for part in parts.values()):
        return None
    name = program.free("inputs", "example")
    entries = ", ".join(f"{program.string(key)}: {_few(part)}" for key, part in parts.items())
    given = name if mapping else f"list({name}.values())"
    return Signature(name, f"{model}.predict({given}, verbose=0)", (f"{name} = {{{entries}}}",))


def _of_batch(program: Program, given: ast.expr, model: str) -> Signature | None:
    """A data set: its first batch, of which the model is given the first part."""
    if not places.is_plain(given):
        return None
    first = f"next(iter({ast.unparse(given)}))[0]"
    name = program.free("inputs", "example")
    inputs = f"{name} = {spelled(program)}.ops.convert_to_numpy({first})"
    return Signature(name, f"{model}.predict({name}, verbose=0)", (inputs,))
