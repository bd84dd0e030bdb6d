from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow

TRAIN = """
import argparse, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 2)
    def forward(self, x):
        return self.layer(x)

def main():
    data = TensorDataset(torch.randn(1000, 10), torch.randint(0, 2, (1000,)))
    loader = DataLoader(data, 32, True, None, None, 2, None, True)
    model = Net().cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for epoch in range(10):
        total = 0.0
        for index, (x, y) in enumerate(loader):
            loss = nn.functional.cross_entropy(model(x.to("cuda")), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            if index % 100 == 99:
                print("step", epoch, index, loss.item())
        assert index == len(loader) - 1
        print("epoch", epoch, total / len(loader), len(loader.dataset), len(loader))

main()
"""


def test_a_training_loop(smoke: Smoke) -> None:
    first, second = smoke(TRAIN), smoke(TRAIN)
    assert first.code == 0, first.stderr
    assert first.stdout == second.stdout
    assert first.stdout.count("epoch") == 2 and first.stdout.count("step") == 8
    assert "1000 4" in first.stdout
    record = first.record
    assert record["scalars"] == second.record["scalars"] and record["models"] == second.record["models"]
    assert len(first.scalars("torch.backward")) == 8
    assert first.scalars("torch.item")[0] == first.scalars("torch.backward")[0]
    (event,) = record["training"]
    assert (event["class"], event["steps"], event["parameters"]) == ("SGD", 8, 22)
    assert event["groups"][0]["lr"] == 0.5 and event["groups"][0]["momentum"] == 0.9
    (model,) = record["models"]
    assert (model["class"], model["parameters"]) == ("Net", 22) and model["norm"] > 0
    assert record["errors"] == []
    assert "module.cuda()" in first.notes("device")


def test_without_limits(smoke: Smoke) -> None:
    source = TRAIN.replace(".cuda()", "").replace('"cuda"', '"cpu"').replace(", None, None, 2, None, True", "")
    run = smoke(source, full=True)
    assert run.code == 0, run.stderr
    assert run.stdout.count("epoch") == 10 and "1000 32" in run.stdout
    assert run.record["training"][0]["steps"] == 320 and run.notes("limit") == []


def test_scripting_pickling_and_identity_survive(smoke: Smoke) -> None:
    source = """
import inspect, pickle, torch
@torch.jit.script
def f(t: torch.Tensor):
    total = 0.0
    for i in range(3):
        total += float(t.sum().item())
    return total
print(f(torch.ones(2)))
class Data(torch.utils.data.DataLoader):
    def __len__(self):
        return super().__len__()
loader = Data(list(range(10)), batch_size=3)
print(len(loader), len(list(loader)), isinstance(loader, torch.utils.data.DataLoader))
print(list(inspect.signature(torch.utils.data.DataLoader.__init__).parameters)[:3])
optimizer = torch.optim.Adam(pickle.loads(pickle.dumps(torch.nn.Linear(2, 2))).parameters())
print("class Data" in inspect.getsource(Data))
"""
    run = smoke(source)
    assert run.stdout.splitlines() == [
        "6.0",
        "4 4 True",
        "['self', 'dataset', 'batch_size']",
        "True",
    ], run.stderr


def test_torchvision_stand_ins(smoke: Smoke) -> None:
    source = """
import torch, torchvision
from torchvision import datasets, transforms
t = transforms.ToTensor()
train = datasets.MNIST("data", train=True, download=True, transform=t)
a, b = torch.utils.data.random_split(train, [55000, 5000])
print(train.data.shape, train.data.dtype, train.targets.dtype, len(set(train.targets.tolist())), len(a))
print(train[0][0].shape, datasets.MNIST("data", train=False).data.shape, train.class_to_idx["0 - zero"])
cifar = datasets.CIFAR10("data", download=True, transform=t)
print(cifar.data.shape, cifar.data.dtype, cifar.classes[0], cifar[0][0].shape)
folder = datasets.ImageFolder("imagenet/train", transforms.Compose([transforms.Resize(32), t]))
print(len(folder), folder.classes, folder[0][0].shape, sorted(set(folder.targets)))
print(len(datasets.FakeData(1281167, (3, 224, 224))) < 100)
model = torchvision.models.resnet18(weights="DEFAULT")
datasets.VOCSegmentation("data")
"""
    run = smoke(source)
    assert run.stdout.splitlines() == [
        "torch.Size([60000, 28, 28]) torch.uint8 torch.int64 10 55000",
        "torch.Size([1, 28, 28]) torch.Size([10000, 28, 28]) 0",
        "(50000, 32, 32, 3) uint8 airplane torch.Size([3, 32, 32])",
        "16 ['class_0', 'class_1'] torch.Size([3, 32, 32]) [0, 1]",
        "True",
    ], run.stderr
    assert "torchvision VOCSegmentation" in run.notes("unavailable")
    assert any(note.startswith("weights resnet18") for note in run.notes("stand-in"))
    assert not (run.root / "project" / "data").exists()


def test_real_files_are_used_where_they_are(smoke: Smoke) -> None:
    source = """
import os
from PIL import Image
from torchvision import datasets
for name in ("cats", "dogs", "eels"):
    os.makedirs(f"pictures/{name}")
    Image.new("RGB", (8, 8)).save(f"pictures/{name}/1.png")
print(len(datasets.ImageFolder("pictures")), datasets.ImageFolder("pictures").classes)
"""
    run = smoke(source)
    assert run.stdout == "3 ['cats', 'dogs', 'eels']\n", run.stderr
    assert run.notes("stand-in") == []
