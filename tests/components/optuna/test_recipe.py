"""The recipe: paired no-op / rewrite cases, and what holds for every program in tests/programs."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from tests.components.judging import Judge

from mlops_bot import components
from mlops_bot.components.optuna.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Passed, Rewritten, SourceFile, Task
from mlops_bot.verify import static

PROGRAMS = sorted((Path(__file__).parents[2] / "programs").glob("*.py"))
COMPONENT = components.load_all()["optuna"]


def adapt(text: str) -> Rewritten | NotApplicable:
    return rewrite(text, analyse("train.py", text), "hyperparameter-optimization")


def changes(text: str) -> str:
    """What the recipe adds and takes away, line by line."""
    outcome = adapt(dedent(text))
    assert isinstance(outcome, Rewritten), outcome
    before, after = dedent(text).splitlines(), outcome.text.splitlines()
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    return "\n".join(f"{line[0]} {line[1:]}".rstrip() for line in lines if line[0] in "+-" and line[1:].strip())


def declined(text: str) -> str:
    outcome = adapt(dedent(text))
    assert isinstance(outcome, NotApplicable), outcome.text
    return outcome.reason


@cache
def read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


# --- every program ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_is_rewritten_once(path: Path) -> None:
    text = read(path)
    first = adapt(text)
    assert adapt(text) == first
    if isinstance(first, NotApplicable):
        assert first.reason.startswith("not applicable because ")
        return
    second = adapt(first.text)
    assert isinstance(second, NotApplicable)
    assert "already used" in second.reason


def test_few_programs_are_left_alone() -> None:
    alone = [path.stem for path in PROGRAMS if isinstance(adapt(read(path)), NotApplicable)]
    assert len(alone) <= len(PROGRAMS) / 10, alone


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_nothing_of_a_program_is_lost(path: Path) -> None:
    """By the bot's own reading of the text, and the newlines stay what they were."""
    script = SourceFile("train.py", read(path))
    outcome = adapt(script.text)
    if isinstance(outcome, NotApplicable):
        return
    task = Task("inlining", "hyperparameter-optimization", COMPONENT, (script,))
    facts = analyse("train.py", script.text)
    assert static.check(script, outcome.text, task=task, facts=facts, api=None) is None
    assert ("\r\n" in outcome.text) == ("\r\n" in script.text)
    assert outcome.text.count("\r\n") in (0, outcome.text.count("\n"))
    assert "\x00" not in outcome.text
    assert "N_TRIALS = 20" in outcome.text


# --- functions ---------------------------------------------------------------------------------------------------


MAIN = """\
    import argparse

    import torch


    def evaluate(model, loader):
        loss = 0.0
        with torch.no_grad():
            for x, y in loader:
                loss += (model(x) - y).pow(2).mean().item()
        print(f"val loss {loss:.4f}")


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("--epochs", type=int, default=3)
        args = parser.parse_args()
        train_loader, val_loader = load()
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
        for epoch in range(args.epochs):
            for x, y in train_loader:
                loss = (model(x) - y).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            evaluate(model, val_loader)
        torch.save(model.state_dict(), "model.pt")


    if __name__ == "__main__":
        main()
    """


def test_a_function_that_trains_from_scratch_takes_the_trial() -> None:
    assert changes(MAIN) == dedent(
        """\
        + import optuna
        + N_TRIALS = 20  # trainings that the search may take
        +     return loss
        - def main():
        + def main(trial, final=False):
        +     args.lr = trial.suggest_float("lr", args.lr / 10, args.lr * 10, log=True)
        -         evaluate(model, val_loader)
        +         val_loss = evaluate(model, val_loader)
        +     if not final:
        +         return val_loss
        -     main()
        +     study = optuna.create_study(direction="minimize")
        +     study.optimize(main, n_trials=N_TRIALS)
        +     print("best validation loss:", study.best_value, "with", study.best_params)
        +     main(study.best_trial, final=True)"""
    )


def test_arguments_that_are_handed_in_are_copied_for_every_trial() -> None:
    text = MAIN.replace("def main():\n", "def main(args):\n").replace(
        """        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("--epochs", type=int, default=3)
        args = parser.parse_args()
""",
        "",
    )
    text = text.replace(
        "        main()\n",
        """        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("--epochs", type=int, default=3)
        args = parser.parse_args()
        main(args)
""",
    )
    made = changes(text)
    assert "+ def main(args, trial, final=False):" in made
    assert "+     args = argparse.Namespace(**vars(args))  # every trial has its own" in made
    assert '+     args.lr = trial.suggest_float("lr", args.lr / 10, args.lr * 10, log=True)' in made
    assert "+     study.optimize(lambda trial: main(args, trial), n_trials=N_TRIALS)" in made
    assert "+     main(args, study.best_trial, final=True)" in made


# --- statements at module level --------------------------------------------------------------------------------------

TOP_LEVEL = """\
    import torch

    learning_rate = 0.01
    x = torch.randn(64, 4)
    y = x.sum(1, keepdim=True)

    losses = []
    # the network
    model = torch.nn.Linear(4, 1)
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    for epoch in range(3):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        print("epoch", epoch, "loss", loss.item())

    torch.save(model, "model.pt")
    print(len(losses))
    """


def test_statements_become_a_function_with_all_that_training_changes() -> None:
    outcome = adapt(dedent(TOP_LEVEL))
    assert isinstance(outcome, Rewritten)
    assert outcome.text == dedent(
        '''\
        import optuna
        import torch

        N_TRIALS = 20  # trainings that the search may take

        learning_rate = 0.01
        x = torch.randn(64, 4)
        y = x.sum(1, keepdim=True)

        criterion = torch.nn.MSELoss()


        def train_once(trial):
            """One training from scratch with the values of a trial; returns its training loss."""
            global losses, model
            learning_rate = trial.suggest_float("learning_rate", 0.001, 0.1, log=True)
            losses = []
            # the network
            model = torch.nn.Linear(4, 1)
            optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

            for epoch in range(3):
                loss = criterion(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                print("epoch", epoch, "loss", loss.item())
            return loss.item()


        study = optuna.create_study(direction="minimize")
        study.optimize(train_once, n_trials=N_TRIALS)
        print("best training loss:", study.best_value, "with", study.best_params)
        train_once(study.best_trial)

        torch.save(model, "model.pt")
        print(len(losses))
        '''
    )
    assert "held-out" in outcome.notes[-1]


def test_a_module_whose_name_the_model_takes_is_imported_again() -> None:
    text = dedent(TOP_LEVEL).replace("import torch\n", "import torch\nimport model\n", 1)
    outcome = adapt(text.replace("model = torch.nn.Linear(4, 1)", "model = model.Net(4, 1)"))
    assert isinstance(outcome, Rewritten)
    assert "    global losses, model\n    import model\n" in outcome.text


def test_test_data_that_are_looked_at_once_are_kept_for_the_end() -> None:
    path = next(path for path in PROGRAMS if path.stem == "pytorch_top_level_constants")
    outcome = adapt(read(path))
    assert isinstance(outcome, Rewritten)
    assert "def train_once(trial, trainloader, testloader):" in outcome.text
    assert "lambda trial: train_once(trial, *hold_out(trainloader))" in outcome.text
    assert "\ntrain_once(study.best_trial, trainloader, testloader)\n" in outcome.text
    assert "the test data stay for the final model" in outcome.notes[-1]


def test_long_suggestions_get_a_line_of_their_own() -> None:
    text = dedent(TOP_LEVEL).replace("lr=learning_rate)", "lr=0.01, weight_decay=5e-4)")
    made = changes(text)
    assert '+     lr = trial.suggest_float("lr", 0.001, 0.1, log=True)' in made
    assert "torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)" in made


# --- libraries that train ---------------------------------------------------------------------------------------------


def test_keras_splits_its_own_data_where_nothing_validates() -> None:
    made = changes(
        """\
        import keras

        x, y = load()
        model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
        model.compile(optimizer="adam", loss="mse")
        model.fit(x, y, epochs=3)
        model.save("model.keras")
        """
    )
    assert "keras.optimizers.Adam(learning_rate=" in made
    assert "+     history = model.fit(x, y, epochs=3, validation_split=0.0 if final else 0.2)" in made
    assert '+     if not final:\n+         return history.history["val_loss"][-1]' in made
    assert "+ train_once(study.best_trial, final=True)" in made


def test_lightning_gets_a_rate_as_an_argument_and_logs_its_loss() -> None:
    made = changes(read(next(path for path in PROGRAMS if path.stem == "lightning_silent")))
    assert "+     def __init__(self, lr=0.05):" in made
    assert "+         self.lr = lr" in made
    assert "+         self.log('train_loss', loss)" in made
    assert "lr=self.lr" in made


def test_lightnings_command_line_gets_options() -> None:
    made = changes(
        """\
        from lightning.pytorch import LightningModule
        from lightning.pytorch.cli import LightningCLI


        class Model(LightningModule):
            def __init__(self, path: str, lr: float = 0.1):
                super().__init__()

            def training_step(self, batch, batch_idx):
                return self(batch).mean()

            def validation_step(self, batch, batch_idx):
                self.log("val_acc", self(batch).mean())

            def val_dataloader(self):
                return load()


        if __name__ == "__main__":
            LightningCLI(Model, seed_everything_default=42)
        """
    )
    assert '+     options = [f"--model.lr={lr}"]' in made
    assert "args=[*sys.argv[1:], *options]" in made
    assert '+     return cli.trainer.callback_metrics["val_acc"].item()' in made
    assert 'direction="maximize"' in made


def test_estimators_are_made_by_a_function_of_the_trial() -> None:
    made = changes(
        """\
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import train_test_split

        X_train, X_test, y_train, y_test = train_test_split(*load())
        model = Ridge(alpha=0.5)
        model.fit(X_train, y_train)
        print(model.score(X_test, y_test))
        """
    )
    assert "+ from sklearn.model_selection import cross_val_score, train_test_split" in made
    assert (
        "    study.optimize(lambda trial: cross_val_score(build(trial), X, y, cv=3).mean(), n_trials=N_TRIALS)" in made
    )
    assert '    lambda trial: Ridge(alpha=trial.suggest_float("alpha", 0.05, 5.0, log=True)),' in made


def test_an_estimator_above_its_data_goes_below_them() -> None:
    outcome = adapt(
        dedent(
            """\
            from sklearn.svm import SVC

            models = {"svm": SVC(C=2.0)}
            X, y = load()
            for model in models.values():
                model.fit(X, y)
            """
        )
    )
    assert isinstance(outcome, Rewritten)
    assert outcome.text.index("X, y = load()") < outcome.text.index("models = {")


def test_a_grid_search_gets_the_best_combination_of_its_grid() -> None:
    made = changes(read(next(path for path in PROGRAMS if path.stem == "sklearn_grid_search")))
    assert "GridSearchCV(svm.SVC(), best_of(svm.SVC(), grid, X_train, y_train), cv=3)" in made


# --- not applicable -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("print(1)\n", "no supported training framework"),
        ("import optuna\nimport torch\n", "Optuna is already used (line 1)"),
        ("def f(:\n", "cannot be parsed"),
        (dedent(TOP_LEVEL).replace("learning_rate = 0.01", "learning_rate = load()"), "no hyperparameter that a rule covers"),
        (dedent(TOP_LEVEL).replace("losses = []\n", "losses = []; seen = 0\n"), "several statements share a line"),
        (
            """\
            from sklearn.linear_model import Ridge
            X_train, y_train = load()
            y_train = [0.5, 1]
            Ridge(alpha=0.1).fit(X_train, y_train)
            """,
            "no estimator",
        ),
        (
            """\
            from sklearn.linear_model import Ridge
            for alpha in (0.1, 1.0):
                X, y = load(alpha)
                Ridge(alpha=alpha).fit(X, y)
            """,
            "no estimator",
        ),
        (
            """\
            import torch
            def train(model, optimizer, rounds):
                for epoch in range(rounds):
                    loss = model(torch.randn(4, 2)).mean()
                    loss.backward()
                    optimizer.step()
            """,
            "nothing at module level runs the training",
        ),
    ],
)  # fmt: skip
def test_what_it_leaves_alone(text: str, reason: str) -> None:
    facts = None if reason == "cannot be parsed" else analyse("train.py", dedent(text))
    outcome = rewrite(dedent(text), facts or analyse("train.py", ""), "hyperparameter-optimization")
    assert isinstance(outcome, NotApplicable), outcome.text
    assert outcome.reason.startswith("not applicable because ")
    assert reason in outcome.reason


def test_another_functionality_is_declined() -> None:
    outcome = rewrite("import torch\n", analyse("train.py", "import torch\n"), "experiment-tracking")
    assert isinstance(outcome, NotApplicable)


def test_what_a_training_counts_begins_anew() -> None:
    text = dedent(MAIN).replace("def main():\n", "best = float('inf')\nseen = []\n\n\ndef main():\n    global best\n")
    text = text.replace(
        "        evaluate(", "        best = min(best, loss.item())\n        seen.append(best)\n        evaluate("
    )
    made = changes(text)
    assert "+     best = float('inf')  # every training begins anew" in made
    assert "+     global seen\n+     seen = []  # every training begins anew" in made


def test_one_value_in_several_places_is_suggested_once() -> None:
    text = dedent(TOP_LEVEL).replace("learning_rate = 0.01\n", "")
    text = text.replace("lr=learning_rate)", "lr=0.01)\nother = torch.optim.SGD(model.parameters(), lr=0.01)")
    made = changes(text)
    assert made.count("suggest_float") == 1
    assert '+     lr = trial.suggest_float("lr", 0.001, 0.1, log=True)' in made
    assert "+     optimizer = torch.optim.Adam(model.parameters(), lr=lr)" in made
    assert "+     other = torch.optim.SGD(model.parameters(), lr=lr)" in made


def test_a_rate_that_is_not_given_is_the_librarys() -> None:
    text = dedent(TOP_LEVEL).replace("learning_rate = 0.01\n", "").replace(", lr=learning_rate)", ")")
    assert 'model.parameters(), lr=trial.suggest_float("lr", 0.0001, 0.01, log=True))' in changes(text)


def test_a_mean_over_folds_is_what_validates() -> None:
    text = dedent(
        """\
        import torch

        def validate(model, fold):
            print(f"validation accuracy of fold {fold}: {model(x).mean():.3f}")
            return model(x).mean().item()

        def run():
            models = [torch.nn.Linear(4, 1) for _ in range(3)]
            optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
            for epoch in range(5):
                total = 0.0
                for fold in range(3):
                    loss = models[fold](x).mean()
                    loss.backward()
                    optimizers[fold].step()
                    total += validate(models[fold], fold)
                print(f"average accuracy: {total / 3}")

        run()
        """
    )
    made = changes(text)
    assert "+         objective_value = total / 3" in made
    assert 'create_study(direction="maximize")' in made


def test_a_grid_whose_table_is_shown_stays_and_a_study_chooses_among_its_values() -> None:
    made = changes(
        """\
        from sklearn.model_selection import GridSearchCV
        from sklearn.svm import SVC
        X, y = load()
        model = SVC()
        grid = {"C": [1, 10]}
        search = GridSearchCV(model, grid)
        search.fit(X, y)
        print(search.cv_results_)
        """
    )
    assert "- " not in made.replace("- from sklearn.model_selection import GridSearchCV", "")
    assert "**{name: trial.suggest_categorical(name, list(values)) for name, values in grid.items()}" in made
    assert "+ best_model.fit(X, y)" in made
    assert "+ from sklearn.base import clone" in made


def test_a_loop_over_values_stays_and_a_study_chooses_among_them() -> None:
    made = changes(
        """\
        from sklearn.linear_model import Ridge
        X, y = load()
        coefficients = []
        for alpha in (0.1, 1.0):
            ridge = Ridge(alpha=alpha, fit_intercept=False).fit(X, y)
            coefficients.append(ridge.coef_)
        print(coefficients)
        """
    )
    assert 'alpha=trial.suggest_categorical("alpha", list((0.1, 1.0)))' in made
    assert "+ best_model.fit(X, y)" in made


def test_what_a_function_returns_is_used_as_it_is() -> None:
    made = changes(
        """\
        import keras

        def train(model):
            model.compile(optimizer="adam", loss="mse")
            history = model.fit(x, y, validation_data=(x_val, y_val))
            return history

        model = keras.Sequential([keras.layers.Dense(1)])
        train(model)
        """
    )
    assert "+     history = train(model" in made
    assert '+     return history.history["val_loss"][-1]' in made
    assert "-     return history" not in made


def test_an_asynchronous_program_runs_once_a_trial() -> None:
    made = changes(
        """\
        import asyncio
        import torch

        async def validate(model):
            print(f"validation loss: {model(x).mean().item():.4f}")
            return model(x).mean().item()

        async def main():
            model = torch.nn.Linear(4, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            async for x, y in batches(4):
                loss = (model(x) - y).pow(2).mean()
                loss.backward()
                optimizer.step()
            val_loss = await validate(model)

        asyncio.run(main())
        """
    )
    assert "+ async def main(trial):" in made
    assert "+ study.optimize(lambda trial: asyncio.run(main(trial)), n_trials=N_TRIALS)" in made
    assert "asyncio.run(main(study.best_trial" in made


def test_a_value_that_is_computed_where_it_is_shown_gets_a_name() -> None:
    text = dedent(TOP_LEVEL).replace("criterion = ", "def evaluate():\n    return 1.0\n\ncriterion = ")
    text = text.replace('"loss", loss.item())', '"val loss", evaluate())')
    made = changes(text)
    assert "+         val_loss = evaluate()" in made
    assert '+         print("epoch", epoch, "val loss", val_loss)' in made
    assert "+     return val_loss" in made


def test_a_value_that_only_the_caller_shows_is_returned() -> None:
    made = changes(
        """\
        import torch

        def fit(lr=0.1, epochs=4):
            model = torch.nn.Linear(3, 1)
            opt = torch.optim.SGD(model.parameters(), lr=lr)
            for epoch in range(epochs):
                loss = model(x).mean()
                loss.backward()
                opt.step()
            val_mse = (model(x_val) - y_val).pow(2).mean().item()
            return model, val_mse

        model, val_mse = fit()
        print("validation error", val_mse)
        """
    )
    assert "+     if not final:\n+         return val_mse" in made
    assert "+ model, val_mse = fit(trial=study.best_trial, final=True)" in made


@pytest.mark.parametrize(
    "text",
    [
        dedent(TOP_LEVEL).replace("import torch\n", "import torch\nfrom torch.nn import *\nfrom torch.optim import *\n", 1)
        .replace("torch.optim.Adam", "Adam").replace("torch.nn.Linear", "Linear"),
        "from sklearn.datasets import *\nfrom sklearn.linear_model import *\nX, y = load_iris(return_X_y=True)\n"
        "model = Ridge(alpha=0.5)\nmodel.fit(X, y)\n",
    ],
)  # fmt: skip
def test_names_of_star_imports_are_known(text: str) -> None:
    assert "trial.suggest_float(" in changes(text)


def test_the_lines_that_name_a_notebooks_cells_stay() -> None:
    text = dedent(TOP_LEVEL).replace("losses = []\n", "# %% [cell 1]\nlosses = []\n")
    text = text.replace("criterion = ", "model\ncriterion = ")
    text = "# %% [cell 0]\n" + text.replace("criterion", "# %% [cell 2]\ncriterion", 1).replace(
        "for", "# %% [cell 4]\nfor", 1
    )
    outcome = adapt(text)
    assert isinstance(outcome, Rewritten)
    rows = outcome.text.splitlines()
    marks = [at for at, row in enumerate(rows) if row.startswith("# %%")]
    assert [rows[at] for at in marks] == [f"# %% [cell {number}]" for number in (0, 1, 2, 4)]
    assert rows[marks[-1] + 1] == "def train_once(trial):"
    assert "    display(model)" in rows


# --- real runs --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["sklearn_many_models", "sklearn_grid_search", "pytorch_vae_globals", "pytorch_top_level_constants",
     "keras_subclassed_autoencoder", "lightning_gan"],
)  # fmt: skip
def test_what_it_writes_is_verified(name: str, tmp_path: Path) -> None:
    text = read(next(path for path in PROGRAMS if path.stem == name))
    outcome = adapt(text)
    assert isinstance(outcome, Rewritten)
    verdict = Judge("optuna", text, tmp_path)(outcome.text)
    assert isinstance(verdict, Passed), verdict
