"""Which reader reads the calls of which tracker, by component."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlops_bot.rewrite.moving.read_comet import CometReader
from mlops_bot.rewrite.moving.read_mlflow import MLflowReader
from mlops_bot.rewrite.moving.read_wandb import WandbReader
from mlops_bot.rewrite.moving.reader import Reader
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.spans import Spans

READERS: Mapping[str, Callable[[Program, Spans, Mapping[str, str]], Reader]] = {
    "wandb": WandbReader,
    "mlflow": MLflowReader,
    "comet": CometReader,
}
