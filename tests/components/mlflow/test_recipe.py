"""The recipe: paired no-op / rewrite cases. What holds for every program is in ../test_tracking_recipes.py."""

from __future__ import annotations

import difflib
from pathlib import Path
from textwrap import dedent

import pytest

from mlops_bot.components.mlflow.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Rewritten

PROGRAMS = sorted((Path(__file__).parents[2] / "programs").glob("*.py"))


def adapt(text: str) -> Rewritten | NotApplicable:
    return rewrite(text, analyse("train.py", text), "experiment-tracking")


def changes(text: str) -> str:
    """What the recipe adds and takes away, line by line."""
    outcome = adapt(text)
    assert isinstance(outcome, Rewritten), outcome
    lines = list(difflib.unified_diff(text.splitlines(), outcome.text.splitlines(), n=0, lineterm=""))[2:]
    return "\n".join(f"{line[0]} {line[1:]}".rstrip() for line in lines if line[0] in "+-")


def read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


# --- plain PyTorch ---------------------------------------------------------------------------------------------

LOOP = """\
    import torch
    from torch import nn

    lr = 0.1
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(3):
        loss = model(torch.randn(8, 2)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        {show}
"""


@pytest.mark.parametrize(
    ("show", "logged"),
    [
        ('print("epoch", epoch, "loss", loss.item())', 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
        ('print(f"Epoch {epoch}: loss={loss:.4f}")', 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
        ("print('loss: %.3f' % loss.item())", "mlflow.log_metric('train_loss', loss.item(), step=epoch)"),
        ("print('Loss: {:.3f}'.format(loss.item()))", "mlflow.log_metric('train_loss', loss.item(), step=epoch)"),
        ('print("Loss: " + str(loss.item()))', 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
        ("print(loss.item())", 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
        ("pass", 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
        ('logger.info("MSE %f", loss.item())', 'mlflow.log_metric("mse", loss.item(), step=epoch)'),
        ('writer.add_scalar("Loss/train", loss, epoch)', 'mlflow.log_metric("Loss/train", loss.item(), step=epoch)'),
        ('if epoch % 2: print("loss", loss.item())', 'mlflow.log_metric("train_loss", loss.item(), step=epoch)'),
    ],
)
def test_what_is_shown_is_logged(show: str, logged: str) -> None:
    outcome = adapt(dedent(LOOP).format(show=show))
    assert isinstance(outcome, Rewritten)
    assert logged in [line.strip() for line in outcome.text.splitlines()]


@pytest.mark.parametrize(
    "show",
    [
        'print("loss", compute(model).item())',  # a call with unknown effects is not made twice
        'print("time", time.time() - start)',
        'print("epoch", epoch)',
        'print("learning with", "loss")',
    ],
)
def test_other_things_are_not_logged(show: str) -> None:
    outcome = adapt(dedent(LOOP).format(show=show))
    assert isinstance(outcome, Rewritten)
    assert outcome.text.count("mlflow.log_metric") == 1
    assert 'log_metric("train_loss", loss.item(), step=epoch)' in outcome.text


def test_a_top_level_loop_is_wrapped() -> None:
    assert changes(dedent(LOOP).format(show='print("loss", loss.item())')) == dedent(
        """\
        + import mlflow
        - for epoch in range(3):
        -     loss = model(torch.randn(8, 2)).pow(2).mean()
        -     optimizer.zero_grad()
        -     loss.backward()
        -     optimizer.step()
        -     print("loss", loss.item())
        + with mlflow.start_run():
        +     mlflow.log_params({"lr": lr, "optimizer": type(optimizer).__name__, "epochs": 3})
        +     for epoch in range(3):
        +         loss = model(torch.randn(8, 2)).pow(2).mean()
        +         optimizer.zero_grad()
        +         loss.backward()
        +         optimizer.step()
        +         print("loss", loss.item())
        +         mlflow.log_metric("train_loss", loss.item(), step=epoch)"""
    )


def test_a_main_function_is_called_within_a_run() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "pytorch_argparse_convnet"))
    assert changes(text) == dedent(
        """\
        + import mlflow
        +             mlflow.log_metric('train_loss', loss.item(), step=epoch * len(train_loader) + batch_idx)
        - def test(model, test_loader):
        + def test(model, test_loader, epoch):
        +     mlflow.log_metrics({
        +         'test_loss': test_loss,
        +         'test_accuracy': 100. * correct / len(test_loader.dataset),
        +     }, step=epoch)
        +     mlflow.log_params(vars(args))
        -         test(model, test_loader)
        +         test(model, test_loader, epoch)
        +         mlflow.log_artifact("convnet.pt")
        -     main()
        +     with mlflow.start_run():
        +         main()"""
    )


def test_a_long_script_is_not_indented() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "pytorch_top_level_constants"))
    added = changes(text).splitlines()
    assert not [line for line in added if line.startswith("-")]
    assert "+ mlflow.start_run()" in added
    assert added[-1] == "+ mlflow.end_run()"


def test_every_fold_is_a_run() -> None:
    outcome = adapt(read(next(path for path in PROGRAMS if path.stem == "pytorch_kfold")))
    assert isinstance(outcome, Rewritten)
    assert '    with mlflow.start_run():\n        mlflow.log_params({"fold": fold, "epochs": epochs})' in outcome.text
    assert 'mlflow.log_metric("train_loss", loss.item(), step=epoch)' in outcome.text


def test_sys_exit_is_kept_out_of_the_run() -> None:
    outcome = adapt(read(next(path for path in PROGRAMS if path.stem == "pytorch_config_dict")))
    assert isinstance(outcome, Rewritten)
    assert outcome.text.endswith('if __name__ == "__main__":\n    sys.exit(main())\n')
    assert "    with mlflow.start_run():\n        mlflow.log_params(config)\n" in outcome.text
    assert '        plt.savefig("losses.png")\n        mlflow.log_artifact("losses.png")\n    return 0' in outcome.text


def test_newlines_and_tabs_stay() -> None:
    windows = adapt(read(next(path for path in PROGRAMS if path.stem == "pytorch_crlf")))
    assert isinstance(windows, Rewritten)
    assert windows.text.count("\n") == windows.text.count("\r\n")
    tabs = adapt(read(next(path for path in PROGRAMS if path.stem == "pytorch_one_line_ifs")))
    assert isinstance(tabs, Rewritten)
    assert "\twith mlflow.start_run():\n\t\tfit()" in tabs.text
    assert tabs.text.startswith("#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import mlflow\nimport torch\nloss.backward()\n", "MLflow is already used (line 1)"),
    ],
)
def test_where_it_does_not_apply(text: str, reason: str) -> None:
    outcome = adapt(text)
    assert isinstance(outcome, NotApplicable)
    assert reason in outcome.reason


# --- frameworks that are followed ------------------------------------------------------------------------------


def test_sklearn_metrics_are_imported_after_autologging_is_on() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "sklearn_many_models"))
    assert changes(text) == dedent(
        """\
        + import mlflow
        +
        + # before sklearn.metrics is imported: only then are its results logged
        + mlflow.sklearn.autolog(log_models=False, log_datasets=False)
        +"""
    )


def test_sklearn_without_a_fit_is_logged_explicitly() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "sklearn_cross_validation"))
    outcome = adapt(text)
    assert isinstance(outcome, Rewritten)
    assert outcome.text.endswith(
        "with mlflow.start_run():\n"
        "    mlflow.log_params(clf.get_params())\n"
        "    scores = cross_val_score(clf, X, y, cv=4)\n"
        '    print("Accuracy: %0.3f (+/- %0.3f)" % (scores.mean(), scores.std()))\n'
        '    mlflow.log_metric("accuracy", scores.mean())\n'
    )


def test_keras_results_after_fit_go_to_the_same_run() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "keras_convnet"))
    assert changes(text) == dedent(
        """\
        + import mlflow
        +
        + mlflow.keras.autolog()
        + mlflow.log_metrics(
        +     {
        +         "test_loss": score[0],
        +         "test_accuracy": score[1],
        +     },
        +     run_id=mlflow.last_active_run().info.run_id,
        + )"""
    )


def test_a_silent_lightning_module_logs_its_loss() -> None:
    text = read(next(path for path in PROGRAMS if path.stem == "lightning_silent"))
    assert changes(text) == "+ import mlflow\n+\n+ mlflow.pytorch.autolog()\n+         self.log('train_loss', loss)"
