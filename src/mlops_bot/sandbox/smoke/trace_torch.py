"""Torch: optimizer steps, losses that were backpropagated, numbers read out of tensors, and the trained models."""

from __future__ import annotations

import gc
import hashlib
import math
import sys
from typing import Any, Callable

from .hooks import Hooks, patch

MAX_MODELS = 32
MAX_SETTINGS = 200


class Drawn:
    """The loader that gave the latest batch: its batch size, and how many samples there are in all."""

    batch_size: Any = None
    samples: Any = None


def install(hooks: Hooks) -> None:
    hooks.after_import("torch", lambda torch: _torch(hooks, torch))
    hooks.after_import("torch.utils.data.dataloader", _loader)


def _loader(module: Any) -> None:
    def following(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> Any:
            batch = original(self)
            Drawn.batch_size = getattr(self, "_smoke_batch_size", None)
            Drawn.samples = getattr(self, "_smoke_size", None)
            return batch

        return wrapper

    def start(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, loader: Any, *args: Any, **kwargs: Any) -> None:
            original(self, loader, *args, **kwargs)
            size = getattr(loader, "batch_size", None)
            self._smoke_batch_size = size or getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
            self._smoke_size = _size(getattr(loader, "dataset", None))

        return wrapper

    patch(module._BaseDataLoaderIter, "__init__", start)
    patch(module._BaseDataLoaderIter, "__next__", following)


def _torch(hooks: Hooks, torch: Any) -> None:
    compiling = _compiling(torch)
    recorder = Recorder(hooks, torch, compiling)
    optimizer = sys.modules.get("torch.optim.optimizer")
    if hasattr(optimizer, "register_optimizer_step_post_hook"):
        optimizer.register_optimizer_step_post_hook(recorder.stepped)
    hooks.trace.finishers.append(recorder.finish)
    trace = hooks.trace

    def backward(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self.numel() == 1 and not compiling():
                trace.scalar("torch.backward", "loss", read(self.detach()))
            return original(self, *args, **kwargs)

        return wrapper

    def reading(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> Any:
            value = original(self)
            if isinstance(value, (int, float)) and hooks.from_project():
                trace.scalar("torch.item", "item", value)
            return value

        return wrapper

    read = torch.Tensor.item
    patch(torch.Tensor, "backward", backward)
    patch(torch.Tensor, "item", reading)
    patch(torch.Tensor, "__float__", reading)


def _compiling(torch: Any) -> Callable[[], bool]:
    """Whether torch.compile is tracing right now; releases before 2.1 cannot tell."""
    asked = getattr(getattr(torch, "compiler", None), "is_compiling", None)
    return asked if callable(asked) else lambda: False


class Recorder:
    """Follows every optimizer that steps, and the modules that own its parameters."""

    def __init__(self, hooks: Hooks, torch: Any, compiling: Callable[[], bool]) -> None:
        self._hooks = hooks
        self._torch = torch
        self._compiling = compiling
        self._events: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._models: list[Any] = []
        self._loose: list[list[Any]] = []

    def stepped(self, optimizer: Any, *_: Any) -> None:
        if self._compiling():
            return
        known = self._events.get(id(optimizer))
        if known is None or known[0] is not optimizer:
            known = (optimizer, self._first(optimizer))
            self._events[id(optimizer)] = known
        known[1]["steps"] += 1

    def _first(self, optimizer: Any) -> dict[str, Any]:
        parameters = [item for group in optimizer.param_groups for item in group["params"]]
        defaults = getattr(optimizer, "defaults", {})
        initial = {"initial_lr": "lr"}
        groups = []
        for group in optimizer.param_groups:
            values = {key: group[key] for key in group if key in defaults and key != "params"}
            for source, key in initial.items():  # a scheduler may have changed the rate before the first step
                if source in group and key in values:
                    values[key] = group[source]
            groups.append({key: _plain(value) for key, value in values.items()})
        event = {
            "event": "torch.optimizer",
            "class": type(optimizer).__name__,
            "steps": 0,
            "groups": groups[:20],
            "parameters": sum(item.numel() for item in parameters),
            "batch_size": Drawn.batch_size,
            "samples": Drawn.samples,
        }
        if len(self._models) + len(self._loose) < MAX_MODELS:
            event["settings"] = _settings(self._own(parameters))
        return self._hooks.trace.event(event)

    def _own(self, parameters: list[Any]) -> list[Any]:
        """Remember the outermost modules that hold these parameters, and return them."""
        wanted = {id(item) for item in parameters}
        module_type = self._torch.nn.Module
        kinds: dict[type, bool] = {}
        owners = []
        for item in gc.get_objects():
            kind = type(item)
            is_module = kinds.get(kind)
            if is_module is None:
                is_module = kinds[kind] = issubclass(kind, module_type)
            if is_module and "_parameters" in item.__dict__:
                if any(id(value) in wanted for value in item.parameters()):
                    owners.append(item)
        inner = {id(part) for owner in owners for part in owner.modules() if part is not owner}
        roots = [owner for owner in owners if id(owner) not in inner]
        known = {id(model) for model in self._models}
        self._models.extend(model for model in roots if id(model) not in known)
        if not roots:
            self._loose.append(parameters)
        return roots

    def finish(self) -> None:
        for model in self._models[:MAX_MODELS]:
            tensors = dict(model.named_parameters())
            tensors.update(model.named_buffers())
            parameters = list(model.parameters())
            self._hooks.trace.models.append({"class": type(model).__name__, **self._state(tensors, parameters)})
        for loose in self._loose[:MAX_MODELS]:
            tensors = {str(index): item for index, item in enumerate(loose)}
            self._hooks.trace.models.append({"class": "parameters", **self._state(tensors, loose)})

    def _state(self, tensors: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
        torch = self._torch
        digest, squares, zeros, count = hashlib.sha256(), 0.0, 0, 0
        trained = {id(item) for item in parameters}
        with torch.no_grad():
            for name in sorted(tensors):
                item = tensors[name].detach().to("cpu")
                if item.is_sparse or item.is_quantized or not (item.is_floating_point() or item.dtype == torch.int64):
                    continue
                digest.update(name.encode())
                digest.update(str(tuple(item.shape)).encode())
                rounded = torch.round(item.double() * 1e4).nan_to_num().clamp(-9e18, 9e18).to(torch.int64)
                digest.update(_bytes(rounded))
                if id(tensors[name]) in trained:
                    squares += float(item.double().pow(2).sum())
                    zeros += int((item == 0).sum())
                    count += item.numel()
        norm = math.sqrt(squares) if math.isfinite(squares) else squares
        share = zeros / count if count else 0.0
        return {"parameters": count, "digest": digest.hexdigest(), "norm": norm, "zeros": round(share, 6)}


def _size(dataset: Any) -> Any:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def _settings(models: list[Any]) -> dict[str, Any]:
    """The numbers that the parts of a network were made with: `3.out_features`, `dropout.p`."""
    found: dict[str, Any] = {}
    for model in models:
        for name, part in model.named_modules():
            for key, value in vars(part).items():
                plain = isinstance(value, (int, float)) and not isinstance(value, bool)
                if plain and not key.startswith("_") and len(found) < MAX_SETTINGS:
                    found[f"{name}.{key}" if name else key] = value
    return found


def _bytes(item: Any) -> bytes:
    try:
        data: bytes = item.contiguous().numpy().tobytes()
    except RuntimeError:  # torch without numpy
        data = repr((int(item.sum()), int((item * 31).sum()))).encode()
    return data


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "numel", lambda: 0)() == 1:
        return value.item()
    return value
