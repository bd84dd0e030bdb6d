"""The recipe of torch.nn.utils.prune: what it writes, and what it leaves alone for which reason."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from tests.components.recipes import PYTORCH, adapt, adapted, main_part, read
from torch.nn.utils import prune

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Rewritten, SourceFile, Task
from mlops_bot.verify import static

NAME = "torch-prune"
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
    facts = analyse("train.py", text)
    assert static.check(task.script, outcome.text, task=task, facts=facts, api=None) is None
    assert outcome.text.count("\r\n") == (outcome.text.count("\n") if "\r\n" in text else 0)


# --- where it goes --------------------------------------------------------------------------------------------


def program(body: str, *, head: str = "", tail: str = "") -> str:
    return (
        dedent(
            """\
            import torch
            from torch import nn

            model = nn.Linear(8, 4)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            """
        )
        + dedent(head)
        + dedent(body)
        + dedent(tail)
    )


STEP = """\
    optimizer.zero_grad()
    loss = model(torch.randn(3, 8)).pow(2).mean()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
"""


def loop(header: str) -> str:
    return f"{header}\n{STEP}"


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("for epoch in range(5):", "SPARSITY * min(1, 2 * (epoch + 1) / 5)"),
        ("for epoch in range(1, 5 + 1):", "SPARSITY * min(1, 2 * epoch / 5)"),
        ("for epoch in range(1, 6):", "SPARSITY * min(1, 2 * epoch / 5)"),
        ("for epoch in range(0, n):", "SPARSITY * min(1, 2 * (epoch + 1) / n)"),
        ("for epoch in range(start, n):", "SPARSITY * min(1, 2 * (epoch + 1) / n)"),
        ("for epoch in range(1, n):", "SPARSITY * min(1, 2 * epoch / (n - 1))"),
        ("for epoch in tqdm(range(n * 2)):", "SPARSITY * min(1, 2 * (epoch + 1) / (n * 2))"),
    ],
)
def test_pruning_grows_with_the_epochs(header: str, asked: str) -> None:
    written = main_part(NAME, program(loop(header)))
    assert f"+     prune_to(pruned_weights, {asked})" in written
    assert "+ pruned_weights = prunable_weights(model)" in written


@pytest.mark.parametrize(
    "header",
    ["for step in range(100):", "while True:", "for epoch in range(5, 9):", "for epoch in itertools.count():",
     "for epoch in range(0, 10, 2):", "for _ in range(epochs):"],
)  # fmt: skip
def test_where_nobody_can_say_how_far_it_is_pruning_is_complete_at_once(header: str) -> None:
    assert "+ prune_to(pruned_weights, SPARSITY)" in main_part(NAME, program(loop(header)))


def test_the_masks_are_made_permanent_right_after_the_training() -> None:
    text = adapted(NAME, program(loop("for epoch in range(5):"), tail='torch.save(model.state_dict(), "model.pt")\n'))
    end = text.split('print("loss", loss.item())\n')[1]
    assert (
        end
        == '\nprint(f"Sparsity: {finish_pruning(pruned_weights):.1%}")\ntorch.save(model.state_dict(), "model.pt")\n'
    )


def test_a_try_around_the_loop_ends_before_pruning_does() -> None:
    body = """\
        try:
            for epoch in range(3):
                loss = model(torch.randn(3, 8)).mean()
                loss.backward()
                optimizer.step()
        except KeyboardInterrupt:
            print("stopped")
        """
    text = adapted(NAME, program(body))
    assert text.endswith('    print("stopped")\n\nprint(f"Sparsity: {finish_pruning(pruned_weights):.1%}")\n')


def test_every_way_out_of_the_loop_makes_the_masks_permanent() -> None:
    body = """\


        def fit(model, optimizer, epochs):
            for epoch in range(epochs):
                loss = model(torch.randn(3, 8)).mean()
                loss.backward()
                optimizer.step()
                if loss < 0:
                    return model
            return model


        fit(model, optimizer, 4)
        """
    text = adapted(NAME, program(body))
    assert text.count('print(f"Sparsity: {finish_pruning(pruned_weights):.1%}")') == 2
    assert "        if loss < 0:\n            print(f" in text
    assert "    pruned_weights = prunable_weights(model)\n    for epoch in range(epochs):\n" in text


# --- what is saved in the loop --------------------------------------------------------------------------------


def test_what_is_saved_while_it_trains_has_no_masks_and_the_whole_sparsity() -> None:
    body = loop("for epoch in range(5):") + "    torch.save({'model': model.state_dict(), 'epoch': epoch}, 'last.pt')\n"
    written = main_part(NAME, program(body))
    assert "+     torch.save({'model': without_masks(model).state_dict(), 'epoch': epoch}, 'last.pt')" in written
    assert "+ prune_to(pruned_weights, SPARSITY)" in written
    assert "+ import copy" not in written  # imports are left out here
    assert "import copy\n" in adapted(NAME, program(body))


@pytest.mark.parametrize(
    ("saving", "saved"),
    [
        ("best = copy.deepcopy(model.state_dict())", "best = copy.deepcopy(without_masks(model).state_dict())"),
        ("best = copy.deepcopy(model)", "best = copy.deepcopy(without_masks(model))"),
        ("torch.save(model, 'model.pt')", "torch.save(without_masks(model), 'model.pt')"),
        ("utils.save_checkpoint(model, 'm.pt')", "utils.save_checkpoint(without_masks(model), 'm.pt')"),
        ("torch.save(training_state(model), 'm.pt')", "torch.save(training_state(without_masks(model)), 'm.pt')"),
        ("utils.load_checkpoint(model, 'm.pt')", None),
        ("ema.update_state(model)", None),
        ("keep(model)", None),
        ("torch.save(optimizer.state_dict(), 'o.pt')", None),
    ],
)
def test_states_that_leave_the_loop(saving: str, saved: str | None) -> None:
    written = main_part(NAME, program(loop("for epoch in range(5):") + f"    {saving}\n", head="import copy\n"))
    assert (f"+     {saved}" in written) == (saved is not None)
    assert ("- " in written) == (saved is not None)


def test_a_function_that_saves_is_followed() -> None:
    head = """

        def checkpoint(net, path):
            torch.save(net.state_dict(), path)


        """
    text = adapted(NAME, program(loop("for epoch in range(5):") + "    checkpoint(model, 'm.pt')\n", head=head))
    assert "    torch.save(without_masks(net).state_dict(), path)\n" in text


def test_states_that_are_loaded_again_in_the_loop_keep_their_masks() -> None:
    body = loop("for epoch in range(5):") + "    best = model.state_dict()\n    model.load_state_dict(best)\n"
    assert "- " not in main_part(NAME, program(body))
    saving = body + "    torch.save(model.state_dict(), 'm.pt')\n"
    outcome = adapt(NAME, program(saving))
    assert isinstance(outcome, NotApplicable)
    assert "loads a state into the model" in outcome.reason


# --- the sparsity that is asked for ---------------------------------------------------------------------------


def test_an_option_in_the_style_of_the_others() -> None:
    text = dedent(
        """\
        import argparse
        import torch
        from torch import nn, optim

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument('--epochs', type=int, default=14, metavar='N',
                                help='number of epochs to train (default: 14)')
            parser.add_argument('--seed', type=int, default=1,
                                help='random seed (default: 1)')
            args = parser.parse_args()
            net = nn.Linear(4, 2)
            optimizer = optim.Adam(net.parameters())
            for epoch in range(1, args.epochs + 1):
                net(torch.randn(2, 4)).sum().backward()
                optimizer.step()

        main()
        """
    )
    after = adapted(NAME, text)
    option = (
        "    parser.add_argument('--sparsity', type=float, default=0.5,\n"
        "                        help='share of the weights that is pruned (default: 0.5)')\n"
    )
    assert f"help='random seed (default: 1)')\n{option}    args = parser.parse_args()\n" in after
    assert "        prune_to(pruned_weights, args.sparsity * min(1, 2 * epoch / args.epochs))\n" in after


def test_an_option_has_the_quotes_of_its_neighbours() -> None:
    text = program(
        "args = parser.parse_args()\nname = 'a'\nother = 'b'\nmore = 'c'\nlast = 'd'\n"
        + loop("for epoch in range(5):"),
        head='import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument("--lr", type=float)\n',
    )
    assert '\nparser.add_argument("--sparsity", type=float, default=0.5)\n' in adapted(NAME, text)


def test_arguments_that_the_loop_cannot_see_give_way_to_a_constant() -> None:
    text = dedent(
        """\
        import argparse
        import torch

        EPOCHS = 4
        LR = 0.1


        def train():
            net = torch.nn.Linear(4, 2)
            optimizer = torch.optim.SGD(net.parameters(), lr=LR)
            for epoch in range(EPOCHS):
                net(torch.randn(2, 4)).sum().backward()
                optimizer.step()


        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--lr", type=float)
            options = parser.parse_args()
            train()
        """
    )
    written = main_part(NAME, text)
    assert "+ SPARSITY = 0.5  # share of the weights that is pruned" in written
    assert "--sparsity" not in written
    assert "LR = 0.1\nSPARSITY = 0.5" in adapted(NAME, text)


def test_names_that_are_taken_are_left_alone() -> None:
    head = "SPARSITY = 'low'\nprune = None\n\n\ndef prune_to(x):\n    return x\n\n\n"
    text = adapted(NAME, program(loop("for epoch in range(3):"), head=head))
    assert "import torch.nn.utils.prune as torch_prune\n" in text
    assert "def prune_weights_to(weights, sparsity):" in text
    assert "TARGET_SPARSITY = 0.5" in text


def test_tabs_stay_tabs() -> None:
    text = program(
        "def fit():\n\tfor epoch in range(3):\n\t\tmodel(torch.randn(2, 8)).sum().backward()\n\t\toptimizer.step()\n\n\nfit()\n"
    )
    after = adapted(NAME, text)
    assert "\tpruned_weights = prunable_weights(model)\n" in after
    assert "\n    " not in after


# --- which weights --------------------------------------------------------------------------------------------


def test_attention_and_layers_of_the_programs_own() -> None:
    layer = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.part = {}\n\n"
    own = program(
        loop("for epoch in range(3):"),
        head="\n\n" + layer.format("nn.Parameter(torch.zeros(2, 2))").replace("    ", "    "),
    )
    attention = program(loop("for epoch in range(3):"), head="\n\n" + layer.format("nn.MultiheadAttention(8, 2)"))
    assert '"weight" in name and weight.dim() > 1' in adapted(NAME, own)  # nn.Linear is there too
    assert 'and type(layer).__name__ != "NonDynamicallyQuantizableLinear"' in adapted(NAME, attention)


def test_zeros_that_are_not_masked_do_not_count() -> None:
    """A row for padding is zero without a mask, and what was pruned before may have lost its mask."""
    text = adapted(NAME, program(loop("for epoch in range(4):")))
    start = text.index("def prunable_weights")
    names: dict[str, Any] = {"torch": torch, "prune": prune}
    exec(text[start : text.index("model = nn.Linear")], names)  # the recipe's own functions
    table = torch.nn.Embedding(10, 4, padding_idx=0)
    weights = names["prunable_weights"](table)
    for share in (0.25, 0.5):
        names["prune_to"](weights, share)
        assert int((table.weight_mask == 0).sum()) == round(share * 40)
    assert names["finish_pruning"](weights) == 0.5
    names["prune_to"](weights, 0.5)  # the same weights once more
    assert int((table.weight_mask == 0).sum()) == 20
    assert names["finish_pruning"](weights) == 0.5


def test_a_model_that_trains_itself() -> None:
    text = dedent(
        """\
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(8, 1)
                self.optimizer = torch.optim.Adam(self.parameters())

            def fit(self, batches, epochs):
                for epoch in range(epochs):
                    for x, y in batches:
                        loss = (self(x) - y).pow(2).mean()
                        self.optimizer.zero_grad()
                        loss.backward()
                        self.optimizer.step()
        """
    )
    written = adapted(NAME, text)
    assert "        pruned_weights = prunable_weights(self)\n        for epoch in range(epochs):\n" in written
    outcome = adapt(NAME, text.replace("self(x)", "self.forward(x)"))
    assert isinstance(outcome, NotApplicable)
    assert "the layers train themselves" in outcome.reason


# --- left alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import torch.nn.utils.prune as prune\n" + program(loop("for epoch in range(3):")), "already used"),
        ("import torch\nx = torch.randn(3)\nprint(x.sum())\n", "no training loop"),
        (program(loop("for epoch in range(3):"), head="model = torch.jit.script(model)\n"), "torch.jit.script makes the weights"),
        (program(loop("for epoch in range(3):"), head="model = nn.utils.spectral_norm(model)\n"), "spectral_norm makes the weights"),
        (
            "import torch\nw = torch.zeros(3, requires_grad=True)\noptimizer = torch.optim.SGD([w], lr=0.1)\n"
            "for epoch in range(3):\n    loss = (w - 1).pow(2).sum()\n    loss.backward()\n    optimizer.step()\n",
            "no model was found whose parameters are optimized",
        ),
        (
            "from sklearn.linear_model import Ridge\nmodel = Ridge()\nmodel.fit([[0.0]], [1.0])\n",
            "prunes plain PyTorch loops only",
        ),
        (
            program(loop("for epoch in range(3):")).replace("for epoch", "def batches():\n  for epoch").replace(STEP, STEP.replace("    ", "      ") + "      yield loss\n"),
            "hands out values",
        ),
    ],
)  # fmt: skip
def test_what_is_left_alone(text: str, reason: str) -> None:
    outcome = adapt(NAME, text)
    assert isinstance(outcome, NotApplicable)
    assert reason in outcome.reason
    assert outcome.reason.startswith("not applicable because ")


def test_other_functionalities_are_not_served() -> None:
    assert isinstance(adapt(NAME, program(loop("for epoch in range(3):")), "experiment-tracking"), NotApplicable)
