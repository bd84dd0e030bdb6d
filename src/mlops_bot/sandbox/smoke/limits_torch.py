"""Torch data loaders: few batches an epoch, no worker processes. `len(loader)` says what iteration gives;
`len(loader.dataset)` stays what it is."""

from __future__ import annotations

import sys
from typing import Any, Callable

from .hooks import Hooks, patch

FIXED = {"num_workers": 0, "persistent_workers": False, "pin_memory": False, "prefetch_factor": None, "timeout": 0}
POSITIONS = {"num_workers": 5, "pin_memory": 7, "timeout": 9}  # of the positional arguments, after the dataset's 0


def install(hooks: Hooks) -> None:
    hooks.after_import("torch.utils.data.dataloader", lambda module: _loader(hooks, module))


def _loader(hooks: Hooks, module: Any) -> None:
    def cap(loader: Any) -> int:
        """Batches of one pass: at most max_batches, and no more samples than max_samples asks for, but one batch."""
        if getattr(loader, "_smoke_free", False):
            return sys.maxsize
        size = getattr(loader, "batch_size", None)
        if size is None:
            size = getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
        if not isinstance(size, int) or size < 1:
            return hooks.max_batches
        return max(1, min(hooks.max_batches, -(-hooks.max_samples // size)))

    def init(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            values = list(args)
            for name, fixed in FIXED.items():
                position = POSITIONS.get(name, 99) - 1
                if name in kwargs:
                    kwargs[name] = fixed
                elif position < len(values):
                    values[position] = fixed
            if kwargs.get("num_workers", 1) == 0:
                kwargs.pop("multiprocessing_context", None)
            original(self, dataset, *values, **kwargs)
            # Keras has limits of its own, and its `predict` answers for everything it is given.
            self._smoke_free = str(sys._getframe(1).f_globals.get("__name__", "")).startswith("keras.")

        return wrapper

    def length(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> int:
            return min(int(original(self)), cap(self))

        return wrapper

    def start(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, loader: Any, *args: Any, **kwargs: Any) -> None:
            original(self, loader, *args, **kwargs)
            self._smoke_batches = cap(loader)

        return wrapper

    def following(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> Any:
            most = getattr(self, "_smoke_batches", None)
            if most is not None and self._num_yielded >= most:
                hooks.note("limit", "batches per data loader", f"at most {hooks.max_batches}, few samples in all")
                raise StopIteration
            return original(self)

        return wrapper

    patch(module.DataLoader, "__init__", init)
    patch(module.DataLoader, "__len__", length)
    patch(module._BaseDataLoaderIter, "__init__", start)
    patch(module._BaseDataLoaderIter, "__next__", following)
