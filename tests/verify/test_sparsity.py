"""The check of pruning on records by hand; real runs are in tests/components/{nncf,torch_prune}."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mlops_bot.types import Unfinished
from mlops_bot.verify import sparsity
from mlops_bot.verify.sparse_files import Library

from .support import facts, observation

LIBRARY = Library("torch", "torch.nn.utils.prune", "prune.l1_unstructured(...)", "prune.remove(...)")


def tensor(name: str, size: int = 100, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"{name}.weight",
        "library": "torch",
        "shape": [size // 10, 10],
        "size": size,
        "zeros": 0.5,
        "masked": False,
        "requests": [{"step": 0, "zeros": 0.5, "amount": 0.5}],
        "trained": True,
        "trainable": True,
        "steps": 8,
        "held": 8,
        "changed": 1.0,
        **changes,
    }


def layer(name: str, index: int | None, size: int = 100, kind: str = "Linear") -> dict[str, Any]:
    shape = [size // 10, 10]
    return {
        "name": f"{name}.weight",
        "kind": kind,
        "size": size,
        "shape": shape,
        "tensor": index,
        "layer": True,
        "trained": True,
    }


def record(**changes: Any) -> dict[str, Any]:
    """Two layers, both pruned by half, trained, finished and saved."""
    return {
        "steps": 8,
        "tensors": [tensor("a"), tensor("b")],
        "targets": [{"how": "l1_unstructured", "value": 0.5, "step": 0}],
        "schedules": [],
        "names": {},
        "models": [{"class": "Net", "layers": [layer("a", 0), layer("b", 1)], "callable": ""}],
        "saves": [{"path": "model.pt", "step": 8}],
        "permanent": [8],
        **changes,
    }


def file(zeros: float = 0.5, **changes: Any) -> dict[str, Any]:
    tensors = [["a.weight", [10, 10], zeros], ["b.weight", [10, 10], zeros]]
    return {"path": "model.pt", "whole": False, "training": False, "tensors": tensors, "masks": [], **changes}


def judged(pruning: dict[str, Any], *files: dict[str, Any], limited: bool = True) -> str | None:
    seen = observation()
    trace = {**seen.trace, "component": {"pruning": copy.deepcopy(pruning)}}
    if limited:
        trace["notes"] = [{"kind": "limit", "what": "option --epochs", "detail": "6 -> 2"}]
    adapted = type(seen)(**{**{name: getattr(seen, name) for name in seen.__slots__}, "trace": trace})
    known = facts("SPARSITY_WANTED = 0.05\n")
    return sparsity.check({"saved": list(files or [file()])}, LIBRARY, facts=known, adapted=adapted)


def test_pruned_in_training_finished_and_saved() -> None:
    assert judged(record()) is None


def each(**changes: Any) -> list[dict[str, Any]]:
    return [tensor("a", **changes), tensor("b", **changes)]


RB = {"how": "RBLoss", "target": 0.5, "in_loss": True, "moved": True}
NONE = [{"how": "UNSTRUCTURED_REGULARIZATION_BASED", "value": None, "step": 0}]


@pytest.mark.parametrize(
    "pruning",
    [
        record(tensors=each(zeros=0.6), names={"SPARSITY": 0.6}, saves=[]),
        record(names={"SPARSITY": 0.5, "FINAL_SPARSITY": 0.9}),
        record(names={"args.prune_amount": 0.2}, targets=[{"how": "l1_unstructured", "value": 0.2, "step": 0}]),
        record(saves=[], tensors=each(masked=True), permanent=[8]),  # a copy of the model was finished
        record(schedules=[{"how": "schedule", "target": 0.51}]),
        record(names={"SPARSITY_WANTED": 0.05}),  # the original has it: a sparse autoencoder's, say
        record(tensors=each(zeros=0.0, requests=[{"step": 0, "zeros": 0.0}]), targets=NONE, schedules=[RB], saves=[]),
        record(models=[]),
        record(models=[{"class": "Net", "layers": [layer("a", 0), layer("b", 1), layer("c", None, kind="Conv2d")]}]),
    ],
)
def test_what_may_be(pruning: dict[str, Any]) -> None:
    assert judged(pruning) is None


MANY = [layer(f"l{index}", None) for index in range(8)]


@pytest.mark.parametrize(
    ("pruning", "reason"),
    [
        ({}, "nothing was pruned while the program ran"),
        (record(tensors=[]), "was called but found no weight to prune"),
        (record(tensors=each(library="nncf")), "by another library"),
        (record(tensors=each(shape=[100])), "only vectors were pruned (a.weight, b.weight)"),
        (record(tensors=each(trained=False)), "was never trained"),
        (record(tensors=each(steps=0, held=0)), "after the last of 8 optimizer steps"),
        (record(tensors=each(held=1)), "grew back: after pruning they were zero in 12% of the optimizer steps"),
        (record(tensors=each(changed=0.0)), "did not train any more"),
        (record(tensors=each(zeros=0.02)), "50.0% of the pruned weights were zero right after pruning, and 2.0%"),
        (
            record(tensors=[tensor("a", 10_000), tensor("b", zeros=0.1)]),
            "50.0% of b.weight was zero right after pruning",
        ),
        (record(names={"SPARSITY": 0.9}), "names a target of its own (SPARSITY = 0.9), but 50.0%"),
        (record(schedules=[{"how": "schedule", "target": 0.9}]), "leads to a sparsity of 90.0%, and 50.0%"),
        (record(tensors=each(zeros=0.01, requests=[{"zeros": 0.01}])), "only 1.0% of the pruned weights are zero"),
        (record(tensors=each(zeros=1.0, requests=[{"zeros": 1.0}]), saves=[]), "every pruned weight is zero"),
        (record(targets=NONE), "prunes nothing by itself: add RBLoss"),
        (record(schedules=[{**RB, "in_loss": False}]), "no part of the loss"),
        (record(schedules=[{**RB, "moved": False}]), "build the optimizer after nncf.prune"),
        (record(schedules=[{**RB, "target": 0.0}]), "that is no pruning"),
        (record(models=[{"class": "Net", "layers": [layer("a", 0), layer("b", None)]}]), "only a.weight of 2 layers"),
        (record(models=[{"class": "Net", "layers": [layer("a", 0), layer("b", 1), *MANY]}]), "2 of 10 layers of Net"),
        (record(models=[{"class": "Net", "layers": [layer("a", 0)], "callable": "TypeError: no"}]), "TypeError: no"),
        (record(saves=[], tensors=each(masked=True), permanent=[]), "still hooks of the model when the program ends"),
        (record(saves=[], tensors=each(masked=True), permanent=[4]), "still hooks of the model when the program ends"),
    ],
)
def test_what_may_not_be(pruning: dict[str, Any], reason: str) -> None:
    found = judged(pruning)
    assert found is not None
    assert reason in found


def test_a_schedule_may_be_unfinished_in_a_short_run() -> None:
    assert isinstance(judged(record(schedules=[{"how": "schedule", "target": 0.9}])), Unfinished)
    assert isinstance(judged(record(names={"SPARSITY": 0.9})), Unfinished)
    assert not isinstance(judged(record(tensors=each(held=1))), Unfinished)


def test_masks_that_learn_have_to_reach_their_target_in_a_whole_training() -> None:
    learning = record(tensors=each(zeros=0.1, requests=[{"zeros": 0.0}]), targets=NONE, schedules=[RB], saves=[])
    assert judged(learning) is None
    assert "a target of 50.0%, and 10.0% was reached" in (judged(learning, limited=False) or "")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([file(masks=["a.weight_mask"])], "model.pt was saved with its masks (a.weight_mask)"),
        ([file(0.1)], "10.0% of the pruned weights are zero in model.pt, and 50.0% in the trained model"),
        ([file(masks=["a.weight_mask"], training=True)], None),  # to go on from
        ([file(tensors=[["other.weight", [10, 10], 0.0]])], None),  # another model
        ([file(path="before.pt", zeros=0.0)], None),  # was there before
        ([file(tensors=[["module.a.weight", [10, 10], 0.5], ["module.b.weight", [10, 10], 0.5]])], None),
    ],
)
def test_what_is_saved(files: list[dict[str, Any]], reason: str | None) -> None:
    found = judged(record(), *files)
    assert (reason or "") in (found or "")
    assert (found is None) == (reason is None)


def test_of_numbered_files_the_last_one_counts() -> None:
    saves = [{"path": f"epoch_{number}.pt", "step": 4 * number} for number in (1, 2)]
    first, second = file(0.0, path="epoch_1.pt"), file(0.5, path="epoch_2.pt")
    assert judged(record(saves=saves), first, second) is None
    assert "epoch_2.pt" in (
        judged(record(saves=saves), file(0.5, path="epoch_1.pt"), file(0.0, path="epoch_2.pt")) or ""
    )


def test_records_of_any_shape_are_read() -> None:
    for junk in (
        {"tensors": 3},
        {"tensors": [None, {"library": "torch"}]},
        record(models=[{"layers": [1]}, None]),
        record(saves=3),
    ):
        judged(junk, {"path": 3, "tensors": "x", "masks": 5})
