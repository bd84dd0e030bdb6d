"""A program as recipes see it: the `ast` with parents, its functions, who calls whom and where it starts."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import cached_property

from mlops_bot.rewrite import stars

Function = ast.FunctionDef | ast.AsyncFunctionDef
LoopNode = ast.For | ast.AsyncFor | ast.While
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
Span = tuple[int, int, int, int]  # first line (from 1), column, last line, column after the end; in characters


class Program:
    """`text` parsed once. Everything below is looked up in it, nothing is executed."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.tree = ast.parse(self.text)
        self.handed_on: dict[Function, str] = {}  # loop counters that an edit gives to functions
        self.parent: dict[ast.AST, ast.AST] = {}
        self.nodes = list(ast.walk(self.tree))
        for node in self.nodes:
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node
        self._lines = [line.encode() for line in ast._splitlines_no_ff(self.text)]  # type: ignore[attr-defined]

    # --- positions and text --------------------------------------------------------------------------------

    def source(self, node: ast.expr | ast.stmt) -> str:
        """The node's text as the file has it, joined to one line."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        first, last = node.lineno - 1, node.end_lineno - 1
        if first == last:
            text: str = self._lines[first][node.col_offset : node.end_col_offset].decode()
            return text
        return ast.unparse(node)

    def span(self, node: ast.expr) -> Span:
        """Where the node stands, in characters (`ast` counts bytes)."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = self._lines[node.lineno - 1][: node.col_offset].decode()
        end = self._lines[node.end_lineno - 1][: node.end_col_offset].decode()
        return node.lineno, len(start), node.end_lineno, len(end)

    @cached_property
    def quote(self) -> str:
        """The quote that most of the file's short strings use."""
        single = double = 0
        for node in self.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno == node.end_lineno:
                start = self._lines[node.lineno - 1][node.col_offset : node.col_offset + 4].lstrip(b"rRbBuUfF")
                single += start[:1] == b"'"
                double += start[:1] == b'"' and start[:3] != b'"""'
        return "'" if single > double else '"'

    def string(self, value: str) -> str:
        return f"{self.quote}{value}{self.quote}"

    # --- around a node -------------------------------------------------------------------------------------

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        while node in self.parent:
            node = self.parent[node]
            yield node

    def function_of(self, node: ast.AST) -> Function | None:
        return next((above for above in self.ancestors(node) if isinstance(above, FUNCTIONS)), None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        return next((above for above in self.ancestors(node) if isinstance(above, ast.ClassDef)), None)

    def statement_of(self, node: ast.AST) -> ast.stmt:
        if isinstance(node, ast.stmt):
            return node
        return next(above for above in self.ancestors(node) if isinstance(above, ast.stmt))

    def loops_of(self, node: ast.AST) -> list[LoopNode]:
        """The loops around a node within its own function, outermost first."""
        loops: list[LoopNode] = []
        below = node
        for above in self.ancestors(node):
            if isinstance(above, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                break
            if isinstance(above, LOOPS) and (below in above.body or isinstance(below, ast.stmt)):
                if below not in above.orelse:
                    loops.append(above)
            below = above
        return loops[::-1]

    def suite_of(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements that `statement` is part of."""
        owner = self.parent[statement]
        for name in ("body", "orelse", "finalbody"):
            suite = getattr(owner, name, None)
            if isinstance(suite, list) and statement in suite:
                return suite
        return [statement]

    def inside(self, node: ast.AST, outer: ast.AST) -> bool:
        return node is outer or any(above is outer for above in self.ancestors(node))

    # --- who calls whom ------------------------------------------------------------------------------------

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]

    @cached_property
    def _named(self) -> dict[str, list[Function]]:
        named: dict[str, list[Function]] = {}
        for function in self.functions:
            named.setdefault(function.name, []).append(function)
        return named

    def functions_named(self, name: str, *, method: bool) -> list[Function]:
        return [
            function
            for function in self._named.get(name, [])
            if method == isinstance(self.parent[function], ast.ClassDef)
        ]

    def mentions(self, node: ast.AST) -> set[Function]:
        """Local functions whose code may run because of `node` itself (not of definitions inside it)."""
        found: set[Function] = set()
        for part in walk_executed(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                found.update(self.functions_named(part.id, method=False))
                found.update(
                    inner
                    for definition in self.classes.get(part.id, [])
                    for inner in definition.body
                    if isinstance(inner, FUNCTIONS) and inner.name in ("__init__", "__call__", "__post_init__")
                )
            elif isinstance(part, ast.Attribute):
                found.update(self.functions_named(part.attr, method=True))
        return found

    @cached_property
    def classes(self) -> dict[str, list[ast.ClassDef]]:
        found: dict[str, list[ast.ClassDef]] = {}
        for node in self.nodes:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
        return found

    def reached(self, node: ast.AST) -> set[Function]:
        """All local functions whose code may run because of `node`, through any number of calls."""
        todo = list(self.mentions(node))
        seen: set[Function] = set()
        while todo:
            function = todo.pop()
            if function not in seen:
                seen.add(function)
                if function not in self._function_mentions:
                    self._function_mentions[function] = {
                        found for statement in function.body for found in self.mentions(statement)
                    }
                todo.extend(self._function_mentions[function])
        return seen

    @cached_property
    def _function_mentions(self) -> dict[Function, set[Function]]:
        return {}

    def call_sites(self, function: Function) -> list[ast.Call]:
        """Calls of a function (by name) or of a method (by attribute), recursion left out.

        Other objects may have methods of the same name (`model.train()`): where calls on the class's own instances
        are known, only those count.
        """
        definition = self.parent[function]
        calls = [call for call in self._calls_by_name.get(function.name, []) if not self.inside(call, function)]
        if not isinstance(definition, ast.ClassDef):
            return [call for call in calls if isinstance(call.func, ast.Name)]
        calls = [call for call in calls if isinstance(call.func, ast.Attribute)]
        own = [call for call in calls if self._is_instance(call.func.value, definition)]  # type: ignore[attr-defined]
        return own or calls

    @cached_property
    def _calls_by_name(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for call in self.calls:
            name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
            if name is not None:
                found.setdefault(name, []).append(call)
        return found

    def _is_instance(self, node: ast.expr, definition: ast.ClassDef) -> bool:
        """`self` in the class, `Class(...)`, or a name that such a call was given."""
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id == definition.name
        if not isinstance(node, ast.Name):
            return False
        if node.id == "self":
            return self.class_of(node) is definition
        values = [getattr(statement, "value", None) for statement in self.assignments(node.id)]
        return any(isinstance(value, ast.Call) and self._is_instance(value, definition) for value in values)

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    # --- names ---------------------------------------------------------------------------------------------

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> qualified name, of every import in the file."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.split(".")[0]
                    found[local] = alias.name if alias.asname else local
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    def qualified(self, node: ast.expr) -> str | None:
        """`optim.Adam` -> "torch.optim.Adam", where the first name is imported."""
        written = dotted(node)
        if written is None:
            return None
        head, _, rest = written.partition(".")
        target = self.imports.get(head) or self._of_star(head)
        return None if target is None else f"{target}.{rest}" if rest else target

    @cached_property
    def _stars(self) -> list[str]:
        return [
            node.module
            for node in self.nodes
            if isinstance(node, ast.ImportFrom) and node.module and node.names[0].name == "*"
        ]

    @cached_property
    def _bound(self) -> set[str]:
        """Names that the file binds anywhere, and those that Python has."""
        found = {node.id for node in self.nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        found |= {node.arg for node in self.nodes if isinstance(node, ast.arg)}
        return (
            found
            | {node.name for node in self.nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef))}
            | {*dir(builtins)}
        )

    def _of_star(self, name: str) -> str | None:
        """`Adam` of `from torch.optim import *`: where nothing in the file binds the name and a module may have it."""
        home = stars.home(self._stars, name) if self._stars and name not in self._bound else None
        return None if home is None else f"{home}.{name}"

    def assignments(self, name: str, within: ast.AST | None = None) -> list[ast.stmt]:
        """Every statement that binds `name`, in `within` (default: the whole file)."""
        found: list[ast.stmt] = []
        for node in ast.walk(within or self.tree):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                found.append(self.statement_of(node))
        return found

    def free(self, *names: str) -> str:
        """The first of these names that the file does not use; the last one with underscores where it uses them all."""
        used = {node.id for node in self.nodes if isinstance(node, ast.Name)} | set(self.imports)
        used |= {node.arg for node in self.nodes if isinstance(node, ast.arg)}
        used |= {node.name for node in self.nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef))}
        found = next((name for name in names if name not in used), names[-1])
        while found in used:
            found += "_"
        return found

    @cached_property
    def main_guard(self) -> ast.If | None:
        for node in self.tree.body:
            if isinstance(node, ast.If) and is_main_test(node.test):
                return node
        return None


def is_main_test(test: ast.expr) -> bool:
    if not (isinstance(test, ast.Compare) and len(test.comparators) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` as text; None for anything else."""
    parts: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    if not isinstance(current, ast.Name):
        return None
    return ".".join([current.id, *parts[::-1]])


def is_optimizer(program: Program, call: ast.Call) -> bool:
    """`torch.optim.SGD(...)`, but no scheduler of its learning rate."""
    name = program.qualified(call.func) or ""
    return name.startswith("torch.optim.") and "lr_scheduler" not in name and name.split(".")[-1][:1].isupper()


def walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """Like ast.walk, but not into the functions and classes that `node` defines."""
    todo = [node]
    while todo:
        current = todo.pop()
        yield current
        for child in ast.iter_child_nodes(current):
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                todo.append(child)


def parameters(function: Function) -> list[str]:
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
