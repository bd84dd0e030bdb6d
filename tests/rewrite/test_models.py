"""Which models a program trains, and what they are called where."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mlops_bot.rewrite import models
from mlops_bot.rewrite.program import Program


def names(text: str, function: str | None = None) -> list[list[str]]:
    program = Program(dedent(text))
    scope = next((one for one in program.functions if one.name == function), None)
    assert (scope is None) == (function is None)
    return [models.visible(program, model, scope) for model in models.trained(program)]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("opt = torch.optim.SGD(net.parameters(), lr=1)", [["net"]]),
        ("opt = optim.Adam([{'params': net.parameters()}])", [["net"]]),
        ("opt = SomeOptimizer(filter(lambda p: p.requires_grad, net.parameters()))", [["net"]]),
        ("opt = torch.optim.Adam(itertools.chain(e.parameters(), d.parameters()))", [["e"], ["d"]]),
        ("params = [p for p in net.parameters()]\nopt = torch.optim.SGD(params)", [["net"]]),
        ("g = torch.optim.Adam(G.parameters())\nd = torch.optim.Adam(D.parameters())", [["G"], ["D"]]),
        ("net(x)\nopt = torch.optim.SGD(net.fc.parameters())", [["net"]]),
        ("opt = torch.optim.SGD(net.fc.parameters())", [["net.fc"]]),
        ("for p in net.parameters():\n    p.data.add_(-0.1 * p.grad)", [["net"]]),
        ("opt = torch.optim.SGD([w], lr=1)\nprint(sum(p.numel() for p in net.parameters()))", []),
        ("scheduler = torch.optim.lr_scheduler.StepLR(net.parameters())", []),
    ],
)  # fmt: skip
def test_models_are_known_by_their_parameters(code: str, found: list[list[str]]) -> None:
    assert names(f"import torch\nfrom torch import optim\n{code}\n") == found


def test_through_calls_returns_and_attributes() -> None:
    text = """\
        import torch

        def build():
            net = Net().to("cpu")
            return net, torch.optim.SGD(net.parameters(), lr=0.1)

        class Trainer:
            def __init__(self, model, optimizer, *, epochs=1):
                self.model = model

            def fit(self):
                return self.step(self.model)

            def step(self, network):
                return network(1)

        def main():
            model, optimizer = build()
            Trainer(model, optimizer=optimizer).fit()
    """
    assert names(text, "build") == [["net"]]
    assert names(text, "main") == [["model"]]
    assert names(text, "__init__") == [["model", "self.model"]]
    assert names(text, "fit") == [["self.model"]]
    assert names(text, "step") == [["self.model", "network"]]
    assert models.trained(Program(dedent(text)))[0].made == {"Net"}


def test_globals_are_seen_where_no_other_name_hides_them() -> None:
    text = """\
        import torch
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def train():
            model(1)

        def test(model):
            model(1)

        def other():
            model = 3
    """
    assert names(text, "train") == [["model"]]
    assert names(text, "test") == [[]]
    assert names(text, "other") == [[]]


def test_wrappers_moves_and_objects_that_are_called() -> None:
    text = """\
        import torch
        from torch import nn

        class Stopping:
            def __call__(self, loss, net):
                torch.save(net.state_dict(), "m.pt")

        stopping = Stopping()
        model = Net()
        parallel = nn.DataParallel(model).cuda()
        optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
        stopping(0.5, parallel)
    """
    assert names(text) == [["parallel", "model"]]
    assert names(text, "__call__") == [["net", "parallel", "model"]]


def test_models_of_optimizers_that_another_file_makes() -> None:
    program = Program(
        "def train(config):\n"
        "    d_net, g_net = get_nets(config)\n"
        "    d_opt, g_opt = utils.get_optimizers(d_net, g_net, config)\n"
        "    for x in batches:\n"
        "        loss = criterion(d_net(g_net(x)), y)\n"
        "        loss.backward()\n"
        "        d_opt.step()\n"
    )
    found = models.trained(program)
    assert [next(iter(model.names.values())) for model in found] == [["d_net"], ["g_net"]]
