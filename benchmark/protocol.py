"""What the paper measures: which component is added to programs of which framework, and how models are asked. Pure.

A cell is one number of a table: functionality x component x framework x engine x prompt style x temperature (paper,
Section V). At temperature 0 a model has one generation, above it three; a recipe has neither style nor temperature.

In the translation study a program is moved from one component to another, and what takes the place of the prompt style
is how the documentation in the prompt is found (paper, Figs. 5 to 7; `calls` is ours). The paper has GitPython to DVC;
the trackers are its Section VII.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from mlops_bot.types import Framework, Functionality

Style = Literal["zero-shot", "doc-prompt", "docs-search", "llm-search", "llm-docs-search", "calls"]
APPROACHES: tuple[Style, ...] = ("docs-search", "llm-search", "llm-docs-search", "calls")
TEMPERATURES = (0.0, 0.2, 1.0)
TRANSLATION = "translation"
_Item = TypeVar("_Item")
TABLES = ("1", "2", "3", "4", TRANSLATION)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: which component for which framework. `key`: its name in published.yml."""

    table: str
    functionality: Functionality
    component: str
    framework: Framework | None
    styles: tuple[Style, ...] = ("zero-shot",)
    key: tuple[str, str] | None = None  # None: the paper has no number
    source: str | None = None  # a translation: the component that is moved away from

    @property
    def of(self) -> str:
        """Whose programs it is about: the framework, or the component that they use now."""
        return self.framework or self.source or ""


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
        parts = [row.table, row.component, row.of, self.engine, self.style or "-", _shown(self.temperature)]
        return "/".join(parts)

    @property
    def approach(self) -> str | None:
        """How documentation is found for its prompts; None: they have none."""
        return self.style if self.style in APPROACHES else None


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count` (from 1): a program is in the same shard in every cell, so its original runs in one."""

    index: int = 1
    count: int = 1

    def of(self, programs: Sequence[_Item]) -> Sequence[_Item]:
        """Its part of the programs. Each is in exactly one shard, and shards differ by one program at most."""
        return programs[self.index - 1 :: self.count]


def _shown(temperature: float | None) -> str:
    return "-" if temperature is None else f"{temperature:g}"


_BOTH: tuple[Style, ...] = ("zero-shot", "doc-prompt")
_TRAINERS: tuple[tuple[Framework, str], ...] = (
    ("lightning", "pytorch_lightning"),
    ("keras", "keras"),
    ("sklearn", "sklearn"),
)


def _moved(functionality: Functionality, source: str, component: str) -> Row:
    return Row(TRANSLATION, functionality, component, None, APPROACHES, source=source)


_TRACKERS = ("mlflow", "wandb", "comet")


def rows(tables: Sequence[str] = TABLES) -> list[Row]:
    """The lines of the paper's Tables I to IV, and of the translation study."""
    found = [
        Row("1", "model-optimization", "nncf", "pytorch", _BOTH, ("nncf", "pytorch")),
        Row("1", "model-optimization", "torch-prune", "pytorch", _BOTH, ("pytorch_native", "pytorch")),
        *(Row("2", "experiment-tracking", "mlflow", name, key=("mlflow", key)) for name, key in _TRAINERS),
        Row("2", "experiment-tracking", "wandb", "pytorch", key=("wandb", "pytorch")),
        *(Row("3", "model-registration", "mlflow", name, key=("mlflow", key)) for name, key in _TRAINERS),
        *(Row("4", "hyperparameter-optimization", "optuna", name, key=("optuna", key)) for name, key in _TRAINERS),
        _moved("version-control", "gitpython", "dvc"),
        *(_moved("experiment-tracking", one, other) for one in _TRACKERS for other in _TRACKERS if one != other),
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
