from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.components.mlflow.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import Rewritten


def adapted(code: str) -> list[str]:
    text = dedent(code)
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, Rewritten), outcome
    return outcome.text.splitlines()


NOTEBOOK = """\
\"\"\"A script in cells.\"\"\"

# The authors
# License

# %%
# First the data.
import numpy as np
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)

# %%
# Then the model.
from sklearn.svm import SVC

model = SVC(C=2).fit(X, y)

# %%
# Then the result.
from sklearn.metrics import {metric}

{use}
"""


@pytest.mark.parametrize(
    ("metric", "use"),
    [
        ("accuracy_score", "print(accuracy_score(y, model.predict(X)))"),
        ("classification_report", "print(classification_report(y, model.predict(X)))"),
    ],
)
def test_autologging_is_on_before_the_first_fit(metric: str, use: str) -> None:
    lines = adapted(NOTEBOOK.format(metric=metric, use=use))
    assert lines[6:13] == [
        "# First the data.",
        "import mlflow",
        "import numpy as np",
        "from sklearn.datasets import load_iris",
        "",
        "mlflow.sklearn.autolog()",
        "",
    ]


def test_cross_validation_is_imported_after_autologging_is_on() -> None:
    lines = adapted(
        """\
        from sklearn.datasets import load_iris
        from sklearn.model_selection import cross_val_score
        from sklearn.svm import SVC

        X, y = load_iris(return_X_y=True)
        model = SVC()
        print("accuracy: %.2f" % cross_val_score(model, X, y).mean())
        model.fit(X, y)
        """
    )
    assert lines[:7] == [
        "import mlflow",
        "from sklearn.datasets import load_iris",
        "",
        "# before sklearn.model_selection is imported: the fits of cross-validation are not runs",
        "mlflow.sklearn.autolog()",
        "",
        "from sklearn.model_selection import cross_val_score",
    ]


def test_results_after_fits_in_a_loop_an_argument_a_line() -> None:
    lines = adapted(
        """\
        import numpy as np
        from sklearn.svm import SVC

        for i, C in enumerate([1, 2, 3]):
            model = SVC(C=C)
            model.fit(X, y)
            print("sparsity error with penalty: %.2f, mean error: %.3f" % (np.mean(model.coef_), np.std(errors)))
        """
    )
    assert "        step=i," in lines
    assert "        run_id=mlflow.last_active_run().info.run_id," in lines
    assert '            "sparsity_error_with_penalty": np.mean(model.coef_ == 0),' not in lines[:3]


KERAS = """\
import keras

model = keras.Sequential([keras.layers.Dense(1)])
model.compile(loss="mse", metrics=["mape"])
model.fit(x_train, y_train, epochs=2)
{after}
"""


def test_the_data_of_an_evaluation_name_the_metric() -> None:
    after = 'loss, error = model.evaluate(x_test, y_test)\nprint("Mean percent error after training:", error)'
    joined = "\n".join(adapted(KERAS.format(after=after)))
    assert 'mlflow.log_metric("test_error", error, ' in joined
    assert "train_" not in joined.replace("x_train", "").replace("y_train", "")


def test_a_prediction_is_no_metric() -> None:
    after = 'predictions = model.predict(x)\nprint(f"This patient had a {100 * predictions[0][0]:.1f} percent chance")'
    assert not any("log_metric" in line for line in adapted(KERAS.format(after=after)))


def test_a_fitted_scaler_is_no_run() -> None:
    joined = "\n".join(
        adapted(
            """\
            import keras
            from sklearn.metrics import r2_score
            from sklearn.preprocessing import StandardScaler

            scaler = StandardScaler()
            x = scaler.fit_transform(x)
            print("baseline error: %.3f" % naive_error)
            model = keras.Sequential([keras.layers.Dense(1)])
            model.compile(loss="mse")
            model.fit(x, y, epochs=2)
            score = r2_score(y_test, model.predict(x_test))
            print("R2 score: %.3f" % score)
            """
        )
    )
    assert "naive_error, run_id" not in joined
    assert "score, run_id=mlflow.last_active_run().info.run_id" in joined


def test_only_fits_that_mlflow_follows_have_a_run() -> None:
    joined = "\n".join(
        adapted(
            """\
            from sklearn.metrics import roc_auc_score
            from sklearn.svm import SVC
            from xgboost import XGBClassifier

            model = XGBClassifier()
            model.fit(X, y)
            print("own score: %.3f" % custom(model))
            print("auc: %.3f" % first_auc)
            other = SVC()
            other.fit(X, y)
            print("auc: %.3f" % second_auc)
            """
        )
    )
    assert "first_auc, run_id" not in joined
    assert "second_auc, run_id" in joined


def test_a_long_call_takes_a_line_for_the_run() -> None:
    after = "print('Best accuracy of the second phase:', max(history_of_the_second_phase.history['val_accuracy']))"
    lines = adapted(KERAS.format(after=after))
    assert lines[-4:] == [
        "mlflow.log_metric(",
        "    \"accuracy\", max(history_of_the_second_phase.history['val_accuracy']),",
        "    run_id=mlflow.last_active_run().info.run_id,",
        ")",
    ]


def test_a_title_over_a_parameter_shows_no_number() -> None:
    text = dedent(
        """\
        import matplotlib.pyplot as plt
        from sklearn.linear_model import SGDClassifier

        model = SGDClassifier()
        for X, y in batches:
            model.partial_fit(X, y, classes=classes)
            accuracies.append(model.score(X_test, y_test))


        def plot(values, over):
            plt.title("Classification accuracy as a function of %s" % over)
            plt.plot(values)


        plot(accuracies, "time")
        """
    )
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert "over)" not in (outcome.text.replace("% over)", "") if isinstance(outcome, Rewritten) else "")
