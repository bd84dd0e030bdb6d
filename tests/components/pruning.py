"""Adaptations of one small convnet by hand: right ones, and wrong ones with what the verdict has to say of them."""

from __future__ import annotations

from pathlib import Path

ORIGINAL = (Path(__file__).parents[1] / "verify" / "fixtures" / "pruning_net.py").read_text(encoding="utf-8")

MODEL = "    model = Net()\n"
LOOP = "    for epoch in range(1, args.epochs + 1):\n"
SAVE = '    torch.save(model.state_dict(), "model.pt")\n'
LAYERS = "    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]\n"
REMOVE = '    for m in layers:\n        prune.remove(m, "weight")\n'
STRIP = "    nncf.strip(model, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)\n"
LOCAL = "nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL"


def changed(*pairs: tuple[str, str], text: str = ORIGINAL) -> str:
    """Every first string replaced by the second one; each has to be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def constant(value: float) -> tuple[str, str]:
    return ("\n\nclass Net(", f"\n\nSPARSITY = {value}\n\n\nclass Net(")


def masks(amount: str = "0.5", call: str = "l1_unstructured", layers: str = LAYERS) -> str:
    return f'{layers}    for m in layers:\n        prune.{call}(m, "weight", amount={amount})\n'


def with_torch(*pairs: tuple[str, str]) -> str:
    imports = "import torch.nn.functional as F\n"
    return changed((imports, imports + "import torch.nn.utils.prune as prune\n"), *pairs)


def with_nncf(*pairs: tuple[str, str], more: str = "") -> str:
    return changed(
        ("import torch\nimport torch.nn as nn\n", f"import nncf\n{more}import torch\nimport torch.nn as nn\n"), *pairs
    )


def prune(ratio: str = "0.5", *, mode: str = LOCAL, model: str = "model", inputs: str = "x[:2]", more: str = "") -> str:
    return f"    nncf.prune({model}, mode={mode}, ratio={ratio}, examples_inputs={inputs}{more})\n"


_EACH_EPOCH = LAYERS + LOOP + '        for m in layers:\n            prune.l1_unstructured(m, "weight", amount=0.2)\n'
_LATE = (
    '        print(f"epoch',
    "        if epoch == 4:\n            for m in layers:\n"
    '                prune.l1_unstructured(m, "weight", amount=SPARSITY)\n        print(f"epoch',
)
_GLOBAL = (
    LAYERS
    + '    prune.global_unstructured([(m, "weight") for m in layers], pruning_method=prune.L1Unstructured, amount=SPARSITY)\n'
)
_TUNE = (
    "    tuner = torch.optim.SGD(model.parameters(), lr=0.01)\n    for epoch in range(2):\n"
    '        print("fine-tuning", train(model, loader, tuner))\n'
)
_BEHIND = "    if args.prune:\n        prune.l1_unstructured(model.conv1, 'weight', amount=0.5)\n"
TORCH_RIGHT = {
    "a constant, 60 %": with_torch(constant(0.6), (LOOP, masks("SPARSITY") + LOOP), (SAVE, REMOVE + SAVE)),
    "an option": with_torch(
        ("    args = parser", '    parser.add_argument("--prune-ratio", type=float, default=0.7)\n    args = parser'),
        (LOOP, masks("args.prune_ratio") + LOOP),
        (SAVE, REMOVE + SAVE),
    ),
    "more with every epoch": with_torch((LOOP, _EACH_EPOCH), (SAVE, REMOVE + SAVE)),
    "in an epoch that a short run does not have": with_torch(
        constant(0.6), (LOOP, LAYERS + LOOP), _LATE, (SAVE, REMOVE + SAVE)
    ),
    "whole filters": with_torch((LOOP, masks("0.3, n=2, dim=0", "ln_structured") + LOOP), (SAVE, REMOVE + SAVE)),
    "over all layers, and fine-tuned": with_torch(constant(0.4), (LOOP, _GLOBAL + LOOP), (SAVE, _TUNE + REMOVE + SAVE)),
}
TORCH_WRONG = {
    "removed before the training": (with_torch((LOOP, masks() + REMOVE + LOOP)), "grew back"),
    "masks in the saved model": (with_torch((LOOP, masks() + LOOP)), "model.pt was saved with its masks"),
    "after the training only": (with_torch((SAVE, masks() + REMOVE + SAVE)), "pruning came after the last of"),
    "one layer": (
        with_torch(
            (LOOP, '    prune.l1_unstructured(model.fc1, "weight", amount=0.5)\n' + LOOP),
            (SAVE, '    prune.remove(model.fc1, "weight")\n' + SAVE),
        ),
        "only fc1.weight of 4 layers of Net was pruned",
    ),
    "another target than it says": (
        with_torch(
            constant(0.6), (LOOP, masks("0.1") + LOOP), (SAVE, REMOVE + '    print("sparsity", SPARSITY)\n' + SAVE)
        ),
        "names a target of its own (SPARSITY = 0.6), but 10.",
    ),
    "behind an option that is off": (
        with_torch(
            ("    args = parser", '    parser.add_argument("--prune", action="store_true")\n    args = parser'),
            (LOOP, _BEHIND + LOOP),
        ),
        "nothing was pruned while the program ran",
    ),
    "one epoch less": (
        with_torch(
            (LOOP, masks() + LOOP), (SAVE, REMOVE + SAVE), ("range(1, args.epochs + 1)", "range(1, args.epochs)")
        ),
        "optimizer steps originally, 4 now",
    ),
}

_SCHEDULERS = "from nncf.torch.function_hook.pruning.magnitude.schedulers import ExponentialMagnitudePruningScheduler\n"
_SCHEDULE = (
    f"    scheduler = ExponentialMagnitudePruningScheduler(\n        model, mode={LOCAL}, initial_ratio=0.1,\n"
    "        target_ratio=0.6, target_epoch=4\n    )\n"
)
_RB = (
    "    nncf.prune(model, mode=nncf.PruneMode.UNSTRUCTURED_REGULARIZATION_BASED, examples_inputs=x[:2])\n"
    "    rb_loss = RBLoss(model, target_ratio=0.5)\n"
)
_RB_IMPORT = "from nncf.torch.function_hook.pruning.rb.losses import RBLoss\n"
_IN_LOSS = (
    ("def train(model, loader, optimizer):", "def train(model, loader, optimizer, rb_loss=None):"),
    ("F.cross_entropy(model(data), target)", "F.cross_entropy(model(data), target) + rb_loss()"),
    ("train(model, loader, optimizer)\n", "train(model, loader, optimizer, rb_loss)\n"),
)

NNCF_RIGHT = {
    "a constant, 60 %, and a stripped copy": with_nncf(
        constant(0.6),
        (MODEL, MODEL + prune("SPARSITY")),
        (SAVE, "    model = nncf.strip(model, strip_format=nncf.StripFormat.IN_PLACE)\n" + SAVE),
    ),
    "global, without the last layer": with_nncf(
        (
            MODEL,
            MODEL
            + prune(
                mode=LOCAL.replace("LOCAL", "GLOBAL"), more=', ignored_scope=nncf.IgnoredScope(patterns=[".*fc2.*"])'
            ),
        ),
        (SAVE, STRIP + SAVE),
    ),
    "a schedule that a short run does not end": with_nncf(
        (LOOP, prune("0.1") + _SCHEDULE + LOOP + "        scheduler.step()\n"), (SAVE, STRIP + SAVE), more=_SCHEDULERS
    ),
    "masks that learn": with_nncf((MODEL, MODEL + _RB), (SAVE, STRIP + SAVE), *_IN_LOSS, more=_RB_IMPORT),
}
NNCF_WRONG = {
    "not stripped": (with_nncf((MODEL, MODEL + prune())), "model.pt was saved with its masks (__nncf_hooks"),
    "stripped before the training": (with_nncf((LOOP, prune() + STRIP + LOOP)), "did not train any more"),
    "a schedule that nobody steps": (
        with_nncf((LOOP, prune("0.1") + _SCHEDULE + LOOP), (SAVE, STRIP + SAVE), more=_SCHEDULERS),
        "leads to a sparsity of 60.0%, and 10.",
    ),
    "masks that learn, not in the loss": (
        with_nncf((MODEL, MODEL + _RB), (SAVE, STRIP + SAVE), more=_RB_IMPORT),
        "RBLoss is made but is no part of the loss",
    ),
    "a ratio of 0": (with_nncf((MODEL, MODEL + prune("0.0")), (SAVE, STRIP + SAVE)), "that is no pruning"),
}
