"""Lets the program's own files be compiled from a changed syntax tree (loops.py), the main script among them.

Python asks `sys.path_hooks` about the script's path before it runs it (a zip file could be given): a hook that accepts
it makes Python run it as `__main__` through the import system, where a loader may compile it. Everything that a script
can see of itself (`__file__`, `__spec__`, `sys.argv`, `sys.path[0]`) is set as it would have been.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from collections import Counter
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType
from typing import Any, Callable

from .hooks import Hooks
from .loops import EPOCHS, LOADER, transform

ENDLESS_EPOCHS = 10  # turns of `for episode in itertools.count()`, which waits for a result that takes long


def install(hooks: Hooks) -> Callable[[ModuleSpec], None]:
    """Accept the main script, and give back what changes the spec of an imported module of the program."""
    _helpers(hooks)
    sys.path_hooks.insert(0, _path_hook(hooks))

    def change(spec: ModuleSpec) -> None:
        if type(spec.loader) is SourceFileLoader and spec.origin and hooks.is_project(spec.origin):
            spec.loader = ProjectLoader(hooks, spec.loader.name, spec.loader.path)

    return change


class ProjectLoader(SourceFileLoader):
    """Compiles one file of the program from its changed tree; as it is where that fails."""

    def __init__(self, hooks: Hooks, name: str, path: str) -> None:
        super().__init__(name, path)
        self._hooks = hooks

    def get_code(self, fullname: str) -> CodeType | None:
        source = self.get_data(self.path)
        return self._compile(source)

    def _compile(self, source: bytes, *, main: bool = False) -> CodeType:
        try:
            tree = transform(ast.parse(source, self.path), self._hooks, self.path)
            if main:
                _insert_main(tree)
            return compile(tree, self.path, "exec", dont_inherit=True)
        except SyntaxError:
            return compile(source, self.path, "exec", dont_inherit=True)
        except (ValueError, TypeError, RecursionError) as error:
            self._hooks.trace.error(f"changing {self.path}", error)
            return compile(source, self.path, "exec", dont_inherit=True)


class MainLoader(ProjectLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        return self._compile(self.get_data(self.path), main=True)


class MainImporter:
    """What the path hook answers with: finds `__main__` once, and puts `sys.path[0]` right."""

    def __init__(self, hooks: Hooks, path: str) -> None:
        self._hooks = hooks
        self._path = path

    def find_spec(self, name: str, target: Any = None) -> ModuleSpec | None:
        if name != "__main__":
            return None
        if sys.path and sys.path[0] == self._path:
            sys.path_importer_cache.pop(self._path, None)
            folder = os.path.dirname(os.path.realpath(self._path))
            sys.path[0:1] = [] if getattr(sys.flags, "safe_path", False) else [folder]
        path = os.path.abspath(self._path)
        spec = ModuleSpec(name, MainLoader(self._hooks, name, path), origin=path)
        spec.has_location = True
        spec.cached = None
        return spec


def _path_hook(hooks: Hooks) -> Callable[[str], MainImporter]:
    used = False

    def hook(path: str) -> MainImporter:
        nonlocal used
        argv = getattr(sys, "argv", None) or [""]
        same = bool(argv[0]) and os.path.abspath(path) == os.path.abspath(argv[0])
        if used or hooks.waiting or not same or not path.endswith(".py") or not os.path.isfile(path):
            raise ImportError
        used = True
        hooks.roots.append(os.path.dirname(os.path.realpath(path)))
        return MainImporter(hooks, path)

    return hook


def _insert_main(tree: ast.Module) -> None:
    """A script has no `__spec__`: say so, after the docstring and the imports from `__future__`."""
    position = 0
    for index, node in enumerate(tree.body):
        docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            position = index + 1
        else:
            break
    statement = ast.parse("__spec__ = __package__ = __cached__ = None").body[0]
    line = tree.body[position - 1].end_lineno or 1 if position else 1
    for item in ast.walk(statement):
        if hasattr(item, "lineno"):
            item.lineno = item.end_lineno = line  # type: ignore[attr-defined]
            item.col_offset = item.end_col_offset = 0  # type: ignore[attr-defined]
    tree.body.insert(position, statement)


def _helpers(hooks: Hooks) -> None:
    """The functions that changed code calls."""
    limits = {EPOCHS: hooks.max_epochs, LOADER: hooks.max_batches * 4}
    turns: Counter[str] = Counter()

    def most(kind: str) -> int:
        return limits.get(kind, hooks.max_steps)

    def smoke_range(kind: str, *args: Any) -> range:
        values = range(*args)
        if len(values) > most(kind):
            hooks.note("limit", f"loop over {kind}", f"{len(values)} -> {most(kind)}")
            return values[: most(kind)]
        return values

    def smoke_count(kind: str, count: Any) -> Any:
        return min(count, most(kind)) if isinstance(count, int) else count

    def smoke_endless(kind: str, values: Any) -> Any:
        most_turns = ENDLESS_EPOCHS if kind == EPOCHS else hooks.max_steps
        for turn, value in enumerate(values):
            if turn == most_turns:
                hooks.note("limit", f"endless loop over {kind}", f"stopped after {most_turns} turns")
                return
            yield value

    def smoke_more(where: str) -> bool:
        turns[where] += 1
        if turns[where] > hooks.max_steps:
            hooks.note("limit", "while loop", f"stopped after {hooks.max_steps} turns")
            return False
        return True

    def smoke_every(kind: str, count: Any, every: Any, rest: Any) -> Any:
        result = count % every == rest
        if result is False and isinstance(every, int) and rest in (0, every - 1):
            limit = hooks.max_batches if kind == LOADER else most(kind)
            if every > limit and (limit < 10 or count % limit == rest % limit):
                hooks.note("limit", "conditions that hold every so often", "hold at every turn of a shortened loop")
                return True
        return result

    for name, function in (
        ("range", smoke_range),
        ("count", smoke_count),
        ("more", smoke_more),
        ("endless", smoke_endless),
        ("every", smoke_every),
    ):
        setattr(builtins, f"__smoke_{name}__", function)
