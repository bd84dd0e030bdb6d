"""Keras: few epochs and steps for `fit`, few steps for `evaluate`. (`predict` answers for everything it is given.)"""

from __future__ import annotations

import inspect
from typing import Any, Callable

from .hooks import Hooks, patch


def install(hooks: Hooks) -> None:
    hooks.after_import("keras", lambda module: _keras(hooks, module))


def _keras(hooks: Hooks, module: Any) -> None:
    model = module.Model
    patch(model, "fit", lambda original: _limited(hooks, original, _fit))
    patch(model, "evaluate", lambda original: _limited(hooks, original, _evaluate))


def _limited(hooks: Hooks, original: Callable[..., Any], limit: Callable[..., None]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return original(*args, **kwargs)
        given = bound.arguments
        limit(hooks, given)
        # As they were given, by position or by name: who else patches `fit` (Comet) may add an argument by its name.
        first = [given.pop(name) for name in list(signature.parameters)[: len(args)]]
        return original(*first, **given.pop("kwargs", {}), **given)

    return wrapper


def _fit(hooks: Hooks, given: dict[str, Any]) -> None:
    most = int(given.get("initial_epoch") or 0) + hooks.max_epochs
    epochs = given.get("epochs", 1)
    if isinstance(epochs, int) and epochs > most:
        given["epochs"] = most
        hooks.note("limit", "Keras epochs", f"{epochs} -> {most}")
    _steps(hooks, given, "steps_per_epoch", given.get("x"), given.get("batch_size"))
    validation = given.get("validation_data")
    first = validation[0] if isinstance(validation, (tuple, list)) and validation else validation
    if validation is not None:
        _steps(hooks, given, "validation_steps", first, given.get("validation_batch_size") or given.get("batch_size"))
    elif given.get("validation_split"):
        given.setdefault("validation_steps", hooks.max_batches)
    frequency = given.get("validation_freq", 1)
    if isinstance(frequency, int) and frequency > hooks.max_epochs:
        given["validation_freq"] = hooks.max_epochs


def _evaluate(hooks: Hooks, given: dict[str, Any]) -> None:
    _steps(hooks, given, "steps", given.get("x"), given.get("batch_size"))


def _steps(hooks: Hooks, given: dict[str, Any], name: str, data: Any, size: Any) -> None:
    """Cap a number of steps, unless the data are known to have no more batches than that."""
    steps, most = given.get(name), hooks.max_batches
    if steps is not None:
        if isinstance(steps, int) and steps > most:
            given[name] = most
            hooks.note("limit", f"Keras {name}", f"{steps} -> {most}")
        return
    count = _batches(data, size)
    if count is None or count > most:
        given[name] = most
        hooks.note("limit", f"Keras {name}", f"{count or 'all'} -> {most}")


def _batches(data: Any, size: Any) -> int | None:
    """Batches in one pass over the data; None: not known."""
    if isinstance(data, (list, tuple)) and data:
        data = data[0]
    elif isinstance(data, dict) and data:
        data = next(iter(data.values()))
    try:
        if getattr(data, "shape", None):
            return -(-int(data.shape[0]) // int(size or 32))
        if hasattr(data, "cardinality"):
            count = int(data.cardinality())
            return count if count >= 0 else None
        return len(data)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
