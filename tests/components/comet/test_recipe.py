"""The recipe of Comet: paired no-op / rewrite cases. What holds for every program is in ../test_tracking_recipes.py."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.types import NotApplicable

from ..trackers import adapt, adapted, changes, program  # noqa: TID252 - shared by the tests of all trackers

LOOP = """\
import numpy as np
import torch

lr = 0.1
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
for epoch in range(3):
    loss = model(torch.randn(8, 2)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
"""


def test_an_experiment_begins_before_the_loop_and_ends_after_it() -> None:
    assert changes("comet", LOOP) == dedent(
        """\
        + import comet_ml
        + experiment = comet_ml.start()
        + experiment.log_parameters({"lr": lr, "optimizer": type(optimizer).__name__, "epochs": 3})
        +     experiment.log_metric("train_loss", loss.item(), epoch=epoch)
        + experiment.end()"""
    )
    assert 'comet_ml.start(project_name="mnist")' in adapted("comet", LOOP, "mnist/train.py")


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("import torch\nimport argparse\n", "import comet_ml\nimport torch\nimport argparse\n"),
        ("import os\nfrom torch import nn\nimport torch\n", "import os\nimport comet_ml\nfrom torch import nn\n"),
        ("import numpy\n\nimport matplotlib\nimport torch\n", "import numpy\n\nimport comet_ml\nimport matplotlib\n"),
        (
            '"""Doc."""\nfrom __future__ import annotations\nimport torch\n',
            "annotations\nimport comet_ml\nimport torch\n",
        ),
    ],
)
def test_it_is_imported_before_what_it_follows(imports: str, expected: str) -> None:
    assert expected in adapted("comet", LOOP.replace("import numpy as np\nimport torch\n", imports, 1))


def test_functions_use_the_experiment_of_the_module() -> None:
    text = adapted("comet", program("pytorch_argparse_convnet"))
    assert "    experiment.log_parameters(vars(args))\n" in text
    assert "        experiment.log_model('convnet', \"convnet.pt\")\n" in text
    assert text.endswith("    experiment = comet_ml.start()\n    main()\n    experiment.end()\n")


def test_functions_that_cannot_see_it_ask_for_the_running_one() -> None:
    text = adapted(
        "comet",
        """\
        import sys
        import torch

        def step(model, optimizer, x):
            loss = model(x).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print("loss", loss.item())

        def main():
            model = torch.nn.Linear(2, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(3):
                step(model, optimizer, torch.randn(8, 2))
            return 0

        if __name__ == "__main__":
            sys.exit(main())
        """,
    )
    assert '    comet_ml.get_running_experiment().log_metric("loss", loss.item())' in text
    assert "    experiment = comet_ml.start()\n" in text
    assert "    experiment.end()\n    return 0\n" in text


def test_a_name_that_is_taken_is_not_taken_again() -> None:
    text = adapted("comet", "experiment = 3\n" + LOOP)
    assert "comet_experiment = comet_ml.start()\n" in text
    assert "comet_experiment.end()\n" in text


def test_every_fold_is_an_experiment() -> None:
    text = adapted("comet", program("pytorch_kfold"))
    assert '    experiment.log_parameters({"fold": fold, "epochs": epochs})\n    for epoch in range(epochs):' in text
    assert text.endswith("    experiment.end()\n")


def test_pictures_are_logged_after_they_are_saved() -> None:
    text = adapted("comet", program("pytorch_config_dict"))
    assert '    plt.savefig("losses.png")\n    experiment.log_image("losses.png")\n    experiment.end()\n' in text


def test_keras_is_followed_by_itself_and_results_of_evaluate_are_logged() -> None:
    assert changes("comet", program("keras_convnet")) == dedent(
        """\
        + import comet_ml
        + experiment = comet_ml.start()
        + experiment.log_parameters({"num_classes": num_classes})
        + experiment.log_metrics({"test_loss": score[0], "test_accuracy": score[1]})
        + experiment.end()"""
    )


def test_sklearn_parameters_are_followed_and_scores_are_logged() -> None:
    assert changes("comet", program("sklearn_pipeline_metrics")) == dedent(
        """\
        + import comet_ml
        + experiment = comet_ml.start()
        + experiment.log_metrics({"accuracy": accuracy_score(y_test, y_pred), "f1": f1_score(y_test, y_pred)})
        + experiment.end()"""
    )


def test_lightning_gets_comets_logger_with_a_project() -> None:
    text = adapted("comet", program("lightning_gan"))
    assert 'comet_logger = CometLogger(project="lightning_logs")\n' in text
    assert text.endswith("comet_logger.experiment.end()\n")
    assert "import comet_ml" not in text


@pytest.mark.parametrize(
    "line", ["import comet_ml", "from comet_ml import Experiment", "from lightning.pytorch.loggers import CometLogger"]
)
def test_a_program_that_uses_it_is_left_alone(line: str) -> None:
    outcome = adapt("comet", f"{line}\n{LOOP}")
    assert isinstance(outcome, NotApplicable)
    assert "Comet is already used (line 1)" in outcome.reason
