"""Was the model pruned while it trained, and is what it saves sparse and free of masks? Pure.

The check of every component that prunes. It reads what the smoke hooks measured (trace_pruning.py) and what the
collector found in the saved files (inside/torch_files.py), and never what the program prints. The target is the
program's own: what it asked of the library, and what it calls its target.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mlops_bot.types import Json, Observation, SourceFacts, Unfinished
from mlops_bot.verify import sparse_files
from mlops_bot.verify.sparse_files import POINTS, Library
from mlops_bot.verify.untrusted import listed, mapping, mappings, number

LEAST = 0.05  # less than that is no pruning
HELD = 0.9  # of the steps after the first mask, in which the masked weights have to be zero
SAME = 0.005  # between a named target and an amount that was asked for


def check(evidence: Mapping[str, Json], library: Library, *, facts: SourceFacts, adapted: Observation) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    record = mapping(mapping(adapted.trace.get("component")).get("pruning"))
    before = {one.name.lstrip("-").replace("-", "_").rpartition(".")[2] for one in facts.hyperparameters}
    found = [tensor for tensor in mappings(record.get("tensors")) if tensor.get("library") == library.name]
    if not found:
        return _nothing(record, library)
    if not any(_is_matrix(tensor) for tensor in found):
        return f"only vectors were pruned ({_names(found)}): prune the weights of the convolutions and linear layers"
    found = [tensor for tensor in found if _is_matrix(tensor)]
    trained = [tensor for tensor in found if tensor.get("trained")]
    if not trained:
        return (
            f"what was pruned ({_names(found)}) was never trained: no optimizer has these weights; prune the model "
            "that the optimizer trains, not a copy of it"
        )
    return (
        _during(trained, record, library)
        or _reached(trained, record, library, limited=_limited(adapted), before=before)
        or _covered(found, record)
        or _answers(record)
        or sparse_files.check(found, record, mappings(evidence.get("saved")), library)
        or _permanent(found, record, library)
    )


def reached(tensors: Sequence[Mapping[str, Json]], key: str = "zeros") -> float:
    """The share of zeros over all weights of some tensors."""
    sizes = [number(tensor.get("size")) for tensor in tensors]
    zeros = sum(size * number(tensor.get(key)) for size, tensor in zip(sizes, tensors, strict=True))
    return zeros / sum(sizes) if sum(sizes) else 0.0


# --- one question each ----------------------------------------------------------------------------------------


def _nothing(record: Mapping[str, Json], library: Library) -> str:
    if mappings(record.get("tensors")):
        return f"the masks were made by another library, none by {library.title}: use {library.mask}"
    if mappings(record.get("targets")):
        return f"{library.title} was called but found no weight to prune: give {library.mask} the model that is trained"
    return Unfinished(
        f"nothing was pruned while the program ran: call {library.mask} on the model that is trained; where an option "
        "turns it on, it has to be on by default"
    )


def _during(trained: Sequence[Mapping[str, Json]], record: Mapping[str, Json], library: Library) -> str | None:
    """Pruned before the last step, the masks kept, and the other weights still learning."""
    after = [tensor for tensor in trained if number(tensor.get("steps")) > 0]
    if not after:
        return Unfinished(
            f"pruning came after the last of {number(record.get('steps')):.0f} optimizer steps: prune before or during "
            "the training, so that the weights that are left can adapt"
        )
    steps = sum(number(tensor.get("steps")) for tensor in after)
    held = sum(number(tensor.get("held")) for tensor in after)
    if held < HELD * steps:
        return (
            f"the pruned weights grew back: after pruning they were zero in {held / steps:.0%} of the optimizer steps "
            f"only; keep the masks until the training is over, and make them permanent then ({library.permanent})"
        )
    learning = [tensor for tensor in after if tensor.get("trainable") and tensor.get("changed") is not None]
    if learning and not any(number(tensor.get("changed")) > 0 for tensor in learning):
        return (
            f"the pruned layers ({_names(learning)}) did not train any more: none of their weights changed after "
            f"pruning; make the masks permanent after the training ({library.permanent}), not before"
        )
    return None


def _reached(
    trained: Sequence[Mapping[str, Json]],
    record: Mapping[str, Json],
    library: Library,
    *,
    limited: bool,
    before: Collection[str],
) -> str | None:
    """The sparsity at the end is the one that was asked for."""
    now, masked = reached(trained), reached([{**tensor, "last": _last(tensor)} for tensor in trained], "last")
    schedules = mappings(record.get("schedules"))
    regularized = [entry for entry in schedules if entry.get("how") == "RBLoss"]
    if regularized or any(entry.get("value") is None for entry in mappings(record.get("targets")) if _is_rb(entry)):
        return _regularized(now, regularized, limited=limited)
    if now < masked - POINTS:
        return (
            f"{masked:.1%} of the pruned weights were zero right after pruning, and {now:.1%} are when the program "
            "ends: they grew back or were replaced"
        )
    worst = min(trained, key=lambda tensor: number(tensor.get("zeros")) - _last(tensor))
    if number(worst.get("zeros")) < _last(worst) - POINTS - 1 / max(1.0, number(worst.get("size"))):
        return (
            f"{_last(worst):.1%} of {worst.get('name')} was zero right after pruning, and "
            f"{number(worst.get('zeros')):.1%} is when the program ends: it grew back or was replaced"
        )
    final = [number(entry.get("target")) for entry in schedules if isinstance(entry.get("target"), int | float)]
    if final and not any(abs(now - target) <= POINTS + _rounding(trained) for target in final):
        return Unfinished(
            f"the schedule leads to a sparsity of {final[-1]:.1%}, and {now:.1%} was reached when the training was "
            "over: step it in every epoch, and let it end before the last one"
        )
    named = {name: number(value) for name, value in mapping(record.get("names")).items()}
    own = {name: value for name, value in named.items() if name.rpartition(".")[2] not in before}
    return _named(now, own, record, library, within=POINTS + _rounding(trained)) or _enough(now)


def _rounding(tensors: Sequence[Mapping[str, Json]]) -> float:
    """What whole numbers of weights cost: one of each tensor, which counts where tensors are small."""
    return min(0.25, len(tensors) / max(1.0, sum(number(tensor.get("size")) for tensor in tensors)))


def _named(
    now: float, names: Mapping[str, float], record: Mapping[str, Json], library: Library, *, within: float
) -> str | None:
    """A target that the change names (the original had none) is what is reached, or is asked for time and again."""
    amounts = [
        number(entry.get("value")) for entry in mappings(record.get("targets")) if entry.get("value") is not None
    ]
    fits = any(abs(value - now) <= within for value in names.values())
    asked = any(abs(value - amount) <= SAME for value in names.values() for amount in amounts)
    if not names or fits or asked:
        return None
    shown = ", ".join(f"{name} = {value:g}" for name, value in list(names.items())[:3])
    return Unfinished(
        f"the program names a target of its own ({shown}), but {now:.1%} of the pruned weights are zero: give the "
        f"target to {library.mask}"
    )


def _enough(now: float) -> str | None:
    if now >= 0.999:
        return "every pruned weight is zero when the program ends: nothing of these layers is left"
    if now >= LEAST:
        return None
    return Unfinished(f"only {now:.1%} of the pruned weights are zero when the program ends: that is no pruning")


def _regularized(now: float, losses: Sequence[Mapping[str, Json]], *, limited: bool) -> str | None:
    """Masks that learn need a whole training to reach their target: a short run shows that they are on the way."""
    if not losses:
        return "the regularization-based mode prunes nothing by itself: add RBLoss to the loss that is backpropagated"
    if not any(entry.get("in_loss") for entry in losses):
        return (
            "RBLoss is made but is no part of the loss that is backpropagated: add its value to the loss of every batch"
        )
    if not any(entry.get("moved") for entry in losses):
        return "the masks of the regularization-based mode were not trained: build the optimizer after nncf.prune"
    target = number(losses[-1].get("target"))
    if target < LEAST:
        return f"RBLoss has a target of {target:.1%}: that is no pruning"
    if abs(now - target) <= POINTS or limited:
        return None
    return (
        f"RBLoss has a target of {target:.1%}, and {now:.1%} was reached: train longer, or with a larger rate for the "
        "masks"
    )


def _covered(found: Sequence[Mapping[str, Json]], record: Mapping[str, Json]) -> str | None:
    """Of a pruned model more than a layer or two are pruned."""
    pruned = {index for index, tensor in enumerate(mappings(record.get("tensors"))) if tensor in found}
    for model in mappings(record.get("models")):
        layers = [layer for layer in mappings(model.get("layers")) if layer.get("layer") and layer.get("trained")]
        done = [layer for layer in layers if layer.get("tensor") in pruned]
        further = [one for one in mappings(model.get("layers")) if not one.get("layer") and one.get("tensor") in pruned]
        if not done and not further:
            continue
        if len(layers) < 2 or _is_whole(done, layers) or len(done) + len(further) > len(layers) / 2:
            continue
        few = f"only {done[0].get('name')}" if len(done) == 1 else f"{len(done)}"
        return Unfinished(
            f"{few} of {len(layers)} layers of {model.get('class')} {'was' if len(done) == 1 else 'were'} pruned: "
            "prune all its convolutions and linear layers"
        )
    return None


def _is_whole(done: Sequence[Mapping[str, Json]], layers: Sequence[Mapping[str, Json]]) -> bool:
    """All layers of a kind, or a third of all, or most of the weights in several of them: a choice one may make."""
    if len(done) < 2:
        return False
    kinds = {str(layer.get("kind")) for layer in layers if layer not in done}
    whole_kind = any(str(layer.get("kind")) not in kinds for layer in done)
    size = [sum(number(layer.get("size")) for layer in group) for group in (done, layers)]
    return whole_kind or len(done) >= len(layers) / 3 or size[0] >= size[1] / 3


def _answers(record: Mapping[str, Json]) -> str | None:
    for model in mappings(record.get("models")):
        error = model.get("callable")
        if isinstance(error, str) and error:
            return f"the pruned {model.get('class')} can no longer be called as in the training: {error}"
    return None


# --- the record, untrusted ------------------------------------------------------------------------------------


def _permanent(found: Sequence[Mapping[str, Json]], record: Mapping[str, Json], library: Library) -> str | None:
    """When the training was over, the masks of the model (or of the copy that goes on) were made permanent."""
    masked = [tensor for tensor in found if tensor.get("masked")]
    ends = record.get("permanent")
    over = bool(isinstance(ends, list) and ends and number(ends[-1]) >= number(record.get("steps")))
    if not masked or over or mappings(record.get("saves")):
        return None
    return (
        f"the masks are still hooks of the model when the program ends ({_names(masked)}): make them permanent when "
        f"the training is over ({library.permanent})"
    )


def _limited(observation: Observation) -> bool:
    return any(note.get("kind") == "limit" for note in mappings(observation.trace.get("notes")))


def _is_rb(entry: Mapping[str, Json]) -> bool:
    return "REGULARIZATION" in str(entry.get("how"))


def _is_matrix(tensor: Mapping[str, Json]) -> bool:
    shape = tensor.get("shape")
    return isinstance(shape, list) and len(shape) > 1


def _last(tensor: Mapping[str, Json]) -> float:
    requests = mappings(tensor.get("requests"))
    return number(requests[-1].get("zeros")) if requests else 0.0


def _names(tensors: Sequence[Mapping[str, Json]]) -> str:
    return listed([str(tensor.get("name")) for tensor in tensors])
