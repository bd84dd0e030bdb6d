"""Lightning: the Trainer gets few epochs and batches, one CPU, and logs every step."""

from __future__ import annotations

from typing import Any, Callable

from .hooks import Hooks, patch

PACKAGES = ("lightning.pytorch", "pytorch_lightning")
FABRICS = ("lightning.fabric.fabric", "lightning_fabric.fabric")


def install(hooks: Hooks) -> None:
    for name in PACKAGES:
        hooks.after_import(f"{name}.trainer.trainer", lambda module: patch(module.Trainer, "__init__", _trainer(hooks)))
    for name in FABRICS:
        hooks.after_import(name, lambda module: patch(module.Fabric, "__init__", _fabric(hooks)))


def _trainer(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            _limit(hooks, kwargs)
            _cpu(hooks, kwargs)
            return original(self, *args, **kwargs)

        return wrapper

    return make


def _fabric(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            names = ("accelerator", "strategy", "devices", "num_nodes", "precision")
            kwargs.update(zip(names, args[: len(names)]))
            _cpu(hooks, kwargs)
            return original(self, *args[len(names) :], **kwargs)

        return wrapper

    return make


def _limit(hooks: Hooks, kwargs: dict[str, Any]) -> None:
    epochs, batches = hooks.max_epochs, hooks.max_batches
    if kwargs.get("fast_dev_run"):
        _quick(hooks, kwargs)
    given = kwargs.get("max_epochs")
    if given is None or given < 0 or given > epochs:
        kwargs["max_epochs"] = epochs
        hooks.note("limit", "Lightning max_epochs", f"{given} -> {epochs}")
    if (kwargs.get("min_epochs") or 0) > epochs:
        kwargs["min_epochs"] = epochs
    for name in ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches"):
        value = kwargs.get(name)
        if value is None or (isinstance(value, float) and value > 0) or (isinstance(value, int) and value > batches):
            kwargs[name] = batches
            hooks.note("limit", f"Lightning {name}", f"{value} -> {batches}")
    every = kwargs.get("check_val_every_n_epoch")
    if every is not None and every > epochs:
        kwargs["check_val_every_n_epoch"] = epochs
    interval = kwargs.get("val_check_interval")
    if isinstance(interval, int) and interval > batches:
        kwargs["val_check_interval"] = 1.0
    if (kwargs.get("log_every_n_steps") or 50) > 1:
        kwargs["log_every_n_steps"] = 1
        hooks.note("limit", "Lightning log_every_n_steps", "1, so that few steps leave metrics")


def _quick(hooks: Hooks, kwargs: dict[str, Any]) -> None:
    """`fast_dev_run=2` as one epoch of two batches: of itself it also turns off every logger, and there would be
    nothing to see of one that was added."""
    quick = kwargs["fast_dev_run"]
    count = 1 if quick is True else min(int(quick), hooks.max_batches)
    kwargs.update(fast_dev_run=False, max_epochs=1, max_steps=count, num_sanity_val_steps=0)
    kwargs.update(check_val_every_n_epoch=1, val_check_interval=1.0)
    for name in ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches"):
        kwargs[name] = count
    hooks.note("limit", "Lightning fast_dev_run", f"an epoch of {count} batches, loggers stay on")


def _cpu(hooks: Hooks, kwargs: dict[str, Any]) -> None:
    if kwargs.get("accelerator") not in (None, "auto", "cpu"):
        hooks.note("device", "Lightning accelerator", f"{kwargs['accelerator']} -> cpu")
    kwargs["accelerator"] = "cpu"
    if kwargs.get("devices") not in (None, 1, "1"):
        hooks.note("device", "Lightning devices", f"{kwargs['devices']} -> 1")
    kwargs["devices"], kwargs["num_nodes"] = 1, 1
    if kwargs.get("strategy") not in (None, "auto"):
        hooks.note("device", "Lightning strategy", f"{kwargs['strategy']} -> auto")
        kwargs["strategy"] = "auto"
    if str(kwargs.get("precision") or "").startswith(("16", "transformer-engine")):
        hooks.note("device", "Lightning precision", f"{kwargs['precision']} -> 32-true")
        kwargs["precision"] = "32-true"
