"""A pruned training as lines that a person reads: which weights, how many zeros they have, what was saved. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_bot.shown import one_line
from mlops_bot.types import Json
from mlops_bot.verify.untrusted import lists, mapping, mappings, number

_WEIGHTS, _FILES = 12, 6


def rows(component: Mapping[str, Json]) -> list[str]:
    """`component`: the evidence, with the account of the hooks under "pruning" and the saved files."""
    record = mapping(component.get("pruning"))
    tensors = mappings(record.get("tensors"))
    if not tensors:
        return []
    return [*_weights(record), *_saved(component, {str(tensor.get("name")) for tensor in tensors})]


def _weights(record: Mapping[str, Json]) -> Iterator[str]:
    tensors = mappings(record.get("tensors"))
    size = sum(number(tensor.get("size")) for tensor in tensors)
    zeros = sum(number(tensor.get("size")) * number(tensor.get("zeros")) for tensor in tensors)
    steps = max(number(tensor.get("steps")) for tensor in tensors)
    yield (
        f"  {zeros / max(size, 1):.1%} of {size:.0f} pruned weights are zero, in {len(tensors)} tensors; "
        f"{steps:.0f} optimizer steps were made while they were masked"
    )
    names = [one_line(tensor.get("name"), 44) for tensor in tensors[:_WEIGHTS]]
    wide = max(len(name) for name in [*names, "weight"])
    yield f"    {'weight':<{wide}}  {'size':>9}  zeros"
    for name, tensor in zip(names, tensors, strict=False):
        yield f"    {name:<{wide}}  {number(tensor.get('size')):>9.0f}  {number(tensor.get('zeros')):.1%}"
    if len(tensors) > _WEIGHTS:
        yield f"    ... and {len(tensors) - _WEIGHTS} more"


def _saved(component: Mapping[str, Json], pruned: set[str]) -> Iterator[str]:
    """The saved files with pruned weights in them."""
    for file in mappings(component.get("saved"))[:_FILES]:
        size = zeros = 0.0
        for entry in lists(file.get("tensors")):
            shape = entry[1] if len(entry) == 3 and isinstance(entry[1], list) else []
            if shape and any(str(entry[0]).endswith(name) or name.endswith(str(entry[0])) for name in pruned):
                count = 1.0
                for side in shape:
                    count *= number(side)
                size, zeros = size + count, zeros + count * number(entry[2])
        if size:
            masks = " (with masks)" if file.get("masks") else ""
            yield f"  saved in {one_line(file.get('path'), 60)}{masks}: {zeros / size:.1%} zeros"
