"""Hyperparameters that can be named at some place of a program, without repeating a value."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from mlops_bot.rewrite import steps
from mlops_bot.rewrite.naming import words
from mlops_bot.rewrite.program import Function, LoopNode, Program, dotted, is_optimizer

_PARSERS = {"parse_args": False, "parse_known_args": True}
_HYPER = re.compile(
    r"lr|learning_rate|batch|epoch|hidden|dim|layers?|momentum|decay|dropout|gamma|beta|alpha|lambda|weight|seed|steps?|iter"
    r"|size|num|n_|max|min|margin|temperature|rate|eps|noise|latent|embed|heads?|width|depth|units|window|seq|len"
    r"|tau|clip|warmup|features|classes|channels|kernel|stride|filters|patience|k$|nz|ngf|ndf|nc$|optimizer|model|dataset",
    re.IGNORECASE,
)


_PLAIN = re.compile(
    r"^((n|num|max)_)?(epochs?|steps|episodes|iterations)$"
    r"|^(lr|learning_rate|batch_size|hidden_(size|dim)|dropout|seed)$"
)


@dataclass(frozen=True)
class Settings:
    """All settings in one object: the `statement` after which `name` holds them, and `code` for log_params."""

    name: str
    statement: ast.stmt
    code: str


def arguments(program: Program) -> list[Settings]:
    """Every `args = parser.parse_args()`, also through a local helper that returns it."""
    found: list[Settings] = []
    helpers: set[Function] = set()
    for call in program.calls:
        attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if attribute not in _PARSERS:
            continue
        statement = program.statement_of(call)
        name = _target(statement, call, pair=_PARSERS[attribute])
        function = program.function_of(statement)
        returned = isinstance(statement, ast.Return) or (
            name is not None and function is not None and _returns(function, name)
        )
        if returned and function is not None:
            helpers.add(function)
        elif name is not None:
            found.append(Settings(name, statement, f"vars({name})"))
    for helper in helpers:
        for call in program.call_sites(helper):
            statement = program.statement_of(call)
            name = _target(statement, call, pair=False)
            if name is not None:
                found.append(Settings(name, statement, f"vars({name})"))
    return found


def _target(statement: ast.stmt, call: ast.Call, *, pair: bool) -> str | None:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is call:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if pair and isinstance(target, ast.Tuple) and target.elts:
            target = target.elts[0]
        elif pair:
            return None
        if isinstance(target, ast.Name):
            return target.id
    return None


def _returns(function: Function, name: str) -> bool:
    return any(
        isinstance(node, ast.Return) and isinstance(node.value, ast.Name) and node.value.id == name
        for node in ast.walk(function)
    )


def parsed_in_call(program: Program) -> list[tuple[Function, str]]:
    """`main(parser.parse_args())`: the function and its parameter that holds the arguments."""
    found: list[tuple[Function, str]] = []
    helpers = {
        program.function_of(call)
        for call in program.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "parse_args"
    }
    for call in program.calls:
        for index, argument in enumerate(call.args):
            if not isinstance(argument, ast.Call):
                continue
            direct = isinstance(argument.func, ast.Attribute) and argument.func.attr == "parse_args"
            through = isinstance(argument.func, ast.Name) and any(
                helper in helpers for helper in program.functions_named(argument.func.id, method=False)
            )
            if (direct or through) and isinstance(call.func, ast.Name):
                for function in program.functions_named(call.func.id, method=False):
                    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
                    if index < len(names):
                        found.append((function, names[index]))
    return found


_SETTINGS = re.compile(r"(?i)^(config|cfg|hparams?|hyper_?param\w*|params|settings|conf|hp|opts?|args)$")


def settings(program: Program) -> list[Settings]:
    """Dicts of settings, and instances of the file's own dataclasses: `config = {...}`, `config = Config()`."""
    found: list[Settings] = []
    for statement in program.nodes:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            continue
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if not isinstance(target, ast.Name) or not _SETTINGS.match(target.id) or program.loops_of(statement):
            continue
        value = statement.value
        if (
            isinstance(value, ast.Dict)
            and value.keys
            and all(
                isinstance(key, ast.Constant) and isinstance(key.value, str) and _scalar(item)
                for key, item in zip(value.keys, value.values, strict=True)
            )
        ):
            found.append(Settings(target.id, statement, target.id))
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            for definition in program.classes.get(value.func.id, []):
                if any("dataclass" in ast.unparse(decorator) for decorator in definition.decorator_list):
                    found.append(Settings(target.id, statement, f"vars({target.id})"))
    return found


def _scalar(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Attribute, ast.Name, ast.List, ast.Tuple))


def constants(program: Program, place: ast.stmt, *, limit: int = 20) -> dict[str, str]:
    """Hyperparameters visible at `place`: name -> source text (pure), in the order of the file."""
    found: dict[str, str] = {}
    function = program.function_of(place)
    for name, value, owner in _visible(program, place):
        if name.startswith("_") or not _is_constant(value):
            continue
        shouted = owner is None and name.isupper() and not isinstance(getattr(value, "value", 0), str)
        if not shouted and not _HYPER.search(name):
            continue
        if _changes(program, name, owner):
            continue
        found[name.lower() if name.isupper() else name] = name
    if function is not None:
        for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            annotation = ast.unparse(argument.annotation) if argument.annotation else ""
            plain = annotation in ("int", "float", "str", "bool") or _PLAIN.match(argument.arg)
            if (plain or _has_plain_default(function, argument.arg)) and not _changes(program, argument.arg, function):
                found[argument.arg] = argument.arg
            elif argument.arg == "optimizer" and "torch" in program.text:
                found["optimizer"] = "type(optimizer).__name__"
                found["lr"] = 'optimizer.param_groups[0]["lr"]'
    have = {word for name in found for word in words(name)}
    for name, value, owner in _visible(program, place):
        if owner is None and function is not None and not _reads(function, name):
            continue  # another one may be handed to the function
        if isinstance(value, ast.Call) and is_optimizer(program, value):
            key = name if name in ("opt", "optimizer", "optim") or "optim" in name else f"{name}_optimizer"
            found.setdefault("optimizer" if key in ("opt", "optim") else key, f"type({name}).__name__")
            if not have & {"lr", "rate"}:
                label = "lr" if name in ("opt", "optimizer", "optim") else f"{name}_lr"
                found[label] = f'{name}.param_groups[0]["lr"]'
        elif isinstance(value, ast.Call) and "batch" not in have:
            if (program.qualified(value.func) or "").endswith("DataLoader") and any(
                keyword.arg == "batch_size" for keyword in value.keywords
            ):
                found.setdefault("batch_size", f"{name}.batch_size")
    return dict(list(found.items())[:limit])


def loop_turns(loop: LoopNode | None) -> tuple[str, str] | None:
    """What a loop over a literal `range` counts, by its variable's name, and how many of it."""
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        iterable = steps.unwrapped(loop.iter)
        if isinstance(iterable, ast.Call) and dotted(iterable.func) == "range" and len(iterable.args) == 1:
            if isinstance(iterable.args[0], ast.Constant):
                counted = {
                    word for node in ast.walk(loop.target) if isinstance(node, ast.Name) for word in words(node.id)
                }
                if counted & {"epi", "episode", "ep"}:
                    return "episodes", str(iterable.args[0].value)
                named = any("epoch" in word for word in counted)
                return "epochs" if named else "steps", str(iterable.args[0].value)
    return None


def _reads(function: Function, name: str) -> bool:
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    return bool(uses) and all(isinstance(node.ctx, ast.Load) for node in uses)


def _visible(program: Program, place: ast.stmt) -> list[tuple[str, ast.expr, Function | None]]:
    """Names bound once to one value before `place`, at module level or in its function: (name, value, owner)."""
    function = program.function_of(place)
    found: list[tuple[str, ast.expr, Function | None]] = []
    for owner in [None] if function is None else [None, function]:
        for statement in _straight(program, owner):
            if program.inside(place, statement):
                if owner is function:
                    break
            if statement.lineno >= place.lineno and (owner is function or (owner is None and function is None)):
                break
            value = getattr(statement, "value", None)
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or value is None:
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.append((target.id, value, owner))
                elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    found.extend(
                        (name.id, item, owner)
                        for name, item in zip(target.elts, value.elts, strict=False)
                        if isinstance(name, ast.Name)
                    )
    return found


def _straight(program: Program, owner: Function | None) -> list[ast.stmt]:
    """The statements that run on the way through a suite, main guard and `with` bodies included."""
    body = program.tree.body if owner is None else owner.body
    found: list[ast.stmt] = []
    todo = list(body)
    while todo:
        statement = todo.pop(0)
        found.append(statement)
        if isinstance(statement, (ast.With, ast.AsyncWith)) or statement is program.main_guard:
            todo = [*statement.body, *todo]
    return found


def _is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (int, float, str)) and not (
            isinstance(value.value, str) and (len(value.value) > 60 or "/" in value.value or "\n" in value.value)
        )
    if isinstance(value, ast.UnaryOp):
        return _is_constant(value.operand)
    if isinstance(value, ast.BinOp):
        return _is_constant(value.left) and _is_constant(value.right)
    return False


def _changes(program: Program, name: str, owner: Function | None) -> bool:
    """Is the name bound more than once by its owner (or by a `global` statement elsewhere)?"""
    bindings = [
        statement
        for statement in program.assignments(name, owner)
        if program.function_of(statement) is owner or (owner is None and _declares_global(program, statement, name))
    ]
    own_parameter = owner is not None and name in [
        a.arg for a in (*owner.args.posonlyargs, *owner.args.args, *owner.args.kwonlyargs)
    ]
    return len(bindings) > (0 if own_parameter else 1)


def _declares_global(program: Program, statement: ast.stmt, name: str) -> bool:
    function = program.function_of(statement)
    return function is not None and any(
        isinstance(node, ast.Global) and name in node.names for node in ast.walk(function)
    )


def _has_plain_default(function: Function, name: str) -> bool:
    positional = [*function.args.posonlyargs, *function.args.args]
    defaults = function.args.defaults
    pairs = list(zip([a.arg for a in positional[len(positional) - len(defaults) :]], defaults, strict=True))
    pairs += [
        (argument.arg, default)
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if default is not None
    ]
    return any(argument == name and _is_constant(default) for argument, default in pairs)


def executes_once(program: Program, function: Function | None, depth: int = 4) -> bool:
    """Is a function called from one place only, outside of loops?"""
    if function is None:
        return True
    sites = program.call_sites(function)
    if len(sites) > 1 or depth == 0:
        return False
    if not sites:
        return True  # handed to something that calls it once (fire, click, mp)
    return not program.loops_of(sites[0]) and executes_once(program, program.function_of(sites[0]), depth - 1)
