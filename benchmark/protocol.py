"""What the paper measures: which component is added to programs of which framework, and how models are asked. Pure.

A cell is one number of a table: functionality x component x framework x engine x prompt style x temperature (paper,
Section V). At temperature 0 a model has one generation, above it three; a recipe has neither style nor temperature.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_bot.types import Framework, Functionality

Style = Literal["zero-shot", "doc-prompt"]
TEMPERATURES = (0.0, 0.2, 1.0)
TABLES = ("1", "2", "3", "4")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: which component for which framework. `key`: its name in published.yml."""

    table: str
    functionality: Functionality
    component: str
    framework: Framework
    styles: tuple[Style, ...] = ("zero-shot",)
    key: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Cell:
    row: Row
    engine: str  # as asked for: "recipe", "openai:gpt-4.1"
    style: Style | None  # None: the engine knows no prompt
    temperature: float | None
    samples: int

    @property
    def name(self) -> str:
        row = self.row
        parts = [row.table, row.component, row.framework, self.engine, self.style or "-", _shown(self.temperature)]
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count` (from 1): a program is in the same shard in every cell, so its original runs in one."""

    index: int = 1
    count: int = 1

    def has(self, program: str) -> bool:
        return zlib.crc32(program.encode()) % self.count == self.index - 1


def _shown(temperature: float | None) -> str:
    return "-" if temperature is None else f"{temperature:g}"


_BOTH: tuple[Style, ...] = ("zero-shot", "doc-prompt")
_TRAINERS: tuple[tuple[Framework, str], ...] = (
    ("lightning", "pytorch_lightning"),
    ("keras", "keras"),
    ("sklearn", "sklearn"),
)


def rows(tables: Sequence[str] = TABLES) -> list[Row]:
    """The lines of the paper's Tables I to IV."""
    found = [
        Row("1", "model-optimization", "nncf", "pytorch", _BOTH, ("nncf", "pytorch")),
        Row("1", "model-optimization", "torch-prune", "pytorch", _BOTH, ("pytorch_native", "pytorch")),
        *(Row("2", "experiment-tracking", "mlflow", name, key=("mlflow", key)) for name, key in _TRAINERS),
        Row("2", "experiment-tracking", "wandb", "pytorch", key=("wandb", "pytorch")),
        *(Row("3", "model-registration", "mlflow", name, key=("mlflow", key)) for name, key in _TRAINERS),
        *(Row("4", "hyperparameter-optimization", "optuna", name, key=("optuna", key)) for name, key in _TRAINERS),
    ]
    return [row for row in found if row.table in tables]


def cells(
    engine: str, *, tables: Sequence[str] = TABLES, temperatures: Sequence[float] = TEMPERATURES, samples: int = 3
) -> Iterator[Cell]:
    """Every cell of the tables for one engine."""
    for row in rows(tables):
        if engine == "recipe":
            yield Cell(row, engine, None, None, 1)
            continue
        for style in row.styles:
            for temperature in temperatures:
                yield Cell(row, engine, style, temperature, samples if temperature > 0 else 1)
