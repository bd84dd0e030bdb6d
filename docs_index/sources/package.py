"""Signatures and docstrings of a release, read from its files with griffe. Nothing is imported or run."""

from __future__ import annotations

import inspect
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docs_index.pages import LARGEST, Gathered, Page
from docs_index.sources.options import Command, commands

_LEFT_OUT = re.compile(
    r"(^|\.)(tests?|testing|conftest|_?vendor(ed)?|third_?party|protos?|\w*_pb2(_grpc)?|migrations?|alembic|db_migrations"
    r"|examples?|__main__|setup)(\.|$)"
)
_NAMES = 12  # names of one object
_NEAR = 4  # parts of a name: what has no docstring is kept only where people reach it


def gather(folder: Path, modules: Sequence[str], url: Callable[[str], str]) -> Gathered:
    """A page for each public object of `modules` in `folder` (a site-packages, or an unpacked wheel)."""
    import griffe

    logging.getLogger("griffe").setLevel(logging.CRITICAL)  # what it cannot resolve is left out
    found = Gathered()
    for module in modules:
        loader = griffe.GriffeLoader(search_paths=[folder], allow_inspection=False)
        try:
            loaded = loader.load(module, try_relative_path=False)
        except (ImportError, OSError, griffe.GriffeError) as error:
            found.bad.append(f"{module}: {type(error).__name__}: {error}")
            continue
        loader.resolve_aliases(implicit=False, external=False)
        reader = _Reader(griffe, module, url, commands(folder.joinpath(*module.split("."))))
        for page in reader.pages(loaded):
            if len(page.text) > LARGEST:
                found.bad.append(f"{page.path}: is larger than {LARGEST / 1e6:.0f} MB")
            else:
                found.add(page)
    return found


class _Reader:
    """Finds every public name of every object of one package, then writes a page for each object."""

    def __init__(
        self, griffe: Any, package: str, url: Callable[[str], str], commands: Mapping[str, Command]
    ) -> None:  # fmt: skip
        self._griffe = griffe
        self._package = package
        self._url = url
        self._commands = commands
        self._helped: dict[str, Command] = {}  # by path of the function that does what the command does
        self._objects: dict[str, Any] = {}
        self._names: dict[str, set[str]] = defaultdict(set)

    def pages(self, module: Any) -> Iterator[Page]:
        self._collect(module, module.path, set())
        names = {path: sorted(self._names[path], key=_preference)[:_NAMES] for path in self._objects}
        self._match(names)
        for path in sorted(self._objects):
            page = self._page(self._objects[path], names[path])
            if page is not None:
                yield page

    def _collect(self, parent: Any, prefix: str, inside: set[str]) -> None:
        for name, member in list(parent.members.items()):
            path = f"{prefix}.{name}"
            if _LEFT_OUT.search(path):
                continue
            if member.is_alias:
                try:
                    member = member.final_target
                except self._griffe.GriffeError:
                    continue
                if member.is_module or not member.path.startswith(f"{self._package}."):
                    continue
                if not (parent.is_class or self._exported(parent, name) or _lifted(parent, member)):
                    continue
            if not name.startswith("_"):
                self._objects[member.path] = member
                self._names[member.path].add(path)
            if (member.is_module or member.is_class) and member.path not in inside and len(inside) < 12:
                self._collect(member, path, inside | {member.path})

    def _match(self, names: Mapping[str, Sequence[str]]) -> None:
        """Finds the function that does what a command does: of those with its name, the one that takes most of its
        options. It is noted where it has no docstring."""
        named: dict[str, list[str]] = defaultdict(list)
        for path, found in self._objects.items():
            if found.is_function and not _private(names[path][0]):
                named[path.rpartition(".")[2]].append(path)
        for name, command in self._commands.items():
            options = {one.removesuffix("s") for one in command.options}
            alike = {
                path: len(options & {one.name.removesuffix("s") for one in self._objects[path].parameters})
                for path in named[name]
            }
            if any(alike.values()):
                best = min(alike, key=lambda path: (-alike[path], _preference(names[path][0])))
                if not self._objects[best].docstring:
                    self._helped[best] = command

    def _exported(self, parent: Any, name: str) -> bool:
        exports = getattr(parent, "exports", None) or ()
        return any(str(getattr(one, "name", one)) == name for one in exports)

    def _page(self, found: Any, names: Sequence[str]) -> Page | None:
        public = [name for name in names if not _private(name)]
        if not public:
            return None
        doc = inspect.cleandoc(found.docstring.value) if found.docstring else ""
        name = public[0]
        if not doc and (not found.is_function or len(name.split(".")) > _NEAR or not self._parameters(found)):
            return None
        if found.is_attribute and len(doc) < 40:
            return None
        parts = [f"```python\n{self._signature(found, name)}\n```" if not found.is_module else "", doc]
        if found.is_class:
            parts.append(self._members(found))
        if found.is_function and not doc:
            parts.append(self._undocumented(found, name))
        if len(public) > 1:
            parts.append("Also: " + ", ".join(f"`{other}`" for other in public[1:4]))
        text = "\n\n".join(part for part in parts if part)
        if len(text) < 30:
            return None
        return Page(f"docstring:{name}", self._url(self._file(found)), name, text, (*public, *_rest(names, public)))

    def _undocumented(self, found: Any, name: str) -> str:
        """What is known of a function without a docstring: the command that does the same, or where it belongs."""
        command = self._helped.get(found.path)
        if command is not None:
            taken = [one.name for one in found.parameters if one.name in command.options]
            options = "\n".join(f"- `{one}`: {' '.join(command.options[one].split())}" for one in taken)
            said = f"(Of the command `{self._package} {command.names[0]}`, which does the same.)"
            return f"{command.help}\n\n{said}\n\n{options}"
        parent = found.parent.docstring if found.parent is not None else None
        first = inspect.cleandoc(parent.value).split("\n\n")[0] if parent else ""
        return f"{name.rpartition('.')[2]} of {name.rpartition('.')[0]}. {first}"[:400]

    def _file(self, found: Any) -> str:
        try:
            relative = found.relative_package_filepath.as_posix()
        except (ValueError, AttributeError):
            relative = found.path.replace(".", "/")
        root = found.package.path.replace(".", "/") if found.package else self._package
        path = relative if relative.startswith(root) else f"{root}/{relative}"
        return f"{path}#L{found.lineno}" if getattr(found, "lineno", None) else path

    def _signature(self, found: Any, name: str) -> str:
        if found.is_function:
            returns = f" -> {found.returns}" if found.returns is not None else ""
            return f"{name}({', '.join(self._parameters(found))}){returns}"
        if found.is_class:
            init = found.members.get("__init__")
            given = self._parameters(init) if init is not None and not init.is_alias and init.is_function else []
            given = given or self._fields(found)
            return f"class {name}({', '.join(given)})"
        annotation = f": {found.annotation}" if getattr(found, "annotation", None) else ""
        value = f" = {found.value}" if getattr(found, "value", None) else ""
        return f"{name}{annotation}{value}"[:500]

    def _parameters(self, function: Any) -> list[str]:
        found: list[str] = []
        star = False
        for one in function.parameters:
            kind = one.kind.name if one.kind is not None else ""
            if one.name in ("self", "cls") and not found:
                continue
            text = {"var_positional": "*", "var_keyword": "**"}.get(kind, "") + one.name.lstrip("*")
            if kind == "keyword_only" and not star:
                found.append("*")
            star = star or kind in ("keyword_only", "var_positional")
            text += f": {one.annotation}" if one.annotation is not None else ""
            if one.default is not None and not kind.startswith("var_"):
                text += f" = {one.default}" if one.annotation is not None else f"={one.default}"
            found.append(text)
        return found

    @staticmethod
    def _fields(found: Any) -> list[str]:
        """Of a dataclass: what its constructor takes."""
        if "dataclass" not in found.labels:
            return []
        return [
            f"{name}: {one.annotation}"
            for name, one in found.members.items()
            if not one.is_alias and one.is_attribute and one.annotation is not None and not name.startswith("_")
        ]

    def _members(self, found: Any) -> str:
        rows = []
        for name, member in found.members.items():
            if name.startswith("_"):
                continue
            try:
                target = member.final_target if member.is_alias else member
            except self._griffe.GriffeError:
                continue
            if target.is_function:
                first = inspect.cleandoc(target.docstring.value).split("\n")[0] if target.docstring else ""
                rows.append(f"- `{name}`" + (f": {first[:120]}" if first else ""))
        return "Methods:\n\n" + "\n".join(rows[:60]) if rows else ""


def _lifted(parent: Any, target: Any) -> bool:
    """Whether a package offers what is defined below it: `optuna/__init__.py` with `from .study import Study`. What it
    imports from elsewhere is for its own use."""
    return bool(getattr(parent, "is_init_module", False)) and target.path.startswith(f"{parent.path}.")


def _rest(names: Sequence[str], public: Sequence[str]) -> list[str]:
    return [name for name in names if name not in public]


def _private(name: str) -> bool:
    return any(part.startswith("_") for part in name.split("."))


def _preference(name: str) -> tuple[bool, int, bool, int, str]:
    """The name that people write comes first: public, short, and not the file where it is kept (`repo.add.add`)."""
    *_, owner, own = ("", *name.split("."))
    return _private(name), name.count("."), owner == own, len(name), name
