"""Is a number made up: of literals, counters, sizes and random numbers only, whatever names it passes through?

Syntax only, and on the safe side: a parameter, an attribute, an unknown call may hold anything, so what depends on one
is not made up as far as this can tell; then the run decides.
"""

from __future__ import annotations

import ast

from mlops_bot.verify.code import Code, dotted

_PURE = frozenset(
    {
        "float", "int", "round", "abs", "max", "min", "sum", "len", "range", "enumerate", "list", "tuple", "dict",
        "str", "sorted", "reversed", "zip", "pow", "bool",
    }
)  # fmt: skip
_MODULES = ("math.", "random.", "numpy.random.", "time.")  # their functions give nothing but their arguments or chance
_MAKERS = frozenset(
    {
        "torch.rand", "torch.randn", "torch.randint", "torch.tensor", "torch.zeros", "torch.ones", "numpy.array",
        "numpy.float32", "numpy.float64", "numpy.linspace", "numpy.exp", "numpy.log", "numpy.sqrt",
    }
)  # fmt: skip
_READERS = frozenset({"item", "get", "tolist", "random", "uniform", "gauss", "normal", "mean", "sum", "pop"})
_DEPTH = 12


class Origins:
    """Where the names of one file come from: everything that is ever bound to them, by scope."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._bound: dict[tuple[str, str], list[ast.expr | None]] = {}
        self._returns: dict[str, list[ast.expr]] = {}
        self._filled: set[tuple[str | None, str]] = set()
        self._tests: list[ast.expr] = []  # the conditions around what is being read
        for statement in code.tree.body:
            self._visit(statement, "")

    def made_up(self, node: ast.AST, scope: str) -> bool:
        """Whether everything the expression is made of is made up."""
        return self._made_up(node, scope, _DEPTH, frozenset())

    def filled(self, node: ast.AST, scope: str) -> bool:
        """Whether the expression is a container, or a part of one, that is changed after it was made."""
        while isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value
        return isinstance(node, ast.Name) and (self._owner(node.id, scope), node.id) in self._filled

    # --- what is bound --------------------------------------------------------------------------------------

    def _visit(self, node: ast.AST, scope: str) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{scope}.{node.name}" if scope else node.name
            if not isinstance(node, ast.ClassDef):
                given = node.args
                named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                for parameter in [*named, *(extra for extra in (given.vararg, given.kwarg) if extra is not None)]:
                    self._bind(inner, parameter.arg, None)
            tests, self._tests = self._tests, []
            for child in ast.iter_child_nodes(node):
                self._visit(child, inner)
            self._tests = tests
            return
        if isinstance(node, (ast.If, ast.While, ast.Match)):
            test = node.subject if isinstance(node, ast.Match) else node.test
            guard = any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(test))
            self._tests.append(ast.Constant(value=0) if guard else test)
            for child in ast.iter_child_nodes(node):
                self._visit(child, scope)
            self._tests.pop()
            return
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target, node.value, scope)
        elif isinstance(node, (ast.AugAssign, ast.NamedExpr)):
            self._target(node.target, node.value, scope)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._loop(node.target, node.iter, scope)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    self._target(item.optional_vars, None, scope)
        elif isinstance(node, ast.Return) and node.value is not None:
            self._returns.setdefault(scope, []).append(node.value)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:  # another scope's name: anything may be bound to it
                self._bind(scope, name, None)
                self._bind("", name, None)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            if node.func.attr == "requires_grad_":  # trained from here on
                self._bind(scope, node.func.value.id, None)
            if node.func.attr in ("append", "extend", "insert", "update", "setdefault", "add", "fill_"):
                self._filled.add((self._owner(node.func.value.id, scope), node.func.value.id))
            for argument in [
                *node.args,
                *(keyword.value for keyword in node.keywords),
            ]:  # `losses.append(loss.item())`, `table.update(...)`
                self._bind(scope, node.func.value.id, argument, only_known=True)
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope)

    def _bind(self, scope: str, name: str, value: ast.expr | None, *, only_known: bool = False) -> None:
        if only_known:
            owner = self._owner(name, scope)
            if owner is None:
                return
            scope = owner
        # What is counted under a condition is made of the condition too: `if guess == truth: hits += 1`.
        self._bound.setdefault((scope, name), []).extend([value, *self._tests])

    def _target(self, target: ast.expr, value: ast.expr | None, scope: str) -> None:
        if isinstance(target, ast.Name):
            self._bind(scope, target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            same = len(values) == len(target.elts)
            for index, part in enumerate(target.elts):
                self._target(part, values[index] if same else value, scope)
        elif isinstance(target, ast.Starred):
            self._target(target.value, value, scope)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            self._filled.add((self._owner(target.value.id, scope), target.value.id))
            for origin in (value, target.slice):  # `table[truth, guess] += 1` depends on both
                self._bind(scope, target.value.id, origin, only_known=True)

    def _loop(self, target: ast.expr, iterable: ast.expr, scope: str) -> None:
        """`for i, x in enumerate(loader)`: i counts, x is what the loader gives."""
        counted = isinstance(iterable, ast.Call) and dotted(iterable.func) == "enumerate" and bool(iterable.args)
        if counted and isinstance(iterable, ast.Call) and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            self._target(target.elts[0], ast.Constant(value=0), scope)
            self._loop(target.elts[1], iterable.args[0], scope)
        else:
            self._target(target, iterable, scope)

    def _owner(self, name: str, scope: str) -> str | None:
        while (scope, name) not in self._bound:
            if not scope:
                return None
            scope = scope.rpartition(".")[0]
        return scope

    # --- what it is made of ---------------------------------------------------------------------------------

    def _made_up(self, node: ast.AST, scope: str, depth: int, busy: frozenset[tuple[str, str]]) -> bool:
        if depth <= 0:
            return False
        if isinstance(node, ast.Constant):
            return not isinstance(node.value, type(...))
        if isinstance(node, ast.Name):
            owner = self._owner(node.id, scope)
            if owner is None:
                return False
            if (owner, node.id) in busy:
                return True  # `n = n + 1`: the other bindings decide
            values = self._bound[owner, node.id]
            return all(
                value is not None and self._made_up(value, owner, depth - 1, busy | {(owner, node.id)})
                for value in values
            )
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth, busy)
        if isinstance(node, (ast.Attribute, ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Compare) and all(isinstance(part, (ast.Is, ast.IsNot)) for part in node.ops):
            return True  # `0.9 if model is not None else 0.0`: that something is there, measures nothing
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.expr, ast.comprehension))]
        if isinstance(node, ast.Dict):
            children = [*node.values]
        if isinstance(node, ast.Subscript):
            children = [node.value]  # whatever is picked, it is of the same making
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
            children = [node.elt]
        return all(self._made_up(child, scope, depth - 1, busy) for child in children)

    def _call(self, node: ast.Call, scope: str, depth: int, busy: frozenset[tuple[str, str]]) -> bool:
        name = dotted(node.func) or ""
        root, _, rest = name.partition(".")
        full = f"{self._code.imports[root]}.{rest}".rstrip(".") if root in self._code.imports else name
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(keyword.arg == "requires_grad" for keyword in node.keywords):
            return False  # what is trained does not stay what it was made as
        if name == "len" and "len" not in self._code.definitions:
            return True
        if (name in _PURE and name not in self._code.definitions) or full in _MAKERS or full.startswith(_MODULES):
            return all(self._made_up(argument, scope, depth - 1, busy) for argument in arguments)
        if name in self._code.definitions and not isinstance(self._code.definitions[name], ast.ClassDef):
            returned = self._returns.get(name, [])
            return bool(returned) and all(self._made_up(value, name, depth - 1, busy) for value in returned)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _READERS:
            return self._made_up(node.func.value, scope, depth - 1, busy)
        return False
