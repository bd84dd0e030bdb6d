"""Pairs for the registration recipe of MLflow: what it writes, where, and what it leaves alone."""

from __future__ import annotations

import pytest

from ..registries import adapted, changes, declined  # noqa: TID252 - what the registries' tests share

IMPORTS = "+ import mlflow\n+ from mlflow.models import infer_signature\n"


def registered(text: str, local: tuple[str, ...] = ()) -> list[str]:
    """The arguments of log_model, a line each, and what stands around them; no blank lines."""
    return [line[2:].strip() for line in changes("mlflow", text, local=local).splitlines() if line[2:].strip()]


# --- scikit-learn -----------------------------------------------------------------------------------------------


def test_an_estimator_with_the_answer_that_the_program_has() -> None:
    text = """\
        from sklearn.svm import SVC

        clf = SVC(C=2)
        clf.fit(X_train, y_train)
        y_pred = clf.predict(X_test)
        print(y_pred)
    """
    assert (
        changes("mlflow", text)
        == """\
+ import mlflow
+ from mlflow.models import infer_signature
+
+ with mlflow.start_run():
+     mlflow.sklearn.log_model(
+         clf,
+         name="model",
+         registered_model_name="svc",
+         signature=infer_signature(X_test, y_pred),
+         serialization_format="cloudpickle",
+     )"""
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("clf = SVC().fit(X, y)", ["clf,", "signature=infer_signature(X[:5], clf.predict(X[:5])),"]),
        ("y_new = SVC().fit(X, y).predict(X)", ["svc,", "signature=infer_signature(X[:5], svc.predict(X[:5])),"]),
        ("clf = SVC()\nclf.fit(X[:100], y[:100])", ["signature=infer_signature(X[:100], clf.predict(X[:100])),"]),
        ("km = DBSCAN().fit(X)", ["signature=infer_signature(X, km.labels_),"]),
        ("pca = PCA(2)\nZ = pca.fit_transform(X)", ["signature=infer_signature(X[:5], pca.transform(X[:5])),"]),
        ("Z = TSNE().fit_transform(X)", ["tsne,", "signature=infer_signature(X, tsne.embedding_),"]),
        ("s = GridSearchCV(SVC(), g)\ns.fit(X, y)", ["s.best_estimator_,", 'registered_model_name="svc",']),
        ("s = GridSearchCV(SVC(), g, refit=False)\ns.fit(X, y)", ["s,", 'registered_model_name="svc",']),
        (
            "m = make_pipeline(StandardScaler(), SVC())\nm.fit(X, y)",
            ["m,", 'registered_model_name="svc",', "signature=infer_signature(X[:5], m.predict(X[:5])),"],
        ),
    ],
)
def test_estimators_of_all_kinds(code: str, expected: list[str]) -> None:
    imports = (
        "from sklearn.cluster import DBSCAN\nfrom sklearn.decomposition import PCA\n"
        "from sklearn.manifold import TSNE\nfrom sklearn.model_selection import GridSearchCV\n"
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
        "from sklearn.svm import SVC\n"
    )
    lines = registered(f"{imports}\n{code}\n")
    for line in expected:
        assert line in lines


def test_a_preparation_is_no_model_where_something_predicts() -> None:
    text = """\
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        scaler = StandardScaler()
        X = scaler.fit_transform(X)
        pca = PCA(2).fit(X)
        clf = SVC().fit(pca.transform(X), y)
        print(clf.score(Z, y))
        labels = clf.predict(Z)
    """
    lines = registered(text)
    assert [line for line in lines if line.startswith("registered_model_name")] == ['registered_model_name="svc",']
    assert "signature=infer_signature(Z, labels)," in lines


def test_models_that_are_compared_are_registered_one_by_one() -> None:
    text = """\
        from sklearn.svm import SVC
        from sklearn.tree import DecisionTreeClassifier

        models = {"kernel": SVC(), "tree": DecisionTreeClassifier()}
        for name, clf in models.items():
            clf.fit(X, y)
            print(name, clf.score(X, y))
    """
    shown = changes("mlflow", text)
    assert "+     with mlflow.start_run():" in shown
    assert "+             registered_model_name=name," in shown
    other = text.replace('"kernel"', '"a/b"')  # no name for a registry
    assert "registered_model_name=type(clf).__name__," in changes("mlflow", other)


def test_a_search_by_hand_is_registered_once_with_its_best() -> None:
    text = """\
        from sklearn.svm import SVC

        best, best_score = None, 0
        for c in (1, 10):
            clf = SVC(C=c).fit(X, y)
            score = clf.score(X_val, y_val)
            if score > best_score:
                best, best_score = clf, score
        print(best.score(X_test, y_test))
    """
    lines = registered(text)
    assert lines.count("with mlflow.start_run():") == 1
    assert "best," in lines
    assert changes("mlflow", text).splitlines()[3] == "+ with mlflow.start_run():"  # not inside of the loop


def test_a_model_that_a_function_is_given_is_registered_by_its_caller() -> None:
    text = """\
        from sklearn.svm import SVC
        from sklearn.tree import DecisionTreeClassifier

        def bench(clf, X, y):
            clf.fit(X, y)
            return clf.score(X, y)

        svc, tree = SVC(), DecisionTreeClassifier()
        print(bench(svc, X, y))
        print(bench(tree, X, y))
    """
    lines = registered(text)
    assert "signature=infer_signature(X[:5], svc.predict(X[:5]))," in lines
    assert "signature=infer_signature(X[:5], tree.predict(X[:5]))," in lines


def test_data_that_are_something_else_by_then_are_not_used() -> None:
    text = """\
        from sklearn.svm import SVC

        clf = SVC().fit(X, y)
        X = load_others()
        print(clf.score(X, y))
    """
    shown = changes("mlflow", text)
    after = adapted("mlflow", text)
    assert "infer_signature(X[:5], clf.predict(X[:5]))" in shown
    assert after.index("with mlflow.start_run()") < after.index("X = load_others()")


# --- PyTorch ----------------------------------------------------------------------------------------------------

LOOP = """\
    import torch
    from torch import nn

    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(2):
        {call}
        loss.backward()
        optimizer.step()
    torch.save(net.state_dict(), "net.pt")
    print("done")
"""


def test_names_that_are_at_hand_are_used() -> None:
    text = LOOP.replace("{call}", "outputs = net(x.to(device))\n        loss = outputs.sum()")
    shown = changes("mlflow", text)
    assert (
        "+             x.to(device).detach().cpu().numpy(),\n+             outputs.detach().cpu().numpy(),\n" in shown
    )
    assert "watch" not in shown
    after = adapted("mlflow", text)
    assert after.index("torch.save(") < after.index("with mlflow.start_run():") < after.index('print("done")')


@pytest.mark.parametrize(
    "call",
    [
        "loss = net(x).sum()",
        "x = net(x)\n        loss = x.sum()",
        "out = net(x)\n        out = out.argmax(1)\n        loss = out.sum()",
        "out = net(x, y)\n        loss = out.sum()",
    ],
)
def test_where_no_names_are_at_hand_the_first_call_is_remembered(call: str) -> None:
    lines = registered(LOOP.replace("{call}", call))
    assert "seen = watch(net)" in lines
    assert lines.index("seen = watch(net)") < lines.index("with mlflow.start_run():")
    assert 'serialization_format="pickle",' in lines


def test_several_inputs_and_outputs() -> None:
    text = """\
        import torch

        class Net(torch.nn.Module):
            def forward(self, tokens, hidden):
                return self.out(tokens), hidden

        def main():
            net = Net()
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for epoch in range(2):
                train(net, optimizer)

        def train(net, optimizer):
            out, hidden = net(torch.ones(2), None)
            out.sum().backward()
            optimizer.step()

        main()
    """
    lines = registered(text)
    assert 'for name, value in zip(["tokens", "hidden"], seen["inputs"])' in lines
    assert 'seen["output"].detach().cpu().numpy(),' in lines


def test_generator_and_discriminator() -> None:
    text = """\
        import torch
        from torch import nn

        netG, netD = nn.Linear(2, 2), nn.Linear(2, 1)
        optG = torch.optim.Adam(netG.parameters())
        optD = torch.optim.Adam(netD.parameters())
        for epoch in range(2):
            fake = netG(noise)
            netD(fake).sum().backward()
            optD.step()
            optG.step()
    """
    lines = registered(text)
    assert lines.count("with mlflow.start_run():") == 1
    assert [line for line in lines if line.startswith("name=")] == ['name="net-g",', 'name="net-d",']
    assert "signature=infer_signature(noise.detach().cpu().numpy(), fake.detach().cpu().numpy())," in lines
    assert "seen = watch(netD)" in lines


@pytest.mark.parametrize(
    ("setup", "model"),
    [
        ("params = [p for p in net.parameters() if p.requires_grad]\nopt = torch.optim.SGD(params, lr=1)", "net"),
        ("opt = torch.optim.SGD(net.fc.parameters(), lr=1)", "net"),
        ("opt = torch.optim.SGD([{'params': net.parameters()}], lr=1)", "net"),
        ("opt = make(net)", "net"),
        ("net, opt = build()", "net"),
    ],
)
def test_whatever_way_the_optimizer_gets_the_parameters(setup: str, model: str) -> None:
    text = (
        "import torch\n\ndef make(module):\n    return torch.optim.Adam(module.parameters())\n\n"
        "def build():\n    model = torch.nn.Linear(2, 1)\n    optimizer = torch.optim.Adam(model.parameters())\n"
        "    return model, optimizer\n\n"
        + ("" if "build" in setup else "net = load()\n")
        + f"{setup}\nfor i in range(3):\n    net(x).sum().backward()\n    opt.step()\n"
    )
    if "make(" not in setup:
        text = text.replace("def make(module):\n    return torch.optim.Adam(module.parameters())\n\n", "")
    if "build(" not in setup:
        text = text[: text.index("def build")] + text[text.index("net = load()") :]
    assert f"seen = watch({model})" in registered(text)


def test_an_attribute_of_a_trainer() -> None:
    text = """\
        import torch

        class Trainer:
            def __init__(self, net):
                self.net = net
                self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

            def step(self, x):
                self.net(x).sum().backward()
                self.optimizer.step()

            def fit(self, data):
                for x in data:
                    self.step(x)
                print("trained")

        Trainer(torch.nn.Linear(2, 1)).fit(data)
    """
    after = adapted("mlflow", text)
    assert "        seen = watch(self.net)\n        for x in data:" in after
    assert after.index("with mlflow.start_run()") < after.index('print("trained")')


def test_one_of_several_processes_registers_what_is_inside_of_the_wrapper() -> None:
    text = """\
        import torch
        from torch.nn.parallel import DistributedDataParallel

        def main(distributed):
            net = torch.nn.Linear(2, 1)
            if distributed:
                torch.distributed.init_process_group("gloo")
                net = DistributedDataParallel(net)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for i in range(3):
                net(x).sum().backward()
                optimizer.step()

        main(False)
    """
    lines = registered(text)
    assert "if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:" in lines
    assert 'getattr(net, "module", net),' in lines


def test_a_class_of_another_file_comes_along() -> None:
    text = """\
        import torch
        from networks import Net
        from parts.blocks import Block

        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for i in range(3):
            net(x).sum().backward()
            optimizer.step()
    """
    lines = registered(text, local=("networks", "parts"))
    assert 'code_paths=[Path(__file__).with_name("networks.py")],' in lines
    assert "from pathlib import Path" in lines
    text = text.replace("net = Net()", "class Own(Net):\n            inner = Block()\n\n        net = Own()")
    lines = registered(text, local=("networks", "parts"))
    assert 'code_paths=[Path(__file__).with_name("networks.py"), Path(__file__).with_name("parts")],' in lines
    assert not any("code_paths" in line for line in registered(text))  # not the project's own


def test_only_a_training_registers() -> None:
    text = """\
        import torch

        net = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        if args.train:
            for i in range(3):
                net(x).sum().backward()
                optimizer.step()
        else:
            net.load_state_dict(torch.load("net.pt"))
        print(net(x))
    """
    after = adapted("mlflow", text)
    assert "\n    with mlflow.start_run():" in after
    assert after.index("with mlflow.start_run()") < after.index("else:")


# --- Keras ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("model.fit(x, y, epochs=2)", ["signature=infer_signature(x[:5], model.predict(x[:5], verbose=0)),"]),
        ("model.fit(x=x, y=y)", ["signature=infer_signature(x[:5], model.predict(x[:5], verbose=0)),"]),
        (
            "model.fit([a, b], y)",
            [
                'inputs = {"a": a[:5], "b": b[:5]}',
                "signature=infer_signature(inputs, model.predict(list(inputs.values()), verbose=0)),",
            ],
        ),
        (
            'model.fit({"text": a, "tags": b}, y)',
            [
                'inputs = {"text": a[:5], "tags": b[:5]}',
                "signature=infer_signature(inputs, model.predict(inputs, verbose=0)),",
            ],
        ),
        ("model.fit(data)", ["inputs = keras.ops.convert_to_numpy(next(iter(data))[0])"]),
    ],
)
def test_keras_with_data_of_all_kinds(fit: str, expected: list[str]) -> None:
    lines = registered(f"import keras\n\nmodel = build()\nmodel.compile('sgd', 'mse')\n{fit}\n")
    for line in expected:
        assert line.replace('"', "'") in [each.replace('"', "'") for each in lines]


def test_a_model_of_own_classes_keeps_them() -> None:
    text = """\
        import keras
        from keras import layers

        class Scale(layers.Layer):
            def call(self, inputs):
                return inputs * 2

        class Schedule(keras.callbacks.Callback):
            pass

        def own_loss(y, p):
            return (y - p) ** 2

        model = keras.Sequential([Scale(), layers.Dense(1)])
        model.compile("sgd", loss=own_loss)
        model.fit(x, y, callbacks=[Schedule()])
    """
    lines = registered(text)
    assert 'own = {"Scale": Scale, "own_loss": own_loss}' in lines
    assert 'artifacts={"model": f"{folder}/model.keras"},' in lines
    assert "python_model=KerasModel()," in lines
    assert "def revived(cls):" not in lines
    text = text.replace(
        "def call", "def __init__(self, by):\n                super().__init__()\n\n            def call"
    )
    lines = registered(text)
    assert 'own = {"Scale": revived(Scale), "own_loss": own_loss}' in lines
    assert "import inspect" in lines


def test_a_training_loop_with_names_at_hand() -> None:
    text = """\
        import keras
        import tensorflow as tf

        model = keras.Sequential([keras.layers.Dense(1)])
        optimizer = keras.optimizers.SGD()
        for batch in data:
            with tf.GradientTape() as tape:
                values = model(batch)
                loss = keras.ops.mean(values)
            optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    """
    lines = registered(text)
    assert "signature=infer_signature(" in lines
    assert "keras.ops.convert_to_numpy(batch)," in lines


# --- Lightning --------------------------------------------------------------------------------------------------

MODULE = """\
    import lightning as L
    import torch

    class Net(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.encoder = torch.nn.Linear(2, 2)
            self.criterion = torch.nn.MSELoss()
        {forward}
        def training_step(self, batch, batch_idx):
            return self.step(batch)

        def step(self, batch):
            x, y = batch
            return self.criterion({call}(x), y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    model = Net()
    trainer = L.Trainer(max_epochs=2)
    trainer.fit(model, data)
    trainer.test(ckpt_path="best")
    print("done")
"""


@pytest.mark.parametrize(
    ("forward", "call", "watched", "model"),
    [
        ("def forward(self, x):\n            return self.encoder(x)\n", "self", "model", "model"),
        ("def forward(self, x):\n            return self.encoder(x)\n", "self.encoder", "model.encoder", "model"),
        ("", "self.encoder", "model.encoder", "model.encoder"),
        (
            "def forward(self, x):\n            return self.encoder(x) * 2\n",
            "self.encoder",
            "model.encoder",
            "model.encoder",
        ),
    ],
)
def test_what_a_lightning_module_calls(forward: str, call: str, watched: str, model: str) -> None:
    text = MODULE.replace("{forward}", forward).replace("{call}", call)
    lines = registered(text)
    assert f"seen = watch({watched})" in lines
    assert f"{model}," in lines
    after = adapted("mlflow", text)
    assert after.index("trainer.test(") < after.index("with mlflow.start_run()") < after.index('print("done")')


def test_what_has_no_name_gets_one() -> None:
    text = MODULE.replace("{forward}", "").replace("{call}", "self.encoder")
    text = text.replace("model = Net()\n", "").replace("fit(model, data)", "fit(Net(), data)")
    shown = changes("mlflow", text)
    assert "- trainer.fit(Net(), data)\n" in shown
    assert "+ model = Net()\n" in shown
    assert "+ trainer.fit(model, data)\n" in shown


def test_an_interface_registers_only_when_it_fits() -> None:
    text = """\
        from lightning.pytorch.cli import LightningCLI
        from networks import Net

        if __name__ == "__main__":
            LightningCLI(
                Net,
                seed_everything_default=42,
            )
    """
    shown = changes("mlflow", text)
    assert "-     LightningCLI(\n+     cli = LightningCLI(\n" in shown
    assert '+     if cli.trainer.state.fn == "fit":\n' in shown
    assert "+                 cli.model,\n" in shown


# --- MLflow is there already ------------------------------------------------------------------------------------


def test_a_registered_model_is_left_alone() -> None:
    text = "import mlflow\nfrom sklearn.svm import SVC\nclf = SVC().fit(X, y)\n"
    for call in (
        'mlflow.register_model("runs:/a/model", "a")',
        'mlflow.sklearn.log_model(clf, registered_model_name="a")',
    ):
        assert "a model is already registered (line 4)" in declined("mlflow", f"{text}{call}\n")


def test_a_run_that_is_open_is_used() -> None:
    text = """\
        import mlflow
        from sklearn.svm import SVC

        with mlflow.start_run():
            mlflow.log_param("C", 1)
            clf = SVC().fit(X, y)
            mlflow.log_metric("score", clf.score(X, y))
        print("done")
    """
    shown = changes("mlflow", text)
    assert "start_run" not in shown
    assert "+     mlflow.sklearn.log_model(\n" in shown
    assert "import mlflow\n" not in shown


def test_a_run_that_is_ended_later_is_used() -> None:
    text = """\
        import mlflow
        from sklearn.svm import SVC

        mlflow.start_run()
        clf = SVC().fit(X, y)
        mlflow.end_run()
        print(clf.score(X, y))
    """
    shown, after = changes("mlflow", text), adapted("mlflow", text)
    assert "start_run" not in shown
    assert after.index("log_model") < after.index("end_run")


def test_the_run_of_the_caller_is_used() -> None:
    text = """\
        import mlflow
        import torch

        def main():
            net = torch.nn.Linear(2, 1)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for i in range(3):
                net(x).sum().backward()
                optimizer.step()

        if __name__ == "__main__":
            with mlflow.start_run():
                main()
    """
    assert "start_run" not in changes("mlflow", text)


def test_the_run_of_autologging_is_opened_again() -> None:
    text = "import mlflow\nfrom sklearn.svm import SVC\nmlflow.sklearn.autolog()\nclf = SVC()\nclf.fit(X, y)\n"
    assert "with mlflow.start_run(run_id=mlflow.last_active_run().info.run_id):" in changes("mlflow", text)


def test_a_model_that_is_only_logged_is_completed() -> None:
    text = """\
        import mlflow
        from sklearn.svm import SVC

        with mlflow.start_run():
            clf = SVC()
            clf.fit(X, y)
            mlflow.sklearn.log_model(clf, name="model")
    """
    shown = changes("mlflow", text)
    assert (
        'mlflow.sklearn.log_model(clf, name="model", registered_model_name="svc", signature=infer_signature(' in shown
    )
    assert shown.count("log_model") == 2  # the line before and after


# --- styles -----------------------------------------------------------------------------------------------------


def test_async_star_imports_type_hints_and_tabs() -> None:
    text = (
        "import asyncio\nfrom torch import *\nimport torch\n\nasync def main() -> None:\n\tnet: nn.Module = torch.nn.Linear(2, 1)\n"
        "\topt = torch.optim.SGD(net.parameters(), lr=0.1)\n\tasync for x in stream():\n\t\tloss = net(x).sum(); opt.zero_grad()\n"
        "\t\tloss.backward()\n\t\topt.step()\n\nasyncio.run(main())\n"
    )
    after = adapted("mlflow", text)
    assert "\n\tseen = watch(net)\n" in after
    assert "\n\twith mlflow.start_run():\n\t\tmlflow.pytorch.log_model(\n" in after
