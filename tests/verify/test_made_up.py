"""Metrics that the text alone shows to be made up or to be another quantity, and those that only look like it."""

from __future__ import annotations

import pytest

from .support import judge

PROGRAM = """import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.ones(4, 2)
step = 0
for epoch in range(3):
    d_loss = model(x).pow(2).mean()
    g_loss = model(x).mean()
    optimizer.zero_grad()
    d_loss.backward()
    optimizer.step()
    step += 1
    print("epoch", epoch, "loss", d_loss.item())
"""


def adapted(*lines: str, before: str = "") -> str:
    text = PROGRAM.replace("import torch\n", "import random\n\nimport mlflow\nimport torch\n", 1)
    text = text.replace("step = 0\n", f"{before}step = 0\nmlflow.start_run()\nmlflow.log_param('lr', 0.1)\n", 1)
    return text + "".join(f"    {line}\n" for line in lines) + "mlflow.end_run()\n"


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("mlflow.log_metric('loss', step, step=epoch)", ""),
        ("mlflow.log_metric('loss', 1.0 / (epoch + 1), step=epoch)", ""),
        ("mlflow.log_metric('loss', [0.9, 0.5, 0.2][epoch], step=epoch)", ""),
        ("mlflow.log_metric('loss', random.gauss(1, 0.1), step=epoch)", ""),
        ("mlflow.log_metric('loss', torch.rand(1).item(), step=epoch)", ""),
        ("mlflow.log_metric('loss', known(), step=epoch)", "def known():\n    return 0.5\n\n\n"),
        ("mlflow.log_metrics({'accuracy': len(x) / 5}, step=epoch)", ""),
        ("mlflow.log_metric('loss', 0.3 if model is not None else 0.0, step=epoch)", ""),
    ],
)
def test_made_up(line: str, before: str) -> None:
    failed = judge(PROGRAM, adapted(line, before=before))
    assert failed is not None
    assert "made up of constants" in failed.reason or "constant" in failed.reason
    assert "log_metric" in failed.reason


@pytest.mark.parametrize(
    "lines",
    [
        ["mlflow.log_metric('loss', d_loss.item(), step=epoch)"],
        ["hits = 0", "for one in model(x):", "    if one > 0:", "        hits += 1",
         "mlflow.log_metric('accuracy', hits / 4, step=epoch)"],
        ["losses = []", "losses.append(d_loss.item())", "mlflow.log_metric('loss', sum(losses) / len(losses))"],
        ["table = [0, 0]", "table[int(d_loss > 0)] += 1", "mlflow.log_metric('accuracy', table[1] / 2)"],
        ["table = {'loss': 0.0}", "table['loss'] += d_loss.item()", "mlflow.log_metrics(table, step=epoch)"],
        ["table = {'loss': 0.0}", "table.update(loss=d_loss.item())", "mlflow.log_metric('loss', table['loss'])"],
        ["mlflow.log_metrics({'d_loss': d_loss.item(), 'step': step}, step=epoch)"],
        ["mlflow.log_metric('loss', g_loss.item(), step=epoch)"],
        ["weight = torch.zeros(3, requires_grad=True)", "mlflow.log_metric('loss', (weight - 1).sum().item())"],
        ["weight = torch.zeros(3)", "weight.requires_grad_()", "mlflow.log_metric('loss', weight.sum().item())"],
        ["mlflow.log_metric('train_accuracy', score(y_train, model(x_train)))"],
        ["mlflow.log_metric('test_loss', score(train_mean, model(x_test)))"],
    ],
)  # fmt: skip
def test_counted_or_collected_is_computed(lines: list[str]) -> None:
    assert judge(PROGRAM, adapted(*lines)) is None


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("mlflow.log_metric('d_loss', g_loss.item(), step=epoch)", "g_loss"),
        ("mlflow.log_metric('loss', epoch, step=epoch)", "epoch"),
        ("mlflow.log_metrics({'train_loss': val_loss}, step=epoch)", "val_loss"),
        ("mlflow.log_metric('accuracy', float(f1), step=epoch)", "f1"),
        ("mlflow.log_metric('test_accuracy', score(y_train, model(x_train)))", "y_train"),
    ],
)
def test_another_quantity(line: str, variable: str) -> None:
    before = "val_loss = model(x).mean()\nf1 = model(x).std()\n"
    failed = judge(PROGRAM.replace("step = 0\n", before + "step = 0\n"), adapted(line, before=before))
    assert failed is not None
    assert f"wrong variable, `{variable}`" in failed.reason


def test_a_function_that_is_handed_on_is_used() -> None:
    helper = "def attempt(call, *values):\n    call(*values)\n\n\n"
    text = PROGRAM.replace("import torch\n", "import mlflow\nimport torch\n\n\n" + helper, 1)
    assert judge(PROGRAM, text + "    attempt(mlflow.log_metric, 'loss', d_loss.item())\n") is None
