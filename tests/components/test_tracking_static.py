"""Metrics that are made up or misnamed are named from the text alone, in every tracker's own calls."""

from __future__ import annotations

import pytest

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import SourceFile, Task
from mlops_bot.verify import static

PROGRAM = """\
import torch

model = torch.nn.Linear(2, 1)
for epoch in range(3):
    loss = model(torch.ones(4, 2)).mean()
    accuracy = (model(torch.ones(4, 2)) > 0).float().mean()
    loss.backward()
    print(epoch, loss.item(), accuracy.item())
"""
STARTS = {
    "mlflow": "import mlflow\nmlflow.start_run()\n",
    "wandb": "import wandb\nrun = wandb.init()\n",
    "comet": "import comet_ml\nexperiment = comet_ml.start()\n",
}


def reason(component: str, line: str, start: str = "") -> str | None:
    candidate = PROGRAM.replace("import torch\n", (start or STARTS[component]) + "import torch\n", 1) + f"    {line}\n"
    file = SourceFile("train.py", PROGRAM)
    task = Task("inlining", "experiment-tracking", components.load_all()[component], (file,))
    failed = static.check(file, candidate, task=task, facts=analyse("train.py", PROGRAM), api=None)
    return failed.reason if failed else None


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ("mlflow", "mlflow.log_metric('loss', loss.item(), step=epoch)"),
        ("mlflow", "mlflow.log_metrics({'loss': loss.item(), 'epoch': epoch})"),
        ("wandb", "wandb.log({'loss': loss.item(), 'epoch': epoch})"),
        ("wandb", "run.log({'loss': loss, 'accuracy': accuracy}, step=epoch)"),
        ("wandb", "run.log(dict(loss=loss.item(), epoch=epoch))"),
        ("wandb", "show = lambda epoch, logs: wandb.log({**logs, 'epoch': epoch})"),
        ("wandb", "wandb.log({'samples': wandb.Image('samples.png')})"),
        ("wandb", "print(__import__('math').log(2.0))"),
        ("comet", "experiment.log_metric('loss', loss.item(), epoch=epoch)"),
        ("comet", "experiment.log_metrics({'loss': loss.item(), 'accuracy': accuracy.item()}, step=epoch)"),
        ("comet", "comet_ml.get_running_experiment().log_metric('loss', loss.item())"),
    ],
)
def test_what_is_computed_is_accepted(component: str, line: str) -> None:
    assert reason(component, line) is None


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ("mlflow", "mlflow.log_metric('loss', 0.5)"),
        ("wandb", "wandb.log({'loss': 0.5, 'epoch': epoch})"),
        ("wandb", "run.log({'loss': 1 / (epoch + 1)})"),
        ("wandb", "run.log(dict(accuracy=0.9 + epoch / 100))"),
        ("wandb", "wandb.run.log({'loss': torch.rand(1).item()})"),
        ("comet", "experiment.log_metric('loss', 0.5, step=epoch)"),
        ("comet", "experiment.log_metric(name='loss', value=0.9 ** epoch)"),
        ("comet", "experiment.log_metrics(dic={'accuracy': 0.9 + epoch / 100}, step=epoch)"),
        ("comet", "comet_ml.get_running_experiment().log_metrics({'accuracy': 0.5})"),
    ],
)
def test_what_is_made_up_is_named(component: str, line: str) -> None:
    said = reason(component, line)
    assert said is not None
    assert "constant" in said


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ("mlflow", "mlflow.log_metric('accuracy', loss.item())"),
        ("wandb", "wandb.log({'accuracy': loss.item()})"),
        ("wandb", "run.log({'train_loss': accuracy, 'epoch': epoch})"),
        ("comet", "experiment.log_metric('accuracy', loss.item())"),
        ("comet", "experiment.log_metrics({'loss': accuracy.item()})"),
    ],
)
def test_another_variable_is_named(component: str, line: str) -> None:
    assert "logs the wrong variable" in (reason(component, line) or "")


def test_a_run_that_a_with_gives_is_known() -> None:
    start = "import wandb\nwith wandb.init() as run:\n    run.log({'loss': 0.25})\n"
    assert "constant" in (reason("wandb", "pass", start) or "")


@pytest.mark.parametrize("component", STARTS)
def test_an_import_alone_is_no_use(component: str) -> None:
    start = STARTS[component].partition("\n")[0] + "\n"
    assert "imported but never called" in (reason(component, "pass", start) or "")


@pytest.mark.parametrize(
    ("component", "start"),
    [
        ("wandb", "from lightning.pytorch.loggers import WandbLogger\nlogger = WandbLogger(project='p')\n"),
        ("comet", "from pytorch_lightning.loggers import CometLogger\nlogger = CometLogger(project='p')\n"),
        ("mlflow", "from lightning.pytorch.loggers import MLFlowLogger\nlogger = MLFlowLogger('p')\n"),
    ],
)
def test_lightnings_own_logger_is_a_use(component: str, start: str) -> None:
    assert reason(component, "pass", start) is None
