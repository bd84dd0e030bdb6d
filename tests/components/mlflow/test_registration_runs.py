"""Registration with MLflow, really run and judged: one program a framework, and wrong adaptations that only a run shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_bot.types import Failed, Passed, Verdict

from ..judging import Judge  # noqa: TID252 - what the components' tests share
from ..registries import adapted  # noqa: TID252
from ..trackers import program  # noqa: TID252

PROGRAMS = {
    "pytorch": "pytorch_gan_dcgan_style",
    "lightning": "lightning_silent",
    "keras": "keras_subclassed_autoencoder",
    "sklearn": "sklearn_pipeline_metrics",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge")


def judge(name: str, text: str, folder: Path) -> Verdict:
    """Baselines and the empty store are made once: all judges share a cache."""
    return Judge("mlflow", program(name), folder, functionality="model-registration")(text)


@pytest.mark.parametrize("framework", PROGRAMS)
def test_a_program_of_every_framework_is_registered(framework: str, folder: Path) -> None:
    name = PROGRAMS[framework]
    verdict = judge(name, adapted("mlflow", program(name), f"{name}.py"), folder)
    assert isinstance(verdict, Passed), verdict
    versions = verdict.evidence["component"]["versions"]
    assert versions
    assert all(version["version"] == 1 and version["loaded"] for version in versions)


FOREST = """\
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

X, y = load_iris(return_X_y=True)
model = RandomForestClassifier(n_estimators=5)
model.fit(X, y)
print(model.score(X, y))
"""
LOG = """\
def log(trained, name, **more):
    import mlflow
    with mlflow.start_run():
        signature = mlflow.models.infer_signature(X, trained.predict(X))
        return mlflow.sklearn.log_model(
            trained, name="model", registered_model_name=name, signature=signature, serialization_format="cloudpickle", **more
        )
"""
WRONG = {
    "was logged but not registered": "log(model, None)",
    "does not load in a fresh process": "import shutil; log(model, 'forest'); shutil.rmtree('mlruns')",
    "predicts otherwise than the trained model": (
        "from sklearn.dummy import DummyClassifier; log(DummyClassifier(strategy='uniform').fit(X[:9], [0, 1, 2] * 3), 'forest')"
    ),
    "fails when it is run a second time": (
        "import mlflow; client = mlflow.MlflowClient(); uri = log(model, None).model_uri; "
        "client.create_registered_model('forest'); client.create_model_version('forest', uri)"
    ),
    "makes no new version of": "import time; log(model, f'forest-{time.time_ns()}')",
}


@pytest.mark.parametrize("reason", WRONG)
def test_wrong_adaptations_fail_with_a_reason(reason: str, folder: Path) -> None:
    adaptation = "import mlflow\n" + FOREST + LOG + WRONG[reason] + "\n"
    verdict = Judge("mlflow", FOREST, folder, functionality="model-registration")(adaptation)
    assert isinstance(verdict, Failed)
    assert verdict.stage == "effect"
    assert reason in verdict.reason


def test_a_second_run_in_the_same_folder_gives_version_2(folder: Path) -> None:
    """The name is no text of the program: so it is run twice."""
    adaptation = "import mlflow\n" + FOREST + LOG + "log(model, 'for' + 'est')\n"
    judged = Judge("mlflow", FOREST, folder, functionality="model-registration")
    verdict = judged(adaptation)
    assert isinstance(verdict, Passed), verdict
    assert any("a second time" in said for said in judged.said)
    again = verdict.evidence["component"]["again"]["versions"]
    assert [(version["version"], version["loaded"]) for version in again] == [(1, True), (2, True)]


NET = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 4)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
{before}
for epoch in range(2):
    for part in x.split(16):
        loss = net(part).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", loss.item())
{after}
"""
LOG_NET = """\
import mlflow
with mlflow.start_run():
    mlflow.pytorch.log_model({model}, name="model", registered_model_name="net", input_example=x.numpy()
        , signature=mlflow.models.infer_signature(x.numpy(), x[:, :1].numpy()), serialization_format="{form}")
"""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (LOG_NET.format(model="net", form="pickle"), "", "has other weights than the trained model"),
        ("", LOG_NET.format(model="net", form="pt2"), "call model.eval() before it is logged"),
    ],
    ids=["before-the-training", "in-training-mode"],
)
def test_wrong_networks_fail_with_a_reason(before: str, after: str, reason: str, folder: Path) -> None:
    original = NET.format(before="", after="")
    verdict = Judge("mlflow", original, folder, functionality="model-registration")(
        NET.format(before=before, after=after)
    )
    assert isinstance(verdict, Failed)
    assert verdict.stage == "effect"
    assert reason in verdict.reason
