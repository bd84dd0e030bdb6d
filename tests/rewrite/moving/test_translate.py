"""Tracking code in the words of another tracker. What it does when run: tests/components/test_translations.py."""

from __future__ import annotations

import pytest

from mlops_bot import source
from mlops_bot.rewrite.moving.translate import translate
from mlops_bot.types import NotApplicable, Rewritten

WANDB = 'import wandb\n\nrun = wandb.init(project="p")\n'


def moved(text: str, origin: str = "wandb", target: str = "mlflow") -> str:
    result = translate(text, source.analyse("main.py", text), source=origin, target=target)
    assert isinstance(result, Rewritten), result
    compile(result.text, "main.py", "exec")
    return result.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('wandb.log({"a": 1}, step=3)', 'mlflow.log_metrics({"a": 1}, step=3)'),
        ('run.log({"a": x})', 'mlflow.log_metrics({"a": x}, step=next(run_steps))'),
        ('for i in range(3):\n    run.log({"a": i})', 'for i in range(3):\n    mlflow.log_metrics({"a": i}, step=i)'),
        ('wandb.config.update({"lr": 1})', 'mlflow.log_params({"lr": 1})'),
        ('wandb.summary["best"] = x', 'mlflow.log_metrics({"best": x})'),
        ('wandb.save("a.pt")', 'mlflow.log_artifact("a.pt")'),
        ("wandb.watch(model)", "# gradients and weights were watched by W&B; there is no counterpart"),
        ("if x:\n    wandb.watch(model)", "if x:\n    pass  # gradients and weights were watched"),
        ('wandb.log({"i": wandb.Image(x), "a": 1}, step=1)', 'mlflow.log_metrics({"a": 1}, step=1)'),
        ("run.finish()", "mlflow.end_run()"),
    ],
)
def test_wandb_to_mlflow(before: str, after: str) -> None:
    assert after in moved(WANDB + before + "\n")


def test_settings_that_are_read_again_are_kept() -> None:
    text = moved(
        'import wandb\nwandb.init(config={"lr": 0.1})\nx = wandb.config.lr\n\n\ndef f():\n    return wandb.config.lr\n'
    )
    assert 'vars(run_config).update({"lr": 0.1})\nmlflow.log_params({"lr": 0.1})\nx = run_config.lr' in text
    assert "return run_config.lr" in text


def test_a_block_becomes_try_where_a_run_is_no_context_manager() -> None:
    text = moved(
        "import mlflow\n\nwith mlflow.start_run():\n    mlflow.log_metric('a', 1)\nprint(2)\n", "mlflow", "comet"
    )
    assert text.endswith(
        "experiment = comet_ml.start()\ntry:\n    experiment.log_metrics({'a': 1})\nfinally:\n    experiment.end()\nprint(2)\n"
    )


def test_functions_ask_for_the_experiment_that_they_do_not_see() -> None:
    text = moved(
        "import mlflow\n\n\ndef note(x):\n    mlflow.log_metric('x', x, step=1)\n\n\ndef main():\n    mlflow.start_run()\n    note(1)\n",
        "mlflow", "comet",
    )  # fmt: skip
    assert "    comet_ml.get_running_experiment().log_metrics({'x': x}, step=1)\n" in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("artifact = wandb.Artifact('a', type='b')", "has no certain counterpart"),
        ("wandb.log({'a': 1}, commit=False)", "keeps back"),
        ("print(run.url)", "has no certain counterpart"),
        ("from wandb.keras import WandbCallback", "not known here"),
        ("run_steps = 1\nwandb.log({'a': 1})", "is bound by the program already"),
        ("x = wandb.config['lr']", "read as an item"),
        ("if x: wandb.finish()", "shares its line"),
        ("import mlflow", "already"),
    ],
)
def test_what_is_not_certain_is_declined_with_the_reason(text: str, reason: str) -> None:
    whole = WANDB + text + "\n"
    result = translate(whole, source.analyse("main.py", whole), source="wandb", target="mlflow")
    assert isinstance(result, NotApplicable)
    assert reason in result.reason
