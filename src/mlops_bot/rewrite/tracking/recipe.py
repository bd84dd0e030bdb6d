"""Adds experiment tracking to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from mlops_bot.rewrite import processes
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_import
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.tracking import loop
from mlops_bot.rewrite.tracking.dialect import Dialect
from mlops_bot.types import Framework, NotApplicable, Rewritten, SourceFacts

Way = Callable[[Program, Edits], list[str] | NotApplicable]  # collects the edits for one framework, returns notes
_BESIDE: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("torch", "torchvision"),
    "lightning": ("lightning", "pytorch_lightning", "torch"),
    "keras": ("keras", "tensorflow"),
    "sklearn": ("sklearn",),
    "other": (),
}


_TRAINING = {"fit", "fit_transform", "fit_predict", "partial_fit", "backward", "train_on_batch", "cross_val_score"}


def rewrite(
    text: str, facts: SourceFacts, dialect: Dialect, ways: Mapping[Framework, Way]
) -> Rewritten | NotApplicable:
    """The script with experiment tracking, or why not. `ways`: how each framework but PyTorch is tracked."""
    try:
        program = Program(text)
    except (SyntaxError, ValueError) as error:
        return NotApplicable(f"not applicable because the file cannot be parsed ({error})")
    used = line_of_import(program, dialect.module, dialect.bridges)
    if used is not None:
        return NotApplicable(f"not applicable because {dialect.title} is already used (line {used})")
    trains = _calls_one_of(program, _TRAINING)
    if not trains and (spawn := processes.spawns_training(program)) is not None:
        return NotApplicable(f"not applicable because {spawn}")
    if not program.calls or (facts.is_training is False and not trains):
        return NotApplicable("not applicable because the file trains no model")
    if facts.framework is None:
        return NotApplicable("not applicable because no supported training framework was found")
    edits = Edits()
    outcome = _add(program, edits, facts.framework, dialect, ways)
    if isinstance(outcome, NotApplicable):
        return outcome
    if edits.mentions(f"{dialect.module}."):
        add_import(edits, program, dialect.module, beside=_BESIDE[facts.framework], first=dialect.early)
    return Rewritten(edits.apply(text), tuple(outcome))


def _add(
    program: Program, edits: Edits, framework: Framework, dialect: Dialect, ways: Mapping[Framework, Way]
) -> list[str] | NotApplicable:
    if framework == "pytorch":
        return _pytorch(program, edits, dialect)
    if framework == "lightning" and not _uses_trainer(program):
        return NotApplicable("not applicable because no Lightning Trainer is used in this file")
    if framework not in ways:
        return NotApplicable("not applicable because the recipe does not know this program's framework")
    return ways[framework](program, edits)


def _pytorch(program: Program, edits: Edits, dialect: Dialect) -> list[str] | NotApplicable:
    spawned = processes.spawning(program)
    if not spawned:
        return loop.track(program, edits, dialect)
    only = processes.in_this_process(program, spawned)
    if only is None:
        return NotApplicable(f"not applicable because {processes.reason_against(program, spawned)}")
    outcome = loop.track(program, edits, dialect, only=only)
    note = "training in spawned processes is not tracked: only the direct call opens a run"
    return outcome if isinstance(outcome, NotApplicable) else [*outcome, note]


def _uses_trainer(program: Program) -> bool:
    """Trackers follow Lightning's own Trainer (also under LightningCLI), and no other."""
    names = [program.qualified(node) for node in program.nodes if isinstance(node, (ast.Name, ast.Attribute))]
    return any(
        name.split(".")[0] in ("lightning", "pytorch_lightning") and name.split(".")[-1] in ("Trainer", "LightningCLI")
        for name in names
        if name is not None
    )


def _calls_one_of(program: Program, names: set[str]) -> bool:
    return any((getattr(call.func, "attr", None) or getattr(call.func, "id", None)) in names for call in program.calls)


def line_of_import(program: Program, module: str, names: tuple[str, ...] = ()) -> int | None:
    """Where the file imports a top-level module, or one of `names` from anywhere, first."""
    for node in program.nodes:
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(node.module or "").split(".")[0]]
            found += [module for alias in node.names if alias.name in names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            found = [module] if node.value.rpartition(".")[2] in names else []
        if module in found:
            return getattr(node, "lineno", 1)
    return None
