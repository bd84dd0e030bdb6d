"""Was the model pruned while it trained, and is what it saves sparse and free of masks? Pure.

The check of every component that prunes. It reads what the smoke hooks measured (trace_pruning.py) and what the
collector found in the saved files (inside/torch_files.py), and never what the program prints. The target is the
program's own: what it asked of the library, and what it calls its target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.types import Json, Observation, Unfinished

POINTS = 0.02  # how near the target has to be
LEAST = 0.05  # less than that is no pruning
HELD = 0.9  # of the steps after the first mask, in which the masked weights have to be zero
SAME = 0.005  # between a named target and an amount that was asked for


@dataclass(frozen=True, slots=True)
class Library:
    """How a pruning library is spoken of: its name in the trace, and what to write."""

    name: str
    title: str
    mask: str  # the call that masks
    permanent: str  # the call that makes the masks permanent


def check(evidence: Mapping[str, Json], library: Library, *, adapted: Observation) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    record = _map(_map(adapted.trace.get("component")).get("pruning"))
    found = [tensor for tensor in _maps(record.get("tensors")) if tensor.get("library") == library.name]
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
        or _reached(trained, record, library, limited=_limited(adapted))
        or _covered(found, record)
        or _answers(record)
        or _saved(found, record, _maps(evidence.get("saved")), library)
        or _permanent(found, record, library)
    )


def reached(tensors: Sequence[Mapping[str, Json]], key: str = "zeros") -> float:
    """The share of zeros over all weights of some tensors."""
    sizes = [_float(tensor.get("size")) for tensor in tensors]
    zeros = sum(size * _float(tensor.get(key)) for size, tensor in zip(sizes, tensors, strict=True))
    return zeros / sum(sizes) if sum(sizes) else 0.0


# --- one question each ----------------------------------------------------------------------------------------


def _nothing(record: Mapping[str, Json], library: Library) -> str:
    if _maps(record.get("tensors")):
        return f"the masks were made by another library, none by {library.title}: use {library.mask}"
    if _maps(record.get("targets")):
        return f"{library.title} was called but found no weight to prune: give {library.mask} the model that is trained"
    return (
        f"nothing was pruned while the program ran: call {library.mask} on the model that is trained; where an option "
        "turns it on, it has to be on by default"
    )


def _during(trained: Sequence[Mapping[str, Json]], record: Mapping[str, Json], library: Library) -> str | None:
    """Pruned before the last step, the masks kept, and the other weights still learning."""
    after = [tensor for tensor in trained if _float(tensor.get("steps")) > 0]
    if not after:
        return (
            f"pruning came after the last of {_float(record.get('steps')):.0f} optimizer steps: prune before or during "
            "the training, so that the weights that are left can adapt"
        )
    steps = sum(_float(tensor.get("steps")) for tensor in after)
    held = sum(_float(tensor.get("held")) for tensor in after)
    if held < HELD * steps:
        return (
            f"the pruned weights grew back: after pruning they were zero in {held / steps:.0%} of the optimizer steps "
            f"only; keep the masks until the training is over, and make them permanent then ({library.permanent})"
        )
    learning = [tensor for tensor in after if tensor.get("trainable") and tensor.get("changed") is not None]
    if learning and not any(_float(tensor.get("changed")) > 0 for tensor in learning):
        return (
            f"the pruned layers ({_names(learning)}) did not train any more: none of their weights changed after "
            f"pruning; make the masks permanent after the training ({library.permanent}), not before"
        )
    return None


def _reached(
    trained: Sequence[Mapping[str, Json]], record: Mapping[str, Json], library: Library, *, limited: bool
) -> str | None:
    """The sparsity at the end is the one that was asked for."""
    now, masked = reached(trained), reached([{**tensor, "last": _last(tensor)} for tensor in trained], "last")
    schedules = _maps(record.get("schedules"))
    regularized = [entry for entry in schedules if entry.get("how") == "RBLoss"]
    if regularized or any(entry.get("value") is None for entry in _maps(record.get("targets")) if _is_rb(entry)):
        return _regularized(now, regularized, limited=limited)
    if now < masked - POINTS:
        return (
            f"{masked:.1%} of the pruned weights were zero right after pruning, and {now:.1%} are when the program "
            "ends: they grew back or were replaced"
        )
    worst = min(trained, key=lambda tensor: _float(tensor.get("zeros")) - _last(tensor))
    if _float(worst.get("zeros")) < _last(worst) - POINTS - 1 / max(1.0, _float(worst.get("size"))):
        return (
            f"{_last(worst):.1%} of {worst.get('name')} was zero right after pruning, and "
            f"{_float(worst.get('zeros')):.1%} is when the program ends: it grew back or was replaced"
        )
    final = [_float(entry.get("target")) for entry in schedules if isinstance(entry.get("target"), int | float)]
    if final and not any(abs(now - target) <= POINTS + _rounding(trained) for target in final):
        return Unfinished(
            f"the schedule leads to a sparsity of {final[-1]:.1%}, and {now:.1%} was reached when the training was "
            "over: step it in every epoch, and let it end before the last one"
        )
    return _named(now, record, library, within=POINTS + _rounding(trained)) or _enough(now)


def _rounding(tensors: Sequence[Mapping[str, Json]]) -> float:
    """What whole numbers of weights cost: one of each tensor, which counts where tensors are small."""
    return len(tensors) / max(1.0, sum(_float(tensor.get("size")) for tensor in tensors))


def _named(now: float, record: Mapping[str, Json], library: Library, *, within: float) -> str | None:
    """A target that the program names is what is reached, or is asked of the library time and again."""
    names = {name: _float(value) for name, value in _map(record.get("names")).items()}
    amounts = [_float(entry.get("value")) for entry in _maps(record.get("targets")) if entry.get("value") is not None]
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
    target = _float(losses[-1].get("target"))
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
    pruned = {index for index, tensor in enumerate(_maps(record.get("tensors"))) if tensor in found}
    for model in _maps(record.get("models")):
        layers = [layer for layer in _maps(model.get("layers")) if layer.get("layer") and layer.get("trained")]
        done = [layer for layer in layers if layer.get("tensor") in pruned]
        further = [one for one in _maps(model.get("layers")) if not one.get("layer") and one.get("tensor") in pruned]
        if not done and not further:
            continue
        if len(layers) < 2 or _is_whole(done, layers) or len(done) + len(further) > len(layers) / 2:
            continue
        few = f"only {done[0].get('name')}" if len(done) == 1 else f"{len(done)}"
        return (
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
    size = [sum(_float(layer.get("size")) for layer in group) for group in (done, layers)]
    return whole_kind or len(done) >= len(layers) / 3 or size[0] >= size[1] / 3


def _answers(record: Mapping[str, Json]) -> str | None:
    for model in _maps(record.get("models")):
        error = model.get("callable")
        if isinstance(error, str) and error:
            return f"the pruned {model.get('class')} can no longer be called as in the training: {error}"
    return None


# --- what was saved -------------------------------------------------------------------------------------------


def _saved(
    found: Sequence[Mapping[str, Json]],
    record: Mapping[str, Json],
    files: Sequence[Mapping[str, Json]],
    library: Library,
) -> str | None:
    """The last saved state of every kind (epochs apart) is sparse, and loads without the library."""
    by_path = {str(file.get("path")): file for file in files}
    last: dict[str, Mapping[str, Json]] = {}
    for save in _maps(record.get("saves")):
        path = str(save.get("path"))
        if path in by_path:
            last[re.sub(r"\d[\d.]*", "0", path)] = by_path[path]
    all_tensors = _maps(record.get("tensors"))
    pruned = {index for index, tensor in enumerate(all_tensors) if tensor in found}
    for file in last.values():
        masks = file.get("masks")
        if isinstance(masks, list) and masks:
            if file.get("training"):
                continue  # to go on from: that needs the masks
            return (
                f"{file.get('path')} was saved with its masks ({_listed(masks)}): make them permanent before saving "
                f"({library.permanent})"
            )
        for model in _maps(record.get("models")):
            here = list(_matching(model, pruned, _lists(file.get("tensors"))))
            if len(here) < max(
                1, len([True for layer in _maps(model.get("layers")) if layer.get("tensor") in pruned]) / 2
            ):
                continue
            sizes = [size for size, _, _ in here]
            zeros = sum(size * share for size, share, _ in here) / sum(sizes)
            wanted = sum(size * _float(all_tensors[index].get("zeros")) for size, _, index in here) / sum(sizes)
            if zeros < wanted - POINTS:
                return (
                    f"{zeros:.1%} of the pruned weights are zero in {file.get('path')}, and {wanted:.1%} in the "
                    f"trained model: save the model with its masks made permanent ({library.permanent})"
                )
    return None


def _permanent(found: Sequence[Mapping[str, Json]], record: Mapping[str, Json], library: Library) -> str | None:
    """When the training was over, the masks of the model (or of the copy that goes on) were made permanent."""
    masked = [tensor for tensor in found if tensor.get("masked")]
    ends = record.get("permanent")
    over = bool(isinstance(ends, list) and ends and _float(ends[-1]) >= _float(record.get("steps")))
    if not masked or over or _maps(record.get("saves")):
        return None
    return (
        f"the masks are still hooks of the model when the program ends ({_names(masked)}): make them permanent when "
        f"the training is over ({library.permanent})"
    )


def _matching(
    model: Mapping[str, Json], pruned: set[int], tensors: Sequence[Sequence[Json]]
) -> Iterator[tuple[float, float, int]]:
    """(size, share of zeros in the file, index) of a model's pruned weights that a file holds under their name."""
    rest = [entry for entry in tensors if len(entry) == 3]
    for layer in _maps(model.get("layers")):
        index, name = layer.get("tensor"), str(layer.get("name"))
        if not isinstance(index, int) or index not in pruned:
            continue
        for entry in rest:
            other = str(entry[0])
            same = other == name or other.endswith("." + name) or name.endswith("." + other)
            if same and entry[1] == layer.get("shape"):
                yield _float(layer.get("size")), _float(entry[2]), index
                rest.remove(entry)
                break


# --- the record, untrusted ------------------------------------------------------------------------------------


def _limited(observation: Observation) -> bool:
    return any(note.get("kind") == "limit" for note in _maps(observation.trace.get("notes")))


def _is_rb(entry: Mapping[str, Json]) -> bool:
    return "REGULARIZATION" in str(entry.get("how"))


def _is_matrix(tensor: Mapping[str, Json]) -> bool:
    shape = tensor.get("shape")
    return isinstance(shape, list) and len(shape) > 1


def _last(tensor: Mapping[str, Json]) -> float:
    requests = _maps(tensor.get("requests"))
    return _float(requests[-1].get("zeros")) if requests else 0.0


def _names(tensors: Sequence[Mapping[str, Json]]) -> str:
    return _listed([str(tensor.get("name")) for tensor in tensors])


def _listed(names: Sequence[Json]) -> str:
    shown = ", ".join(str(name)[:80] for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Json) -> list[Mapping[str, Json]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _lists(value: Json) -> list[Sequence[Json]]:
    return [entry for entry in value if isinstance(entry, list)] if isinstance(value, list) else []


def _float(value: Json) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
