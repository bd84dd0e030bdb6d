"""The calls of a component's API that a program makes, through variables too: after `repo = git.Repo(".")`,
`repo.index.add(...)` is `git.Repo.index.add`. Pure; a name that is bound to several things gives all of them."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

# Methods that take a command as words: `repo.git.lfs("track", "*.bin")`, `repo.git.execute(["git", "lfs", "pull"])`.
_WORDED = frozenset(("execute", "lfs", "annex", "remote", "submodule", "stash", "worktree"))


def calls_of(text: str, modules: Sequence[str]) -> tuple[str, ...]:
    """Qualified names in the order of the program, each once. Text that is no Python gives nothing."""
    return _names(text, modules, _Reader.calls)


def details_of(text: str, modules: Sequence[str]) -> tuple[str, ...]:
    """What says more about what a program needs than its calls do, as qualified names: arguments by keyword
    (`wandb.init(config=...)` is `wandb.init.config`), attributes that it reads or sets (`git.Repo.untracked_files`).
    """
    return _names(text, modules, _Reader.details)


def _names(text: str, modules: Sequence[str], read: Callable[[_Reader], Iterator[str]]) -> tuple[str, ...]:
    try:
        tree = ast.parse(text)
        found = dict.fromkeys(read(_Reader(tree, [module.split(".")[0] for module in modules])))
        return tuple(name for name in found if any(f"{name}.".startswith(f"{module}.") for module in modules))
    except (SyntaxError, ValueError, RecursionError):
        return ()


def named_in(text: str, modules: Sequence[str]) -> tuple[str, ...]:
    """What a text or a piece of a program calls, as far as it can be guessed: qualified names in the text; in a piece
    without its imports, every method that is called is taken for one of the first module."""
    roots = "|".join(map(re.escape, modules))
    found = re.findall(rf"\b(?:{roots})(?:\.\w+)+", text) if modules else []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return tuple(dict.fromkeys(found))
    if not found and modules:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = [_dotted(call.func) for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset))]
        found = [f"{modules[0]}.{name.partition('.')[2] or name}" for name in names if name]
    return tuple(dict.fromkeys(found))


class _Reader:
    """What names stand for, whatever the scope: a search needs no more."""

    def __init__(self, tree: ast.Module, modules: Sequence[str]) -> None:
        self._tree = tree
        self._names: dict[str, set[str]] = defaultdict(set)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    if one.name.split(".")[0] in modules:
                        local = one.asname or one.name.split(".")[0]
                        self._names[local].add(one.name if one.asname else local)
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in modules:
                for one in node.names:
                    self._names[one.asname or one.name].add(f"{node.module}.{one.name}")
        for _ in range(3):  # repo = Repo("."); origin = repo.remote("origin"); info = origin.push()
            before = sum(map(len, self._names.values()))
            for node in ast.walk(tree):
                self._bind(node)
            if sum(map(len, self._names.values())) == before:
                break

    def calls(self) -> Iterator[str]:
        return self._in_order(self._used)

    def details(self) -> Iterator[str]:
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        inner = {id(node.value) for node in ast.walk(self._tree) if isinstance(node, ast.Attribute)}

        def told(node: ast.AST) -> Iterator[str]:
            if isinstance(node, ast.Call):
                for name in sorted(self._meaning(node.func)):
                    yield from (f"{name}.{one.arg}" for one in node.keywords if one.arg)
            elif isinstance(node, ast.Attribute) and id(node) not in called | inner:
                yield from sorted(self._meaning(node))
            elif isinstance(node, ast.Assign):  # run.tags = [...]
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        yield from sorted(f"{name}.{target.attr}" for name in self._meaning(target.value))

        return self._in_order(told)

    def _in_order(self, read: Callable[[ast.AST], Iterator[str]]) -> Iterator[str]:
        found = [
            (node.lineno, node.col_offset, name)
            for node in ast.walk(self._tree)
            if isinstance(node, ast.expr | ast.stmt)
            for name in read(node)
        ]
        for _, _, name in sorted(found):
            yield name

    def _used(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Call):
            for name in sorted(self._meaning(node.func)):
                yield ".".join((name, *_words(node))) if _is_worded(name) else name
        elif isinstance(node, ast.Assign):  # run.config.lr = 0.1, wandb.summary["best"] = 1
            for target in node.targets:
                base = target.value if isinstance(target, ast.Subscript | ast.Attribute) else None
                if isinstance(base, ast.Attribute):
                    yield from sorted(self._meaning(base))

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._name(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._name(node.target, node.value)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._name(node.optional_vars, node.context_expr)
        elif isinstance(node, ast.For):
            self._name(node.target, node.iter)

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        name = _dotted(target)
        if name is not None:
            self._names[name] |= {one for one in self._meaning(value) if one.count(".") < 6}

    def _meaning(self, node: ast.expr) -> set[str]:
        """Qualified names of what an expression is: of a call, what is called."""
        if isinstance(node, ast.Call):
            return {_product(name) for name in self._meaning(node.func)}
        if isinstance(node, ast.Subscript | ast.Await):
            return self._meaning(node.value)
        whole = _dotted(node)
        if whole is not None and whole in self._names:
            return set(self._names[whole])
        if isinstance(node, ast.Attribute):
            return {f"{name}.{node.attr}" for name in self._meaning(node.value)}
        return set()


def _is_worded(name: str) -> bool:
    """Whether a method passes on what the command of the module's name is told: `git.Repo.git.lfs`."""
    module, *_, holder, method = ("", "", *name.split("."))[-max(name.count(".") + 1, 3) :]
    return holder == module and method in _WORDED


def _words(call: ast.Call) -> list[str]:
    """The command that is the first argument: a word, or the words of a list after the program's name."""
    first = call.args[0] if call.args else None
    listed = first.elts[1:3] if isinstance(first, ast.List | ast.Tuple) else [first]
    texts = [one.value for one in listed if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [text for text in texts if re.fullmatch(r"[a-z][a-z-]*", text)]


def _product(name: str) -> str:
    """What a call gives: a class its instance; a constructor method (`Repo.init`) one of its class."""
    owner, _, method = name.rpartition(".")
    is_class = owner.rpartition(".")[2][:1].isupper()
    return owner if is_class and (method in ("init", "clone") or method.startswith(("from_", "clone_"))) else name


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None
