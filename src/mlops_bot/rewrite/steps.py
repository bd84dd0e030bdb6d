"""Loops and their counters: which expression tells one value of a metric from the next."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.naming import words
from mlops_bot.rewrite.program import LOOPS, Function, LoopNode, Program, dotted, parameters, walk_executed
from mlops_bot.rewrite.purity import is_pure

_EPOCH = re.compile(r"epoch|episode|num_iter|n_iter|niter|round|generation|^ep$")
_LOADER = re.compile(r"loader|dataloader|batches|_dl$|^dl$|_iter$")
_TRAINS = {"backward", "train_on_batch", "apply_gradients", "partial_fit", "manual_backward", "step"}
_WRAPPERS = {"tqdm", "track", "trange", "progress_bar", "prange"}


def unwrapped(iterable: ast.expr) -> ast.expr:
    """`tqdm(loader, desc=...)` -> loader."""
    while isinstance(iterable, ast.Call) and iterable.args:
        name = (dotted(iterable.func) or "").split(".")[-1]
        if name == "trange":
            return ast.Call(func=ast.Name("range", ast.Load()), args=iterable.args, keywords=[])
        if name not in _WRAPPERS:
            break
        iterable = iterable.args[0]
    return iterable


def _callee(node: ast.expr) -> str:
    return (dotted(node.func) or "").split(".")[-1] if isinstance(node, ast.Call) else ""


def is_epoch_loop(loop: LoopNode) -> bool:
    """A loop that counts epochs (or episodes), as its names say."""
    if isinstance(loop, ast.While):
        names = {node.id for node in ast.walk(loop.test) if isinstance(node, ast.Name)}
        return any("epoch" in name.lower() for name in names)
    texts = [ast.unparse(loop.target)]
    iterable = unwrapped(loop.iter)
    if _callee(iterable) in ("range", "count"):
        texts.extend(ast.unparse(argument) for argument in iterable.args)  # type: ignore[attr-defined]
    return any(_EPOCH.search(word) for text in texts for word in [text.lower()])


def trains(program: Program, node: ast.AST) -> bool:
    """Does the code below `node` (through calls as well) update a model in a loop of its own?"""
    return any(is_training_call(part) for root in (node, *program.reached(node)) for part in _executed(root, node))


def _executed(root: ast.AST, node: ast.AST) -> list[ast.AST]:
    if root is node:
        return list(walk_executed(node))
    return [part for statement in root.body for part in walk_executed(statement)]  # type: ignore[attr-defined]


def is_training_call(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr == "step":
        return any("optim" in word or word in ("opt", "scaler") for word in words(dotted(node.func.value) or ""))
    return node.func.attr in _TRAINS


def is_step_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step"


def trains_itself(loop: LoopNode) -> bool:
    """An update of the model in this loop's own function (nested loops included)."""
    return any(is_training_call(part) for part in walk_executed(loop))


def counter(loop: LoopNode) -> ast.Name | None:
    """The plain name that counts the loop's turns."""
    if isinstance(loop, ast.While):
        return _incremented(loop)
    iterable = unwrapped(loop.iter)
    callee = _callee(iterable)
    if callee in ("range", "count") and isinstance(loop.target, ast.Name):
        return loop.target if loop.target.id != "_" else _incremented(loop)
    if callee == "enumerate" and isinstance(loop.target, ast.Tuple) and isinstance(loop.target.elts[0], ast.Name):
        return loop.target.elts[0]
    return _incremented(loop)


def _incremented(loop: LoopNode) -> ast.Name | None:
    """`step += 1` directly in the loop's body."""
    for statement in loop.body:
        if (
            isinstance(statement, ast.AugAssign)
            and isinstance(statement.op, ast.Add)
            and isinstance(statement.target, ast.Name)
            and isinstance(statement.value, ast.Constant)
            and statement.value.value == 1
        ):
            return statement.target
    return None


def length(program: Program, loop: LoopNode) -> str | None:
    """The number of turns of an inner loop as source text, where it can be written."""
    if isinstance(loop, ast.While):
        return None
    iterable = unwrapped(loop.iter)
    callee = _callee(iterable)
    arguments: list[ast.expr] = iterable.args if isinstance(iterable, ast.Call) else []
    if callee == "range":
        return _stop(program, arguments)
    source = unwrapped(arguments[0]) if callee == "enumerate" and arguments else iterable
    if callee == "enumerate" and len(arguments) > 1 and not isinstance(arguments[1], ast.Constant):
        return None
    if _callee(source) == "range" and all(is_pure(part) for part in source.args):  # type: ignore[attr-defined]
        return f"len({program.source(source)})"
    written = dotted(source)
    if written is None:
        return None
    sized = f"len({written})"
    if sized in program.text or _is_loader(program, source):
        return sized
    return None


def _stop(program: Program, arguments: list[ast.expr]) -> str | None:
    """Where `range(...)` ends: its values stay below that."""
    if not arguments:
        return None
    stop = arguments[0] if len(arguments) == 1 else arguments[1]
    if not is_pure(stop):
        return None
    text = program.source(stop)
    return text if isinstance(stop, (ast.Name, ast.Attribute, ast.Constant, ast.Call)) else f"({text})"


def _is_loader(program: Program, node: ast.expr) -> bool:
    name = (dotted(node) or "").split(".")[-1]
    return bool(_LOADER.search(name.lower())) and "DataLoader" in program.text


def step(program: Program, node: ast.stmt, *, run: ast.stmt | None = None) -> str | None:
    """The step of a metric logged at `node`; None where nothing in scope counts.

    `run`: where the run starts; loops around it do not count, as each of their turns is a run of its own.
    """
    function = program.function_of(node)
    around = program.loops_of(function) if function is not None else []  # of a closure
    loops = [loop for loop in (*around, *program.loops_of(node)) if run is None or not _around(program, loop, run)]
    counters = [(loop, counter(loop)) for loop in loops]
    known = [(loop, name) for loop, name in counters if name is not None]
    outer = _outer_counter(program, function, {name.id for _, name in known})
    if not known:
        return outer or _counted_cell(loops)
    loop, name = known[-1]
    if loop is not loops[-1]:
        return name.id if len(known) == 1 else _combined(program, known)
    if _global_counter(loop, name, loops):
        return name.id
    if len(known) > 1:
        return _combined(program, known)
    if outer is not None and (is_batch_loop(loop) or not is_epoch_loop(loop)):
        size = length(program, loop)
        return f"{outer} * {size} + {name.id}" if size else name.id
    return name.id


def _counted_cell(loops: list[LoopNode]) -> str | None:
    """`while run[0] <= n:` with `run[0] += 1` inside, also in a closure that the optimizer calls."""
    for loop in reversed(loops):
        if isinstance(loop, ast.While):
            tested = {ast.unparse(node) for node in ast.walk(loop.test) if isinstance(node, ast.Subscript)}
            for node in ast.walk(loop):
                if (
                    isinstance(node, ast.AugAssign)
                    and isinstance(node.op, ast.Add)
                    and isinstance(node.value, ast.Constant)
                ):
                    if node.value.value == 1 and ast.unparse(node.target) in tested and is_pure(node.target):
                        return ast.unparse(node.target)
    return None


def _around(program: Program, loop: LoopNode, run: ast.stmt) -> bool:
    return loop is not run and program.inside(run, loop)


def is_batch_loop(loop: LoopNode) -> bool:
    return not isinstance(loop, ast.While) and _callee(unwrapped(loop.iter)) not in ("range", "count")


def _combined(program: Program, known: list[tuple[LoopNode, ast.Name]]) -> str:
    outer, inner = known[-2], known[-1]
    size = length(program, inner[0])
    if size is None:
        return inner[1].id if _is_reset_free(inner[0], inner[1]) else outer[1].id
    start = _start(outer[0])
    base = f"({outer[1].id} - {start})" if start else outer[1].id
    return f"{base} * {size} + {inner[1].id}"


def _start(loop: LoopNode) -> str | None:
    if isinstance(loop, ast.While):
        return None
    iterable = unwrapped(loop.iter)
    if _callee(iterable) == "range" and len(iterable.args) > 1:  # type: ignore[attr-defined]
        first = iterable.args[0]  # type: ignore[attr-defined]
        if isinstance(first, ast.Constant) and first.value == 1:
            return "1"
    return None


def _is_reset_free(loop: LoopNode, name: ast.Name) -> bool:
    return isinstance(loop, ast.While)


def _global_counter(loop: LoopNode, name: ast.Name, loops: list[LoopNode]) -> bool:
    """Counted by hand (`step += 1`) and never set back inside an outer loop."""
    if not isinstance(loop, ast.While) and name in ast.walk(loop.target):
        return False
    outer = loops[0]
    return not any(
        isinstance(part, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name.id for t in part.targets)
        for part in walk_executed(outer)
    )


def _outer_counter(program: Program, function: Function | None, taken: set[str]) -> str | None:
    """A counter of an outer loop that is visible inside `function`: a parameter, or an enclosing scope's variable."""
    if function is None:
        return None
    if function in program.handed_on:
        return program.handed_on[function]
    for name in parameters(function):
        if _is_counter_name(name) and name not in taken:
            return name
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for loop in _visible_loops(program, function):
        name_node = counter(loop)
        if name_node is None or name_node.id in taken | stored | set(parameters(function)):
            continue
        if is_epoch_loop(loop) and function in program.reached(loop):
            return name_node.id
    return None


def _visible_loops(program: Program, function: Function) -> list[LoopNode]:
    """Loops whose variables `function` can read: at module level, or in the function that defines it."""
    owner = program.function_of(function)
    return [node for node in program.nodes if isinstance(node, LOOPS) and program.function_of(node) in (None, owner)]


def hand_on(program: Program, edits: Edits, functions: Iterable[Function]) -> None:
    """Gives the epoch to functions that log and cannot see it, where all their calls are in an epoch loop."""
    for function in functions:
        taken = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} | set(parameters(function))
        visible = _outer_counter(program, function, set())
        if visible is not None and visible in taken:
            continue
        calls = program.call_sites(function)
        counters = {_epoch_of(program, call) for call in calls}
        if len(counters) != 1 or not _one_line(program, function, calls):
            continue
        name = counters.pop()
        if name is not None and name not in taken:
            program.handed_on[function] = name
            edits.hand_on(function, calls, name)


def _epoch_of(program: Program, call: ast.Call) -> str | None:
    """The counter of the epoch loop around a call, when no other loop is between them."""
    loops = program.loops_of(call)
    if not loops or not is_epoch_loop(loops[-1]):
        return None
    name = counter(loops[-1])
    return name.id if name is not None else None


def _one_line(program: Program, function: Function, calls: list[ast.Call]) -> bool:
    """Plain signatures and calls on one line, so that one more argument is a small change."""
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults or function.decorator_list:
        return False
    last = arguments.args[-1] if arguments.args else None
    if last is not None and last.lineno != function.lineno:
        return False
    mentions = [
        node
        for node in program.nodes
        if (isinstance(node, ast.Name) and node.id == function.name and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr == function.name)
    ]
    return (
        len(mentions) == len(calls)
        and all(call.lineno == call.end_lineno and not call.keywords for call in calls)
        and not any(isinstance(argument, ast.Starred) for call in calls for argument in call.args)
        and all(program.source(call).isascii() and not program.source(call).endswith(",)") for call in calls)
    )


def _is_counter_name(name: str) -> bool:
    lowered = name.lower()
    if lowered.startswith(("num", "n_", "max", "total")) or lowered.endswith("s"):
        return False
    return (
        lowered in ("step", "global_step", "iteration", "ep", "i_epoch", "it")
        or "epoch" in lowered
        or ("episode" in lowered)
    )
