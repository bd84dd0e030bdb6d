"""The component's installed signatures, and calls checked against them; what is not resolved is not judged."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_bot.types import Json
from mlops_bot.verify.code import Code, dotted

DUMP_VERSION = 3  # part of a cached description's key: raise it when inside/api_dump.py lists something else


@dataclass(frozen=True, slots=True)
class Call:
    """A call or a mere mention of an API name. `keywords` are the named ones; `opened`: has *args or **kwargs."""

    name: str  # qualified: "mlflow.log_metric"
    line: int
    positional: int = 0
    keywords: tuple[str, ...] = ()
    opened: bool = False
    mention: bool = False  # an import or attribute, not a call


@dataclass(frozen=True, slots=True)
class Entry:
    kind: str  # function | class | module | value
    parameters: tuple[tuple[str, str, bool], ...] | None  # (name, kind, required); None: unknown signature
    target: str | None = None


@dataclass(slots=True)
class Api:
    names: Mapping[str, Entry]
    modules: frozenset[str]  # whose attributes are all known
    versions: Mapping[str, str]
    members: dict[str, list[str]] = field(default_factory=dict)

    def check_calls(self, calls: Iterable[Call]) -> str | None:
        """The first call that the installed version would refuse, in words."""
        for call in calls:
            reason = self._check(call)
            if reason:
                return f"{reason} (line {call.line})"
        return None

    def canonical(self, name: str) -> str:
        """The same thing under the name that has its members listed."""
        entry = self.names.get(name)
        if entry is None or entry.target is None:
            return name
        return entry.target if entry.target in self.names else name

    def _version(self, name: str) -> str:
        root = name.partition(".")[0]
        return f"{root} {self.versions[root]}" if root in self.versions else f"the installed {root}"

    def _check(self, call: Call) -> str | None:
        name = self._find(call.name)
        if name is None:
            return None
        if name not in self.names:
            return self._missing(name)
        entry = self.names[name]
        if call.mention or entry.parameters is None:
            return None
        return self._bind(name, entry, call)

    def _find(self, name: str) -> str | None:
        """The listed name, the first unlisted part of a closed module or class, or None when nothing is known."""
        parts = name.split(".")
        heads = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        current = next((head for head in heads if head in self.names or head in self.modules), None)
        if current is None:
            return None
        for part in parts[current.count(".") + 1 :]:
            current = self.canonical(current)
            entry = self.names.get(current)
            following = f"{current}.{part}"
            if following in self.names:
                current = following
                continue
            if current in self.modules or (entry is not None and entry.kind == "class" and current in self.members):
                return following
            return None
        return self.canonical(current) if self.names.get(current, Entry("", None)).kind == "class" else current

    def _missing(self, name: str) -> str:
        owner, _, wrong = name.rpartition(".")
        near = difflib.get_close_matches(wrong, self.members.get(owner, ()), n=1, cutoff=0.6)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{name} does not exist in {self._version(name)}{hint}"

    def _bind(self, name: str, entry: Entry, call: Call) -> str | None:
        parameters = entry.parameters or ()
        named = [p for p, kind, _ in parameters if kind in ("positional_or_keyword", "keyword_only")]
        places = [p for p, kind, _ in parameters if kind in ("positional_only", "positional_or_keyword")]
        var_keyword = any(kind == "var_keyword" for _, kind, _ in parameters)
        var_positional = any(kind == "var_positional" for _, kind, _ in parameters)
        if not var_keyword:
            for keyword in call.keywords:
                if keyword not in named:
                    near = difflib.get_close_matches(keyword, named, n=1, cutoff=0.6)
                    hint = f" (did you mean {near[0]}?)" if near else ""
                    return f"{name} of {self._version(name)} takes no argument {keyword!r}{hint}"
        if call.positional > len(places) and not var_positional:
            return (
                f"{name} of {self._version(name)} takes at most {len(places)} "
                f"positional arguments, not {call.positional}"
            )
        twice = [keyword for keyword in call.keywords if keyword in places[: call.positional]]
        if twice and not call.opened:
            return f"{name} gets {twice[0]!r} twice"
        if not call.opened:
            given = set(places[: call.positional]) | set(call.keywords)
            lacking = [
                p for p, kind, required in parameters if required and p not in given and not kind.startswith("var_")
            ]
            if lacking:
                return f"{name} of {self._version(name)} needs the argument {lacking[0]!r}"
        return None


def load(document: str | bytes | Mapping[str, Json]) -> Api:
    """The output of inside/api_dump.py as an Api. Raises ValueError when it is no such document."""
    data = document if isinstance(document, Mapping) else json.loads(document)
    if not isinstance(data, Mapping) or data.get("schema") != 1 or not isinstance(data.get("names"), Mapping):
        raise ValueError("not an API description")
    names: dict[str, Entry] = {}
    members: dict[str, list[str]] = {}
    for name, entry in data["names"].items():
        parameters = entry.get("parameters")
        names[name] = Entry(
            str(entry.get("kind")),
            None if parameters is None else tuple((str(p[0]), str(p[1]), bool(p[2])) for p in parameters),
            entry.get("target"),
        )
        owner, _, last = name.rpartition(".")
        members.setdefault(owner, []).append(last)
    return Api(names, frozenset(data.get("modules", ())), dict(data.get("versions", {})), members)


def calls(code: Code, roots: Sequence[str]) -> Iterator[Call]:
    """Calls, imports and mentions in a file whose name certainly resolves to one of the root modules."""
    imports = {local: qualified for local, qualified in code.imports.items() if qualified.partition(".")[0] in roots}
    rebound = {name for names in code.values.values() for name in names}
    for node in ast.walk(code.tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and not node.level
            and node.module.partition(".")[0] in roots
        ):
            for alias in node.names:
                if alias.name != "*":
                    yield Call(f"{node.module}.{alias.name}", node.lineno, mention=True)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in roots:
                    yield Call(alias.name, node.lineno, mention=True)
    usable = {local: qualified for local, qualified in imports.items() if local not in rebound}
    instances: dict[tuple[str, str], str] = {}
    for scope, names in code.values.items():
        for name, value in names.items():
            if isinstance(value, ast.Call) and (made := _qualified(value.func, usable)):
                instances[scope, name] = made
    for item in code.items:
        parts = [item.node] if item.kind == "simple" else list(item.parts)
        for part in parts:
            for node in ast.walk(part):
                if isinstance(node, ast.Call):
                    called = _qualified(node.func, usable) or _method(node.func, code, item.scope, instances)
                    if called:
                        yield _call(called, node)
                elif isinstance(node, ast.Attribute):
                    mentioned = _qualified(node, usable)
                    if mentioned:
                        yield Call(mentioned, node.lineno, mention=True)


def _call(name: str, node: ast.Call) -> Call:
    stars = any(isinstance(argument, ast.Starred) for argument in node.args)
    opened = stars or any(keyword.arg is None for keyword in node.keywords)
    return Call(name, node.lineno, 0 if stars else len(node.args), tuple(k.arg for k in node.keywords if k.arg), opened)


def _qualified(node: ast.AST, imports: Mapping[str, str]) -> str | None:
    name = dotted(node)
    if not name:
        return None
    root, _, rest = name.partition(".")
    if root not in imports:
        return None
    return f"{imports[root]}.{rest}" if rest else imports[root]


def _method(node: ast.AST, code: Code, scope: str, instances: Mapping[tuple[str, str], str]) -> str | None:
    """`client.log_metric` where `client` is only ever a MlflowClient(...)."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    name = node.value.id
    while True:
        if name in code.values.get(scope, {}):
            made = instances.get((scope, name))
            return f"{made}.{node.attr}" if made and made.rpartition(".")[2][:1].isupper() else None
        if not scope:
            return None
        scope = scope.rpartition(".")[0]
