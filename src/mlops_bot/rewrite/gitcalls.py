"""What a program does with GitPython: which expressions are repositories and remotes, and what is done to them. Pure.

    repo.index.add(["a.csv"])                    add        paths
    repo.git.execute(["git", "lfs", "track", p]) lfs track  the same as repo.git.lfs("track", p)
    origin.push()                                push       the repository is `origin.repo`

Names are followed through assignments, attributes of self, parameters and returns of the program's own functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_bot.rewrite.program import Function, Program

What = Literal["repo", "git", "index", "remote", "remotes", "head", "heads", "commit"]
_ATTRIBUTES: Mapping[tuple[str, str], What] = {
    ("repo", "git"): "git",
    ("repo", "index"): "index",
    ("repo", "remotes"): "remotes",
    ("repo", "heads"): "heads",
    ("repo", "branches"): "heads",
    ("repo", "active_branch"): "head",
    ("repo", "head"): "head",
    ("remote", "repo"): "repo",
    ("head", "commit"): "commit",
}
_MADE: Mapping[tuple[str, str], What] = {
    ("repo", "remote"): "remote",
    ("repo", "create_remote"): "remote",
    ("repo", "create_head"): "head",
    ("repo", "clone"): "repo",
    ("repo", "commit"): "commit",
    ("index", "commit"): "commit",
}
_CLASSES = ("git.Repo", "git.repo.Repo", "git.repo.base.Repo")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class GitCall:
    """One operation. `words`: what follows the Git command, as written; `options`: keywords, and flags with True.

    `repository`: how the program's text says it, at that place."""

    operation: str  # "add", "lfs track", "push", "open", "clone", ...
    call: ast.Call
    statement: ast.stmt
    repository: str
    words: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]
    form: Literal["method", "git", "execute"]  # index.add(...), git.add(...), git.execute([...])

    def flags(self) -> frozenset[str]:
        """Options as on a command line: {"--all", "-u"}."""
        found = {str(word.value) for word in self.words if _is_flag(word) and isinstance(word, ast.Constant)}
        for keyword in self.keywords:
            if keyword.arg and not (isinstance(keyword.value, ast.Constant) and keyword.value.value in (False, None)):
                found.add(("-" if len(keyword.arg) == 1 else "--") + keyword.arg.replace("_", "-"))
        return frozenset(found)

    def paths(self) -> tuple[ast.expr, ...]:
        return tuple(word for word in self.words if not _is_flag(word))


def _is_flag(word: ast.expr) -> bool:
    return isinstance(word, ast.Constant) and isinstance(word.value, str) and word.value.startswith("-")


class GitProgram:
    """A program with the types of its GitPython expressions."""

    def __init__(self, program: Program, imports: Mapping[str, str], classes: tuple[str, ...] = _CLASSES) -> None:
        """`classes`: qualified names of what makes a repository; DVC's has the same form."""
        self.classes = classes
        self.program = program
        self.imports = imports
        self.names: dict[str, What] = {}
        self.functions: dict[str, Function] = {
            node.name: node for node in program.nodes if isinstance(node, _FUNCTIONS)
        }
        self.returns: dict[str, What] = {}
        while self._learn():
            pass

    def what(self, node: ast.expr | None) -> What | None:
        """What an expression is; None where that is nothing of GitPython, or unknown."""
        if isinstance(node, (ast.Name, ast.Attribute)) and (known := self.names.get(_dotted(node) or "")):
            return known
        if isinstance(node, ast.Attribute):
            inner = self.what(node.value)
            if inner in ("remotes", "heads"):
                return "remote" if inner == "remotes" else "head"
            return _ATTRIBUTES.get((inner or "", node.attr))
        if isinstance(node, ast.Subscript):
            inner = self.what(node.value)
            return "remote" if inner == "remotes" else "head" if inner == "heads" else None
        if isinstance(node, ast.NamedExpr):
            return self.what(node.value)
        if isinstance(node, ast.Call):
            return self._made(node)
        return None

    def _made(self, node: ast.Call) -> What | None:
        name = self.qualified(node.func)
        if name and any(name in (c, f"{c}.init", f"{c}.clone_from") for c in self.classes):
            return "repo"
        if name in ("git.Git", "git.cmd.Git"):
            return "git"
        local = (_dotted(node.func) or "").rpartition(".")[2]
        if isinstance(node.func, ast.Attribute) and (inner := self.what(node.func.value)):
            return _MADE.get((inner, node.func.attr))
        return self.returns.get(local)

    def qualified(self, node: ast.expr) -> str | None:
        name = _dotted(node)
        root = (name or "").partition(".")[0]
        return self.imports[root] + (name or "")[len(root) :] if root in self.imports else None

    def _learn(self) -> bool:
        before = (len(self.names), len(self.returns))
        for node in self.program.nodes:
            for target, value in _bindings(node):
                found = self.what(value)
                name = _dotted(target)
                if found and name:
                    self.names.setdefault(name, found)
            if isinstance(node, ast.Call):
                self._hand_on(node)
            if (
                isinstance(node, ast.arg)
                and node.annotation is not None
                and self.qualified(node.annotation) in self.classes
            ):
                self.names.setdefault(node.arg, "repo")
        for name, function in self.functions.items():
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and (found := self.what(node.value)):
                    self.returns.setdefault(name, found)
        return before != (len(self.names), len(self.returns))

    def _hand_on(self, call: ast.Call) -> None:
        function = self.functions.get((_dotted(call.func) or "").rpartition(".")[2])
        if function is None:
            return
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if names[:1] in (["self"], ["cls"]):
            names = names[1:]
        pairs = list(zip(names, call.args, strict=False))
        pairs += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg in names and keyword.arg]
        for name, value in pairs:
            if found := self.what(value):
                self.names.setdefault(name, found)

    # --- operations -----------------------------------------------------------------------------------------

    def calls(self) -> Iterator[GitCall]:
        """Every operation of the program, in the order of its text."""
        found = [node for node in self.program.nodes if isinstance(node, ast.Call)]
        for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
            if (operation := self._operation(call)) is not None:
                yield operation

    def _operation(self, call: ast.Call) -> GitCall | None:
        name = self.qualified(call.func)
        if name and any(name in (c, f"{c}.init", f"{c}.clone_from") for c in self.classes):
            kind = {"init": "init", "clone_from": "clone"}.get(name.rpartition(".")[2], "open")
            return self._found(kind, call, "", tuple(call.args), "method")
        if not isinstance(call.func, ast.Attribute):
            return None
        inner, method = self.what(call.func.value), call.func.attr
        owner = self.program.source(call.func.value)
        if inner == "git":
            return self._command(call, call.func.value, method)
        if inner == "index":
            return self._found(method, call, self._repository(call.func.value), tuple(call.args), "method")
        if inner == "remote" and method in ("push", "pull", "fetch"):
            return self._found(method, call, f"{owner}.repo", tuple(call.args), "method")
        if inner == "head" and method in ("checkout", "reset"):
            return self._found(method, call, f"{owner}.repo", tuple(call.args), "method")
        if inner == "repo":
            return self._found(method, call, owner, tuple(call.args), "method")
        return None

    def _command(self, call: ast.Call, git: ast.expr, method: str) -> GitCall | None:
        repository = self._repository(git)
        if method == "execute":
            if not call.args or not isinstance(call.args[0], (ast.List, ast.Tuple)):
                return self._found("unknown", call, repository, (), "execute")
            words = list(call.args[0].elts)
            if words and isinstance(words[0], ast.Constant) and words[0].value == "git":
                words = words[1:]
            if not words or not isinstance(words[0], ast.Constant):
                return self._found("unknown", call, repository, (), "execute")
            return self._named(str(words[0].value), call, repository, tuple(words[1:]), "execute")
        return self._named(method, call, repository, tuple(call.args), "git")

    def _named(
        self,
        command: str,
        call: ast.Call,
        repository: str,
        words: tuple[ast.expr, ...],
        form: Literal["git", "execute"],
    ) -> GitCall:
        if command == "lfs":
            sub = str(words[0].value) if words and isinstance(words[0], ast.Constant) else "unknown"
            return self._found(f"lfs {sub}", call, repository, words[1:], form)
        return self._found(command.replace("_", "-"), call, repository, words, form)

    def _found(
        self, operation: str, call: ast.Call, repository: str, words: tuple[ast.expr, ...],
        form: Literal["method", "git", "execute"],
    ) -> GitCall:  # fmt: skip
        statement: ast.AST = call
        while not isinstance(statement, ast.stmt):
            statement = self.program.parent[statement]
        return GitCall(operation, call, statement, repository, words, tuple(call.keywords), form)

    def _repository(self, part: ast.expr) -> str:
        """The repository that `repo.git` or `repo.index` belongs to, as an expression."""
        if isinstance(part, ast.Attribute) and self.what(part.value) == "repo":
            return self.program.source(part.value)
        if self.what(part) == "index":
            return f"{self.program.source(part)}.repo"
        name = _dotted(part)
        for node in self.program.nodes:  # g = repo.git
            for target, value in _bindings(node):
                if _dotted(target) == name and isinstance(value, ast.Attribute) and self.what(value.value) == "repo":
                    return self.program.source(value.value)
        return ""


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, node.context_expr


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
