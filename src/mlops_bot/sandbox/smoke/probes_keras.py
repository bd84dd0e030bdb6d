"""Keras: what trained models are called with, and what they answer at the end."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable

from .hooks import Hooks, patch
from .probes_torch import parameters
from .probing import ask_keras, flat, weights

if TYPE_CHECKING:
    from .probes import Probes

ROWS = 16
MAX_MODELS = 64


class Depth(threading.local):
    calls = 0


def install(hooks: Hooks, probes: Probes) -> None:
    hooks.after_import("keras", lambda keras: Recorder(keras, probes).follow())


class Recorder:
    """Remembers the last input of every model that is called from outside, and which variables were trained."""

    def __init__(self, keras: Any, probes: Probes) -> None:
        self._keras = keras
        self._probes = probes
        self._depth = Depth()
        self._calls: OrderedDict[int, tuple[Any, list[Any]]] = OrderedDict()
        self._trained: dict[int, Any] = {}
        self._models: list[Any] = []
        self._saved: OrderedDict[str, Any] = OrderedDict()

    def follow(self) -> None:
        keras = self._keras
        patch(keras.Layer, "__call__", self._calling)
        for name in ("fit", "predict", "train_on_batch"):
            patch(keras.Model, name, self._given(name))
        for name in ("save", "save_weights"):
            patch(keras.Model, name, self._saving)
        patch(keras.optimizers.Optimizer, "apply", self._applying)
        self._probes.hooks.trace.finishers.append(self._finish)

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        depth = self._depth

        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if depth.calls > 1 or self._probes.hooks.trace.muted or not isinstance(layer, self._keras.Model):
                return original(layer, *args, **kwargs)
            if args and not any(isinstance(item, self._keras.KerasTensor) for item in flat(args)):
                self._remember(layer, args, kwargs)
            depth.calls += 1
            try:
                return original(layer, *args, **kwargs)
            finally:
                depth.calls -= 1

        return __call__

    def _given(self, name: str) -> Callable[..., Any]:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(model: Any, x: Any = None, *args: Any, **kwargs: Any) -> Any:
                if name != "predict" and not any(known is model for known in self._models):
                    self._models.append(model)
                if not self._probes.hooks.trace.muted and x is not None and not hasattr(x, "__next__"):
                    self._remember(model, (x,), {}, whole=True)
                return original(model, x, *args, **kwargs)

            return wrapper

        return make

    def _applying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None, *args: Any, **kwargs: Any) -> Any:
            for variable in trainable_variables or getattr(optimizer, "_trainable_variables", None) or ():
                self._trained.setdefault(id(variable), variable)
            return original(optimizer, grads, trainable_variables, *args, **kwargs)

        return apply

    def _remember(self, model: Any, args: Any, kwargs: Any, *, whole: bool = False) -> None:
        known = self._calls.pop(id(model), None)
        if known is None or known[0] is not model:
            known = (model, [None, None])
        known[1][int(whole)] = (args, kwargs)
        self._calls[id(model)] = known
        while len(self._calls) > MAX_MODELS:
            self._calls.popitem(last=False)

    def _saving(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def save(model: Any, filepath: Any = None, *args: Any, **kwargs: Any) -> Any:
            if any(known is model for known in self._models) and not self._probes.by_registry():
                found = weights(model)
                if found is not None:
                    self._saved[str(filepath)] = {**found, "file": os.path.basename(str(filepath))}
            return original(model, filepath, *args, **kwargs)

        return save

    # --- the end ---

    def _finish(self) -> None:
        trained = [model for model, _ in self._calls.values() if self._is_trained(model)]
        trained += [model for model in self._models if not any(model is known for known in trained)]
        self._probes.noted("trained").extend(
            {"framework": "keras", "class": type(model).__name__, "weights": weights(model)} for model in trained
        )
        self._probes.noted("saved").extend(self._saved.values())
        for model, given in reversed(self._calls.values()):
            if any(model is known for known in trained):
                self._ask(model, given)

    def _is_trained(self, model: Any) -> bool:
        """By fit, by an optimizer of Keras, or by one of PyTorch where that is the backend."""
        if any(model is known for known in self._models):
            return True
        stepped = parameters(self._probes.optimizers)
        return any(
            id(variable) in self._trained or id(getattr(variable, "value", None)) in stepped
            for variable in model.trainable_variables
        )

    def _ask(self, model: Any, given: list[Any]) -> None:
        for args, _ in [entry for entry in given if entry is not None]:
            try:
                inputs = (tuple(self._plain(item) for item in args), {})
                with self._probes.quiet():
                    answers = {"call": ask_keras(model, inputs)}
            except Exception as error:
                self._probes.hooks.trace.error(f"asking {type(model).__name__}", error)
                continue
            if self._probes.keep("keras", model, inputs, answers, paths=self._paths(model), weights=weights(model)):
                return

    def _plain(self, value: Any) -> Any:
        """Arrays of a few rows; of a data set its first batch (the training is over: nobody misses it)."""
        if isinstance(value, dict):
            return {key: self._plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._plain(item) for item in value)
        if not hasattr(value, "shape"):
            batch = value[0] if hasattr(value, "__getitem__") and hasattr(value, "__len__") else next(iter(value))
            return self._plain(batch[0] if isinstance(batch, (list, tuple)) else batch)
        return self._keras.ops.convert_to_numpy(value)[:ROWS]

    def _paths(self, model: Any) -> list[str]:
        """Under which attributes of other trained models this one is found."""
        return sorted(
            {
                name
                for other in self._models
                if other is not model
                for name, value in list(vars(other).items())
                if value is model
            }
        )
