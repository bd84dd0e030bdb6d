"""The smaller facts: third-party modules, models, optimizers, epochs, and the judgement whether the file trains."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from mlops_bot.source import families
from mlops_bot.source.labels import words
from mlops_bot.source.loops import Loops
from mlops_bot.source.program import Program
from mlops_bot.source.reach import Reach, executes, main_guard
from mlops_bot.source.resolve import Resolver
from mlops_bot.source.training import Evidence, Training
from mlops_bot.types import Definition, Framework

_TRAINING_NAMES = frozenset({"train", "trainer", "training", "fit", "fitter", "run", "runner", "main", "learner"})


def third_party(program: Program, local_modules: frozenset[str]) -> tuple[str, ...]:
    """Top-level modules that are neither standard library nor the project's own."""
    tops = {families.top(module) for module in program.modules if not module.startswith(".")}
    return tuple(sorted(t for t in tops if t and t not in sys.stdlib_module_names and t not in local_modules))


def imported_framework(program: Program) -> Framework | None:
    """The framework of a file that trains nothing itself, where its imports leave no choice."""
    tops = {families.top(families.canonical(module)) for module in program.modules}
    names = {families.canonical(name) for name in program.imports.values()}
    found: list[Framework] = []
    if "lightning" in tops or any(name.startswith("lightning.pytorch") for name in names):
        return "lightning"  # which brings torch along
    if "keras" in tops or any(name == "keras" or name.startswith("keras.") for name in names):
        found.append("keras")
    if "torch" in tops:
        found.append("pytorch")
    if "sklearn" in tops:
        found.append("sklearn")
    return found[0] if len(found) == 1 else None


def judge(
    program: Program,
    resolver: Resolver,
    found: Training,
    framework: Framework | None,
    reached: Reach,
    local_modules: frozenset[str],
) -> tuple[bool | None, list[str], list[str]]:
    """Is it a training script? (answer, reasons, doubts)"""
    if found.evidence:
        functions = reached.from_nodes(list(program.tree.body))
        runs = [e for e in found.evidence if program.scope[e.node] is None or program.scope[e.node] in functions]
        if runs:
            return True, [], []
        first = found.evidence[0]
        where = program.scope[first.node]
        return (
            None,
            [f"line {first.node.lineno}: {where} trains, but nothing in the file calls it"],
            ["whether the file is run as a script: what trains in it is only defined"],
        )
    delegated = _delegates(program, resolver, local_modules)
    if delegated:
        return None, [delegated], ["whether it trains: that happens, if at all, in another file of the project"]
    if found.hints:
        return None, list(found.hints[:4]), ["whether it trains: nothing in it was recognised for sure"]
    if made := optimizers(program, resolver):
        reason = f"line {made[0].line}: it makes an optimizer ({made[0].kind}), but no step of it was found"
        return None, [reason], ["whether it trains: nothing in it was recognised for sure"]
    doing = [s for s in program.tree.body if executes(s)]
    if not doing and main_guard(program) is None:
        return False, ["it only defines things: nothing runs when the file is run"], []
    return False, ["no call in it trains a model"], []


def _delegates(program: Program, resolver: Resolver, local_modules: frozenset[str]) -> str | None:
    """A call of, or a handing on of, something of the project whose name says that it trains: the plainest first."""
    found: list[tuple[bool, int, str]] = []
    for call in program.calls:
        for node in (call.func, *call.args, *(k.value for k in call.keywords)):
            if not isinstance(node, ast.Name | ast.Attribute):
                continue
            name = resolver.denotes(node, program.scope[node])
            if name is None or not (name.startswith(".") or families.top(name) in local_modules):
                continue
            word = families.last(name)
            if words(word) & _TRAINING_NAMES and (node is call.func or word in _TRAINING_NAMES):
                text = f"line {node.lineno}: {program.source(node)} comes from another file of the project"
                found.append((word not in _TRAINING_NAMES, node.lineno, text))
    return min(found)[2] if found else None


# --- models and optimizers -------------------------------------------------------------------------------------


def _assignments(program: Program) -> Iterator[tuple[str, int, ast.expr, tuple[int, ...], str | None]]:
    for (owner, name), values in program.assigned.items():
        for line, value, where in values:
            yield name, line, value, where, owner


def _inside_model(program: Program, resolver: Resolver, value: ast.AST) -> bool:
    """Within a network's own class everything is a part of it, not a model of the program."""
    owner = program.class_of.get(program.scope.get(value) or "")
    return any(
        families.is_torch_module(r) or families.is_lightning_module(r) or r.startswith("keras.")
        for r in resolver.roots(owner)
    )


def is_model(roots: frozenset[str]) -> bool:
    return any(
        families.is_torch_module(r)
        or families.is_lightning_module(r)
        or families.is_keras_model(r)
        or (families.is_sklearn_estimator(r) and not families.is_sklearn_preparation(r))
        or (families.top(r) in ("xgboost", "lightgbm", "catboost") and families.is_class_like(r))
        for r in roots
    ) and not any(families.is_torch_loss(r) for r in roots)


def models(program: Program, resolver: Resolver) -> list[Definition]:
    """Variables that hold a model, where it is made. Wrappers (DataParallel, torch.compile) are not repeated."""
    found: dict[str, Definition] = {}
    for name, line, value, where, owner in _assignments(program):
        if _inside_model(program, resolver, value):
            continue
        kind = resolver.instance(value, program.scope.get(value, owner), where)
        if kind is not None and isinstance(value, ast.Call | ast.Tuple | ast.IfExp | ast.ListComp):
            if is_model(resolver.roots(kind)) and not _looks_like_loss(kind, name):
                found.setdefault(name, Definition(name, kind, line))
    for optimizer in program.calls:
        callee = resolver.targets.get(optimizer)
        if callee and families.is_torch_optimizer(families.canonical(callee)):
            _optimized(program, resolver, optimizer, found)
    return sorted(found.values(), key=lambda d: d.line)


def _optimized(program: Program, resolver: Resolver, optimizer: ast.Call, found: dict[str, Definition]) -> None:
    """What an optimizer gets the parameters of is a model, wherever its class comes from."""
    if _inside_model(program, resolver, optimizer):
        return
    for call in ast.walk(optimizer):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "parameters"):
            continue
        owner = call.func.value
        name = program.source(owner)
        scope = program.scope[call]
        if name in found or any(name.startswith(f"{known}.") for known in found) or name == "self":
            continue
        for place in [program.class_of.get(scope or ""), *program.chain(scope)]:
            if values := program.assigned.get((place, name)):
                line, value, where = values[0]
                kind = resolver.instance(value, program.scope.get(value), where) or "torch.nn.Module"
                found[name] = Definition(name, kind, line)
                break


def _looks_like_loss(kind: str, name: str) -> bool:
    return families.last(kind).endswith("Loss") or name.rpartition(".")[2] in ("criterion", "loss_fn", "loss_function")


def optimizers(program: Program, resolver: Resolver) -> list[Definition]:
    """Every optimizer that is constructed, with the variable (or the function) that holds it."""
    found: list[Definition] = []
    for call in program.calls:
        name = resolver.targets.get(call)
        plain = families.canonical(name) if name else ""
        if name and (families.is_torch_optimizer(plain) or families.is_keras_optimizer(plain)):
            found.append(Definition(_holder(program, call), name, call.lineno))
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "compile":
            given = next((k.value for k in call.keywords if k.arg == "optimizer"), call.args[0] if call.args else None)
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                known = families.KERAS_OPTIMIZERS.get(given.value.lower())
                kind = f"keras.optimizers.{known}" if known else given.value
                found.append(Definition("optimizer", kind, given.lineno))
        elif name in program.classes and any(
            r == "torch.optim.Optimizer" or families.is_torch_optimizer(r) for r in resolver.roots(name)
        ):
            found.append(Definition(_holder(program, call), name, call.lineno))
    return sorted(found, key=lambda d: d.line)


def _holder(program: Program, call: ast.Call) -> str:
    for ancestor in program.ancestors(call):
        if isinstance(ancestor, ast.Assign):
            return program.source(ancestor.targets[0])
        if isinstance(ancestor, ast.AnnAssign):
            return program.source(ancestor.target)
        if isinstance(ancestor, ast.keyword) and ancestor.arg:
            return ancestor.arg
        if isinstance(ancestor, ast.stmt):
            break
    return program.scope[call] or ""


# --- epochs ----------------------------------------------------------------------------------------------------


def epochs(
    program: Program, resolver: Resolver, loops: Loops, evidence: list[Evidence]
) -> tuple[str | None, list[str]]:
    """The source text of the number of epochs, and a doubt where there are several."""
    found = loops.epoch_expressions()
    for item in evidence:
        if item.framework == "keras" and not item.step and not loops.loops():
            found += [program.source(k.value) for k in item.node.keywords if k.arg == "epochs"]
    for call in program.calls:
        if (name := resolver.targets.get(call)) and families.is_lightning_trainer(families.canonical(name)):
            found += [program.source(k.value) for k in call.keywords if k.arg == "max_epochs"]
    different = list(dict.fromkeys(found))
    if not different:
        return None, []
    doubts = [f"which of {', '.join(different)} is the number of epochs"] if len(different) > 1 else []
    return different[0], doubts
