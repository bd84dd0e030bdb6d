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
        ("file = wandb.restore('a.h5')", "has no certain counterpart"),
        ("wandb.log({'a': 1}, commit=False)", "keeps back"),
        ("print(run.url)", "has no certain counterpart"),
        ("from wandb.sdk import wandb_login\nwandb_login.login()", "has no certain counterpart"),
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


LIGHTNING = (
    "from lightning.pytorch import Trainer\nfrom lightning.pytorch.loggers import CSVLogger, {kind}\n\n"
    "logger = {kind}({given})\nTrainer(logger=logger)\nlogger.log_hyperparams({{'a': 1}})\n{more}"
)


@pytest.mark.parametrize(
    ("origin", "kind", "given", "target", "made"),
    [
        ("wandb", "WandbLogger", "project='p', name='n'", "mlflow", "MLFlowLogger(experiment_name='p', run_name='n')"),
        ("wandb", "WandbLogger", "'n', log_model=True", "mlflow", "MLFlowLogger(run_name='n', log_model=True)"),
        ("mlflow", "MLFlowLogger", "experiment_name=e", "wandb", "WandbLogger(project=e)"),
        ("comet", "CometLogger", "project_name='p', api_key=k", "mlflow", "MLFlowLogger(experiment_name='p')"),
        ("wandb", "WandbLogger", "", "comet", "CometLogger()"),
    ],
)
def test_lightnings_loggers(origin: str, kind: str, given: str, target: str, made: str) -> None:
    text = moved(LIGHTNING.format(kind=kind, given=given, more=""), origin, target)
    assert f"logger = {made}\n" in text
    assert f"import CSVLogger, {made.partition('(')[0]}\n" in text
    assert "logger.log_hyperparams({'a': 1})" in text


def test_what_only_one_logger_does_is_named_or_declined() -> None:
    text = LIGHTNING.format(kind="WandbLogger", given="offline=True", more="logger.watch(model)\n")
    result = translate(text, source.analyse("main.py", text), source="wandb", target="mlflow")
    assert isinstance(result, Rewritten)
    assert "# `watch` of WandbLogger has no counterpart" in result.text
    assert any("`offline`" in note for note in result.notes)
    text = LIGHTNING.format(kind="WandbLogger", given="", more="logger.experiment.alert('x')\n")
    result = translate(text, source.analyse("main.py", text), source="wandb", target="mlflow")
    assert isinstance(result, NotApplicable)
    assert "is W&B's own" in result.reason


def test_a_callback_of_keras_becomes_one_that_logs_the_same_names() -> None:
    text = (
        "import keras\nimport wandb\nfrom wandb.integration.keras import WandbMetricsLogger\n\n"
        'wandb.init(project="p")\nmodel.fit(x, y, callbacks=[WandbMetricsLogger()])\n'
    )
    found = moved(text)
    assert "class EpochMetrics(keras.callbacks.Callback):" in found
    assert 'f"epoch/{name}": value' in found
    assert "callbacks=[EpochMetrics()]" in found


def test_pictures_tables_and_artifacts_are_named_where_they_were() -> None:
    text = moved(
        WANDB + 't = wandb.Table(columns=["a"])\nfor i in range(2):\n    t.add_data(i)\nwandb.log({"t": t})\n'
        'a = wandb.Artifact("a", type="d")\na.add_file("f.txt")\nrun.log_artifact(a)\n'
    )
    assert 'mlflow.log_artifact("f.txt")' in text
    assert "# `t`: pictures and tables of W&B have no counterpart here" in text
    assert "wandb." not in text


def test_contexts_settings_and_models_of_comet() -> None:
    head = "import comet_ml\nfrom comet_ml.integration.pytorch import log_model, watch\n\nexp = comet_ml.start()\n"
    text = moved(
        head
        + "exp.log_parameters({'lr': 1})\nwith exp.train():\n    watch(net)\n    exp.log_metric('loss', 2, step=1)\n"
        "lr = exp.get_parameter('lr')\nlog_model(exp, net, 'net')\nexp.add_tags(['a'])\n",
        "comet",
    )
    assert "with nullcontext():" in text
    assert "mlflow.log_metrics({'train_loss': 2}, step=1)" in text
    assert "lr = vars(run_config)['lr']" in text
    assert "mlflow.pytorch.log_model(net, name='net')" in text
    assert "mlflow.set_tags({tag: \"true\" for tag in ['a']})" in text
    below = head + "def f():\n    exp.log_metric('a', 1)\n\n\nwith exp.test():\n    f()\n"
    result = translate(below, source.analyse("main.py", below), source="comet", target="mlflow")
    assert isinstance(result, NotApplicable)
    assert "Comet's prefix" in result.reason


def test_a_file_in_the_runs_own_folder_is_saved_beside_the_program_and_logged() -> None:
    text = moved("import os\n" + WANDB + 'for i in range(2):\n    save(x, os.path.join(wandb.run.dir, "m.pt"))\n')
    assert text.endswith('    save(x, "m.pt")\n    mlflow.log_artifact("m.pt")\n')
