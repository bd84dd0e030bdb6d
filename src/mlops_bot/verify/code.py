"""One Python file taken apart for comparison: its statements with scope, loops and reachability, definitions, names.

Everything is syntax only; what cannot be told from the text is left open.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["simple", "if", "while", "for", "with", "except", "match"]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
EXITS = frozenset({"sys.exit", "exit", "quit", "os._exit", "os.abort"})


@dataclass(slots=True)
class Item:
    """One statement, or the head of a compound one. `loops`: indices of the enclosing loop items of its scope."""

    index: int
    kind: Kind
    node: ast.AST  # the statement; for heads the statement, for `with` the withitem
    parts: tuple[ast.expr, ...]  # the expressions that are its own
    key: str
    scope: str  # qualified name of the enclosing function or class, "" at module level
    line: int
    loops: tuple[int, ...]
    dead: str | None  # why it can never run, in words
    tries: tuple[int, ...] = ()  # indices into Code.tries


@dataclass(slots=True)
class Code:
    text: str
    tree: ast.Module
    items: list[Item] = field(default_factory=list)
    definitions: dict[str, FunctionNode | ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # local name -> qualified name
    import_lines: dict[str, int] = field(default_factory=dict)
    tries: list[ast.Try | ast.With | ast.AsyncWith] = field(default_factory=list)
    values: dict[str, dict[str, ast.expr | None]] = field(default_factory=dict)  # scope -> name -> its only value
    live: frozenset[str] = frozenset()  # scopes that something reachable refers to

    def source(self, node: ast.AST, limit: int = 90) -> str:
        """The statement's first line as written, for messages."""
        line = getattr(node, "lineno", None)
        if isinstance(node, ast.withitem):
            return f"with {ast.unparse(node)}"[:limit]
        if isinstance(node, ast.ExceptHandler):
            return ("except " + ast.unparse(node.type) if node.type else "except")[:limit]
        if line is None:
            return ast.unparse(node)[:limit]
        rows = self.text.splitlines()
        row = rows[line - 1].strip() if line <= len(rows) else ""
        return row if len(row) <= limit else row[: limit - 3] + "..."

    def value_of(self, name: str, scope: str) -> ast.expr | None:
        """The one expression that is ever assigned to a name, seen from a scope; None when there is no such one."""
        while True:
            known = self.values.get(scope, {})
            if name in known and not (scope and isinstance(self.definitions.get(scope), ast.ClassDef)):
                return known[name]
            if not scope:
                return None
            scope = scope.rpartition(".")[0]


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` as text, for plain names and attributes only."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def is_literal(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return is_literal(node.left) and is_literal(node.right)
    return False


def truth(node: ast.expr, code: Code, scope: str, depth: int = 4) -> bool | None:
    """What a test always comes to, where that is certain."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
        size = len(node.keys) if isinstance(node, ast.Dict) else len(node.elts)
        return None if size else False
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = truth(node.operand, code, scope, depth)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        each = [truth(value, code, scope, depth) for value in node.values]
        if isinstance(node.op, ast.And):
            return False if False in each else (True if all(value is True for value in each) else None)
        return True if True in each else (False if all(value is False for value in each) else None)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = node.left, node.comparators[0]
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            try:
                return _compare(left.value, node.ops[0], right.value)
            except TypeError:
                return None
    if isinstance(node, ast.Name) and depth:
        value = code.value_of(node.id, scope)
        if value is not None and is_literal(value):
            return truth(value, code, scope, depth - 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "bool" and node.args:
        return truth(node.args[0], code, scope, depth)
    return None


def _compare(a: object, op: ast.cmpop, b: object) -> bool | None:
    table = {
        ast.Eq: "__eq__",
        ast.NotEq: "__ne__",
        ast.Lt: "__lt__",
        ast.LtE: "__le__",
        ast.Gt: "__gt__",
        ast.GtE: "__ge__",
    }
    name = table.get(type(op))
    if name is None:
        return None
    result = getattr(a, name)(b)
    return None if result is NotImplemented else bool(result)


class _Normal(ast.NodeTransformer):
    """Spellings that mean the same: `x: T = v` is `x = v`; f(a) with a trailing type comment, u'' strings."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        node.kind = None
        return node


def parse(text: str) -> Code:
    """Take a file apart. Raises SyntaxError or ValueError as `ast.parse` does."""
    return take_apart(text, ast.parse(text))


def take_apart(text: str, tree: ast.Module) -> Code:
    """The same for a tree of `text`, whose nodes may have been replaced by others with the same line numbers."""
    tree = ast.fix_missing_locations(_Normal().visit(tree))
    code = Code(text, tree)
    _collect_names(code)
    _Walker(code).block(tree.body, "", (), None, ())
    code.live = _live(code)
    return code


def _collect_names(code: Code) -> None:
    """Fill `imports` and `values`."""
    bindings: dict[tuple[str, str], list[ast.expr | None]] = {}

    def bind(scope: str, name: str, value: ast.expr | None = None) -> None:
        bindings.setdefault((scope, name), []).append(value)

    def visit(node: ast.AST, scope: str, outer: frozenset[str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bind(scope, node.name)
            inner = f"{scope}.{node.name}" if scope else node.name
            code.definitions.setdefault(inner, node)
            outer = frozenset()
            if not isinstance(node, ast.ClassDef):
                arguments = node.args
                for argument in (
                    *arguments.posonlyargs,
                    *arguments.args,
                    *arguments.kwonlyargs,
                    arguments.vararg,
                    arguments.kwarg,
                ):
                    if argument is not None:
                        bind(inner, argument.arg)
                outer = frozenset(
                    name
                    for child in ast.walk(node)
                    if isinstance(child, (ast.Global, ast.Nonlocal))
                    for name in child.names
                )
            for child in ast.iter_child_nodes(node):
                visit(child, inner, outer)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                code.imports.setdefault(local, alias.name if alias.asname else local)
                code.import_lines.setdefault(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                code.imports.setdefault(alias.asname or alias.name, f"{base}.{alias.name}")
                code.import_lines.setdefault(f"{base}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            bind("" if name in outer else scope, name, node.value)
            visit(node.value, scope, outer)
            return
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            name = node.optional_vars.id  # mostly the object itself: `with wandb.init() as run`
            bind("" if name in outer else scope, name, node.context_expr)
            visit(node.context_expr, scope, outer)
            return
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            bind("" if node.id in outer else scope, node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bind(scope, node.name)
        for child in ast.iter_child_nodes(node):
            visit(child, scope, outer)

    visit_module(code.tree, visit)
    for (scope, name), found in bindings.items():
        code.values.setdefault(scope, {})[name] = found[0] if len(found) == 1 else None


def visit_module(tree: ast.Module, visit: object) -> None:
    for statement in tree.body:
        visit(statement, "", frozenset())  # type: ignore[operator]


class _Walker:
    def __init__(self, code: Code) -> None:
        self.code = code

    def add(
        self,
        kind: Kind,
        node: ast.AST,
        parts: Sequence[ast.expr],
        key: str,
        where: tuple[str, tuple[int, ...], str | None, tuple[int, ...]],
    ) -> int:
        scope, loops, dead, tries = where
        index = len(self.code.items)
        line = getattr(node, "lineno", 0) or (parts[0].lineno if parts else 0)
        self.code.items.append(Item(index, kind, node, tuple(parts), key, scope, line, loops, dead, tries))
        return index

    def block(
        self, body: Sequence[ast.stmt], scope: str, loops: tuple[int, ...], dead: str | None, tries: tuple[int, ...]
    ) -> None:
        for statement in body:
            self.statement(statement, scope, loops, dead, tries)
            ended = _ends(statement)
            if ended and dead is None:
                dead = f"after the `{ended}` of line {statement.lineno}"

    def statement(
        self, node: ast.stmt, scope: str, loops: tuple[int, ...], dead: str | None, tries: tuple[int, ...]
    ) -> None:
        where = (scope, loops, dead, tries)
        code = self.code
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{scope}.{node.name}" if scope else node.name
            self.block(node.body, inner, (), dead, ())
        elif isinstance(node, ast.If):
            self.add("if", node, [node.test], "if " + ast.dump(node.test), where)
            sure = truth(node.test, code, scope)
            label = ast.unparse(node.test)[:40]
            self.block(
                node.body,
                scope,
                loops,
                dead or (f"under `if {label}` in line {node.lineno}, which is never true" if sure is False else None),
                tries,
            )
            self.block(
                node.orelse,
                scope,
                loops,
                dead
                or (
                    f"in the else of `if {label}` in line {node.lineno}, which is always true" if sure is True else None
                ),
                tries,
            )
        elif isinstance(node, ast.While):
            index = self.add("while", node, [node.test], "while " + ast.dump(node.test), where)
            never = truth(node.test, code, scope) is False
            self.block(
                node.body,
                scope,
                (*loops, index),
                dead
                or (
                    f"under `while {ast.unparse(node.test)[:40]}` in line {node.lineno}, which is never true"
                    if never
                    else None
                ),
                tries,
            )
            self.block(node.orelse, scope, loops, dead, tries)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            index = self.add(
                "for", node, [node.target, node.iter], f"for {ast.dump(node.target)} in {ast.dump(node.iter)}", where
            )
            never = _empty(node.iter)
            self.block(
                node.body,
                scope,
                (*loops, index),
                dead or (f"in the loop of line {node.lineno}, which never runs" if never else None),
                tries,
            )
            self.block(node.orelse, scope, loops, dead, tries)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                parts = [item.context_expr] + ([item.optional_vars] if item.optional_vars else [])
                self.add("with", item, parts, "with " + ast.dump(item), where)
            inner_tries = tries
            if any(
                "suppress" in (dotted(item.context_expr.func) or "")
                for item in node.items
                if isinstance(item.context_expr, ast.Call)
            ):
                code.tries.append(node)
                inner_tries = (*tries, len(code.tries) - 1)
            self.block(node.body, scope, loops, dead, inner_tries)
        elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            assert isinstance(node, ast.Try) or hasattr(node, "handlers")
            code.tries.append(node)  # type: ignore[arg-type]
            self.block(node.body, scope, loops, dead, (*tries, len(code.tries) - 1))  # type: ignore[attr-defined]
            for handler in node.handlers:
                self.add(
                    "except",
                    handler,
                    [handler.type] if handler.type else [],
                    "except " + (ast.dump(handler.type) if handler.type else ""),
                    where,
                )
                self.block(handler.body, scope, loops, dead, tries)
            self.block(node.orelse, scope, loops, dead, tries)  # type: ignore[attr-defined]
            self.block(node.finalbody, scope, loops, dead, tries)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Match):
            self.add("match", node, [node.subject], "match " + ast.dump(node.subject), where)
            for case in node.cases:
                self.block(case.body, scope, loops, dead, tries)
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)):
            return
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # docstrings and stray strings; a bare ... is looked for elsewhere
        else:
            parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
            self.add("simple", node, parts, ast.dump(node), where)


def _ends(node: ast.stmt) -> str | None:
    """The word that makes what follows in the block unreachable."""
    if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        return type(node).__name__.lower()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func) in EXITS:
        return f"{dotted(node.value.func)}()"
    if isinstance(node, ast.If) and isinstance(node.test, ast.Constant):
        taken = node.body if node.test.value else node.orelse
        return next((word for word in map(_ends, taken) if word), None)
    return None


def _empty(iterable: ast.expr) -> bool:
    if isinstance(iterable, (ast.List, ast.Tuple, ast.Set)):
        return not iterable.elts
    if isinstance(iterable, ast.Call) and dotted(iterable.func) == "range" and len(iterable.args) == 1:
        argument = iterable.args[0]
        return isinstance(argument, ast.Constant) and argument.value == 0
    return False


def names_in(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Every name and attribute that some expressions refer to."""
    for node in nodes:
        for child in ast.walk(node):
            if isinstance(child, ast.Name):
                yield child.id
            elif isinstance(child, ast.Attribute):
                yield child.attr


def _live(code: Code) -> frozenset[str]:
    """Scopes that reachable code refers to by name, and all methods of such classes."""
    refers: dict[str, set[str]] = {}
    for item in code.items:
        if item.dead is None:
            refers.setdefault(item.scope, set()).update(names_in(item.parts))
    for name, node in code.definitions.items():  # decorators, defaults and bases run where the definition stands
        scope = name.rpartition(".")[0]
        extra: list[ast.AST] = list(node.decorator_list)
        if isinstance(node, ast.ClassDef):
            extra += node.bases + [keyword.value for keyword in node.keywords]
        else:
            extra += node.args.defaults + [default for default in node.args.kw_defaults if default]
        refers.setdefault(scope, set()).update(names_in(extra))
        if node.decorator_list:  # a decorator may register or call what it decorates
            refers.setdefault(scope, set()).add(node.name)
    by_name: dict[str, list[str]] = {}
    for name in code.definitions:
        by_name.setdefault(name.rpartition(".")[2], []).append(name)
    live: set[str] = {""}
    queue = [""]
    while queue:
        scope = queue.pop()
        found = [target for name in refers.get(scope, ()) for target in by_name.get(name, ())]
        if isinstance(code.definitions.get(scope), ast.ClassDef):
            found += [name for name in code.definitions if name.rpartition(".")[0] == scope]
        for target in found:
            if target not in live:
                live.add(target)
                queue.append(target)
    return frozenset(live)


def atoms(nodes: Sequence[ast.AST]) -> Counter[str]:
    """What an expression is made of, order aside: names, attributes, constants, callees, operators, keywords."""
    found: Counter[str] = Counter()
    for node in nodes:
        for child in ast.walk(node):
            if isinstance(child, ast.Name):
                found["n:" + child.id] += 1
            elif isinstance(child, ast.Attribute):
                found["n:" + child.attr] += 1
            elif isinstance(child, ast.Constant):
                found[f"c:{child.value!r}"] += 1
            elif isinstance(child, ast.Call):
                found["f:" + callee(child)] += 1
            elif isinstance(child, ast.keyword):
                found[f"k:{child.arg}"] += 1
            elif isinstance(child, (ast.operator, ast.unaryop, ast.cmpop, ast.boolop)):
                found["o:" + type(child).__name__] += 1
    return found


def callee(call: ast.Call) -> str:
    """The last name of what is called."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else type(function).__name__


class _Resolve(ast.NodeTransformer):
    def __init__(self, code: Code, scope: str, keep: frozenset[str], depth: int) -> None:
        self.code, self.scope, self.keep, self.depth = code, scope, keep, depth

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load) or not self.depth:
            return node
        value = self.code.value_of(node.id, self.scope)
        if value is None or (node.id in self.keep and not is_literal(value)):
            return node
        if sum(1 for _ in ast.walk(value)) > 400:
            return node
        shown: ast.AST = _Resolve(self.code, self.scope, self.keep, self.depth - 1).visit(_copy(value))
        return shown

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(self.code.definitions.get(node.value.id), ast.ClassDef):
            value = self.code.values.get(node.value.id, {}).get(node.attr)
            if value is not None and is_literal(value):
                return _copy(value)
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        whole = self.generic_visit(node)
        if isinstance(whole, ast.Subscript) and isinstance(whole.slice, ast.Constant):
            entry = _entry(whole.value, whole.slice.value)
            return entry if entry is not None else whole
        return whole

    def visit_Call(self, node: ast.Call) -> ast.AST:
        whole = self.generic_visit(node)
        if isinstance(whole, ast.Call) and any(keyword.arg is None for keyword in whole.keywords):
            keywords: list[ast.keyword] = []
            for keyword in whole.keywords:
                entries = _entries(keyword.value) if keyword.arg is None else None
                if entries is None:
                    keywords.append(keyword)
                else:
                    keywords += [ast.keyword(arg=name, value=value) for name, value in entries.items()]
            whole.keywords = keywords
        return whole


def _copy(node: ast.expr) -> ast.expr:
    import copy

    return copy.deepcopy(node)


def _entries(node: ast.AST) -> dict[str, ast.expr] | None:
    """The entries of a dict display or of dict(a=1) with plain string keys."""
    if isinstance(node, ast.Dict) and all(
        isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys
    ):
        return {
            key.value: value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
    if (
        isinstance(node, ast.Call)
        and dotted(node.func) == "dict"
        and not node.args
        and all(k.arg for k in node.keywords)
    ):
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    return None


def _entry(node: ast.AST, key: object) -> ast.expr | None:
    entries = _entries(node)
    return entries.get(key) if entries and isinstance(key, str) else None


def resolve(node: ast.AST, code: Code, scope: str, keep: frozenset[str] = frozenset()) -> ast.AST:
    """A copy in which names are replaced by the one value they can have; names in `keep` only by literals."""
    import copy

    shown: ast.AST = _Resolve(code, scope, keep, 5).visit(copy.deepcopy(node))
    return shown
