"""What a model answers to an input, in figures that two processes can compare.

Used by the run, which asks the trained model, and by a component's collector, which asks what was registered: both have
to ask in the same way. Standard library, and whatever framework the model is of; Python 3.9 syntax.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import pickle
import sys
from typing import Any, Callable, Iterator

MAX_LEAVES = 16  # arrays of one answer
MAX_VALUES = 40  # figures of one array, spread over it
MAX_TENSORS = 5000
METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")  # of estimators
FITTED = ("labels_", "embedding_")  # of estimators that only know the data they were fitted on


class Unportable(Exception):
    """An input that another process could not read: it holds objects of the program's own classes."""


# --- inputs -----------------------------------------------------------------------------------------------------


def packed(value: Any, own: Callable[[str], bool] = lambda module: module == "__main__") -> bytes:
    """An input as bytes. `own`: whether a module is part of the program. Raises Unportable where it depends on one."""

    class Pickler(pickle.Pickler):
        def reducer_override(self, item: Any) -> Any:
            module = getattr(item if isinstance(item, type) or callable(item) else type(item), "__module__", "") or ""
            if own(str(module)):
                raise Unportable(str(type(item)))
            return NotImplemented

    stream = io.BytesIO()
    try:
        Pickler(stream, protocol=4).dump(detached(value))
    except Unportable:
        raise
    except Exception as error:
        raise Unportable(f"{type(error).__name__}: {error}") from error
    return stream.getvalue()


def detached(value: Any) -> Any:
    """A copy of an input whose tensors belong to no graph and no device."""
    if isinstance(value, dict):
        return {key: detached(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(detached(item) for item in value)
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return value.detach().cpu().clone()
    return value


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)
    else:
        yield value


def shapes(value: Any, found: list[Any] | None = None) -> list[Any]:
    """[shape, type] of every array of an input, in order."""
    found = [] if found is None else found
    if isinstance(value, dict):
        for item in value.values():
            shapes(item, found)
    elif isinstance(value, (list, tuple)) and not all(isinstance(item, (int, float, str)) for item in value):
        for item in value:
            shapes(item, found)
    elif hasattr(value, "shape") and len(found) < MAX_LEAVES:
        found.append([[int(size) for size in value.shape], str(getattr(value, "dtype", type(value).__name__))])
    return found


# --- answers ----------------------------------------------------------------------------------------------------


def figures(value: Any) -> list[dict[str, Any]]:
    """An answer's arrays: {"shape", "kind", "values"}, at most MAX_VALUES of each, evenly spread."""
    found: list[dict[str, Any]] = []
    _leaves(value, found)
    return found


def _leaves(value: Any, found: list[dict[str, Any]]) -> None:
    if value is None or len(found) >= MAX_LEAVES:
        return
    if hasattr(value, "items") and not hasattr(value, "dtypes"):
        for key in sorted(value, key=str):
            _leaves(value[key], found)
        return
    if isinstance(value, (list, tuple)) and any(not isinstance(item, (int, float, str)) for item in value):
        for item in value:
            _leaves(item, found)
        return
    array = as_array(value)
    if array is not None:
        found.append(_figures(array))


def as_array(value: Any) -> Any:
    """A NumPy array of whatever holds numbers or texts; None for what does not."""
    import numpy

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.to_dense() if getattr(value, "is_sparse", False) else value
        if str(getattr(value, "dtype", "")) in ("torch.bfloat16", "torch.float16"):
            value = value.float()
    elif hasattr(value, "toarray"):
        value = value.toarray()
    elif hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = numpy.asarray(value)
    except Exception:
        return None
    if array.dtype.kind == "O" and not all(isinstance(item, (str, int, float)) for item in array.ravel()[:1000]):
        return None
    return array if array.dtype.kind in "biufOSU" else None


def _figures(array: Any) -> dict[str, Any]:
    import numpy

    flat = array.ravel()
    places = numpy.linspace(0, flat.size - 1, min(flat.size, MAX_VALUES)).astype(int) if flat.size else []
    values = [flat[place] for place in places]
    if array.dtype.kind in "biuf":
        return {"shape": list(array.shape), "kind": "number", "values": [_number(value) for value in values]}
    return {"shape": list(array.shape), "kind": "text", "values": [str(value)[:100] for value in values]}


def _number(value: Any) -> Any:
    """JSON has no nan and no infinity: they become words."""
    number = float(value)
    return number if math.isfinite(number) else repr(number)


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Models that draw random numbers draw the same ones in every process; the program's streams go on as before."""
    import random  # not at the top: that would be before the hook that seeds it

    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    states = random.getstate(), numpy and numpy.get_state(), torch and torch.get_rng_state()
    random.seed(0)
    if numpy:
        numpy.seed(0)
    if torch:
        torch.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(states[0])
        if numpy:
            numpy.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])


def ask_module(module: Any, given: Any) -> list[dict[str, Any]]:
    """What a PyTorch module answers in evaluation mode. `given`: (arguments, keywords)."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    try:
        with contextlib.suppress(NotImplementedError):  # exported programs have one mode only
            module.eval()
        with steady(), torch.no_grad():
            return figures(module(*given[0], **given[1]))
    finally:
        for part, mode in modes:
            part.training = mode


def ask_keras(model: Any, given: Any) -> list[dict[str, Any]]:
    """What a Keras model or layer answers outside of training. `given`: (arguments, keywords)."""
    keywords = {key: value for key, value in given[1].items() if key != "training"}
    with steady():
        try:
            return figures(model(*given[0], training=False, **keywords))
        except TypeError:  # a layer that knows no training
            return figures(model(*given[0], **keywords))


def ask_estimator(estimator: Any, data: Any) -> dict[str, list[dict[str, Any]]]:
    """What an estimator answers, by method; of one that answers nothing, what it found in its own data."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in METHODS:
        method = getattr(estimator, name, None)
        if callable(method):
            try:
                with steady():
                    found[name] = figures(method(data))
            except Exception:  # one method may not work where another does
                continue
    if not found:
        for name in FITTED:
            if hasattr(estimator, name):
                found[name] = figures(getattr(estimator, name))
    return found


# --- weights ----------------------------------------------------------------------------------------------------


def weights(model: Any) -> dict[str, Any] | None:
    """{"numbers", "tensors"} of a network: how many weights, and a digest of each array; None where it has none."""
    try:
        if hasattr(model, "parameters"):
            arrays = [as_array(item) for item in model.parameters()]
        else:
            arrays = list(model.get_weights())
    except Exception:
        return None
    return digests(arrays)


def digests(arrays: list[Any]) -> dict[str, Any] | None:
    arrays = [array for array in arrays if array is not None and array.dtype.kind == "f"]
    if not arrays or len(arrays) > MAX_TENSORS:
        return None
    return {
        "numbers": int(sum(array.size for array in arrays)),
        "tensors": sorted(
            hashlib.sha256(str(array.shape).encode() + array.astype("float32").tobytes()).hexdigest()[:12]
            for array in arrays
        ),
    }
