"""Wrong and harmless variants of the adaptations in fixtures/, made by replacing text. Each names what it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "fixtures"
PROGRAMS = Path(__file__).parents[2] / "programs"


@dataclass(frozen=True)
class Variant:
    program: str  # in tests/programs and in fixtures/
    name: str
    changes: tuple[tuple[str, str], ...]
    reason: str = ""  # what the verdict has to say; harmless where empty

    @property
    def original(self) -> str:
        return (PROGRAMS / f"{self.program}.py").read_text(encoding="utf-8")

    @property
    def text(self) -> str:
        text = (FOLDER / f"{self.program}.py").read_text(encoding="utf-8")
        for before, after in self.changes:
            assert before in text, (self.program, self.name, before)
            text = text.replace(before, after)
        return text


def _of(program: str, *variants: tuple[str, str, list[tuple[str, str]]]) -> list[Variant]:
    return [Variant(program, name, tuple(changes), reason) for name, reason, changes in variants]


_NO_SEARCH = """study = optuna.create_study(direction="maximize")
study.optimize(objective, n_trials=20)
"""
_MADE_UP = """study = optuna.create_study(direction="maximize")
for C in (0.01, 0.1, 1.0):
    study.add_trial(
        optuna.trial.create_trial(
            params={"C": C}, value=0.9 + C / 100, distributions={"C": optuna.distributions.FloatDistribution(1e-3, 1e2)}
        )
    )
"""

WRONG = [
    *_of(
        "sklearn_pipeline_metrics",
        ("ignores its parameter", "is never used", [("LogisticRegression(C=C", "LogisticRegression(C=0.5")]),
        (
            "ignores its parameter, less plainly",
            "the trials ignore C",
            [
                ("LogisticRegression(C=C,", "LogisticRegression(C=0.5 if C else 1.0,"),
            ],
        ),
        (
            "ignores its parameter, under another name",
            "the trials ignore what they are given (strength)",
            [
                ('suggest_float("C"', 'suggest_float("strength"'),
                ('best_params["C"]', 'best_params["strength"]'),
                ("LogisticRegression(C=C,", "LogisticRegression(C=0.5 if C else 1.0,"),
            ],
        ),
        ("wrong direction", 'direction="maximize"', [('direction="maximize"', 'direction="minimize"')]),
        (
            "tuned on the test data",
            "the data of the final test",
            [
                (
                    "return cross_val_score(model, X_train, y_train, cv=3).mean()",
                    "model.fit(X_train, y_train)\n    return model.score(X_test, y_test)",
                )
            ],
        ),
        (
            "cross-validated with the test data",
            "the rows that the final model is tested on",
            [
                (
                    "cross_val_score(model, X_train, y_train, cv=3)",
                    "cross_val_score(model, [*X_train, *X_test], [*y_train, *y_test], cv=3)",
                )
            ],
        ),
        (
            "tuned on the training data",
            "measured on the training data",
            [
                (
                    "return cross_val_score(model, X_train, y_train, cv=3).mean()",
                    "model.fit(X_train, y_train)\n    return accuracy_score(y_train, model.predict(X_train))",
                )
            ],
        ),
        ("constant objective", "constants", [("return cross_val_score(model, X_train, y_train, cv=3).mean()", "return 0.5")]),
        (
            "best parameters only printed",
            "the best parameters are only printed",
            [('C=study.best_params["C"]', "C=0.5")],
        ),
        (
            "the default instead of the best",
            "the best parameters are not used",
            [('C=study.best_params["C"]', 'C=0.5 if study.best_params else 1.0')],
        ),
        ("made-up trials", "add_trial", [(_NO_SEARCH, _MADE_UP)]),
        ("a range of one value", "single value", [('suggest_float("C", 1e-3, 1e2, log=True)', 'suggest_float("C", 0.5, 0.5)')]),
        ("one trial", "one trial", [("n_trials=20", "n_trials=1")]),
        ("no training after the search", "fit", [("model.fit(X_train, y_train)\n", "")]),
        (
            "another value that is not searched",
            "max_iter",
            [("max_iter=200", "max_iter=100")],
        ),
        (
            "fitted on a part of the data",
            "X_train",
            [("model.fit(X_train, y_train)\n", "model.fit(X_train[:200], y_train[:200])\n")],
        ),
        ("a result that is printed no more", "F1", [('print("F1:", f1_score(y_test, y_pred))\n', "")]),
        (
            "failures swallowed",
            "no trial completed",
            [
                ("max_iter=200))\n    return", "max_iter=C))\n    return"),
                ("n_trials=20)", "n_trials=20, catch=(Exception,))"),
                ('print("Best:", study.best_value, study.best_params)\n', ""),
                ('C=study.best_params["C"]', "C=study.best_params['C'] if len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) else 0.5"),
            ],
        ),
    ),
    *_of(
        "pytorch_argparse_convnet",
        (
            "one model for all trials",
            "goes on training the model of an earlier trial",
            [
                (
                    "    model = Net()\n    optimizer = optim.SGD(model.parameters(), lr=args.lr)\n",
                    "    optimizer = optim.SGD(model.parameters(), lr=args.lr)\n",
                ),
                ("def run(args,", "model = Net()\n\n\ndef run(args,"),
            ],
        ),
        (
            "ignores its parameter",
            "is never used",
            [("        args.lr = trial", "        lr = trial")],
        ),
        (
            "the default instead of the best",
            "the best parameters are not used",
            [("    args.lr = study.best_params['lr']\n", "    args.lr = 0.05 * bool(study.best_params)\n")],
        ),
        ("wrong direction", "minimize", [("direction='minimize'", "direction='maximize'")]),
        (
            "measured on the training data",
            "training data",
            [
                ("lr=args.lr)\n    for", "lr=args.lr)\n    losses = []\n    for"),
                ("            print('Train Epoch", "            last_loss[0] = loss.item()\n            print('Train Epoch"),
                ("def train(args", "last_loss = [0.0]\n\n\ndef train(args"),
                ("return model, test_loss", "return model, last_loss[0]"),
                ("    losses = []\n", ""),
            ],
        ),
        (
            "fewer epochs at the end",
            "the number of epochs",
            [("    model, _ = run(args", "    args.epochs = 1\n    model, _ = run(args")],
        ),
        ("the model is saved no more", "args.save_model", [("    if args.save_model:\n        torch.save(model.state_dict(), \"convnet.pt\")\n", "")]),
    ),
    *_of(
        "pytorch_top_level_constants",
        (
            "tuned on the test data",
            "test",
            [
                ("torch.utils.data.DataLoader(val_set, batch_size=batch_size)", "testloader"),
                ("torch.utils.data.DataLoader(fit_set, batch_size=batch_size, shuffle=True)", "trainloader"),
            ],
        ),
        (
            "the last instead of the best",
            "the best parameters are not used",
            [("best = study.best_params\n", "best = study.trials[1 - study.best_trial.number].params\n")],
        ),
    ),
    *_of(
        "keras_convnet",
        (
            "one model for all trials",
            "goes on training the model of an earlier trial",
            [
                ("    model = build_model(params)\n    history", "    history"),
                (
                    "def objective(trial):",
                    'model = build_model({"filters": 8, "dropout": 0.2, "learning_rate": 1e-3})\n\n\ndef objective(trial):',
                ),
                ("        \"filters\": trial.suggest_categorical(\"filters\", [4, 8, 16, 32]),\n", ""),
                ("        \"dropout\": trial.suggest_float(\"dropout\", 0.0, 0.5),\n", ""),
                ("    history = model.fit", '    model.optimizer.learning_rate = params["learning_rate"]\n    history = model.fit'),
                ("build_model(study.best_trial.params)", 'build_model({"filters": 8, "dropout": 0.2, **study.best_trial.params})'),
            ],
        ),
        (
            "tuned on the test data",
            "test data",
            [('return history.history["val_accuracy"][-1]', "return model.evaluate(x_test, y_test, verbose=0)[1]")],
        ),
        (
            "tuned on the training data",
            "measured on the training data",
            [('history.history["val_accuracy"]', 'history.history["accuracy"]')],
        ),
        ("wrong direction", 'direction="maximize"', [('direction="maximize"', 'direction="minimize"')]),
    ),
    *_of(
        "lightning_classifier",
        ("tuned on the training data", "training data", [('callback_metrics["val_loss"]', 'callback_metrics["train_loss"]')]),
        (
            "tuned on the test data",
            "test data",
            [
                (
                    'return trainer.callback_metrics["val_loss"].item()',
                    'return 1 - trainer.test(trainer.model, val_loader, verbose=False)[0]["test_acc"]',
                )
            ],
        ),
        ("fewer epochs at the end", "epochs", [("trainer = fit(model,", "trainer = L.Trainer(max_epochs=1, accelerator='cpu', logger=False, enable_checkpointing=False)\n    trainer.fit(model,")]),
    ),
]  # fmt: skip

HARMLESS = [
    *_of(
        "sklearn_pipeline_metrics",
        ("as it is", "", []),
        (
            "another sampler, a name, a database, callbacks",
            "",
            [
                (
                    'create_study(direction="maximize")',
                    'create_study(direction="maximize", study_name="lr", storage="sqlite:///search.db", '
                    "sampler=optuna.samplers.CmaEsSampler(seed=3) if False else optuna.samplers.QMCSampler())",
                ),
                ("n_trials=20", "n_trials=200, timeout=600, n_jobs=2, callbacks=[lambda study, trial: print(trial.number)]"),
            ],
        ),
        (
            "the default goes first, and more is searched",
            "",
            [
                ("study.optimize", 'study.enqueue_trial({"C": 0.5, "fit_intercept": True})\nstudy.optimize'),
                (
                    "    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=200))\n",
                    '    fit_intercept = trial.suggest_categorical("fit_intercept", [True, False])\n'
                    "    model = make_pipeline(\n        StandardScaler(), LogisticRegression(C=C, max_iter=200, fit_intercept=fit_intercept)\n    )\n",
                ),
                (
                    'LogisticRegression(C=study.best_params["C"], max_iter=200)',
                    "LogisticRegression(max_iter=200, **study.best_params)",
                ),
            ],
        ),
        (
            "an inner split, another name for the final model",
            "",
            [
                (
                    "return cross_val_score(model, X_train, y_train, cv=3).mean()",
                    "X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, random_state=1)\n"
                    "    model.fit(X_fit, y_fit)\n    return f1_score(y_val, model.predict(X_val))",
                ),
                ("\nmodel = make_pipeline", "\nbest_model = make_pipeline"),
                ("\nmodel.fit(X_train", "\nbest_model.fit(X_train"),
                ("y_pred = model", "y_pred = best_model"),
            ],
        ),
        (
            "an error to be minimized",
            "",
            [
                ("return cross_val_score(model, X_train, y_train, cv=3).mean()", "return 1 - cross_val_score(model, X_train, y_train, cv=3).mean()"),
                ('direction="maximize"', 'direction="minimize"'),
            ],
        ),
    ),
    *_of("pytorch_argparse_convnet", ("as it is", "", [])),
    *_of("pytorch_vae_globals", ("a pruner and a fixed trial", "", [])),
    *_of("pytorch_top_level_constants", ("ask and tell", "", [])),
    *_of("keras_convnet", ("a database and a builder", "", [])),
    *_of("lightning_classifier", ("a closure", "", [])),
    *_of("sklearn_tree_regression", ("two studies", "", [])),
]  # fmt: skip
