"""No GPU in a smoke run: what asks for one gets the CPU, and a note. ("cuda" as a literal: loops.py.)"""

from __future__ import annotations

import os
from typing import Any, Callable

from .hooks import Hooks, patch

QUIET = ("set_device", "synchronize", "reset_peak_memory_stats", "reset_max_memory_allocated", "ipc_collect")


def install(hooks: Hooks) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    hooks.after_import("torch", lambda module: _torch(hooks, module))
    hooks.after_import("torch.distributed", lambda module: _distributed(hooks, module))


def _torch(hooks: Hooks, torch: Any) -> None:
    if torch.cuda.is_available():
        return

    def stay(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def make(_original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(self: Any, *_args: Any, **_kwargs: Any) -> Any:
                hooks.note("device", what, "no GPU: stays on the CPU")
                return self

            return wrapper

        return make

    patch(torch.Tensor, "cuda", stay("tensor.cuda()"))
    patch(torch.nn.Module, "cuda", stay("module.cuda()"))
    patch(torch.Tensor, "pin_memory", stay("tensor.pin_memory()"))
    for name in QUIET:
        if hasattr(torch.cuda, name):
            patch(torch.cuda, name, _nothing(hooks, name))
    patch(torch.nn.Module, "to", lambda original: _moving(hooks, original))


def _nothing(hooks: Hooks, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(_original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*_args: Any, **_kwargs: Any) -> None:
            hooks.note("device", f"torch.cuda.{name}", "no GPU: does nothing")

        return wrapper

    return make


def _moving(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """`module.to(device)` where the device comes from a configuration that no literal shows."""

    def is_gpu(value: Any) -> bool:
        kind = getattr(value, "type", value)
        return isinstance(kind, str) and kind.partition(":")[0] in ("cuda", "mps")

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (args and is_gpu(args[0])) or is_gpu(kwargs.get("device")):
            hooks.note("device", "module.to(GPU)", "no GPU: stays on the CPU")
            args = ("cpu", *args[1:]) if args and is_gpu(args[0]) else args
            if is_gpu(kwargs.get("device")):
                kwargs["device"] = "cpu"
        return original(self, *args, **kwargs)

    return wrapper


def _distributed(hooks: Hooks, module: Any) -> None:
    def start(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(backend: Any = None, *args: Any, **kwargs: Any) -> Any:
            if backend is not None and "nccl" in str(backend):
                hooks.note("device", "distributed backend", "nccl -> gloo")
                backend = "gloo"
            return original(backend, *args, **kwargs)

        return wrapper

    patch(module, "init_process_group", start)
