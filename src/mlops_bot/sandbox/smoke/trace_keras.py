"""Keras: fits with their history, evaluations, batch-wise training, and the trained models."""

from __future__ import annotations

import hashlib
import inspect
import math
from typing import Any, Callable

from .hooks import Hooks, patch

FIT_PARAMS = (
    "epochs",
    "batch_size",
    "steps_per_epoch",
    "validation_split",
    "validation_steps",
    "initial_epoch",
    "shuffle",
)
MAX_MODELS = 32
MAX_LAYERS = 100


def install(hooks: Hooks) -> None:
    hooks.after_import("keras", lambda module: _keras(Recorder(hooks), module))


def _keras(recorder: Recorder, module: Any) -> None:
    patch(module.Model, "fit", recorder.fit)
    patch(module.Model, "evaluate", recorder.evaluate)
    patch(module.Model, "train_on_batch", recorder.on_batch)


class Recorder:
    def __init__(self, hooks: Hooks) -> None:
        self._trace = hooks.trace
        self._models: list[Any] = []
        self._depth = 0
        self._watched = hooks.watched
        hooks.trace.finishers.append(self._finish)

    def fit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        def wrapper(model: Any, *args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(model, *args, **kwargs)
            bound.apply_defaults()
            params = {name: bound.arguments[name] for name in FIT_PARAMS if name in bound.arguments}
            event = {
                "event": "keras.fit",
                "class": type(model).__name__,
                "params": params,
                "optimizer": _optimizer(model),
                "layers": _layers(model),
                "samples": _samples(bound.arguments.get("x")),
                "steps": 0,
            }
            self._trace.event(event)
            self._keep(model)
            self._watched("fit", "keras", bound.arguments.get("x"))
            validation = bound.arguments.get("validation_data")
            if isinstance(validation, (tuple, list)) and validation:
                self._watched("score", "keras.validation", validation[0])
            before = _iterations(model)
            self._depth += 1
            try:
                history = original(model, *args, **kwargs)
            finally:
                self._depth -= 1
                event["steps"] = _iterations(model) - before
            for name, values in (getattr(history, "history", None) or {}).items():
                for value in values if isinstance(values, (list, tuple)) else [values]:
                    self._trace.scalar("keras.history", name, value)
            return history

        return wrapper

    def evaluate(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(model: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(model, *args, **kwargs)
            if self._depth == 0:
                self._watched("score", "keras.evaluate", args[0] if args else kwargs.get("x"))
                self._values("keras.evaluate", model, result)
            return result

        return wrapper

    def on_batch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(model: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(model, *args, **kwargs)
            if self._keep(model):
                self._trace.event(
                    {"event": "keras.fit", "class": type(model).__name__, "params": {}, "optimizer": _optimizer(model)}
                )
            self._values("keras.train_on_batch", model, result)
            return result

        return wrapper

    def _values(self, source: str, model: Any, result: Any) -> None:
        if isinstance(result, dict):
            pairs = list(result.items())
        else:
            values = list(result) if isinstance(result, (list, tuple)) else [result]
            names = _names(model, len(values))
            names += [f"value_{index}" for index in range(len(names), len(values))]
            pairs = list(zip(names, values))
        for name, value in pairs:
            self._trace.scalar(source, str(name), value)

    def _keep(self, model: Any) -> bool:
        if any(model is known for known in self._models) or len(self._models) >= MAX_MODELS:
            return False
        self._models.append(model)
        return True

    def _finish(self) -> None:
        import numpy

        for model in self._models:
            digest, squares, zeros, count = hashlib.sha256(), 0.0, 0, 0
            for weight in model.get_weights():
                array = numpy.asarray(weight, dtype=numpy.float64)
                digest.update(str(array.shape).encode() + numpy.round(array, 4).tobytes())
                squares += float((array**2).sum())
                zeros += int((array == 0).sum())
                count += array.size
            self._trace.models.append(
                {
                    "class": type(model).__name__,
                    "parameters": count,
                    "digest": digest.hexdigest(),
                    "norm": math.sqrt(squares) if squares >= 0 else squares,
                    "zeros": round(zeros / count, 6) if count else 0.0,
                }
            )


def _optimizer(model: Any) -> dict[str, Any]:
    optimizer = getattr(model, "optimizer", None)
    try:
        return dict(optimizer.get_config()) if optimizer is not None else {}
    except Exception:
        return {"name": type(optimizer).__name__}


def _layers(model: Any) -> dict[str, Any]:
    """The numbers that the layers were made with: `0.Dense.units`, `1.Dropout.rate`."""
    found: dict[str, Any] = {}
    todo = list(getattr(model, "layers", None) or [])
    for position, layer in enumerate(todo):  # grows by the layers of inner models
        if position >= MAX_LAYERS:
            break
        todo.extend(getattr(layer, "layers", None) or [])
        try:
            config = dict(layer.get_config())
        except Exception:
            continue
        for key, value in config.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found[f"{position}.{type(layer).__name__}.{key}"] = value
    return found


def _samples(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    shape = getattr(data, "shape", None)
    return int(shape[0]) if shape else None


def _names(model: Any, count: int) -> list[str]:
    """What the returned values are called, in their order."""
    names = list(getattr(model, "metrics_names", None) or [])
    if "compile_metrics" in names or len(names) != count:  # Keras 3 names its container
        try:
            result = list(model.get_metrics_result())
        except Exception:
            return names
        names = sorted(result, key=lambda name: name != "loss") if len(result) == count else names
    return [str(name) for name in names]


def _iterations(model: Any) -> int:
    value = getattr(getattr(model, "optimizer", None), "iterations", 0)
    try:
        return int(value.numpy() if hasattr(value, "numpy") else value)
    except (TypeError, ValueError):
        return 0
