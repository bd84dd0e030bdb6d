"""Adds MLflow experiment tracking to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

import ast

from mlops_bot.components.mlflow import autolog, loop
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_import
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.types import Framework, Functionality, NotApplicable, Rewritten, SourceFacts

_SPAWNS = {
    "torch.multiprocessing.spawn": "training runs in processes started by mp.spawn",
    "torch.multiprocessing.Process": "training runs in processes started by mp.Process",
    "multiprocessing.Process": "training runs in processes started by multiprocessing.Process",
    "torch.distributed.init_process_group": "training is distributed over processes (init_process_group)",
    "torch.nn.parallel.DistributedDataParallel": "training is distributed over processes (DistributedDataParallel)",
    "torch.distributed.rpc.init_rpc": "training is distributed over processes (init_rpc)",
}
_BESIDE: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("torch", "torchvision"),
    "lightning": ("lightning", "pytorch_lightning", "torch"),
    "keras": ("keras", "tensorflow"),
    "sklearn": ("sklearn",),
    "other": (),
}


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with experiment tracking, or why not."""
    if functionality != "experiment-tracking":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    try:
        program = Program(text)
    except (SyntaxError, ValueError) as error:
        return NotApplicable(f"not applicable because the file cannot be parsed ({error})")
    used = _line_of_import(program, "mlflow")
    if used is not None:
        return NotApplicable(f"not applicable because MLflow is already used (line {used})")
    if (spawn := _spawns_elsewhere(program)) is not None:
        return NotApplicable(f"not applicable because {spawn}")
    if not program.calls or (facts.is_training is False and not _calls_one_of(program, _TRAINING)):
        return NotApplicable("not applicable because the file trains no model")
    if facts.framework is None:
        return NotApplicable("not applicable because no supported training framework was found")
    edits = Edits()
    outcome = _add(program, edits, facts.framework)
    if isinstance(outcome, NotApplicable):
        return outcome
    add_import(edits, program, "mlflow", beside=_BESIDE[facts.framework])
    return Rewritten(edits.apply(text), tuple(outcome))


def _add(program: Program, edits: Edits, framework: Framework) -> list[str] | NotApplicable:
    if framework == "pytorch":
        spawned = [call for call in program.calls if program.qualified(call.func) in _SPAWNS]
        if not spawned:
            return loop.track(program, edits)
        only = _in_this_process(program, spawned)
        if only is None:
            reasons = [(_SPAWNS[program.qualified(call.func) or ""], call.lineno) for call in spawned]
            reason, line = next((item for item in reasons if item[0].startswith("training runs in")), reasons[0])
            return NotApplicable(f"not applicable because {reason} (line {line})")
        outcome = loop.track(program, edits, only=only)
        note = "training in spawned processes is not tracked: only the direct call opens a run"
        return outcome if isinstance(outcome, NotApplicable) else [*outcome, note]
    if framework == "lightning":
        if not _uses_trainer(program):
            return NotApplicable("not applicable because no Lightning Trainer is used in this file")
        return autolog.lightning(program, edits)
    if framework == "keras":
        return autolog.keras(program, edits)
    if framework == "sklearn":
        return autolog.sklearn(program, edits)
    return autolog.other(program, edits)


def _uses_trainer(program: Program) -> bool:
    """Autologging follows Lightning's own Trainer (also under LightningCLI), and no other."""
    names = [program.qualified(node) for node in program.nodes if isinstance(node, (ast.Name, ast.Attribute))]
    return any(
        name.split(".")[0] in ("lightning", "pytorch_lightning") and name.split(".")[-1] in ("Trainer", "LightningCLI")
        for name in names
        if name is not None
    )


def _spawns_elsewhere(program: Program) -> str | None:
    """Why a file that trains nothing itself starts processes that do."""
    if _calls_one_of(program, _TRAINING):
        return None
    for call in program.calls:
        reason = _SPAWNS.get(program.qualified(call.func) or "")
        if reason is not None and reason.startswith("training runs in"):
            return f"{reason} (line {call.lineno})"
    return None


def _in_this_process(program: Program, spawned: list[ast.Call]) -> ast.stmt | None:
    """`if distributed: mp.spawn(worker, ...) else: worker(...)`: the direct call.

    All else that needs several processes has to stand under a condition too.
    """
    for call in spawned:
        workers = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg in ("fn", "target"))]
        choice = next((above for above in program.ancestors(call) if isinstance(above, ast.If)), None)
        if choice is None:
            return None
        if not (program.qualified(call.func) or "").endswith((".spawn", ".Process")):
            continue
        suite = choice.orelse if any(program.inside(call, part) for part in choice.body) else choice.body
        for worker in workers:
            for part in suite:
                direct = isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)
                if direct and isinstance(worker, ast.Name) and dotted(part.value.func) == worker.id:  # type: ignore[attr-defined]
                    return part if _all_conditional(program, spawned) else None
    return None


def _all_conditional(program: Program, calls: list[ast.Call]) -> bool:
    return all(any(isinstance(above, ast.If) for above in program.ancestors(call)) for call in calls)


_TRAINING = {"fit", "fit_transform", "fit_predict", "partial_fit", "backward", "train_on_batch", "cross_val_score"}


def _calls_one_of(program: Program, names: set[str]) -> bool:
    return any((getattr(call.func, "attr", None) or getattr(call.func, "id", None)) in names for call in program.calls)


def _line_of_import(program: Program, module: str) -> int | None:
    for node in program.nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.split(".")[0] == module for name in names):
            return getattr(node, "lineno", 1)
    return None
