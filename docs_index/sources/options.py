"""What a package's command line says about its commands: read from its argparse parsers, never run.

Some packages document their command line and not their functions: `dvc.repo.Repo.push` has no docstring, `dvc push` has
a description and one for each option. A command and the function of the same name mostly do the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LARGEST = 500_000  # bytes of a module that is looked at


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its names, what it is for, and its options by the name of the variable that takes them."""

    names: tuple[str, ...]
    help: str
    module: Path
    nested: bool = False  # below another command: `dvc remote add`
    options: dict[str, str] = field(default_factory=dict)


def commands(package: Path) -> Mapping[str, Command]:
    """The commands of a package's folder by name. Where several have the same (`add`, `remote add`), it is one that is
    not below another command, of the module that is least deep, of a module with that name; where that does not decide,
    none."""
    found: dict[str, list[Command]] = {}
    for path in sorted(package.rglob("*.py")):
        for command in _of(path):
            for name in command.names:
                found.setdefault(name, []).append(command)
    chosen = ((name, _main(name, several)) for name, several in found.items())
    return {name: command for name, command in chosen if command is not None}


def _main(name: str, several: Sequence[Command]) -> Command | None:
    least = min((one.nested, _depth(one)) for one in several)
    highest = [one for one in several if (one.nested, _depth(one)) == least]
    named = [one for one in highest if name in (one.module.stem, one.module.parent.name)]
    best = named or highest
    return best[0] if len(best) == 1 else None


def _depth(command: Command) -> int:
    return len(command.module.parts) - (command.module.stem == "__init__")


def _of(path: Path) -> Iterator[Command]:
    try:
        if path.stat().st_size > _LARGEST:
            return
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text) if "add_parser(" in text else None
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    if tree is None:
        return
    texts = _constants(tree)
    described: dict[str, Command] = {}  # by the variable that holds the parser
    for function in (tree, *(one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))):
        given = {one.arg for one in function.args.args} if isinstance(function, ast.FunctionDef) else set()
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and _calls(node.value, "add_parser")
            ):
                command = _command(node.value, texts, path, given)
                if command is not None:
                    described[node.targets[0].id] = command
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _calls(node, "add_argument") and isinstance(node.func, ast.Attribute):
            holder = node.func.value
            command = described.get(holder.id) if isinstance(holder, ast.Name) else None
            if command is not None:
                command.options.update(_option(node, texts))
    yield from described.values()


def _command(call: ast.expr, texts: Mapping[str, str], path: Path, parameters: set[str]) -> Command | None:
    """`parameters`: of the function around it; a parser that is made by none of them is below another one there."""
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    nested = not (isinstance(call.func.value, ast.Name) and call.func.value.id in parameters)
    given = {one.arg: one.value for one in call.keywords}
    name = _text(call.args[0], texts) if call.args else ""
    said = [_text(given[key], texts) for key in ("help", "description") if key in given]
    aliases = given.get("aliases")
    others = [_text(one, texts) for one in aliases.elts] if isinstance(aliases, ast.List | ast.Tuple) else []
    about = "\n\n".join(dict.fromkeys(one for one in said if one))
    if not name or not about:
        return None
    return Command((name, *filter(None, others)), about, path, nested)


def _option(call: ast.Call, texts: Mapping[str, str]) -> dict[str, str]:
    given = {one.arg: one.value for one in call.keywords}
    flags = [_text(one, texts) for one in call.args]
    named = [flag for flag in flags if flag.startswith("--")] or [flag for flag in flags if not flag.startswith("-")]
    target = _text(given["dest"], texts) if "dest" in given else next(iter(named), "").lstrip("-").replace("-", "_")
    about = _text(given["help"], texts) if "help" in given else ""
    return {target: about} if target and about else {}


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts that have a name, whatever the scope."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = _text(node.value, found)
            if text:
                found[node.targets[0].id] = text
    return found


def _text(node: ast.expr, texts: Mapping[str, str]) -> str:
    """A text, or what a call makes of one: `append_doc_link(PUSH_HELP, "push")` is PUSH_HELP."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%\((\w+)\)s", r"\1", node.value).strip()
    if isinstance(node, ast.Name):
        return texts.get(node.id, "")
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0], texts)
    return ""


def _calls(node: ast.expr, method: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
