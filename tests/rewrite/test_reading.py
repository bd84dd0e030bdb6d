"""Reading programs: displays, names, steps, purity, imports."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from mlops_bot.rewrite import displays, naming, steps
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_import
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.purity import is_pure, is_pure_path


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('print(f"Epoch {e} | val loss: {v:.3f} | acc {a}")', [("Epoch", "e"), ("val loss", "v"), ("acc", "a")]),
        ('print("loss: %.3f, acc: %d%%" % (x, y))', [("loss", "x"), ("acc", "y")]),
        ('print("loss {:.3f} acc {acc}".format(x, acc=y))', [("loss", "x"), ("acc", "y")]),
        ('print("loss", x, "acc", y)', [("loss", "x"), ("acc", "y")]),
        ('print("Loss: " + str(x))', [("Loss", "x")]),
        ('print("Accuracy: {}/{} ({:.0f}%)".format(c, n, p))', [("Accuracy", "p")]),
        ('print(f"{p:.1f}% accuracy")', [("accuracy", "p")]),
        ('logger.info("loss %s after %d", x, n)', [("loss", "x"), ("after", "n")]),
        ("bar.set_postfix(loss=x)", [("loss", "x")]),
        ('bar.set_postfix({"loss": f"{x:.2f}"})', [("loss", "x")]),
        ('bar.set_description(f"loss {x}")', [("loss", "x")]),
        ('writer.add_scalar("a/b", x, n)', [("a/b", "x")]),
        ('plt.title(f"MSE: {x:.2f}")', [("MSE", "x")]),
        ("print()", []),
        ("print('%s' % x.shape, '%')", [("", "x.shape")]),
    ],
)
def test_displays(call: str, expected: list[tuple[str, str]]) -> None:
    found = displays.shown(Program(call))
    assert [(item.label, ast.unparse(item.expression)) for item in found] == expected


def test_a_ratio_keeps_its_whole() -> None:
    (item,) = displays.shown(Program('print(f"Accuracy: {right}/{total}")'))
    assert item.ratio is not None
    assert ast.unparse(item.ratio) == "total"


def test_a_message_is_read_through_its_name() -> None:
    (item,) = displays.shown(Program('message = f"loss {x}"\nprint(message)\n'))
    assert (item.label, ast.unparse(item.expression), item.statement.lineno) == ("loss", "x", 2)


@pytest.mark.parametrize(
    ("text", "pure"),
    [
        ("loss.item() / len(loader)", True),
        ("history['loss'][-1]", True),
        ("100. * correct / total", True),
        ("np.mean((a - b) ** 2)", True),
        ("float(x)", True),
        ("evaluate(model)", False),
        ("loss.backward()", False),
        ("values.pop()", False),
        ("next(numbers)", False),
        ("np.random.rand()", False),
        ("[x for x in y]", False),
    ],
)
def test_purity(text: str, pure: bool) -> None:
    assert is_pure(expression(text)) is pure


def test_pure_paths() -> None:
    assert is_pure_path(expression("f'{out}/net_{epoch}.pt'"))
    assert is_pure_path(expression("os.path.join(args.out, 'net.pt')"))
    assert not is_pure_path(expression("tempfile.mkdtemp()"))


@pytest.mark.parametrize(
    ("show", "name"),
    [
        ('print("Test set: Average loss: %.3f" % x)', "loss"),
        ('print("train_loss", x)', "train_loss"),
        ('print("Accuracy of the network on the 10000 test images: %d" % x)', "accuracy"),
        ('print("val acc", x)', "accuracy"),
        ('print("trainLoss", x)', "train_loss"),
    ],
)
def test_names(show: str, name: str) -> None:
    (item,) = displays.shown(Program(show))
    assert naming.base_name(item) == name.removeprefix("train_")


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("for epoch in range(3):\n    here()", "epoch"),
        (
            "for epoch in range(3):\n    for i, x in enumerate(loader):\n        len(loader)\n        here()",
            "epoch * len(loader) + i",
        ),
        (
            "for epoch in range(1, 4):\n    for i in range(steps):\n        here()",
            "(epoch - 1) * steps + i",
        ),
        ("for epoch in range(3):\n    for x in loader:\n        here()", "epoch"),
        ("for epoch in range(3):\n    for x in loader:\n        n += 1\n        here()", "n"),
        ("while n < 5:\n    n += 1\n    here()", "n"),
        ("def f(epoch):\n    here()", "epoch"),
        ("def f(num_epochs):\n    here()", None),
        ("here()", None),
    ],
)
def test_steps(code: str, step: str | None) -> None:
    program = Program(code)
    (call,) = (call for call in program.calls if ast.unparse(call.func) == "here")
    assert steps.step(program, program.statement_of(call)) == step


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os\nimport torch\n", "import os\nimport mlflow\nimport torch\n"),
        (
            "import os\n\nimport numpy as np\nimport torch\n",
            "import os\n\nimport mlflow\nimport numpy as np\nimport torch\n",
        ),
        ("import torch\nimport os\n", "import mlflow\nimport torch\nimport os\n"),
        ("import torch\nimport numpy\n", "import torch\nimport numpy\nimport mlflow\n"),
        ("import os\n\nfrom torch import nn\n", "import os\n\nimport mlflow\nfrom torch import nn\n"),
        (
            '"""Doc."""\nfrom __future__ import annotations\n\nimport torch\n',
            '"""Doc."""\nfrom __future__ import annotations\n\nimport mlflow\nimport torch\n',
        ),
        ("# c\nimport torch\n", "# c\nimport mlflow\nimport torch\n"),
    ],
)
def test_imports(text: str, expected: str) -> None:
    edits = Edits()
    add_import(edits, Program(text), "mlflow", beside=("torch",))
    assert edits.apply(text) == expected


def test_quotes() -> None:
    assert Program(dedent("x = 'a', 'b', \"it's\"\n")).quote == "'"
    assert Program('"""It\'s a docstring."""\nx = "a"\n').quote == '"'
