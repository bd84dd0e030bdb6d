"""Lightning: fits, and the numbers that modules log."""

from __future__ import annotations

from typing import Any, Callable

from .hooks import Hooks, patch

PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def install(hooks: Hooks) -> None:
    for name in PACKAGES:
        hooks.after_import(f"{name}.trainer.trainer", lambda module: patch(module.Trainer, "fit", _fit(hooks)))
        hooks.after_import(f"{name}.core.module", lambda module: patch(module.LightningModule, "log", _log(hooks)))


def _fit(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            model = args[0] if args else kwargs.get("model")
            event = {"event": "lightning.fit", "class": type(model).__name__, "max_epochs": self.max_epochs, "steps": 0}
            hooks.trace.event(event)
            try:
                return original(self, *args, **kwargs)
            finally:
                event["steps"] = self.global_step
                event["hparams"] = {str(key): value for key, value in dict(getattr(model, "hparams", {})).items()}

        return wrapper

    return make


def _log(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
            number = value.detach() if getattr(value, "numel", lambda: 0)() == 1 else value
            if isinstance(number, (int, float)) or number is not value:
                hooks.trace.scalar("lightning.log", name, number)
            return original(self, name, value, *args, **kwargs)

        return wrapper

    return make
