"""Loops, epochs, the numbers that a program shows, and its hyperparameters."""

from __future__ import annotations

import textwrap

import pytest

from mlops_bot.source import analyse
from mlops_bot.source.labels import clean_label
from mlops_bot.source.messages import Filled
from mlops_bot.types import SourceFacts


def facts(text: str) -> SourceFacts:
    return analyse("train.py", textwrap.dedent(text))


def loop(body: str, before: str = "") -> str:
    """A PyTorch program whose batch loop contains `body`."""
    return (
        f"import torch\n{before}\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nfor epoch in range(5):\n"
        "    for i, (x, y) in enumerate(loader):\n        loss = net(x)\n        loss.backward()\n        opt.step()\n"
        f"        {body}\n"
    )


# --- loops -----------------------------------------------------------------------------------------------------


def kinds(text: str) -> list[tuple[str, int]]:
    return [(found.kind, found.line) for found in facts(text).loops]


STEP = "loss.backward(); opt.step()"


@pytest.mark.parametrize(
    ("text", "expected", "epochs"),
    [
        (f"for epoch in range(N):\n  for x in train_loader:\n    {STEP}\n", [("epoch", 2), ("batch", 3)], "N"),
        (f"for e in range(1, a.n + 1):\n  for x in train_loader:\n    {STEP}\n", [("epoch", 2), ("batch", 3)], "a.n"),
        (f"for e in tqdm(range(s, s + N)):\n  for b in batches:\n    {STEP}\n", [("epoch", 2), ("batch", 3)], "N"),
        (f"epoch = 0\nwhile epoch < N:\n  for x in dl:\n    {STEP}\n  epoch += 1\n", [("epoch", 3), ("batch", 4)], "N"),
        (f"for epoch in range(9):\n  {STEP}\n", [("epoch", 2)], "9"),
        (f"for t in range(500):\n  {STEP}\n", [("batch", 2)], None),
        (f"for epoch in range(9):\n  for phase in ['train', 'val']:\n    for x in dls[phase]:\n      {STEP}\n",
         [("epoch", 2), ("batch", 4)], "9"),
        (f"for epoch in range(2):\n  for x in loader:\n    for k in range(5):\n      {STEP}\n",
         [("epoch", 2), ("batch", 3)], "2"),
        (f"for fold in range(3):\n  for epoch in range(2):\n    for x in loader:\n      {STEP}\n",
         [("epoch", 3), ("batch", 4)], "2"),
        (f"def one(x):\n  {STEP}\ndef run():\n  for x in loader:\n    one(x)\nfor epoch in range(7):\n  run()\n",
         [("batch", 5), ("epoch", 7)], "7"),
        ("for x in loader:\n  net(x)\n", [], None),
        ("for epoch in range(3):\n  def closure():\n    loss.backward()\n  opt.step(closure)\n", [("epoch", 2)], "3"),
    ],
)  # fmt: skip
def test_loops(text: str, expected: list[tuple[str, int]], epochs: str | None) -> None:
    program = "import torch; opt = torch.optim.SGD(p)\n" + text
    assert kinds(program) == expected
    assert facts(program).epochs == epochs


def test_loops_in_methods() -> None:
    found = facts(
        f"""
        import torch
        class Runner:
            def __init__(self, net):
                self.opt = torch.optim.Adam(net.parameters())
            def _batch(self, x):
                loss.backward()
                self.opt.step()
            def _epoch(self, n):
                for x, y in self.data:
                    self._batch(x)
            def train(self, total: int):
                for n in range(total):
                    self._epoch(n)
        def main():
            runner = Runner(torch.nn.Linear(1, 1))
            runner.train(4)
        main()
        {STEP}
        """
    )
    assert [(f.kind, f.function, f.variable) for f in found.loops] == [
        ("batch", "Runner._epoch", None),
        ("epoch", "Runner.train", "n"),
    ]
    assert [o.name for o in found.optimizers] == ["self.opt"]


# --- metrics ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print('Loss: {:.4f}'.format(loss.item()))", [("Loss", "loss.item()")]),
        ("print(f'[{epoch}/{i}] train loss {loss:.3f} acc={acc:.1%}')", [("train loss", "loss"), ("acc", "acc")]),
        ("print('Epoch %d, Loss: %.3f' % (epoch, loss.item()))", [("Loss", "loss.item()")]),
        ("print('loss', loss.item(), 'epoch', epoch)", [("loss", "loss.item()")]),
        ("print('Loss: ' + str(loss.item()))", [("Loss", "loss.item()")]),
        ("print('{a} loss={b}'.format(a=epoch, b=loss))", [("loss", "loss")]),
        ("print(f'Accuracy: {right}/{total} ({100 * right / total:.0f}%)')", [("Accuracy", "100 * right / total")]),
        ("print('[%d/%d] D: %.4f / %.4f' % (i, 9, d1.item(), d2.item()))", [("D", "d1.item()"), ("d2", "d2.item()")]),
        ("print(loss.item())", [("loss", "loss.item()")]),
        ("msg = f'loss {loss}'\n        print(msg)", [("loss", "loss")]),
        ("logging.info('step %d loss %.3f', i, loss)", [("loss", "loss")]),
        ("logger.info(f'{epoch}: validation error {err:.2f}')", [("validation error", "err")]),
        ("bar.set_postfix(loss=loss.item(), refresh=False)", [("loss", "loss.item()")]),
        ("bar.set_postfix(loss='%.3f' % loss.item(), acc=f'{acc:.2f}')", [("loss", "loss.item()"), ("acc", "acc")]),
        ("bar.set_postfix({'acc': a})", [("acc", "a")]),
        ("bar.set_description(f'Epoch {epoch} loss: {loss:.2f}')", [("loss", "loss")]),
        ("writer.add_scalar('Loss/train', loss, i)", [("Loss/train", "loss")]),
        ("writer.add_scalars('Loss', {'train': a, 'val': b}, i)", [("Loss/train", "a"), ("Loss/val", "b")]),
        ("sys.stdout.write('loss: %f' % loss)", [("loss", "loss")]),
        ("wandb.log({'loss': loss, 'epoch/acc': acc})", [("loss", "loss"), ("epoch/acc", "acc")]),
        ("print(f'epoch {epoch} batch {i}/{len(loader)} {100. * i / len(loader):.0f}%')", []),
        ("print('device:', device, x.shape, len(x), f'{time.time() - start:.2f}s')", []),
        ("print('learning rate', args.lr, 'saved to', path)", []),
    ],
)
def test_metrics_in_a_batch(body: str, expected: list[tuple[str, str]]) -> None:
    found = facts(loop(body, "import logging, sys, time, wandb\nlogger = logging.getLogger()"))
    assert [(m.label, m.expression) for m in found.metrics] == expected
    assert {m.scope for m in found.metrics} <= {"batch"}


def test_scopes() -> None:
    found = facts(
        """
        import torch
        def train(epoch):
            total = 0
            for x in loader:
                loss.backward(); opt.step()
                print('batch loss', loss.item())
            print('train loss', total / len(loader))
        def test():
            for x in test_loader:
                print('eval loss', loss.item())
            print('test accuracy', acc)
        def report():
            print('final accuracy', best)
        def main():
            print('initial loss', l0)
            for epoch in range(3):
                train(epoch)
                test()
            report()
            print('best accuracy', best)
        main()
        """
    )
    assert [(m.label, m.scope, m.function) for m in found.metrics] == [
        ("batch loss", "batch", "train"),
        ("train loss", "epoch", "train"),
        ("eval loss", "batch", "test"),
        ("test accuracy", "epoch", "test"),
        ("final accuracy", "after", "report"),
        ("initial loss", "unknown", "main"),
        ("best accuracy", "after", "main"),
    ]


def test_running_averages_of_a_local_class() -> None:
    found = facts(
        """
        import torch
        class Meter:
            def __init__(self, name): self.avg = 0
            def update(self, value, n=1): self.avg = value
        losses, seconds = Meter('Loss'), Meter('Time')
        top = Meter('Acc@1')
        for epoch in range(2):
            for x in loader:
                loss.backward(); opt.step()
                top.update(1)
        """
    )
    assert [(m.label, m.expression, m.scope) for m in found.metrics] == [("Acc@1", "top.avg", "batch")]


def test_lightning_logging() -> None:
    found = facts(
        """
        import lightning as L
        class M(L.LightningModule):
            def training_step(self, b, i):
                self.log('train_loss', loss)
                self.log('epoch_loss', loss, on_step=False, on_epoch=True)
            def validation_step(self, b, i):
                self._shared('val')
            def _shared(self, stage):
                self.log(f'{stage}_acc', self.acc)
            def test_step(self, b, i):
                self.log_dict({'a': a, 'b': b})
        L.Trainer().fit(M())
        """
    )
    assert [(m.label, m.expression, m.scope) for m in found.metrics] == [
        ("train_loss", "loss", "batch"),
        ("epoch_loss", "loss", "epoch"),
        ("{stage}_acc", "self.acc", "epoch"),
        ("a", "a", "after"),
        ("b", "b", "after"),
    ]


def test_keras_reports_what_is_compiled() -> None:
    found = facts(
        """
        import keras
        model = keras.Sequential([])
        model.compile("sgd", loss=keras.losses.MSE, metrics=["mae", keras.metrics.AUC(name="roc"), keras.Recall()])
        model.fit(x, y, epochs=4)
        score = model.evaluate(x, y)
        print("Test loss:", score[0])
        """
    )
    assert [(m.label, m.scope) for m in found.metrics] == [
        ("loss", "epoch"), ("mae", "epoch"), ("roc", "epoch"), ("Recall", "epoch"), ("Test loss", "after"),
    ]  # fmt: skip
    assert found.epochs == "4"
    assert [(o.name, o.kind) for o in found.optimizers] == [("optimizer", "keras.optimizers.SGD")]


def test_sklearn_scores() -> None:
    found = facts(
        """
        from sklearn.linear_model import Ridge
        from sklearn.metrics import mean_squared_error, r2_score, classification_report
        from sklearn import metrics
        model = Ridge(alpha=0.5).fit(x, y)
        mse = mean_squared_error(y, model.predict(x))
        print("Mean squared error: %.2f" % mse)
        r2 = r2_score(y, p)
        print(classification_report(y, p))
        print("Score:", model.score(x, y))
        print(f"F1 {metrics.f1_score(y, p):.2f}")
        print("Coefficients:", model.coef_, "intercept", model)
        """
    )
    assert [(m.label, m.expression, m.scope) for m in found.metrics if m.label != "Coefficients"] == [
        ("Mean squared error", "mse", "after"),
        ("r2", "r2_score(y, p)", "after"),
        ("Score", "model.score(x, y)", "after"),
        ("F1", "metrics.f1_score(y, p)", "after"),
    ]


def test_scores_in_a_function_that_fits_come_after_it() -> None:
    found = facts(
        """
        from sklearn.svm import SVC
        def compare(models):
            for model in [SVC(), SVC(C=2)]:
                print("before", model.score(x, y))
                model.fit(x, y)
                print("score", model.score(x, y))
        compare(1)
        """
    )
    assert [(m.label, m.scope) for m in found.metrics] == [("before", "unknown"), ("score", "after")]


def test_expressions_over_several_lines_are_printed_on_one() -> None:
    found = facts(loop("print('loss', (loss +\n            other).item())"))
    assert found.metrics[0].expression == "(loss + other).item()"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Train Epoch: ", "Train Epoch"),
        ("\nTest set: Average loss: ", "Average loss"),
        (", Accuracy: (", "Accuracy"),
        ("%)]\tLoss: ", "Loss"),
        (" s) loss_train: ", "loss_train"),
        (" * Acc@1 ", "Acc@1"),
        ("====> Test set loss: ", "Test set loss"),
        (" | valid ppl ", "valid ppl"),
        ("/", ""),
        (" D(G(z)): ", "D(G(z))"),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert clean_label(text) == label


def test_filled_is_plain_data() -> None:
    import ast

    value = ast.parse("a", mode="eval").body
    assert Filled(value) == Filled(value, number=False, whole=False)


# --- hyperparameters -------------------------------------------------------------------------------------------


def test_hyperparameters() -> None:
    found = facts(
        """
        import argparse, torch, click
        from sklearn.svm import SVC
        EPOCHS = 2 ** 3
        LR, DECAY = 0.1, 1e-4
        KERNEL = "rbf"
        TITLE = "A run"
        DATA = "data/train.csv"
        SIZE = (28, 28)
        NAMES = ("cat", "dog")
        total = 0
        config = {"width": 64, "depth": -1, "model": net}
        print(TITLE, NAMES)
        parser = argparse.ArgumentParser()
        parser.add_argument("-b", "--batch-size", type=int, default=64)
        parser.add_argument("--no-cuda", action="store_true")
        parser.add_argument("data", dest=None)
        parser.add_argument("--rate", dest="lr")
        args = parser.parse_args()
        opt = torch.optim.SGD(net.parameters(), args.lr, momentum=0.9, weight_decay=DECAY)
        for epoch in range(EPOCHS):
            total += f(SIZE)
        SVC(kernel=KERNEL, C=1.5, random_state=None).fit(x, y)
        """
    )
    given = [(h.name, h.value, h.origin) for h in found.hyperparameters]
    assert given == [
        ("EPOCHS", "2 ** 3", "constant"),
        ("DECAY", "1e-4", "constant"),
        ("KERNEL", '"rbf"', "constant"),
        ("SIZE", "(28, 28)", "constant"),
        ("width", "64", "constant"),
        ("depth", "-1", "constant"),
        ("batch_size", "64", "argparse"),
        ("no_cuda", "False", "argparse"),
        ("data", None, "argparse"),
        ("lr", None, "argparse"),
        ("lr", "args.lr", "argument"),
        ("momentum", "0.9", "argument"),
        ("weight_decay", "DECAY", "argument"),
        ("kernel", "KERNEL", "argument"),
        ("C", "1.5", "argument"),
    ]
    assert any("click" in doubt for doubt in found.unsure)


def test_constants_of_the_function_that_the_program_starts_with() -> None:
    found = facts(
        """
        from sklearn.svm import SVC
        def main():
            depth = 3
            SVC(degree=depth).fit(x, y)
        if __name__ == "__main__":
            main()
        """
    )
    assert [(h.name, h.value) for h in found.hyperparameters] == [("depth", "3"), ("degree", "depth")]


def test_configuration_classes() -> None:
    found = facts(
        """
        from dataclasses import dataclass
        @dataclass
        class TrainConfig:
            lr: float = 0.1
            steps: int = 5
            path: str = other()
        """
    )
    assert [(h.name, h.value) for h in found.hyperparameters] == [("lr", "0.1"), ("steps", "5")]
