"""The sparsity that a program asks for: an option beside its others where it has some, else a constant."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from mlops_bot.rewrite import models
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.models import Model
from mlops_bot.rewrite.program import Function, Program, dotted
from mlops_bot.rewrite.pruning.place import Place

DEFAULT = "0.5"
_TRAINING_OPTION = re.compile(r"epoch|^-*lr$|learning.rate|niter|batch", re.IGNORECASE)
_OPTIONS = ("sparsity", "target-sparsity", "prune-ratio", "pruning-ratio")
_NAMES = ("SPARSITY", "TARGET_SPARSITY", "PRUNE_RATIO")
_MAX_LINE = 100


@dataclass(frozen=True)
class Target:
    """`code` gives the sparsity at the place; `constant`: the assignment that still has to be put somewhere."""

    code: str
    note: str
    constant: str | None = None


def ask(program: Program, edits: Edits, place: Place) -> Target:
    """Adds the option, or says which constant is to be added."""
    option = _option(program, edits, place)
    if option is not None:
        return option
    taken = {node.id for node in program.nodes if isinstance(node, ast.Name)}
    name = next(name for name in (*_NAMES, "SHARE_OF_ZEROS") if name not in taken)
    if _lower_constants(program) and name.lower() not in taken:
        name = name.lower()
    code = f"{name} = {DEFAULT}  # share of the weights that is pruned"
    return Target(name, f"the sparsity is {name} = {DEFAULT}", code)


def constants(program: Program) -> list[ast.Assign]:
    """The first run of plain numbers at the top level: hyperparameters, as people put them there."""
    found: list[ast.Assign] = []
    for statement in program.tree.body:
        number = (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and isinstance(statement.value, ast.Constant)
            and type(statement.value.value) in (int, float)
        )
        if number:
            found.append(statement)  # type: ignore[arg-type]
        elif found:
            break
    return found


def _lower_constants(program: Program) -> bool:
    names = [statement.targets[0].id for statement in constants(program)]  # type: ignore[attr-defined]
    return bool(names) and not any(name.isupper() for name in names)


# --- an option ------------------------------------------------------------------------------------------------


def _option(program: Program, edits: Edits, place: Place) -> Target | None:
    added = _options_of(program)
    flags = {flag for calls in added.values() for call in calls for flag in _flags(call)}
    for receiver, calls in sorted(added.items(), key=lambda item: not any(map(_is_training, item[1]))):
        name = _arguments_at(program, place, receiver)
        option = next((one for one in _OPTIONS if f"--{one}" not in flags), None)
        if name is None or option is None:
            continue
        last = calls[-1]
        statement = program.statement_of(last)
        if not isinstance(statement, ast.Expr) or statement.value is not last:
            continue
        edits.insert_after(statement, _add_argument(program, last, calls, option))
        return Target(
            f"{name}.{option.replace('-', '_')}", f"the sparsity is the option --{option}, by default {DEFAULT}"
        )
    return None


def _options_of(program: Program) -> dict[str, list[ast.Call]]:
    """The `add_argument` calls with a flag, by what they are called on."""
    found: dict[str, list[ast.Call]] = {}
    for call in sorted(program.calls, key=lambda call: call.lineno):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument" and _flags(call):
            receiver = dotted(call.func.value)
            if receiver is not None and not program.loops_of(call):
                found.setdefault(receiver, []).append(call)
    return found


def _flags(call: ast.Call) -> list[str]:
    values = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return [value for value in values if isinstance(value, str) and value.startswith("-")]


def _is_training(call: ast.Call) -> bool:
    return any(_TRAINING_OPTION.search(flag) for flag in _flags(call))


def _arguments_at(program: Program, place: Place, receiver: str) -> str | None:
    """What the parsed arguments are called at the place. Options of a sub-parser end up in the same object."""
    candidates: list[str] = []
    for call in program.calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in ("parse_args", "parse_known_args")):
            continue
        statement = program.statement_of(call)
        known = Model()
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if call.func.attr == "parse_known_args" and isinstance(target, ast.Tuple) and target.elts:
                target = target.elts[0]
            written = dotted(target)
            if written is None or statement.value is not call:
                continue
            known.add(program.function_of(statement), written)
            known = models.followed(program, known)
            if program.function_of(statement) is place.home and statement.lineno > place.first.lineno:
                continue
        else:
            _from_call(program, known, call)
            known = models.followed(program, known)
        candidates += models.visible(program, known, place.home)
    return candidates[0] if candidates else None


def _from_call(program: Program, known: Model, call: ast.Call) -> None:
    """`main(parser.parse_args())`, and `return parser.parse_args()` in a function whose result is kept."""
    statement = program.statement_of(call)
    if isinstance(statement, ast.Return) and statement.value is call:
        function = program.function_of(call)
        for site in program.call_sites(function) if function is not None else ():
            outer = program.statement_of(site)
            if isinstance(outer, ast.Assign) and outer.value is site and (written := dotted(outer.targets[0])):
                known.add(program.function_of(outer), written)
            else:
                _as_argument(program, known, site)
    else:
        _as_argument(program, known, call)


def _as_argument(program: Program, known: Model, call: ast.Call) -> None:
    above = program.parent.get(call)
    if isinstance(above, ast.Call):
        for function in models.called_functions(program, above):
            for name in _names(function):
                if models.argument_of(program, function, above, name) is call:
                    known.add(function, name)


def _names(function: Function) -> list[str]:
    return [argument.arg for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def _add_argument(program: Program, last: ast.Call, calls: list[ast.Call], option: str) -> str:
    """In the style of its neighbours: with or without help, on one line or with the help on the next."""
    helps = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "help"]
    texts = [str(part.value) for part in helps if isinstance(part, ast.Constant)]
    quote = program.source(last.args[0])[:1]

    def text(value: str) -> str:
        return f"{quote}{value}{quote}" if quote in ("'", '"') else program.string(value)

    flag = text(f"--{option}")
    head = f"{dotted(last.func)}({flag}, type=float, default={DEFAULT}"
    if not helps:
        return f"{head})"
    default = f" (default: {DEFAULT})" if any("(default" in text for text in texts) else ""
    told = f"help={text(f'share of the weights that is pruned{default}')}"
    broken = any(call.end_lineno != call.lineno for call in calls)
    if not broken and len(head) + len(told) + 3 + last.col_offset <= _MAX_LINE:
        return f"{head}, {told})"
    if _hangs(program, calls):
        inner = head.replace("(", "(\n    ", 1).replace(", ", ",\n    ")
        return f"{inner},\n    {told},\n)"
    margin = " " * (head.index("(") + 1)
    return f"{head},\n{margin}{told})"


def _hangs(program: Program, calls: list[ast.Call]) -> bool:
    """An argument a line, as formatters write it."""
    return any(call.args and call.args[0].lineno > call.lineno for call in calls)
