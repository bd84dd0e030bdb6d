"""The recipe of W&B: paired no-op / rewrite cases. What holds for every program is in ../test_tracking_recipes.py."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.types import NotApplicable

from ..trackers import adapt, adapted, changes, program  # noqa: TID252 - shared by the tests of all trackers

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
    print("loss", loss.item())
"""


def test_a_top_level_loop_is_wrapped() -> None:
    assert changes("wandb", LOOP) == dedent(
        """\
        + import wandb
        - for epoch in range(3):
        -     loss = model(torch.randn(8, 2)).pow(2).mean()
        -     optimizer.zero_grad()
        -     loss.backward()
        -     optimizer.step()
        -     print("loss", loss.item())
        + with wandb.init(config={"lr": lr, "optimizer": type(optimizer).__name__, "epochs": 3}):
        +     for epoch in range(3):
        +         loss = model(torch.randn(8, 2)).pow(2).mean()
        +         optimizer.zero_grad()
        +         loss.backward()
        +         optimizer.step()
        +         print("loss", loss.item())
        +         wandb.log({"train_loss": loss.item(), "epoch": epoch})"""
    )


@pytest.mark.parametrize(
    ("path", "project"),
    [
        ("train.py", None),
        ("mnist/main.py", "mnist"),
        ("examples/Fashion MNIST/train.py", "fashion-mnist"),
        ("super_resolution.py", "super-resolution"),
    ],
)
def test_the_project_is_named_after_the_script_or_its_folder(path: str, project: str | None) -> None:
    text = adapted("wandb", LOOP, path)
    assert ("project=" in text) == (project is not None)
    assert project is None or f'project="{project}",' in text


def test_a_main_function_is_called_within_a_run_and_steps_are_values() -> None:
    assert changes("wandb", program("pytorch_argparse_convnet")) == dedent(
        """\
        + import wandb
        +             wandb.log({
        +                 'train_loss': loss.item(),
        +                 'global_step': epoch * len(train_loader) + batch_idx,
        +             })
        - def test(model, test_loader):
        + def test(model, test_loader, epoch):
        +     wandb.log({
        +         'test_loss': test_loss,
        +         'test_accuracy': 100. * correct / len(test_loader.dataset),
        +         'epoch': epoch,
        +     })
        +     wandb.config.update(vars(args))
        -         test(model, test_loader)
        +         test(model, test_loader, epoch)
        +         wandb.log_artifact("convnet.pt", type='model')
        -     main()
        +     with wandb.init():
        +         main()"""
    )


def test_a_long_script_is_not_indented() -> None:
    added = changes("wandb", program("pytorch_top_level_constants")).splitlines()
    assert not [line for line in added if line.startswith("-")]
    assert added[1] == "+ wandb.init("
    assert added[-1] == "+ wandb.finish()"


def test_every_fold_is_a_run() -> None:
    text = adapted("wandb", program("pytorch_kfold"))
    assert '    with wandb.init(config={"fold": fold, "epochs": epochs}):\n        for epoch in range(epochs):' in text


def test_pictures_are_logged_after_they_are_saved() -> None:
    text = adapted("wandb", program("pytorch_config_dict"))
    assert '        plt.savefig("losses.png")\n        wandb.log({"losses": wandb.Image("losses.png")})\n' in text
    assert "    with wandb.init(config=config):\n" in text


def test_what_also_runs_without_a_run_logs_under_a_condition() -> None:
    text = adapted(
        "wandb",
        """\
        import torch

        def evaluate(model, data):
            correct = 0
            for x, y in data:
                correct += (model(x).argmax(1) == y).sum().item()
            print("accuracy:", correct / len(data))

        def train(model, data):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(2):
                for x, y in data:
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                print("loss:", loss.item())
                evaluate(model, data)

        for seed in range(3):
            torch.manual_seed(seed)
            model, data = make()
            train(model, data)
            evaluate(model, data)
        """,
    )
    assert '    if wandb.run is not None:\n        wandb.log({"eval_accuracy": correct / len(data)})' in text
    assert '            wandb.log({"train_loss": loss.item(), "epoch": epoch})' in text


# --- scikit-learn ------------------------------------------------------------------------------------------------


def test_one_estimator_is_the_config() -> None:
    assert changes("wandb", program("sklearn_pipeline_metrics")) == dedent(
        """\
        + import wandb
        - model.fit(X_train, y_train)
        + with wandb.init(config=model.get_params()):
        +     model.fit(X_train, y_train)
        - y_pred = model.predict(X_test)
        - print("Accuracy:", accuracy_score(y_test, y_pred))
        - print("F1:", f1_score(y_test, y_pred))
        +     y_pred = model.predict(X_test)
        +     print("Accuracy:", accuracy_score(y_test, y_pred))
        +     print("F1:", f1_score(y_test, y_pred))
        +     wandb.log({"accuracy": accuracy_score(y_test, y_pred), "f1": f1_score(y_test, y_pred)})"""
    )


def test_several_estimators_are_told_apart_and_get_a_score() -> None:
    text = adapted("wandb", program("sklearn_tree_regression"))
    assert 'with wandb.init(config={"shallow": shallow.get_params(), "deep": deep.get_params()}):\n' in text
    assert (
        '    wandb.log({"shallow_training_score": shallow.score(X, y), "deep_training_score": deep.score(X, y)})\n'
        in text
    )


def test_estimators_of_a_loop_are_told_apart_by_their_class() -> None:
    text = adapted("wandb", program("sklearn_many_models"))
    assert "wandb.config.update({type(model).__name__: model.get_params()}, allow_val_change=True)" in text
    assert text.count("wandb.init(") == 1


@pytest.mark.parametrize(
    ("maker", "scored"),
    [
        ("SVC(C=2)", True),
        ("make_pipeline(StandardScaler(), SVC())", True),
        ('Pipeline([("scale", StandardScaler()), ("svc", SVC())])', True),
        ("make_pipeline(StandardScaler(), NeighborhoodComponentsAnalysis())", False),
        ("NeighborhoodComponentsAnalysis()", False),
        ("make_pipeline(StandardScaler(), build())", False),
        ('GridSearchCV(SVC(), grid, scoring="recall", refit=True)', True),
        ("GridSearchCV(SVC(), grid, scoring=scores, refit=best)", False),
    ],
)
def test_only_a_model_that_has_a_score_gets_one(maker: str, scored: bool) -> None:
    outcome = adapt(
        "wandb",
        "from sklearn.model_selection import GridSearchCV\n"
        "from sklearn.neighbors import NeighborhoodComponentsAnalysis\n"
        "from sklearn.pipeline import Pipeline, make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\nfrom sklearn.svm import SVC\n\n"
        f"model = {maker}\nmodel.fit(X, y)\nplot(model)\n",
    )
    if scored:
        assert not isinstance(outcome, NotApplicable)
        assert '    wandb.log({"training_score": model.score(X, y)})' in outcome.text
    else:
        assert isinstance(outcome, NotApplicable)
        assert "computes no score" in outcome.reason


# --- Keras -------------------------------------------------------------------------------------------------------

FIT = """\
{imports}

{model}
model.compile(optimizer="sgd", loss="mse")
{fit}
"""


@pytest.mark.parametrize(
    ("imports", "fit", "expected"),
    [
        ("import keras", "model.fit(x, y)", "model.fit(x, y, callbacks=[log_epoch])"),
        ("import keras", "model.fit(x, y, callbacks=[a])", "model.fit(x, y, callbacks=[a, log_epoch])"),
        (
            "import keras\n\ncallbacks = [a, b]",
            "model.fit(x, y, callbacks=callbacks)",
            "model.fit(x, y, callbacks=[*callbacks, log_epoch])",
        ),
        ("from tensorflow import keras", "model.fit(x, y)", "log_epoch = keras.callbacks.LambdaCallback("),
        (
            "import tensorflow as tf",
            "model.fit(x, y)",
            "log_epoch = tf.keras.callbacks.LambdaCallback(",
        ),
        ("from keras.models import Sequential", "model.fit(x, y)", "from keras.callbacks import LambdaCallback\n"),
        ("import keras\n\nlog_epoch = 1", "model.fit(x, y)", "model.fit(x, y, callbacks=[log_epoch_])"),
        (
            "import keras",
            "model.fit(x_train, y_train, batch_size=128, epochs=15, validation_data=(x_val, y_val), verbose=2)",
            "    model.fit(\n        x_train, y_train, batch_size=128, epochs=15, validation_data=(x_val, y_val), verbose=2,\n"
            "        callbacks=[log_epoch],\n    )\n",
        ),
    ],
)
def test_a_callback_logs_every_epoch(imports: str, fit: str, expected: str) -> None:
    model = "model = tf.keras.Sequential()" if imports.endswith("tf") else "model = make()"
    text = adapted("wandb", FIT.format(imports=imports, fit=fit, model=model))
    assert expected in text
    assert "on_epoch_end=lambda epoch, logs: wandb.log({**logs, " in text


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        ("model.fit(x, y, callbacks=get_callbacks())", "the callbacks of fit cannot be read (line 5)"),
        ("model.fit(x, y, 32, 10, 'auto', None)", "the callbacks of fit are given by position (line 5)"),
        ("model.fit(x, y, **options)", "the arguments of fit are in a dictionary (line 5)"),
    ],
)
def test_a_fit_that_takes_no_callback_is_left_alone(fit: str, reason: str) -> None:
    outcome = adapt("wandb", FIT.format(imports="import keras", fit=fit, model="model = make()"))
    assert isinstance(outcome, NotApplicable)
    assert reason in outcome.reason


# --- Lightning ---------------------------------------------------------------------------------------------------

MODULE = """\
{imports}


class Net(L.LightningModule):
    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).mean()
        self.log("train_loss", loss)
        return loss


{rest}
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("max_epochs=2", "L.Trainer(max_epochs=2, logger=wandb_logger)"),
        ("max_epochs=2, logger=False", "L.Trainer(max_epochs=2, logger=wandb_logger)"),
        ("logger=[CSVLogger('.')]", "L.Trainer(logger=[CSVLogger('.'), wandb_logger])"),
        ("logger=csv_logger", "L.Trainer(logger=[csv_logger, wandb_logger])"),
        ("**options", "L.Trainer(**options)\nwandb_logger = WandbLogger()\ntrainer.logger = wandb_logger"),
    ],
)
def test_the_trainer_gets_a_logger_beside_its_own(given: str, expected: str) -> None:
    rest = f"trainer = L.Trainer({given})\ntrainer.fit(Net(), data)\ntrainer.test()"
    text = adapted("wandb", MODULE.format(imports="import lightning as L", rest=rest))
    assert expected in text
    assert "from lightning.pytorch.loggers import WandbLogger\n" in text
    assert text.endswith(
        "trainer.fit(Net(), data)\n"
        'wandb_logger.log_hyperparams({"max_epochs": trainer.max_epochs, **trainer.optimizers[0].defaults})\n'
        "trainer.test()\nwandb_logger.experiment.finish()\n"
    )


def test_parsed_arguments_are_the_hyperparameters() -> None:
    rest = (
        "def main():\n    args = parser.parse_args()\n    trainer = L.Trainer(max_epochs=args.epochs)\n"
        "    trainer.fit(Net(), data)\n\n\nif __name__ == '__main__':\n    main()"
    )
    text = adapted("wandb", MODULE.format(imports="import pytorch_lightning as L", rest=rest))
    assert "from pytorch_lightning.loggers import WandbLogger\n" in text
    assert "    wandb_logger.log_hyperparams(vars(args))\n    trainer = L.Trainer(" in text
    assert "defaults" not in text


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("fabric = L.Fabric()\nL.Trainer().fit(Net())", "Lightning Fabric loops are not supported"),
        (
            "from lightning.pytorch.cli import LightningCLI\nLightningCLI(Net, **options)",
            "what LightningCLI gives the Trainer cannot be read (line ",
        ),
        (
            "from lightning.pytorch.cli import LightningCLI\nself.logger.experiment.add_image('a', b)\nLightningCLI(Net)",
            "the module needs the logger that LightningCLI makes",
        ),
        (
            "self.logger.experiment.add_image('a', b)\nL.Trainer(callbacks=make()).fit(Net())",
            "no fit follows its Trainer",
        ),
        ("wandb_logger = 1\nL.Trainer().fit(Net())", "the name wandb_logger is taken"),
    ],
)
def test_where_no_logger_can_be_given(rest: str, reason: str) -> None:
    outcome = adapt("wandb", MODULE.format(imports="import lightning as L", rest=rest))
    assert isinstance(outcome, NotApplicable)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    "line",
    [
        "import wandb",
        "from lightning.pytorch.loggers import WandbLogger",
        "from wandb.integration.keras import WandbCallback",
    ],
)
def test_a_program_that_uses_it_is_left_alone(line: str) -> None:
    outcome = adapt("wandb", f"{line}\n{LOOP}")
    assert isinstance(outcome, NotApplicable)
    assert "W&B is already used (line 1)" in outcome.reason


INTERFACE = """\
from lightning.pytorch.cli import LightningCLI


class Net(LightningModule):
    def __init__(self, width=3):
        super().__init__()
        self.layer = torch.nn.Linear(width, 1)
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "Net",
            'LightningCLI(\n    Net,\n    trainer_defaults={"logger": {"class_path": "lightning.pytorch.loggers.WandbLogger",'
            ' "init_args": {"project": "net"}}},\n)',
        ),
        (
            'Net, trainer_defaults={"logger": False, "max_epochs": 9}, seed_everything_default=1',
            '{"logger": {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "net"}},'
            ' "max_epochs": 9}',
        ),
        (
            'Net,\n    trainer_defaults={\n        "max_epochs": 9,\n    },\n',
            '        "max_epochs": 9,\n'
            '        "logger": {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "net"}},\n',
        ),
    ],
)
def test_lightnings_command_line_makes_a_trainer_with_a_logger(given: str, expected: str) -> None:
    base = INTERFACE.replace("(LightningModule)", "(L.LightningModule)").replace(
        "from", "import lightning as L\nimport torch\nfrom", 1
    )
    step = '\n    def training_step(self, batch, batch_idx):\n        loss = self.layer(batch).mean()\n        self.log("train_loss", loss)\n        return loss\n'
    text = adapted("wandb", f"{base}{step}\n\nLightningCLI({given})\n", "net.py")
    assert expected in text
    assert "        super().__init__()\n        self.save_hyperparameters()\n" in text
    again = adapt("wandb", text, "net.py")
    assert isinstance(again, NotApplicable)
    assert "already used" in again.reason


def test_a_module_that_needs_its_own_logger_keeps_it() -> None:
    rest = (
        "args = parser.parse_args()\nself.logger.experiment.add_image('a', b)\n"
        "trainer = L.Trainer(max_epochs=2, callbacks=[a])\ntrainer.fit(Net(), data)\ntrainer.test()"
    )
    text = adapted("wandb", MODULE.format(imports="import lightning as L", rest=rest))
    assert "from lightning.pytorch.callbacks import LambdaCallback\n" in text
    assert (
        "log_epoch = LambdaCallback(\n"
        '    on_train_epoch_end=lambda trainer, module: wandb.log({**trainer.callback_metrics, "epoch": trainer.current_epoch}),\n'
        '    on_test_epoch_end=lambda trainer, module: wandb.log({**trainer.callback_metrics, "epoch": trainer.current_epoch}),\n'
        ")\n"
    ) in text
    assert "    trainer = L.Trainer(max_epochs=2, callbacks=[a, log_epoch])\n" in text
    assert "WandbLogger" not in text


def test_lightning_1_makes_a_trainer_from_arguments() -> None:
    rest = "args = parser.parse_args()\ntrainer = L.Trainer.from_argparse_args(args)\ntrainer.fit(Net(), data)"
    text = adapted("wandb", MODULE.format(imports="import pytorch_lightning as L", rest=rest))
    assert "trainer = L.Trainer.from_argparse_args(args, logger=wandb_logger)\n" in text


def test_what_is_in_the_config_already_is_not_logged_again() -> None:
    text = adapted(
        "wandb",
        """\
        import keras

        epochs = 30
        model = keras.Sequential()
        model.compile(optimizer="sgd", loss="mse")
        for epoch in range(1, epochs):
            model.fit(x, y, epochs=1, batch_size=32)
            print("done:", epoch)
            loss = model.evaluate(x_test, y_test)
            print("loss:", loss)
        """,
    )
    assert '"epochs": 1' not in text
    assert "}, allow_val_change=True)" in text


def test_scores_that_are_kept_are_logged() -> None:
    text = adapted(
        "wandb",
        """\
        from sklearn.linear_model import SGDClassifier

        def fit_and_score(estimator, X_train, X_test, y_train, y_test):
            estimator.fit(X_train, y_train)
            train_score = estimator.score(X_train, y_train)
            test_score = estimator.score(X_test, y_test)
            return train_score, test_score

        results = [fit_and_score(SGDClassifier(tol=tol), *data) for tol in (0.1, 0.01)]
        """,
    )
    assert '    wandb.log({"train_score": train_score})\n' in text
    assert '    wandb.log({"test_score": test_score})\n' in text


SHOWN = """\
import matplotlib.pyplot as plt
from sklearn.svm import SVC

plt.plot(X)
plt.show()
model = SVC()
model.fit(X, y)
print("accuracy:", model.score(X_test, y_test))
plt.plot(model.predict(X))
{save}
"""


@pytest.mark.parametrize(
    ("save", "logged"),
    [
        ("plt.show()", 'wandb.log({"figure": wandb.Image(plt.gcf())})\n    plt.show()\n'),
        ('plt.savefig("a.png")', 'plt.savefig("a.png")\n    wandb.log({"a": wandb.Image("a.png")})\n'),
        ('plt.savefig("a.pdf")', 'plt.savefig("a.pdf")\n    wandb.log_artifact("a.pdf", type="figure")\n'),
    ],
)
def test_figures_of_what_was_trained_are_logged(save: str, logged: str) -> None:
    text = adapted("wandb", SHOWN.format(save=save))
    assert f"    {logged}" in text
    assert text.count("wandb.Image") + text.count("log_artifact") == 1


@pytest.mark.parametrize(
    ("models", "loop", "scored"),
    [
        ("[SVC(), SVR()]", "for model in models:", True),
        ("[SVC(), SVR()]", "for number, model in enumerate(models):", True),
        ("[SVC(), SVR()]", "for name, model in zip(names, models):", True),
        ('[("a", SVC()), ("b", SVR())]', "for name, model in models:", True),
        ('{"a": SVC(), "b": SVR()}', "for name, model in models.items():", True),
        ('[(SVC(), "a"), (SVR(), "b")]', "for number, (model, name) in enumerate(models):", True),
        ("[Own()]", "for model in models:", True),
        ("[Other()]", "for model in models:", False),
        ("[SVC(), make()]", "for model in models:", False),
        ("[SVC(), NeighborhoodComponentsAnalysis()]", "for model in models:", False),
        ("load()", "for model in models:", False),
    ],
)
def test_models_of_a_loop_get_a_score_where_all_of_them_have_one(models: str, loop: str, scored: bool) -> None:
    outcome = adapt(
        "wandb",
        "from sklearn.neighbors import NeighborhoodComponentsAnalysis\nfrom sklearn.svm import SVC, SVR\n\n"
        "class Own(SVC):\n    pass\n\nclass Other:\n    pass\n\n"
        f"models = {models}\n{loop}\n    plot(model.fit(X, y).predict(X))\n",
    )
    assert isinstance(outcome, NotApplicable) != scored
    if not isinstance(outcome, NotApplicable):
        assert '"training_score": model.score(X, y)' in outcome.text


def test_each_loop_is_looked_at_by_itself() -> None:
    """The same name for other models later, and a comprehension's own variable, say nothing about this loop."""
    text = adapted(
        "wandb",
        """\
        from sklearn.svm import SVC

        fitted = []
        for c in [0.1, 1.0]:
            model = SVC(C=c)
            model.fit(X, y)
            fitted.append(model)
        sizes = [model.support_.size for model in fitted]
        model = load()
        """,
    )
    assert '    wandb.log({"training_score": model.score(X, y)' in text


def test_scores_in_a_list_are_logged_one_by_one() -> None:
    text = adapted(
        "wandb",
        """\
        from sklearn.svm import SVC

        models = [SVC(C=1), SVC(C=2)]
        for model in models:
            model.fit(X, y)
        test_scores = [model.score(X_test, y_test) for model in models]
        """,
    )
    assert (
        "    test_scores = [model.score(X_test, y_test) for model in models]\n"
        "    for index, score in enumerate(test_scores):\n"
        '        wandb.log({"test_score": score, "index": index})\n'
    ) in text
    assert "training_score" not in text


@pytest.mark.parametrize(
    ("loop", "logged"),
    [
        ("for model, title in zip(models, titles):", True),
        ("for number, model in enumerate(models):", True),
        ("for title in titles:", False),
    ],
)
def test_models_that_a_comprehension_fits_are_scored_where_a_loop_reads_them(loop: str, logged: bool) -> None:
    outcome = adapt(
        "wandb",
        "from sklearn.svm import SVC\n\nmodels = (SVC(C=1), SVC(C=2))\nmodels = (model.fit(X, y) for model in models)\n"
        f"{loop}\n    plot(model)\n    show()\n",
    )
    assert isinstance(outcome, NotApplicable) != logged
    if not isinstance(outcome, NotApplicable):
        shown, update = "    plot(model)\n", "wandb.config.update({type(model).__name__: model.get_params()}"
        assert f"{shown}        {update}, allow_val_change=True)\n" in outcome.text
        assert '    wandb.log({"training_score": model.score(X, y)' in outcome.text


@pytest.mark.parametrize(("refit", "logged"), [("choose", True), ("False", False)])
def test_a_search_with_several_scores_has_that_of_the_model_that_it_chose(refit: str, logged: bool) -> None:
    outcome = adapt(
        "wandb",
        "from sklearn.model_selection import GridSearchCV\nfrom sklearn.svm import SVC\n\n"
        "def choose(results):\n    return 0\n\n"
        f"search = GridSearchCV(SVC(), grid, scoring=['recall', 'precision'], refit={refit})\nsearch.fit(X, y)\n",
    )
    assert isinstance(outcome, NotApplicable) != logged
    if not isinstance(outcome, NotApplicable):
        assert "search.best_estimator_.score(X, y)" in outcome.text


SAMPLES = """\
import torch
from torchvision.utils import save_image

for epoch in range(epochs):
    for i, x in enumerate(loader):
        loss = model(x).mean()
        loss.backward()
        optimizer.step()
        print("loss", loss.item())
        {header}
            save_image(x, {path})
"""


@pytest.mark.parametrize(
    ("header", "path", "name"),
    [
        ("if i % 100 == 0:", '"%s/real_samples.png" % folder', "real_samples"),
        ("if step % every == 0 and epoch:", 'f"{folder}/fake-{epoch:03d}.png"', "fake"),
        ("if i % 100 == 0:", 'os.path.join(folder, "grid_{}.png".format(i))', "grid"),
        ("if i % 100 == 0:", '"images/%d.png" % i', "images"),
        ("if i % 100 == 0:", "sample_path", "image"),
        ("if x.any():", '"sample.png"', None),
        ("with context():", '"sample.png"', None),
    ],
)
def test_images_that_are_saved_now_and_then_are_media_under_their_own_name(
    header: str, path: str, name: str | None
) -> None:
    text = adapted("wandb", SAMPLES.format(header=header, path=path))
    assert (f'wandb.log({{"{name}": wandb.Image({path})}})' in text) == (name is not None)
    assert ("wandb.Image" in text) == (name is not None)


@pytest.mark.parametrize("cell", ['"""\n## Results\n"""', "# %%\n# Results", "# In[3]:", "#" * 40 + "\n# Results"])
def test_cells_of_a_script_that_is_a_notebook_as_well_are_not_indented(cell: str) -> None:
    code = "model.fit(X, y)\n{}\ntest_score = model.score(X_test, y_test)\n"
    head = "from sklearn.svm import SVC\n\nmodel = SVC()\n"
    assert "with wandb.init(" in adapted("wandb", head + code.format("# a comment"))
    text = adapted("wandb", head + code.format(cell))
    assert f"\n{cell}\n" in text
    assert "\nwandb.init(" in text
    assert text.endswith("\nwandb.finish()\n")


def test_the_command_that_trains_is_the_run_and_no_other() -> None:
    text = adapted(
        "wandb",
        """\
        import torch

        def train(args):
            for epoch in range(args.epochs):
                loss = model(x).mean()
                loss.backward()
                optimizer.step()
                print("loss", loss.item())

        def main():
            args = parser.parse_args()
            if args.command == "train":
                check(args)
                train(args)
            else:
                apply(args)

        main()
        """,
    )
    assert "        check(args)\n        with wandb.init(config=vars(args)):\n            train(args)\n" in text
    assert text.endswith("\nmain()\n")
