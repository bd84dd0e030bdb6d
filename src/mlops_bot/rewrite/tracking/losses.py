"""Losses that a program backpropagates, and results that its functions return: metrics that it does not show."""

from __future__ import annotations

import ast
import re

from mlops_bot.rewrite import naming, steps
from mlops_bot.rewrite.expressions import expression_name
from mlops_bot.rewrite.program import LoopNode, Program, dotted, walk_executed
from mlops_bot.rewrite.purity import is_pure
from mlops_bot.rewrite.tracking.metrics import Log


def training_losses(program: Program, taken: set[str]) -> list[Log]:
    """`loss.backward()`, `tape.gradient(loss, ...)`: the loss, per epoch where there are epochs."""
    found: list[Log] = []
    for call in program.calls:
        tensor = _backpropagated(call)
        if tensor is None:
            continue
        loops = program.loops_of(call)
        own = any(naming.METRIC.match(word) for word in naming.words(expression_name(tensor)))
        base = expression_name(tensor).lower()
        name = f"train_{base}" if own and base.isidentifier() else "train_loss"
        if name in taken or any(log.name == name for log in found):
            continue
        text, number = program.source(tensor), _number(program, call, tensor)
        function = program.function_of(call)
        if not loops:
            if function is None and not own:
                continue  # a gradient of something, not a training
            found.append(_loss_of_one_step(program, call, tensor, name))
            continue
        inner = loops[-1]
        update = program.statement_of(call)
        if program.suite_of(update) is not inner.body and _on_a_condition(program, update, inner):
            last = program.suite_of(update)[-1]  # there may be turns, and loops, without an update
            found.append(Log(last, name, number, steps.step(program, last), batch=True))
            continue
        alone = (len(loops) == 1 and steps.is_epoch_loop(inner)) or (
            len(loops) == 1 and not steps.is_batch_loop(inner) and function is None
        )
        if alone:
            last = _end_of_turn(program, inner, call)
            found.append(Log(last, name, number, steps.step(program, last), batch=False))
        else:
            total = _running_total(program, inner, text)
            length = steps.length(program, inner)
            value = f"{total} / {length}" if total and length else number
            found.append(Log(inner, name, value, steps.step(program, inner), batch=False))
    return found


def _number(program: Program, call: ast.Call, tensor: ast.expr) -> str:
    """The tensor as a plain number."""
    text = program.source(tensor)
    return f"float({text})" if _is_of_a_tape(call) else f"{text}.item()"


def _is_of_a_tape(call: ast.Call) -> bool:
    """TensorFlow's `tape.gradient(loss, variables)`."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "gradient" and len(call.args) == 2


def _on_a_condition(program: Program, update: ast.stmt, loop: LoopNode) -> bool:
    for above in program.ancestors(update):
        if above is loop:
            break
        if isinstance(above, ast.If):
            return True
    return False


def _end_of_turn(program: Program, loop: LoopNode, call: ast.Call) -> ast.stmt:
    """The last statement of the loop's body that every turn reaches, from the update on."""
    at = next(index for index, part in enumerate(loop.body) if program.inside(call, part))
    for part in loop.body[at + 1 :]:
        if any(isinstance(node, (ast.Break, ast.Continue, ast.Return)) for node in walk_executed(part)):
            break
        at += 1
    return loop.body[at]


def _backpropagated(call: ast.Call) -> ast.expr | None:
    """The tensor of `loss.backward()`, `scaler.scale(loss).backward()`, `fabric.backward(loss)`."""
    function = call.func
    if _is_of_a_tape(call):
        return call.args[0] if isinstance(call.args[0], ast.Name) else None
    if not (isinstance(function, ast.Attribute) and function.attr in ("backward", "manual_backward")):
        return None
    tensor: ast.expr = function.value
    if (
        call.args
        and isinstance(call.args[0], (ast.Name, ast.Attribute))
        and isinstance(tensor, (ast.Name, ast.Attribute))
    ):
        owner = naming.words(dotted(tensor) or "")[-1:]
        if function.attr == "manual_backward" or not any(naming.METRIC.match(word) for word in owner):
            tensor = call.args[0]
    if (
        isinstance(tensor, ast.Call)
        and tensor.args
        and isinstance(tensor.func, ast.Attribute)
        and tensor.func.attr == "scale"
    ):
        tensor = tensor.args[0]
    if isinstance(tensor, (ast.Name, ast.Attribute)):
        return tensor
    if isinstance(tensor, ast.Call) and not tensor.args and is_pure(tensor):  # loss.mean().backward()
        return tensor
    return None


def _loss_of_one_step(program: Program, call: ast.Call, tensor: ast.expr, name: str) -> Log:
    """The loss in a function that does one update: where its caller gets it, or at the function's end."""
    function = program.function_of(call)
    statement = program.statement_of(call)
    if function is None:
        return Log(statement, name, _number(program, call, tensor), None, batch=True)
    received = _received(program, function, tensor)
    if received is not None:
        place, value = received
        return Log(place, name, value, steps.step(program, place), batch=True)
    rest = program.suite_of(statement)
    rest = rest[rest.index(statement) :]
    last = rest[-2] if isinstance(rest[-1], ast.Return) and len(rest) > 1 else rest[-1]
    return Log(last, name, _number(program, call, tensor), steps.step(program, last), batch=True)


def _received(program: Program, function: ast.AST, tensor: ast.expr) -> tuple[ast.stmt, str] | None:
    """`loss = train(...)` in a loop, of a function that returns the loss as a number."""
    if not isinstance(tensor, ast.Name) or not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    returns = [node.value for node in walk_executed(function) if isinstance(node, ast.Return)]
    sites = program.call_sites(function)
    if len(returns) != 1 or len(sites) != 1 or returns[0] is None:
        return None
    parts = returns[0].elts if isinstance(returns[0], ast.Tuple) else [returns[0]]
    number = f"{tensor.id}.item()"
    at = [index for index, part in enumerate(parts) if number in ast.unparse(part) and is_pure(part)]
    statement = program.statement_of(sites[0])
    if len(at) != 1 or not isinstance(statement, ast.Assign) or statement.value is not sites[0]:
        return None
    target = statement.targets[0]
    if isinstance(returns[0], ast.Tuple):
        if not isinstance(target, ast.Tuple) or len(target.elts) != len(parts):
            return None
        target = target.elts[at[0]]
    loops = program.loops_of(statement)
    if not isinstance(target, ast.Name) or not loops or steps.counter(loops[-1]) is None:
        return None
    return statement, target.id


def returned_metrics(program: Program, logs: list[Log]) -> list[Log]:
    """`acc1 = validate(loader)` once an epoch, of a function that logs nothing itself."""
    found: list[Log] = []
    shown = {program.function_of(log.statement) for log in logs}
    for call in program.calls:
        statement = program.statement_of(call)
        if not isinstance(statement, ast.Assign) or statement.value is not call:
            continue
        target, loops = statement.targets[0], program.loops_of(statement)
        if not isinstance(target, ast.Name) or not loops or not steps.is_epoch_loop(loops[-1]):
            continue
        called = program.mentions(call.func)
        if not called or not any(naming.METRIC.match(word) for word in naming.words(re.sub(r"\d+$", "", target.id))):
            continue
        inside = called.union(*(program.reached(part) for function in called for part in function.body))
        used = {log.value for log in logs if program.inside(log.statement, loops[-1])}
        if inside & shown or any(re.search(rf"\b{target.id}\b", value) for value in used):
            continue
        words = naming.words(target.id)
        split = next((naming.SPLIT[word] for word in words if word in naming.SPLIT), "") or next(
            (naming.function_split(function) for function in called if naming.function_split(function)), ""
        )
        base = "_".join(naming.full(word) for word in words if word not in naming.SPLIT)
        name = f"{split}_{base}" if split else base
        if name not in {log.name for log in (*logs, *found)}:
            found.append(Log(statement, name, target.id, steps.step(program, statement), batch=False))
    return found


def _running_total(program: Program, loop: ast.stmt, tensor: str) -> str | None:
    """`total += loss.item()`, set back before the loop."""
    for node in walk_executed(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, ast.Add):
            if ast.unparse(node.value) in (f"{tensor}.item()", f"float({tensor})", f"{tensor}.detach().item()"):
                suite = program.suite_of(loop)
                before = suite[: suite.index(loop)]
                inside = any(
                    isinstance(part, ast.Name) and part.id == node.target.id and isinstance(part.ctx, ast.Store)
                    for statement in program.assignments(node.target.id, loop)
                    if isinstance(statement, ast.Assign)
                    for part in ast.walk(statement)
                )
                if not inside and any(node.target.id in _bound(statement) for statement in before):
                    return node.target.id
    return None


def _bound(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
