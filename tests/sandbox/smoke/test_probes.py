"""What is kept of trained models: inputs that they were really given, and their answers at the end."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from mlops_bot.sandbox.smoke import probing

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Run, Smoke

NET = """
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop = nn.Linear(3, 2), nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.layer(x))
net, frozen = Net(), nn.Linear(3, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.randn(8, 3)
for epoch in range(2):
    loss = net(frozen(x)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {body}
{end}
print(torch.rand(1).item(), net.training)
"""


def net(body: str = "pass", end: str = "") -> str:
    return NET.replace("{body}", body).replace("{end}", end)


def probes(run: Run) -> list[dict[str, Any]]:
    assert run.code == 0, run.stderr
    assert run.record["errors"] == []
    found: list[dict[str, Any]] = run.record["component"]["registration"].get("probes", [])
    return found


def given(run: Run, probe: dict[str, Any]) -> Any:
    return pickle.loads((run.root / ".mlops-bot" / "probes" / probe["input"]).read_bytes())


@pytest.mark.slow
def test_a_trained_network_is_asked_at_the_end_and_the_training_goes_on_as_before(smoke: Smoke) -> None:
    without, run = smoke(net()), smoke(net(), probes=True)
    assert without.stdout == run.stdout
    assert without.record["scalars"] == run.record["scalars"]
    probe, part = probes(run)
    assert part["paths"] == ["layer"]  # it holds all of the weights: some would register it instead
    assert (probe["framework"], probe["class"], probe["shapes"]) == ("torch", "Net", [[[8, 3], "torch.float32"]])
    assert probe["weights"]["numbers"] == 8
    (figures,) = probe["answers"]["call"]
    assert figures["shape"] == [8, 2] and 0.0 not in figures["values"]  # no dropout: in evaluation mode
    (args, keywords) = given(run, probe)
    assert args[0].shape == (8, 3) and keywords == {}
    assert [entry["class"] for entry in run.record["component"]["registration"]["trained"]] == [
        "Net"
    ]  # not the frozen one
    assert not without.record["component"]


@pytest.mark.slow
def test_states_that_the_program_saves_are_known_and_what_is_built_from_them(smoke: Smoke) -> None:
    save = "if epoch == 0: torch.save({'epoch': 0, 'net': net.state_dict()}, 'best.pt')"
    load = "best = Net(); best.load_state_dict(torch.load('best.pt')['net']); best(x)"
    run = smoke(net(save, load), probes=True)
    trained, best = [probe for probe in probes(run) if probe["class"] == "Net"]
    (state,) = run.record["component"]["registration"]["saved"]
    assert set(best["weights"]["tensors"]) == set(state["tensors"]) != set(trained["weights"]["tensors"])


@pytest.mark.slow
def test_estimators_are_asked_after_every_fit(smoke: Smoke) -> None:
    source = """
import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.linear_model import SGDClassifier
from sklearn.tree import DecisionTreeClassifier
class Loud(DecisionTreeClassifier):
    def predict(self, X):
        print("predicting")
        return super().predict(X)
X = np.random.rand(90, 2)
y = (X[:, 0] > X[:, 1]).astype(int)
tree = Loud(max_depth=1)
tree.fit(X, y)
tree.set_params(max_depth=3).fit(X, y)
for part in range(3):
    sgd = SGDClassifier() if part == 0 else sgd
    sgd.partial_fit(X[part::3], y[part::3], classes=[0, 1])
DBSCAN().fit(X)
print(np.random.rand(), tree.score(X, y))
"""
    without, run = smoke(source), smoke(source, probes=True)
    assert without.stdout == run.stdout
    assert without.record["scalars"] == run.record["scalars"]
    found = probes(run)
    assert [probe["class"] for probe in found] == ["Loud", "Loud", "DBSCAN", "SGDClassifier"]
    assert [sorted(probe["answers"]) for probe in found[2:]] == [["labels_"], ["decision_function", "predict"]]
    assert found[0]["answers"]["predict_proba"] != found[1]["answers"]["predict_proba"]
    assert given(run, found[0]).shape == (30, 2)
    digests = {event["digest"] for event in run.record["training"]}
    assert {probe["digest"] for probe in found} == digests


@pytest.mark.slow
def test_keras_models_and_their_parts_are_asked(smoke: Smoke) -> None:
    source = """
import keras
import numpy as np
class Pair(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = keras.Sequential([keras.layers.Dense(3)]), keras.layers.Dense(1)
    def call(self, inputs):
        return self.second(self.first(inputs))
x = np.random.rand(64, 4).astype("float32")
model = Pair()
model.compile("sgd", "mse")
model.fit(x, x[:, :1], epochs=1, verbose=0)
print(float(np.random.rand()), float(model.evaluate(x, x[:, :1], verbose=0)))
"""
    without = smoke(source, env={"KERAS_BACKEND": "torch"})
    run = smoke(source, env={"KERAS_BACKEND": "torch"}, probes=True)
    assert without.stdout == run.stdout
    (probe,) = [probe for probe in probes(run) if probe["class"] == "Pair"]
    assert probe["framework"] == "keras" and probe["answers"]["call"][0]["shape"] == [16, 1]
    assert probe["weights"]["numbers"] == 4 * 3 + 3 + 3 + 1


@pytest.mark.slow
def test_inputs_of_own_classes_are_not_kept(smoke: Smoke) -> None:
    source = net().replace("x = torch.randn(8, 3)", "class Own(torch.Tensor): pass\nx = torch.randn(8, 3)")
    run = smoke(source.replace("net(frozen(x))", "net(frozen(x).as_subclass(Own))"), probes=True)
    assert probes(run) == []


# --- figures ----------------------------------------------------------------------------------------------------


def test_figures_of_all_that_holds_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    found = probing.figures({"b": [numpy.arange(3), None], "a": (numpy.float32("nan"), "text")})
    assert found == [
        {"shape": [], "kind": "number", "values": ["nan"]},
        {"shape": [], "kind": "text", "values": ["text"]},
        {"shape": [3], "kind": "number", "values": [0.0, 1.0, 2.0]},
    ]
    (wide,) = probing.figures(numpy.arange(1000.0))
    assert len(wide["values"]) == probing.MAX_VALUES and wide["values"][-1] == 999.0
    assert probing.figures([object()]) == []


def test_random_streams_are_steady_and_go_on() -> None:
    import random

    random.seed(5)
    wanted = [random.random(), random.random()]
    random.seed(5)
    first = random.random()
    with probing.steady():
        inside = random.random()
    with probing.steady():
        assert random.random() == inside
    assert [first, random.random()] == wanted
