"""Which functions run when the file runs, and where it starts: the call graph of one file and its entry point."""

from __future__ import annotations

import ast

from mlops_bot.source import families
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import EntryPoint

_SPAWNERS = ("spawn", "start_processes", "Process", "Pool", "ProcessPoolExecutor", "notebook_launcher", "launch")
_ENTRY_WRAPPERS = ("exit", "run", "Fire", "SystemExit")


class Reach:
    """References between functions. A function that is named counts as called: it may be handed on as a callback."""

    def __init__(self, program: Program, resolver: Resolver) -> None:
        self.program = program
        self.resolver = resolver
        self.edges: dict[str | None, set[str]] = {}
        for node in program.nodes:
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                scope = program.scope[node]
                target = resolver.denotes(node, scope)
                if target is None:
                    continue
                if target in program.classes:
                    prefix = target + "."
                    self.edges.setdefault(scope, set()).update(f for f in program.functions if f.startswith(prefix))
                elif target in program.functions and target != scope:
                    self.edges.setdefault(scope, set()).add(target)

    def closure(self, starts: set[str]) -> set[str]:
        seen: set[str] = set()
        todo = list(starts)
        while todo:
            function = todo.pop()
            if function not in seen:
                seen.add(function)
                todo += self.edges.get(function, ())
        return seen

    def from_nodes(self, nodes: list[ast.stmt]) -> set[str]:
        """Every function that running these module-level statements can reach."""
        starts: set[str] = set()
        program = self.program
        for statement in nodes:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                if any(not _plain_decorator(d) for d in statement.decorator_list):
                    starts.add(statement.name)  # registered with something that will call it
                continue
            for node in ast.walk(statement):
                if program.scope[node] is not None:
                    continue
                if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                    target = self.resolver.denotes(node, program.scope[node])
                    if target in program.functions:
                        starts.add(target)
                    elif target in program.classes:
                        starts |= {f for f in program.functions if f.startswith(target + ".")}
        return self.closure(starts)


def _plain_decorator(node: ast.expr) -> bool:
    """A decorator that only changes how a function computes: torch.no_grad(), jit, cache, dataclass."""
    text = ast.unparse(node)
    return any(
        word in text for word in ("no_grad", "inference_mode", "jit", "cache", "compile", "wraps", "tf.function")
    )


def main_guard(program: Program) -> ast.If | None:
    for statement in program.tree.body:
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.Compare):
            sides = [statement.test.left, *statement.test.comparators]
            names = any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides)
            mains = any(isinstance(s, ast.Constant) and s.value == "__main__" for s in sides)
            if names and mains:
                return statement
    return None


def executes(statement: ast.stmt) -> bool:
    """Does this module-level statement do something (rather than import, define or set a constant)?"""
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.For | ast.While | ast.With | ast.Try | ast.AsyncFor | ast.AsyncWith) or (
        isinstance(statement, ast.Assign | ast.AugAssign) and any(isinstance(n, ast.Call) for n in ast.walk(statement))
    )


def _single_call(program: Program, resolver: Resolver, statements: list[ast.stmt]) -> str | None:
    """The local function that these statements call in the end, when that is all they do."""
    called: list[str] = []
    for position, statement in enumerate(statements):
        if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.Raise):
            if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
                continue
            return None
        call = statement.exc if isinstance(statement, ast.Raise) else statement.value
        name = _called(program, resolver, call)
        last = position == len(statements) - 1
        if name is not None and (last or isinstance(statement, ast.Expr | ast.Raise)):
            called.append(name)
    return called[0] if len(called) == 1 else None


def _called(program: Program, resolver: Resolver, call: ast.expr | None) -> str | None:
    if not isinstance(call, ast.Call):
        return None
    target = resolver.denotes(call.func, program.scope[call])
    if target in program.functions:
        return target
    word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if word in _ENTRY_WRAPPERS and call.args:
        inner = call.args[0]
        if isinstance(inner, ast.Call):
            return _called(program, resolver, inner)
        found = resolver.denotes(inner, program.scope[call])
        return found if found in program.functions else None
    return None


def entry_point(program: Program, resolver: Resolver, reach: Reach, training: list[ast.Call]) -> EntryPoint:
    """Where the program starts; `training` are the calls that train."""
    guard = main_guard(program)
    outside = [s for s in program.tree.body if s is not guard]
    spawns = _spawns(program, resolver, reach, training)
    trains_outside = any(_contains(program, statement, reach, training) for statement in outside)
    if guard is not None and (not trains_outside or any(_contains(program, guard, reach, [t]) for t in training)):
        return EntryPoint("main-guard", _single_call(program, resolver, guard.body), guard.lineno, spawns)
    doing = [s for s in outside if executes(s)]
    if not doing:
        return EntryPoint("none", None, None, spawns)
    leading = [s for s in doing if _contains(program, s, reach, training)]
    function = None
    if len(leading) == 1:
        function = _single_call(program, resolver, leading)
    return EntryPoint("top-level", function, (leading or doing)[0].lineno, spawns)


def _contains(program: Program, statement: ast.stmt, reach: Reach, training: list[ast.Call]) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    inside = set(ast.walk(statement))
    if any(call in inside and program.scope[call] is None for call in training):
        return True
    functions = reach.from_nodes([statement])
    return any(program.scope[call] in functions for call in training)


def _spawns(program: Program, resolver: Resolver, reach: Reach, training: list[ast.Call]) -> bool:
    for call in program.calls:
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if word not in _SPAWNERS:
            continue
        target = resolver.targets.get(call)
        if target is not None and target in program.functions:
            continue
        for argument in [*call.args, *(k.value for k in call.keywords)]:
            name = resolver.denotes(argument, program.scope[call])
            if name in program.functions:
                functions = reach.closure({name})
                if any(program.scope[t] in functions for t in training):
                    return True
            elif name is not None and families.last(name) in ("train", "fit", "run", "main", "main_worker"):
                return True  # spawns what another file of the project defines under a name that trains
    return False
