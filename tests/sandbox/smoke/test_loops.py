from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mlops_bot.sandbox.smoke.hooks import Hooks
from mlops_bot.sandbox.smoke.loops import transform
from mlops_bot.sandbox.smoke.names import is_epoch, is_epoch_count
from mlops_bot.sandbox.smoke.trace import Trace


def changed(text: str) -> str:
    hooks = Hooks({}, Trace("unused"), [])
    return ast.unparse(transform(ast.parse(text), hooks, "main.py"))


@pytest.mark.parametrize(
    "name", ["epochs", "EPOCHS", "num_epochs", "nEpochs", "maxEpoch", "n_epoch", "num_train_epochs"]
)
def test_numbers_of_epochs(name: str) -> None:
    assert is_epoch_count(name)


@pytest.mark.parametrize(
    "name", ["epoch", "start_epoch", "warmup_epochs", "steps_per_epoch", "lr", "save_every_epochs"]
)
def test_other_numbers(name: str) -> None:
    assert not is_epoch_count(name)


def test_counters() -> None:
    assert is_epoch("epoch") and is_epoch("i_epoch") and is_epoch("ep") and not is_epoch("step")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs = 50", "epochs = 2"),
        ("lr, epochs = (0.1, 50)", "lr, epochs = (0.1, 2)"),
        ("config = {'epochs': 50, 'batch': 64}", "config = {'epochs': 2, 'batch': 64}"),
        ("model.fit(x, epochs=15)", "model.fit(x, epochs=2)"),
        ("for epoch in tqdm(range(n)):\n    pass", "for epoch in tqdm(__smoke_range__('epochs', n)):\n    pass"),
        ("for e in range(epochs):\n    pass", "for e in __smoke_range__('epochs', epochs):\n    pass"),
        ("for i in range(10):\n    pass", "for i in range(10):\n    pass"),
        (
            "for t in range(2000):\n    loss.backward()",
            "for t in __smoke_range__('steps', 2000):\n    loss.backward()",
        ),
        (
            "for t in itertools.count(1):\n    loss.backward()",
            "for t in __smoke_endless__('steps', itertools.count(1)):\n    loss.backward()",
        ),
        ("for t in count():\n    env.step(t)", "for t in count():\n    env.step(t)"),
        (
            "for i, x in enumerate(loader):\n    if (i + 1) % 100 == 0:\n        show()",
            "for i, x in enumerate(loader):\n    if __smoke_every__('batches', i + 1, 100, 0):\n        show()",
        ),
        (
            "for i, x in enumerate(loader):\n    if i % 100 == 0:\n        show()",
            "for i, x in enumerate(loader):\n    if i % 100 == 0:\n        show()",
        ),
        (
            "for i, x in enumerate(loader):\n    if i % 100 == 0 and i != 0:\n        show()",
            "for i, x in enumerate(loader):\n    if __smoke_every__('batches', i, 100, 0) and i != 0:\n        show()",
        ),
        (
            "for i, x in enumerate(loader):\n    if i % 100 == 0 and verbose:\n        show()",
            "for i, x in enumerate(loader):\n    if i % 100 == 0 and verbose:\n        show()",
        ),
        ("device = 'cuda:0'", "device = 'cpu'"),
        ("gpu = 'cuda' in device or device == 'cuda'", "gpu = 'cuda' in device or device == 'cuda'"),
    ],
)
def test_changes(text: str, expected: str) -> None:
    assert changed(text) == expected


def test_a_loop_around_a_training_function_counts_epochs() -> None:
    text = "def train():\n    loss.backward()\nfor i in range(30):\n    train()"
    assert "__smoke_range__('epochs', 30)" in changed(text)


def test_a_closure_that_the_optimizer_calls_trains() -> None:
    loop = "for i in range(opt.steps):\n    def closure():\n        loss.backward()\n    {call}"
    assert "__smoke_range__('epochs', opt.steps)" in changed(loop.format(call="optimizer.step(closure)"))
    assert "in range(opt.steps)" in changed(loop.format(call="callbacks.append(closure)"))


def test_a_while_loop_that_trains_is_counted() -> None:
    text = "while step < 9:\n    loss.backward()\nwhile waiting:\n    pass"
    assert changed(text).count("__smoke_more__") == 1


def test_this_very_file_compiles_after_the_change() -> None:
    hooks = Hooks({}, Trace("unused"), [])
    for path in Path(__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        result = transform(tree, hooks, str(path))
        assert [node.lineno for node in ast.walk(result) if isinstance(node, ast.stmt)] == lines
        compile(result, str(path), "exec")
