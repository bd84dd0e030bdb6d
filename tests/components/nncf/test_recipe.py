"""The recipe of NNCF: what it writes, and what it leaves alone for which reason."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from tests.components.recipes import PYTORCH, adapt, adapted, main_part, read

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Rewritten, SourceFile, Task
from mlops_bot.verify import static

NAME = "nncf"
WITHOUT_MODEL = {"pytorch_one_line_ifs"}


@pytest.mark.parametrize("path", PYTORCH, ids=lambda path: path.stem)
def test_every_program_is_rewritten_once_and_passes_the_static_stage(path: Path) -> None:
    text = read(path)
    outcome = adapt(NAME, text)
    if path.stem in WITHOUT_MODEL:
        assert isinstance(outcome, NotApplicable)
        return
    assert isinstance(outcome, Rewritten), outcome
    assert adapt(NAME, text) == outcome
    second = adapt(NAME, outcome.text)
    assert isinstance(second, NotApplicable)
    assert "already used" in second.reason
    task = Task("inlining", "model-optimization", components.load_all()[NAME], (SourceFile("train.py", text),))
    assert static.check(task.script, outcome.text, task=task, facts=analyse("train.py", text), api=None) is None
    assert outcome.text.count("\r\n") == (outcome.text.count("\n") if "\r\n" in text else 0)


# --- what the model is called with ----------------------------------------------------------------------------


def program(
    reading: str, call: str, *, model: str = "Net()", header: str = "for x, y in loader:", tail: str = ""
) -> str:
    body = dedent(
        f"""\
        import torch
        from torch import nn

        EPOCHS = 6


        class Net(nn.Module):
            def forward(self, *inputs):
                return inputs[0]


        model = {model}
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(EPOCHS):
            {header}
        """
    )
    lines = [
        *reading.splitlines(),
        f"loss = {call}.sum()",
        "optimizer.zero_grad()",
        "loss.backward()",
        "optimizer.step()",
    ]
    return body + "".join(f"        {line}\n" for line in lines) + dedent(tail)


@pytest.mark.parametrize(
    ("header", "reading", "call", "example"),
    [
        ("for x, y in loader:", "", "model(x)", "next(iter(loader))[0]"),
        ("for x in loader:", "", "model(x)", "next(iter(loader))"),
        ("for i, (x, y) in enumerate(loader):", "", "model(x)", "next(iter(loader))[0]"),
        ("for i, data in enumerate(tqdm(loader), 0):", "x, y = data", "model(x)", "next(iter(loader))[0]"),
        ("for i, data in enumerate(loader):", "x = data[1].to(device)", "model(x)", "next(iter(loader))[1].to(device)"),
        ("for data in loader:", "x = data['image']", "model(x)", "next(iter(loader))['image']"),
        ("for x, y in loader:", "x, y = x.to(device), y.to(device)", "model(x)", "next(iter(loader))[0].to(device)"),
        (
            "for x, y in loader:",
            "x = x.cuda(non_blocking=True)",
            "model(x)",
            "next(iter(loader))[0].cuda(non_blocking=True)",
        ),
        (
            "for x, y in loader:",
            "x = x.reshape(-1, 28 * 28).to(device)\nx = x.float()",
            "model(x)",
            "next(iter(loader))[0].reshape(-1, 28 * 28).to(device).float()",
        ),
    ],
)
def test_the_first_batch_is_the_example(header: str, reading: str, call: str, example: str) -> None:
    written = main_part(NAME, program(reading, call, header=header))
    assert f"+     example = {example}" in written
    assert "examples_inputs=example" in written
    assert "+     pruning_scheduler.step(epoch + 1)" in written
    assert "+     target_epoch=(EPOCHS + 1) // 2," in written


def test_several_inputs_come_from_one_batch() -> None:
    written = main_part(NAME, program("", "model(x.view(x.size(0), -1))", header="for x, y in loader:"))
    assert "+     example = next(iter(loader))\n" in written
    assert "examples_inputs=example[0].view(example[0].size(0), -1)" in written
    written = main_part(NAME, program("", "model(a, b)", header="for a, b, y in loader:"))
    assert "+     example = next(iter(loader))\n" in written
    assert "examples_inputs=(example[0], example[1])" in written


@pytest.mark.parametrize(
    ("header", "reading", "call"),
    [
        ("for x, y in loader:", "noise = torch.randn(len(x), 8)", "model(noise)"),
        ("for x, y in loader:", "hidden = repackage(hidden)", "model(x, hidden)"),
        ("for x, y in loader:", "", "model(*x)"),
        ("for x, y in loader:", "", "model(x, mask=y)"),
        ("for x, y in zip(a, b):", "", "model(x)"),
        ("for i in range(10):", "x = get_batch(i)", "model(x)"),
    ],
)
def test_inputs_that_are_made_in_the_loop_are_seen_at_the_first_call(header: str, reading: str, call: str) -> None:
    text = adapted(NAME, program(reading, call, header=header))
    assert (
        "    target_epoch=(EPOCHS + 1) // 2,\n)\n"
        "prune_at_first_call(model, pruning_scheduler.get_pruning_ratio(1))\n"
        "for epoch in range(EPOCHS):\n"
        "    if epoch > 0:  # the share of the first one is masked at the first call\n"
        "        pruning_scheduler.step(epoch + 1)\n"
    ) in text
    assert ("named_inputs" in text) == ("mask=y" in call)


@pytest.mark.parametrize(
    ("epochs", "later"),
    [
        ("range(1, EPOCHS + 1)", "if epoch > 1:"),
        ("range(start, EPOCHS)", None),  # it may go on from any epoch
        ("itertools.count()", None),
    ],
)
def test_a_schedule_at_the_first_call_knows_the_first_epoch(epochs: str, later: str | None) -> None:
    body = program("noise = torch.randn(len(x), 8)", "model(noise)", header="for x, y in loader:")
    text = adapted(NAME, body.replace("range(EPOCHS)", epochs))
    assert ("pruning_scheduler.step(epoch)" in text) == (later is not None)
    assert ("prune_at_first_call(model, SPARSITY)\n" in text) == (later is None)
    assert later is None or f"    {later}  #" in text


SELF_TRAINED = """\
    import torch
    from torch import nn

    class Net({base}):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 1)
            self.optimizer = torch.optim.Adam(self.parameters())

        def fit(self, batches, epochs):
            for epoch in range(epochs):
                for x, y in batches:
                    loss = ({call}(x) - y).pow(2).mean()
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()

    net = Net()
    net.fit(data, 6)
    """


def test_a_model_that_trains_itself_is_pruned_in_its_own_method() -> None:
    text = adapted(NAME, dedent(SELF_TRAINED.format(base="nn.Module", call="self")))
    assert "        prune_at_first_call(self, pruning_scheduler.get_pruning_ratio(1))\n" in text
    assert "        nncf.strip(self, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)\n" in text
    for base, call, reason in [
        ("nn.Module", "self.forward", "past the hooks of a call"),
        ("nn.Sequential", "self", "a bare nn.Sequential"),
    ]:
        outcome = adapt(NAME, dedent(SELF_TRAINED.format(base=base, call=call)))
        assert isinstance(outcome, NotApplicable)
        assert reason in outcome.reason


def test_the_loader_and_the_device_may_be_given_to_the_function_that_trains() -> None:
    text = dedent(
        """\
        import torch

        def train(model, device, data, opt):
            for batch, (images, labels) in enumerate(data):
                images = images.to(device)
                loss = model(images).sum()
                loss.backward()
                opt.step()

        def main():
            where = torch.device("cpu")
            net = Net().to(where)
            opt = torch.optim.Adam(net.parameters())
            for epoch in range(1, 11):
                train(net, where, train_loader, opt=opt)
        """
    )
    written = main_part(NAME, text)
    assert "+         example = next(iter(train_loader))[0].to(where)" in written
    assert "target_epoch=5" in written
    assert "+         pruning_scheduler.step(epoch)" in written


# --- bare nn.Sequential ---------------------------------------------------------------------------------------


def test_a_bare_sequential_is_called_by_a_module_while_it_trains() -> None:
    text = adapted(NAME, program("", "model(x)", model="nn.Sequential(nn.Linear(8, 4))"))
    assert "class Prunable(nn.Module):" in text
    before, after = text.split("for epoch in range(EPOCHS):")
    assert "\nmodel = Prunable(model)\n" in before
    assert after.endswith(
        "nncf.strip(model, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)\nmodel = model.model\n"
    )


def test_a_bare_sequential_of_a_star_import_is_one() -> None:
    text = (
        "from torch.nn import *\nimport torch\n\nnet = Sequential(Linear(4, 1))\n"
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nfor epoch in range(3):\n"
        "    loss = net(torch.randn(2, 4)).mean()\n    loss.backward()\n    optimizer.step()\n"
    )
    assert "\nnet = Prunable(net)\n" in adapted(NAME, text)


def test_its_state_is_saved_under_its_own_names() -> None:
    tail = "    torch.save(model.state_dict(), 'm.pt')\n"
    text = adapted(NAME, program("", "model(x)", model="nn.Sequential(nn.Linear(8, 4))") + tail)
    assert "    torch.save(without_masks(model).model.state_dict(), 'm.pt')\n" in text


def test_a_bare_sequential_whose_layers_are_used_is_left_alone() -> None:
    outcome = adapt(NAME, program("print(model[0].weight)", "model(x)", model="nn.Sequential(nn.Linear(8, 4))"))
    assert isinstance(outcome, NotApplicable)
    assert "a bare nn.Sequential whose layers are used (line 16)" in outcome.reason


def test_a_global_one_stays_a_global_one() -> None:
    text = program("", "model(x)", model="nn.Sequential(nn.Linear(8, 4))")
    head, body = text.split("for epoch in range(EPOCHS):\n")
    body = "".join(f"    {line}\n" for line in body.splitlines())
    text = adapted(NAME, f"{head}\n\ndef main():\n    for epoch in range(EPOCHS):\n{body}\n\nmain()\n")
    assert "def main():\n    global model\n    model = Prunable(model)\n" in text


def test_parameters_in_a_tuple_are_put_into_a_list() -> None:
    text = program("", "model(x)").replace("        return inputs[0]\n", TOKENS)
    written = adapted(NAME, text)
    assert "x = torch.cat([self.token, x], dim=1)\n" in written
    assert "x = torch.cat((x, x), dim=1)\n" in written
    assert "x = torch.stack([self.table, x])\n" in written
    assert "x = torch.cat((self.token.expand(2, 1), x))\n" in written


TOKENS = """\
        self.token = nn.Parameter(torch.zeros(1))
        self.register_buffer("table", torch.zeros(1))
        x = torch.cat((self.token, x), dim=1)
        x = torch.cat((x, x), dim=1)
        x = torch.stack((self.table, x))
        x = torch.cat((self.token.expand(2, 1), x))
        return x
"""


# --- the end --------------------------------------------------------------------------------------------------


def test_sparsity_is_read_from_the_model_and_the_masks_are_stripped_in_place() -> None:
    text = adapted(NAME, program("", "model(x)"))
    assert text.endswith(
        '\nprint(f"Sparsity: {nncf.pruning_statistic(model).pruning_ratio:.1%}")\n'
        "nncf.strip(model, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)\n"
    )
    assert "without_masks" not in text


def test_a_model_that_is_saved_as_a_whole_is_the_plain_model_again() -> None:
    text = adapted(NAME, program("", "model(x)", tail="torch.save(model, 'model.pt')\n"))
    assert "('forward', '_replicate_for_data_parallel', '__nncf_hooks')" in text.replace('"', "'")
    assert "\nwithout_masks(model, copy=False)\ntorch.save(model, 'model.pt')\n" in text


def test_training_that_may_go_on_can() -> None:
    text = dedent(
        """\
        import torch

        def fit(net, loader, epochs):
            optimizer = torch.optim.Adam(net.parameters())
            for epoch in range(epochs):
                for x, y in loader:
                    net(x).sum().backward()
                    optimizer.step()
            return net

        model = fit(Net(), loader, 3)
        model = fit(model, other, 3)
        """
    )
    assert (
        "    for weight in trainable:  # it may be trained once more\n        weight.requires_grad_(True)\n"
        in adapted(NAME, text)
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nncf\n" + program("", "model(x)"), "NNCF is already used"),
        ("import torch\nprint(torch.ones(2).sum())\n", "no training loop"),
        (program("", "model(x)", model="torch.compile(Net())"), "torch.compile makes the weights in a way of its own"),
        ("import keras\nmodel = keras.Sequential()\nmodel.fit([0.0], [0.0])\n", "prunes plain PyTorch loops only"),
    ],
)
def test_what_is_left_alone(text: str, reason: str) -> None:
    outcome = adapt(NAME, text)
    assert isinstance(outcome, NotApplicable)
    assert reason in outcome.reason
