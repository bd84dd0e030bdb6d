"""The recipe on PyTorch loops: which run spans what, which values are metrics, and their paired no-op cases."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from mlops_bot.components.mlflow.recipe import rewrite
from mlops_bot.source import analyse
from mlops_bot.types import NotApplicable, Rewritten


def adapt(text: str) -> str:
    text = dedent(text)
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, Rewritten), outcome
    compile(outcome.text, "train.py", "exec")
    return outcome.text


def logged(text: str) -> dict[str, tuple[str, str]]:
    """Metric -> (value, step), as the adapted program writes them."""
    found: dict[str, tuple[str, str]] = {}
    for call in (node for node in ast.walk(ast.parse(adapt(text))) if isinstance(node, ast.Call)):
        step = next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "step"), "")
        if ast.unparse(call.func) == "mlflow.log_metric":
            found[ast.literal_eval(call.args[0])] = (ast.unparse(call.args[1]), step)
        elif ast.unparse(call.func) == "mlflow.log_metrics" and isinstance(call.args[0], ast.Dict):
            for key, value in zip(call.args[0].keys, call.args[0].values, strict=True):
                assert key is not None
                found[ast.literal_eval(key)] = (ast.unparse(value), step)
    return found


# --- one training or several -----------------------------------------------------------------------------------

GAME = """\
    import torch

    def update(net, optimizer):
        for i in range(10):
            loss = net(torch.randn(4, 2)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def main():
        net = torch.nn.Linear(2, 1)
        {outside}
        for n_epi in range(1000):
            {inside}
            score = play(net)
            update(net, optimizer)
            print("episode", n_epi, "score", score / 20)

    main()
"""
MAKE = "optimizer = torch.optim.Adam(net.parameters())"


def test_one_run_spans_all_rounds_of_one_optimizer() -> None:
    text = adapt(dedent(GAME).format(outside=MAKE, inside="pass"))
    assert text.endswith("with mlflow.start_run():\n    main()\n")
    assert 'mlflow.log_metric("score", score / 20, step=n_epi)' in text
    assert '"episodes": 1000' in text


def test_every_round_with_its_own_optimizer_is_a_run() -> None:
    text = adapt(dedent(GAME).format(outside="pass", inside=MAKE))
    assert text.endswith("\nmain()\n")
    assert text.count("with mlflow.start_run():") == 1


PHASES = """\
    import torch

    def train(model, optimizer, num_epochs=3):
        best = 0.0
        for epoch in range(num_epochs):
            total = 0.0
            for x in loader:
{body}
            print("epoch", epoch, "loss", total)
        return model

    model = torch.nn.Linear(2, 1)
    first = torch.optim.SGD(model.parameters(), lr=0.1)
    model = train(model, first)
    second = torch.optim.SGD(model.parameters(), lr=0.01)
    model = train(model, second)
"""
STEP = """\
                loss = model(x).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item()
"""


def test_each_call_of_a_long_training_function_is_a_run() -> None:
    text = adapt(dedent(PHASES.format(body=STEP + "                note(x)\n" * 20)))
    assert text.endswith(
        "with mlflow.start_run():\n    model = train(model, first)\n"
        "second = torch.optim.SGD(model.parameters(), lr=0.01)\n"
        "with mlflow.start_run():\n    model = train(model, second)\n"
    )
    assert '"lr": optimizer.param_groups[0]["lr"]' in text, "the function's own optimizer"
    assert "first.param_groups" not in text


def test_a_short_loop_of_such_a_function_is_wrapped() -> None:
    text = adapt(dedent(PHASES.format(body=STEP)))
    assert text.endswith("model = train(model, second)\n")
    assert "    with mlflow.start_run():\n        mlflow.log_params({" in text


def test_methods_of_other_objects_are_no_calls() -> None:
    text = adapt(
        """\
        import torch

        class Trainer:
            def __init__(self, model):
                self.model = model
                self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

            def train(self):
                for epoch in range(3):
                    self.model.train()
                    loss = self.model(torch.randn(4, 2)).mean()
                    loss.backward()
                    self.optimizer.step()
                    print("loss", loss.item())

        def main():
            trainer = Trainer(torch.nn.Linear(2, 1))
            trainer.train()

        main()
        """
    )
    assert text.endswith("with mlflow.start_run():\n    main()\n")


# --- processes -------------------------------------------------------------------------------------------------

SPAWN = """\
    import argparse
    import torch
    import torch.multiprocessing as mp

    def worker(gpu, args):
        model = torch.nn.Linear(2, 1)
        if args.distributed:
            model = torch.nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
        for epoch in range(args.epochs):
            loss = model(torch.randn(4, 2)).mean()
            loss.backward()
            optimizer.step()
            print("epoch", epoch, "loss", loss.item())

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--distributed", action="store_true")
        parser.add_argument("--epochs", type=int, default=3)
        parser.add_argument("--lr", type=float, default=0.1)
        args = parser.parse_args()
        if args.distributed:
            mp.spawn(worker, nprocs=2, args=(args,))
        else:
            {otherwise}

    main()
"""


def test_the_direct_call_beside_spawned_processes_is_tracked() -> None:
    text = adapt(dedent(SPAWN).format(otherwise="worker(0, args)"))
    assert (
        "    else:\n        with mlflow.start_run():\n            mlflow.log_params(vars(args))\n"
        "            worker(0, args)\n" in text
    )
    assert (
        "        if mlflow.active_run():\n"
        '            mlflow.log_metric("train_loss", loss.item(), step=epoch)\n' in text
    ), "spawned processes have no run"


def test_processes_alone_are_not() -> None:
    text = dedent(SPAWN).format(otherwise="raise SystemExit(2)")
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, NotApplicable)
    assert "mp.spawn" in outcome.reason


# --- values ----------------------------------------------------------------------------------------------------

STEPS = """\
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train(x, max_length=10):
        optimizer.zero_grad()
        loss = model(x).mean()
        loss.backward()
        optimizer.step()
        return {returned}

    for iter in range(1, 101):
        {called}
"""


def test_a_returned_loss_is_logged_by_the_caller() -> None:
    text = STEPS.format(returned="loss.item() / 4", called="loss = train(torch.randn(4, 2))")
    assert logged(text) == {"train_loss": ("loss", "iter")}


def test_a_loss_that_is_not_returned_is_logged_where_it_is() -> None:
    text = STEPS.format(returned="None", called="train(torch.randn(4, 2))")
    assert logged(text)["train_loss"][0] == "loss.item()"


EPOCHS = """\
    import torch

    def validate(model):
        with torch.no_grad():
            result = model(torch.randn(4, 2)).mean().item()
        {shown}
        return result

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        loss = model(torch.randn(4, 2)).mean()
        {backward}
        optimizer.step()
        acc1 = validate(model)
"""


def test_the_result_of_an_evaluation_is_a_metric() -> None:
    found = logged(EPOCHS.format(shown="pass", backward="loss.backward()"))
    assert found == {"val_acc1": ("acc1", "epoch"), "train_loss": ("loss.item()", "epoch")}


def test_unless_the_evaluation_shows_it_itself() -> None:
    found = logged(EPOCHS.format(shown='print("accuracy", result)', backward="loss.backward()"))
    assert found == {"val_accuracy": ("result", "epoch"), "train_loss": ("loss.item()", "epoch")}


@pytest.mark.parametrize(
    ("backward", "value"),
    [
        ("loss.backward()", "loss.item()"),
        ("scaler.scale(loss).backward()", "loss.item()"),
        ("fabric.backward(loss)", "loss.item()"),
        ("accelerator.backward(loss)", "loss.item()"),
        ("loss.mean().backward()", "loss.mean().item()"),
        ("loss.backward(gradient)", "loss.item()"),
    ],
)
def test_what_is_backpropagated(backward: str, value: str) -> None:
    assert logged(EPOCHS.format(shown="pass", backward=backward))["train_loss"] == (value, "epoch")


def test_a_gradient_of_something_is_no_training() -> None:
    text = "import torch\n\nx = torch.ones(2, requires_grad=True)\ny = (x * 3).sum()\ny.backward()\nprint(x.grad)\n"
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, NotApplicable)


LOOP = """\
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        loss = model(torch.randn(4, 2)).mean()
        loss.backward()
        optimizer.step()
        D_G_z1 = D_G_z2 = running_loss = best_loss = loss.item()
        {show}
"""


@pytest.mark.parametrize(
    ("show", "names"),
    [
        ("print('D(G(z)): %.4f / %.4f' % (D_G_z1, D_G_z2))", {"d_g_z1", "d_g_z2"}),
        ("print('%s (%d %d%%) %.4f' % (now, epoch, epoch / 3 * 100, loss))", {"train_loss"}),
        ("print('running_loss: %.3f' % running_loss)", {"train_loss"}),
        ("print('loss: %.3f' % best_loss)", {"train_best_loss"}),
        ("print(f'Accuracy of the network: {running_loss:.3f}')", {"train_accuracy"}),
        ("print(f'reward_env_{epoch}={running_loss}')", {"reward_env"}),
        ("model.add_module('content_loss_' + str(epoch), layer)", {"train_loss"}),
    ],
)
def test_names(show: str, names: set[str]) -> None:
    assert set(logged(LOOP.format(show=show))) == names


def test_a_step_that_is_counted_in_a_list() -> None:
    text = adapt(
        """\
        import torch

        x = torch.randn(4, requires_grad=True)
        optimizer = torch.optim.LBFGS([x])
        run = [0]
        while run[0] <= 300:
            def closure():
                loss = x.pow(2).sum()
                loss.backward()
                run[0] += 1
                print("loss:", loss.item())
                return loss
            optimizer.step(closure)
        """
    )
    assert "mlflow.log_metric(" in text
    assert "step=run[0])" in text


def test_empty_lines_stay_empty() -> None:
    text = adapt(dedent(LOOP).format(show='print("loss", loss.item())\n\n# afterwards\nprint("done")'))
    assert not [line for line in text.splitlines() if line != line.rstrip()]


MODULE = """\
    import lightning as L
    {imported}

    class Net(L.LightningModule):
        def training_step(self, batch, index):
            loss = self(batch).mean()
            self.log("train_loss", loss)
            return loss

    {made}.fit(Net())
"""


@pytest.mark.parametrize(
    ("imported", "made"),
    [("", "L.Trainer(max_epochs=3)"), ("from lightning.pytorch import Trainer", "Trainer(max_epochs=3)")],
)
def test_lightnings_trainer_is_followed(imported: str, made: str) -> None:
    assert "mlflow.pytorch.autolog()" in adapt(MODULE.format(imported=imported, made=made))


def test_another_trainer_is_not() -> None:
    text = dedent(MODULE).format(imported="from trainer import MyTrainer", made="MyTrainer(max_epochs=3)")
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, NotApplicable)
    assert "no Lightning Trainer" in outcome.reason


SILENT = """\
    import lightning as L
    import torch.nn.functional as F

    class Base(L.LightningModule):
        def training_step(self, batch, index):
            raise NotImplementedError

    class Net(Base):
        def training_step(self, batch, index):
            return {returned}
    {hook}
    L.Trainer(max_epochs=3).fit(Net())
"""


def test_a_loss_without_a_name_is_logged_by_the_hook_that_gets_it() -> None:
    text = adapt(SILENT.format(returned="F.mse_loss(self(batch[0]), batch[1])", hook=""))
    assert (
        "        return F.mse_loss(self(batch[0]), batch[1])\n\n"
        "    def on_train_batch_end(self, outputs, batch, batch_idx):\n"
        '        self.log("train_loss", outputs["loss"])\n' in text
    )
    assert text.count("self.log(") == 1, "the base class is abstract"


def test_a_hook_of_the_programs_own_is_left_alone() -> None:
    hook = "    def on_train_batch_end(self, *args):\n            pass\n"
    text = dedent(SILENT.format(returned="F.mse_loss(self(batch[0]), batch[1])", hook=hook))
    outcome = rewrite(text, analyse("train.py", text), "experiment-tracking")
    assert isinstance(outcome, NotApplicable)
    assert "its loss has no name" in outcome.reason


TURNS = """\
    import torch
    from itertools import count

    model = torch.nn.Linear(2, 1)
    for turn in count(1):
        loss = model(torch.randn(4, 2)).pow(2).mean()
        loss.backward()
        update(model)
        {then}
        pause()
"""


def test_every_turn_is_logged_also_the_last() -> None:
    text = adapt(TURNS.format(then="if loss < 1e-3: break"))
    logging = '        mlflow.log_metric("train_loss", loss.item(), step=turn)\n'
    assert "update(model)\n" + logging in text


def test_at_the_end_of_the_turn_where_all_get_there() -> None:
    text = adapt(TURNS.format(then="for x in (1, 2): show(x)"))
    assert 'pause()\n        mlflow.log_metric("train_loss", loss.item(), step=turn)\n' in text


# --- counters, and names that are taken ------------------------------------------------------------------------

COUNTED = """\
    import torch

    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    batches = [torch.randn(4, 3) for _ in range(9)]
    step = 0
    for epoch in range(2):
        for x in batches:
            loss = net(x).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            print({shown})
"""


@pytest.mark.parametrize(
    "shown", ["'loss at step %d: %.3f' % (step, loss.item())", "f'Loss at step {step}: {loss.item()}'"]
)
def test_the_step_in_a_loss_s_label_is_no_metric(shown: str) -> None:
    assert [value for value, _ in logged(COUNTED.format(shown=shown)).values()] == ["loss.item()"]


def test_what_is_called_like_the_metric_keeps_the_name() -> None:
    text = COUNTED.format(shown="'loss', loss.item()") + (
        "        val_loss = net(batches[0]).pow(2).mean().item()\n"
        "        smoothed = 0.5 * val_loss\n"
        "        print('val loss', val_loss)\n"
        "        print('val loss', smoothed)\n"
    )
    found = logged(text)
    assert found["val_loss"] == ("val_loss", "epoch")
    assert found["smoothed_val_loss"] == ("smoothed", "epoch")


@pytest.mark.parametrize("filled", ["template.format(loss.item())", "template % loss.item()"])
def test_a_template_that_stands_for_one_text_is_read(filled: str) -> None:
    text = COUNTED.replace("for epoch", "template = 'error: {:.3f}'\n    for epoch").replace("{shown}", filled)
    if "%" in filled:
        text = text.replace("{:.3f}", "%.3f")
    assert {name: value for name, (value, _) in logged(text).items()} == {"train_error": "loss.item()"}


TAPE = """\
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    for epoch in range(3):
        for x, y in batches:
            {update}
    """
UPDATE = """\
with tf.GradientTape() as tape:
    loss = loss_fn(y, model(x))
grads = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(grads, model.trainable_variables))
"""


def test_the_loss_of_a_gradient_tape_is_logged_where_nothing_is_shown() -> None:
    text = TAPE.format(update=UPDATE.replace("\n", "\n            "))
    assert logged(text)["train_loss"] == ("float(loss)", "epoch")
    written = adapt(text).splitlines()
    assert written[next(at for at, line in enumerate(written) if "float(loss)" in line)].startswith(" " * 8 + "mlflow")


def test_a_loss_that_only_some_turns_have_is_logged_where_it_is_computed() -> None:
    """After the loop there might be none."""
    update = "if len(memory) > 32:\n" + "".join(f"                {line}\n" for line in UPDATE.splitlines())
    written = [line.strip() for line in adapt(TAPE.format(update=update)).splitlines()]
    at = written.index("optimizer.apply_gradients(zip(grads, model.trainable_variables))")
    assert written[at + 1].startswith('mlflow.log_metric("train_loss", float(loss)')


@pytest.mark.parametrize("value", ["str(x)", "repr(loss)", "sorted(x)"])
def test_text_and_lists_are_no_metrics(value: str) -> None:
    text = COUNTED.format(shown="'loss', loss.item()") + f"        error = {value}\n        print('error', error)\n"
    assert [found for found, _ in logged(text).values()] == ["loss.item()"]
    text = COUNTED.format(shown="'loss', loss.item()") + (
        "        try:\n            work()\n        except ValueError as error:\n            print('error', error)\n"
    )
    assert [found for found, _ in logged(text).values()] == ["loss.item()"]


def test_the_loss_of_a_function_that_does_one_update_is_logged_after_the_update() -> None:
    written = adapt(
        """\
        import torch

        def step(x):
            loss = net(x).mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        for epoch in range(3):
            for x in batches:
                step(x)
        """
    )
    assert "    optimizer.step()\n    mlflow.log_metric(" in written
