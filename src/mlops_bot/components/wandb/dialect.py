"""The calls of Weights & Biases, as source text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.rewrite.tracking.dialect import Opening, Place, Values
from mlops_bot.rewrite.tracking.files import is_drawing, stem
from mlops_bot.rewrite.tracking.writing import call_text, listed


@dataclass(frozen=True)
class Wandb:
    """A run is given its project and its first parameters; a step is one more value of a row.

    `step=` is not used: W&B drops rows whose step is below that of the row before, and values per batch and per epoch
    are counted differently.
    """

    project: str | None = None
    title: str = "W&B"
    module: str = "wandb"
    noun: str = "run"
    needs_run: bool = True
    early: bool = False
    bridges: tuple[str, ...] = ("WandbLogger", "WandbCallback", "WandbMetricsLogger")
    guard: str = "if wandb.run is not None:"

    def opening(self, place: Place, values: Sequence[Values], *, wrap: bool) -> Opening:
        arguments = [f"project={place.program.string(self.project)}"] if self.project else []
        code = listed("wandb.init", arguments, "config", values, place.statement)
        if wrap:
            return Opening(f"with {code}:")
        return Opening(None, [code], after=["wandb.finish()"])

    def params(self, place: Place, values: Values) -> str:
        rest = ["allow_val_change=True"] if values.again else []
        if values.mapping:
            return call_text("wandb.config.update", [values.mapping], rest, place.statement, "")
        return call_text("wandb.config.update", values.entries, rest, place.statement)

    def metrics(self, place: Place, entries: Sequence[tuple[str, str]], step: str | None) -> str:
        row = [f"{name}: {value}" for name, value in entries]
        if step is not None:
            counter = place.program.string(_counter(step))
            row += [f"{counter}: {step}"] if counter not in [name for name, _ in entries] else []
        return call_text("wandb.log", row, (), place.statement)

    def shown(self, place: Place, pyplot: str) -> str:
        return f"wandb.log({{{place.program.string('figure')}: wandb.Image({pyplot}.gcf())}})"

    def file(self, place: Place, path: str, *, figure: bool) -> str:
        if figure and not is_drawing(path):
            name = place.program.string(stem(path) or "image")
            return call_text("wandb.log", [f"{name}: wandb.Image({path})"], (), place.statement)
        kind = place.program.string("figure" if figure else "model")
        return call_text("wandb.log_artifact", [path], [f"type={kind}"], place.statement, "")


def _counter(step: str) -> str:
    """A step's own name, where it is one: `epoch`, `self.epoch`."""
    if re.fullmatch(r"[A-Za-z_][\w.]*", step):
        return step.rpartition(".")[2].strip("_").lower() or "step"
    return "global_step" if "*" in step else "step"
