"""Is what a pruned program saves sparse, and does it load without the library that pruned it? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.types import Json
from mlops_bot.verify.untrusted import listed, lists, mappings, number

POINTS = 0.02  # how near the target has to be


@dataclass(frozen=True, slots=True)
class Library:
    """How a pruning library is spoken of: its name in the trace, and what to write."""

    name: str
    title: str
    mask: str  # the call that masks
    permanent: str  # the call that makes the masks permanent


def check(
    found: Sequence[Mapping[str, Json]],
    record: Mapping[str, Json],
    files: Sequence[Mapping[str, Json]],
    library: Library,
) -> str | None:
    """The last saved state of every kind (epochs apart) is sparse, and loads without the library."""
    by_path = {str(file.get("path")): file for file in files}
    last: dict[str, Mapping[str, Json]] = {}
    for save in mappings(record.get("saves")):
        path = str(save.get("path"))
        if path in by_path:
            last[re.sub(r"\d[\d.]*", "0", path)] = by_path[path]
    all_tensors = mappings(record.get("tensors"))
    pruned = {index for index, tensor in enumerate(all_tensors) if tensor in found}
    for file in last.values():
        masks = file.get("masks")
        if isinstance(masks, list) and masks:
            if file.get("training"):
                continue  # to go on from: that needs the masks
            return (
                f"{file.get('path')} was saved with its masks ({listed(masks)}): make them permanent before saving "
                f"({library.permanent})"
            )
        for model in mappings(record.get("models")):
            here = list(_matching(model, pruned, lists(file.get("tensors"))))
            if len(here) < max(
                1, len([True for layer in mappings(model.get("layers")) if layer.get("tensor") in pruned]) / 2
            ):
                continue
            sizes = [size for size, _, _ in here]
            zeros = sum(size * share for size, share, _ in here) / sum(sizes)
            wanted = sum(size * number(all_tensors[index].get("zeros")) for size, _, index in here) / sum(sizes)
            if zeros < wanted - POINTS:
                return (
                    f"{zeros:.1%} of the pruned weights are zero in {file.get('path')}, and {wanted:.1%} in the "
                    f"trained model: save the model with its masks made permanent ({library.permanent})"
                )
    return None


def _matching(
    model: Mapping[str, Json], pruned: set[int], tensors: Sequence[Sequence[Json]]
) -> Iterator[tuple[float, float, int]]:
    """(size, share of zeros in the file, index) of a model's pruned weights that a file holds under their name."""
    rest = [entry for entry in tensors if len(entry) == 3]
    for layer in mappings(model.get("layers")):
        index, name = layer.get("tensor"), str(layer.get("name"))
        if not isinstance(index, int) or index not in pruned:
            continue
        for entry in rest:
            other = str(entry[0])
            same = other == name or other.endswith("." + name) or name.endswith("." + other)
            if same and entry[1] == layer.get("shape"):
                yield number(layer.get("size")), number(entry[2]), index
                rest.remove(entry)
                break
