"""PyTorch and Lightning: what trained modules are called with, and what they answer at the end."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable

from .hooks import Hooks, patch
from .probing import as_array, ask_module, detached, digests, weights

if TYPE_CHECKING:
    from .probes import Probes

MAX_MODULES = 64
MAX_STATES = 40
MAIN = 0.9  # a part that holds this share of the weights may be registered instead of the whole


class Depth(threading.local):
    calls = 0


def install(hooks: Hooks, probes: Probes) -> None:
    hooks.after_import("torch", lambda torch: Recorder(torch, probes).follow())


class Recorder:
    """Remembers the last input of every module that is called from outside, and of the part inside that does it all."""

    def __init__(self, torch: Any, probes: Probes) -> None:
        self._torch = torch
        self._probes = probes
        self._depth = Depth()
        self._calls: OrderedDict[int, tuple[Any, dict[bool, Any], set[int]]] = OrderedDict()
        self._states: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def follow(self) -> None:
        torch = self._torch
        optimizer = sys.modules.get("torch.optim.optimizer")
        if hasattr(optimizer, "register_optimizer_step_post_hook"):
            optimizer.register_optimizer_step_post_hook(self._stepped)
        patch(torch.nn.Module, "__call__", self._calling)
        patch(torch, "save", self._saving)
        self._probes.hooks.trace.finishers.append(self._finish)

    def _stepped(self, optimizer: Any, *_: Any) -> None:
        if not any(known is optimizer for known in self._probes.optimizers):
            self._probes.optimizers.append(optimizer)

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        depth, busy = self._depth, _busy(self._torch)

        def __call__(module: Any, *args: Any, **kwargs: Any) -> Any:
            if depth.calls > 1 or self._probes.hooks.trace.muted or busy():
                return original(module, *args, **kwargs)
            if not _is_keras(module):  # probes_keras.py
                self._remember(module, args, kwargs)
            depth.calls += 1
            try:
                return original(module, *args, **kwargs)
            finally:
                depth.calls -= 1

        return __call__

    def _remember(self, module: Any, args: Any, kwargs: Any) -> None:
        key = id(module)
        known = self._calls.pop(key, None)
        if known is None or known[0] is not module:
            known = (module, {}, set())
        known[1][bool(module.training)] = (args, kwargs)
        known[2].add(self._depth.calls)
        self._calls[key] = known
        while len(self._calls) > MAX_MODULES:
            self._calls.popitem(last=False)

    # --- what the program itself keeps ---

    def _saving(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def save(obj: Any, f: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self._probes.optimizers and not self._probes.by_registry():
                try:
                    self._saved(obj, f)
                except Exception as error:
                    self._probes.hooks.trace.error("torch.save", error)
            return original(obj, f, *args, **kwargs)

        return save

    def _saved(self, obj: Any, file: Any) -> None:
        """A state that the program saves is one that it may want to go on with: the best epoch's, for example."""
        for count, state in enumerate(_states(self._torch, obj)):
            found = digests([as_array(item) for item in state])
            if found is not None:
                name = getattr(file, "name", file)
                key = f"{name if isinstance(name, (str, bytes)) or hasattr(name, '__fspath__') else id(file)}#{count}"
                self._states.pop(key, None)
                self._states[key] = {**found, "file": os.path.basename(str(name))}
                while len(self._states) > MAX_STATES:
                    self._states.popitem(last=False)

    # --- the end ---

    def _finish(self) -> None:
        calls = [entry for entry in self._calls.values() if _weighs(entry[0])]
        modules = [module for module, _, _ in calls]
        trained = self._trained(modules)
        if not trained:
            return
        roots = _roots([item for item in gc.get_objects() if _is_module(self._torch, item)], trained)
        self._probes.noted("trained").extend(
            {"framework": "torch", "class": type(root).__name__, "weights": weights(root)} for root in roots
        )
        self._probes.noted("saved").extend(self._states.values())
        for module, given, depths in calls:
            if not (any(id(item) in trained for item in module.parameters()) or self._is_saved(module)):
                continue
            if 0 in depths or not any(_inside(module, other) and _share(module, other) < MAIN for other in modules):
                self._ask(module, given, roots)

    def _is_saved(self, module: Any) -> bool:
        """Read from a file that the program had written: the best state of the training, for example."""
        own = weights(module)
        return own is not None and any(set(own["tensors"]) <= set(state["tensors"]) for state in self._states.values())

    def _trained(self, modules: list[Any]) -> set[int]:
        """The parameters that optimizers changed; of a program that has none, those that got a gradient."""
        found = parameters(self._probes.optimizers)
        if not found:
            found = {id(item) for module in modules for item in module.parameters() if item.grad is not None}
        return found

    def _ask(self, module: Any, given: dict[bool, Any], roots: list[Any]) -> bool:
        probes = self._probes
        for mode in (False, True):  # as it was called for evaluation, where it was
            if mode not in given:
                continue
            try:
                inputs = detached(probes.smaller(given[mode]))
                with probes.quiet():
                    answers = {"call": ask_module(module, detached(inputs))}
            except Exception as error:
                probes.hooks.trace.error(f"asking {type(module).__name__}", error)
                continue
            within = [path for path in (_path(root, module) for root in roots) if path]
            if probes.keep("torch", module, inputs, answers, paths=within, weights=weights(module)):
                return True
        return False


def parameters(optimizers: list[Any]) -> set[int]:
    """Which parameters optimizers change, by identity."""
    return {id(item) for optimizer in optimizers for group in optimizer.param_groups for item in group["params"]}


def _busy(torch: Any) -> Callable[[], bool]:
    """Whether a tracer is running through the model: then its inputs are none."""
    asked = [
        getattr(getattr(torch, "compiler", None), "is_compiling", None),
        getattr(getattr(torch, "jit", None), "is_tracing", None),
    ]
    known = [ask for ask in asked if callable(ask)]
    return lambda: any(ask() for ask in known)


def _states(torch: Any, obj: Any) -> list[list[Any]]:
    """The tensors of every module or state dictionary that is saved, wherever in the object it is."""
    if _is_module(torch, obj):
        return [list(obj.parameters())]
    if not isinstance(obj, dict):
        return []
    tensors = [item for item in obj.values() if isinstance(item, torch.Tensor)]
    if tensors and len(tensors) == len(obj):
        return [tensors]
    return [state for item in obj.values() for state in _states(torch, item)]


def _is_module(torch: Any, item: Any) -> bool:
    try:
        return issubclass(type(item), torch.nn.Module) and "_parameters" in item.__dict__
    except Exception:
        return False


def _is_keras(module: Any) -> bool:
    keras = sys.modules.get("keras")
    return hasattr(keras, "Layer") and isinstance(module, keras.Layer)


def _weighs(module: Any) -> bool:
    return next(iter(module.parameters()), None) is not None


def _roots(modules: list[Any], trained: set[int]) -> list[Any]:
    owners = [module for module in modules if any(id(item) in trained for item in module.parameters())]
    inner = {id(part) for owner in owners for part in owner.modules() if part is not owner}
    return [owner for owner in owners if id(owner) not in inner]


def _path(root: Any, module: Any) -> str:
    """Where a module is inside of another one: "generator", "" where it is not."""
    return next((name for name, part in root.named_modules() if part is module), "")


def _inside(module: Any, other: Any) -> bool:
    return any(part is module for part in other.modules())


def _share(module: Any, other: Any) -> float:
    whole = sum(item.numel() for item in other.parameters())
    return sum(item.numel() for item in module.parameters()) / whole if whole else 0.0
