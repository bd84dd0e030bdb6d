"""One parsed file with what every other analysis asks of it: parents, scopes, definitions, assignments, source text."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections import defaultdict

from mlops_bot.errors import UserError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
LoopNode = ast.For | ast.AsyncFor | ast.While
_NEWLINE = re.compile(r"\r\n|\r|\n")


def parse(path: str, text: str) -> ast.Module:
    """`text` as a tree. UserError (path, line, message) where it is no Python of this interpreter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the user's strings are not ours to report
            return ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        line = error.lineno or 1
        shown = (error.text or "").strip()
        raise UserError(
            f"{path}, line {line}: {error.msg}" + (f": {shown[:120]}" if shown else ""),
            hint=f"fix it; the file has to compile with Python {sys.version_info[0]}.{sys.version_info[1]}",
        ) from None
    except ValueError as error:  # null bytes, on the interpreters that do not call it a syntax error
        raise UserError(f"{path}: is no Python source: {error}", hint="give a text file with Python code") from None
    except (RecursionError, MemoryError):
        raise UserError(
            f"{path}: is nested too deeply to be analysed", hint="split its longest expression into several statements"
        ) from None


class Program:
    """The index over one tree, built in one walk. Scopes are qualified names of functions ("main", "Net.forward")."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.tree = parse(path, text)
        self._lines = [line.encode() for line in _NEWLINE.split(text.removeprefix("\ufeff"))]
        self.parent: dict[ast.AST, ast.AST] = {}
        self.scope: dict[ast.AST, str | None] = {}
        self.class_of: dict[str, str] = {}  # method's scope -> its class
        self.outer: dict[str, str | None] = {}  # function or class scope -> enclosing function scope
        self.functions: dict[str, FunctionNode] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.nodes: list[ast.AST] = []  # in source order, parents first
        self.calls: list[ast.Call] = []
        self.loops: list[LoopNode] = []
        self.imports: dict[str, str] = {}
        self.modules: dict[str, int] = {}  # every module imported, by dotted name -> line
        self.stars: list[tuple[str, int]] = []
        self.bound: dict[str | None, set[str]] = defaultdict(set)  # names bound in a scope
        # (scope or class, "name" or "self.name") -> assigned expressions, in order: (line, value, path into a tuple)
        self.assigned: dict[tuple[str | None, str], list[tuple[int, ast.expr, tuple[int, ...]]]] = defaultdict(list)
        # the same for loop targets: the value is what is iterated over
        self.iterated: dict[tuple[str | None, str], list[tuple[int, ast.expr, tuple[int, ...]]]] = defaultdict(list)
        self.annotated: dict[tuple[str | None, str], ast.expr] = {}
        self._walk()

    # --- text -------------------------------------------------------------------------------------------

    def source(self, node: ast.expr) -> str:
        """The expression as written; on one line (an expression over several lines is printed anew)."""
        end = node.end_lineno or node.lineno
        if end != node.lineno:
            return ast.unparse(node)
        return self._lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()

    # --- tree -------------------------------------------------------------------------------------------

    def ancestors(self, node: ast.AST) -> list[ast.AST]:
        """From the direct parent up to the module."""
        found = []
        while (parent := self.parent.get(node)) is not None:
            found.append(parent)
            node = parent
        return found

    def chain(self, scope: str | None) -> list[str | None]:
        """The function scopes whose names are visible in `scope`, innermost first, the module last."""
        found: list[str | None] = []
        while scope is not None:
            found.append(scope)
            scope = self.outer.get(scope)
        return [*found, None]

    def find_local(self, name: str, scope: str | None) -> str | None:
        """The qualified name of the local function or class that `name` means in `scope`."""
        for place in self.chain(scope):
            full = f"{place}.{name}" if place else name
            if full in self.functions or full in self.classes:
                return full
        return None

    def is_method(self, function: str) -> bool:
        """Whether the first parameter is bound by the call (no closure, no static method)."""
        owner = self.class_of.get(function)
        node = self.functions[function]
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        return owner is not None and function == f"{owner}.{node.name}" and not static

    def parameters(self, function: str) -> list[str]:
        arguments = self.functions[function].args
        return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]

    # --- the walk ---------------------------------------------------------------------------------------

    def _walk(self) -> None:
        # (node, enclosing function, enclosing class whose direct body this is, prefix of qualified names)
        stack: list[tuple[ast.AST, str | None, str | None, str]] = [(self.tree, None, None, "")]
        while stack:
            node, scope, owner, prefix = stack.pop()
            self.nodes.append(node)
            self.scope[node] = scope
            inner: tuple[str | None, str | None, str] = (scope, owner, prefix)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                full = prefix + node.name
                self.functions.setdefault(full, node)
                if owner is None:
                    self.bound[scope].add(node.name)
                self.outer[full] = scope
                if owner:
                    self.class_of[full] = owner
                elif scope in self.class_of:
                    self.class_of[full] = self.class_of[scope]  # a closure in a method sees the method's self
                self._parameters(node, full)
                inner = (full, None, full + ".")
            elif isinstance(node, ast.ClassDef):
                full = prefix + node.name
                self.classes.setdefault(full, node)
                if owner is None:
                    self.bound[scope].add(node.name)
                self.outer[full] = scope
                inner = (scope, full, full + ".")
            else:
                self._note(node, scope, owner)
            for child in reversed(list(ast.iter_child_nodes(node))):
                self.parent[child] = node
                stack.append((child, *inner))

    def _parameters(self, node: FunctionNode, full: str) -> None:
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            self.bound[full].add(argument.arg)
            if argument.annotation is not None:
                self.annotated[(full, argument.arg)] = argument.annotation
        for extra in (node.args.vararg, node.args.kwarg):
            if extra is not None:
                self.bound[full].add(extra.arg)

    def _note(self, node: ast.AST, scope: str | None, owner: str | None) -> None:
        if isinstance(node, ast.Call):
            self.calls.append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value, scope, owner, ())
        elif isinstance(node, ast.AnnAssign):
            if (key := self._key(node.target, scope, owner)) is not None:
                self.annotated.setdefault(key, node.annotation)
            if node.value is not None:
                self._bind(node.target, node.value, scope, owner, ())
        elif isinstance(node, ast.NamedExpr):
            self._bind(node.target, node.value, scope, owner, ())
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self.loops.append(node)
            if not isinstance(node, ast.While):
                self._bind(node.target, node.iter, scope, owner, (), loop=True)
        elif isinstance(node, ast.comprehension):
            self._bind(node.target, node.iter, scope, owner, (), loop=True)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._bind(node.optional_vars, node.context_expr, scope, owner, ())

    def _key(self, target: ast.expr, scope: str | None, owner: str | None) -> tuple[str | None, str] | None:
        if isinstance(target, ast.Name):
            return (owner or scope, target.id)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            return (self.class_of.get(scope or "", scope), f"self.{target.attr}")
        return None

    def _bind(
        self,
        target: ast.expr,
        value: ast.expr,
        scope: str | None,
        owner: str | None,
        where: tuple[int, ...],
        loop: bool = False,
    ) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for position, element in enumerate(target.elts):
                self._bind(element, value, scope, owner, (*where, position), loop)
            return
        key = self._key(target, scope, owner)
        if key is None:
            return
        if isinstance(target, ast.Name) and owner is None:
            self.bound[scope].add(target.id)
        (self.iterated if loop else self.assigned)[key].append((target.lineno, value, where))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.modules.setdefault(alias.name, node.lineno)
                if alias.asname:
                    self.imports.setdefault(alias.asname, alias.name)
                else:  # `import a.b` binds `a`
                    top = alias.name.partition(".")[0]
                    self.imports.setdefault(top, top)
            return
        module = "." * node.level + (node.module or "")
        self.modules.setdefault(module, node.lineno)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append((module, node.lineno))
            else:
                joined = f"{module}{alias.name}" if module.endswith(".") else f"{module}.{alias.name}"
                self.imports.setdefault(alias.asname or alias.name, joined)
