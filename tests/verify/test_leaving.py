"""What of a file belongs to the component that a translation moves away from."""

from __future__ import annotations

import pytest

from mlops_bot import components
from mlops_bot.verify import code as reading
from mlops_bot.verify import leaving

WANDB = components.load_all()["wandb"]
TEXT = """
import wandb
from math import sqrt

def start(project):
    return wandb.init(project=project)

class Loop:
    def __init__(self, run):
        self.run = run

    def step(self, loss):
        self.run.log({"loss": loss})
        self.last = loss

run = start("p")
rate = wandb.config.rate
loop = Loop(run)
for value in [1, 2]:
    loop.step(sqrt(value))
    print(value)
"""


def test_statements_that_mention_it_may_go_and_all_others_stay() -> None:
    code = leaving.without(reading.parse(TEXT), WANDB)
    kept = [code.source(item.node) for item in code.items]
    assert "self.last = loss" in kept
    assert "print(value)" in kept
    assert "loop.step(sqrt(value))" in kept
    assert not any("run" in row or "wandb" in row for row in kept)
    assert list(code.imports) == ["sqrt"]
    assert [item.index for item in code.items] == list(range(len(code.items)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import wandb\n", "still imported"),
        ("from lightning.pytorch.loggers import WandbLogger\n", "still imported"),
        ('arguments(report_to="wandb")\n', "still asks for"),
        ("import mlflow\nmlflow.start_run()\n", None),
    ],
)
def test_what_is_left_of_it(text: str, said: str | None) -> None:
    found = leaving.left(reading.parse(text), WANDB)
    assert (found is None) if said is None else (found is not None and said in found)
