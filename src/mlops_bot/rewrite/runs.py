"""The stretch of statements that one tracked run spans."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mlops_bot.rewrite import cells, steps
from mlops_bot.rewrite.program import FUNCTIONS, Function, LoopNode, Program, dotted, is_optimizer, walk_executed

_WRAP_LINES = 25  # longer stretches are not indented as a whole
_HARMLESS = {"torch.no_grad", "wraps", "functools.wraps", "record", "torch.inference_mode", "timer", "profile"}


@dataclass(frozen=True)
class Stretch:
    """`first`..`last` are statements of one suite. `wrap`: short enough to be indented under a `with`."""

    first: ast.stmt
    last: ast.stmt
    suite: list[ast.stmt]
    wrap: bool

    def statements(self) -> list[ast.stmt]:
        return self.suite[self.suite.index(self.first) : self.suite.index(self.last) + 1]

    def covers(self, program: Program, statement: ast.stmt) -> bool:
        return any(contains(program, part, statement) for part in self.statements())


def contains(program: Program, outer: ast.stmt, spot: ast.stmt) -> bool:
    """Does running `outer` run `spot`?"""
    if isinstance(outer, (*FUNCTIONS, ast.ClassDef)):
        return False
    function = program.function_of(spot)
    if program.inside(spot, outer) and program.function_of(outer) is function:
        return True
    return function is not None and (function in program.reached(outer))


def elsewhere(program: Program, stretches: list[Stretch]) -> set[Function]:
    """Local functions that may also run outside of the stretches: before, after, or called from another place."""
    inside = {statement for stretch in stretches for statement in stretch.statements()}
    homes = {program.function_of(stretch.first) for stretch in stretches}
    seen: set[Function] = set()
    todo: list[ast.AST] = [*program.tree.body]
    while todo:
        node = todo.pop()
        if node in inside or isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        if any(program.inside(stretch.first, node) for stretch in stretches):
            todo.extend(ast.iter_child_nodes(node))
            continue
        for function in program.mentions(node) - seen:
            seen.add(function)
            todo.extend(function.body)
    return seen - homes


def comes_after(program: Program, statement: ast.stmt, spots: list[ast.stmt]) -> bool:
    """Does one of the `spots` surely run before `statement`, in its function?"""
    current: ast.stmt = statement
    while True:
        suite = program.suite_of(current)
        for earlier in suite[: suite.index(current)]:
            if isinstance(earlier, (ast.If, ast.Try)) and not any(program.inside(spot, earlier) for spot in spots):
                continue
            if any(contains(program, earlier, spot) for spot in spots):
                return True
        owner = program.parent[current]
        if not isinstance(owner, ast.stmt) or isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return False
        current = owner


def choose(program: Program, spots: list[ast.stmt], core: ast.stmt | None, needed: list[ast.stmt]) -> Stretch | None:
    """The run for all `spots`; around `core` alone when the program trains several times.

    None: nothing in the file runs the `needed` ones among them.
    """
    if not any(contains(program, statement, spot) for statement in program.tree.body for spot in needed):
        return None
    if core is not None and repeated(program, core):
        return _around_core(program, core, spots)
    suite = program.tree.body
    while True:
        chosen = [part for part in suite if any(contains(program, part, spot) for spot in spots)]
        if not chosen:
            return None
        if len(chosen) == 1:
            inner = _inner(program, chosen[0], spots)
            if inner is not None and any(contains(program, part, spot) for part in inner for spot in spots):
                suite = inner
                continue
        first, last = chosen[0], chosen[-1]
        short = (last.end_lineno or 0) - first.lineno < _WRAP_LINES
        return Stretch(first, last, suite, short and not _spans_cells(program, first, last))


def _spans_cells(program: Program, first: ast.stmt, last: ast.stmt) -> bool:
    """Does a cell of a script that is a notebook as well begin in between? It stays unindented."""
    if program.function_of(first) is not None:
        return False
    suite = program.suite_of(first)
    inside = suite[suite.index(first) + 1 : suite.index(last) + 1]
    if any(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in inside):
        return True
    rows = program.text.splitlines()[first.lineno : last.end_lineno]
    return any(map(cells.is_mark, rows))


def _inner(program: Program, statement: ast.stmt, spots: list[ast.stmt]) -> list[ast.stmt] | None:
    """The suite to look into instead of taking the whole statement."""
    if isinstance(statement, ast.If):
        in_else = any(contains(program, part, spot) for part in statement.orelse for spot in spots)
        if not in_else:
            return statement.body
        in_body = any(contains(program, part, spot) for part in statement.body for spot in spots)
        return None if in_body or _is_elif(program, statement) else statement.orelse
    if isinstance(statement, (ast.With, ast.AsyncWith, ast.Try)):
        if (statement.end_lineno or 0) - statement.lineno < _WRAP_LINES and isinstance(statement, ast.With):
            return None
        return statement.body
    function = _left_to_others(program, statement) or _decides(program, statement, spots)
    return function.body if function is not None else None


def _decides(program: Program, statement: ast.stmt, spots: list[ast.stmt]) -> Function | None:
    """`main()`, which trains in one of its branches only: `if args.command == "train": train(args)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    called = program.functions_named(dotted(call.func) or "", method=False) if isinstance(call, ast.Call) else []
    if len(called) != 1 or len(program.call_sites(called[0])) != 1:
        return None
    parts = [part for part in called[0].body if any(contains(program, part, spot) for spot in spots)]
    if len(parts) != 1 or not isinstance(parts[0], ast.If) or not parts[0].orelse:
        return None
    return called[0] if _inner(program, parts[0], spots) is not None else None


def _is_elif(program: Program, statement: ast.If) -> bool:
    """Does the `else` of `statement` hold an `elif`, which is no statement of its own in the text?"""
    return (
        len(statement.orelse) == 1
        and isinstance(statement.orelse[0], ast.If)
        and (statement.orelse[0].col_offset == statement.col_offset)
    )


def _left_to_others(program: Program, statement: ast.stmt) -> Function | None:
    """The local function that a statement hands to something that may end in SystemExit: fire, click, sys.exit."""
    calls = [node for node in walk_executed(statement) if isinstance(node, ast.Call)]
    local = list(program.mentions(statement))
    if len(local) != 1 or isinstance(statement, (ast.For, ast.While, ast.AsyncFor)):
        return None
    function = local[0]
    for call in calls:
        if function in program.functions_named(dotted(call.func) or "", method=False):
            decorators = [dotted(d.func if isinstance(d, ast.Call) else d) or "?" for d in function.decorator_list]
            if any(name not in _HARMLESS for name in decorators):
                return function
            continue
        name = program.qualified(call.func) or dotted(call.func) or ""
        if name in ("asyncio.run", "print"):
            continue
        if any(function in program.mentions(argument) for argument in [*call.args, *[k.value for k in call.keywords]]):
            return function
    return function if isinstance(statement, ast.Raise) else None


def around_calls(program: Program, core: ast.stmt, wanted: list[ast.stmt]) -> list[Stretch] | None:
    """A run around each call of the function that trains, where that keeps a long loop from being indented.

    None: the loop is short, or the calls are no statements of their own, or run less than `wanted`.
    """
    function = program.function_of(core)
    if function is None or (core.end_lineno or 0) - core.lineno < _WRAP_LINES or program.loops_of(core):
        return None
    sites = [program.statement_of(call) for call in program.call_sites(function)]
    if not 0 < len(sites) <= 8 or len({program.function_of(site) for site in sites}) != 1:
        return None
    if not all(isinstance(site, (ast.Expr, ast.Assign)) for site in sites):
        return None
    found = [Stretch(site, site, program.suite_of(site), True) for site in dict.fromkeys(sites)]
    return found if all(found[0].covers(program, spot) for spot in wanted) else None


def _around_core(program: Program, core: ast.stmt, spots: list[ast.stmt]) -> Stretch:
    suite = program.suite_of(core)
    after = suite[suite.index(core) :]
    chosen = [part for part in after if part is core or any(contains(program, part, spot) for spot in spots)]
    return Stretch(core, chosen[-1], suite, not _spans_cells(program, core, chosen[-1]))


def repeated(program: Program, core: ast.stmt) -> bool:
    """Does the program run this training several times?"""
    around = program.loops_of(core)
    if around:
        return not any(steps.is_epoch_loop(loop) for loop in around)
    function = program.function_of(core)
    return function is not None and _called_often(program, function, 4)


def _called_often(program: Program, function: Function, depth: int) -> bool:
    sites = program.call_sites(function)
    if len(sites) > 1:
        return True
    if not sites or depth == 0:
        return False
    if program.loops_of(sites[0]):
        return True
    caller = program.function_of(sites[0])
    return caller is not None and _called_often(program, caller, depth - 1)


def core_loop(program: Program) -> LoopNode | None:
    """The outermost loop of one training: around the epochs, but inside of loops that start a training anew."""
    nodes = [node for node in program.nodes if steps.is_training_call(node) and not steps.is_step_call(node)]
    chains = [_loops_through_calls(program, node, 3) for node in nodes]
    loops = max(chains, key=lambda loops: (any(map(steps.is_epoch_loop, loops)), len(loops)), default=[])
    while len(loops) > 1 and not steps.is_epoch_loop(loops[0]) and begins_anew(program, loops[0]):
        loops = loops[1:]
    return loops[0] if loops else None


def _loops_through_calls(program: Program, node: ast.AST, depth: int) -> list[LoopNode]:
    """The loops around a node, those around the calls of its function included; the outermost first."""
    function = program.function_of(node)
    loops = program.loops_of(node)
    if function is None or not depth:
        return loops
    around = program.loops_of(function)  # a closure
    if around:
        return [*around, *loops]
    outer = [_loops_through_calls(program, site, depth - 1) for site in references(program, function)]
    return [*max(outer, key=len, default=[]), *loops]


def begins_anew(program: Program, loop: LoopNode) -> bool:
    """Does every turn make its own optimizer or model (folds, restarts, searches)?"""
    roots: list[ast.AST] = [loop, *(part for function in program.reached(loop) for part in function.body)]
    calls = [node for root in roots for node in walk_executed(root) if isinstance(node, ast.Call)]
    if any(is_optimizer(program, call) for call in program.calls):
        return any(is_optimizer(program, call) for call in calls)
    return any(
        (
            (program.qualified(call.func) or "").startswith("sklearn.")
            and (dotted(call.func) or "").split(".")[-1][:1].isupper()
        )
        or (isinstance(call.func, ast.Name) and _is_module(program, call.func.id))
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "compile")
        for call in calls
    )


def _is_module(program: Program, name: str) -> bool:
    bases = [base for definition in program.classes.get(name, []) for base in definition.bases]
    return any((dotted(base) or "").split(".")[-1] in ("Module", "Model") for base in bases)


def references(program: Program, function: Function) -> list[ast.AST]:
    """Calls of the function, and places that hand it on."""
    sites: list[ast.AST] = list(program.call_sites(function))
    if not sites:
        sites = [
            node
            for node in program.nodes
            if isinstance(node, ast.Name) and node.id == function.name and isinstance(node.ctx, ast.Load)
        ]
    return sites
