"""Lightning: fits, and the numbers that modules log."""

from __future__ import annotations

from typing import Any, Callable

from .hooks import Hooks, patch

PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def install(hooks: Hooks) -> None:
    for name in PACKAGES:
        hooks.after_import(f"{name}.trainer.trainer", lambda module: patch(module.Trainer, "fit", _fit(hooks)))
        hooks.after_import(f"{name}.core.module", lambda module: patch(module.LightningModule, "log", _log(hooks)))
        connector = f"{name}.trainer.connectors.logger_connector.logger_connector"
        hooks.after_import(connector, lambda module: _connector(hooks, module))


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


def _connector(hooks: Hooks, module: Any) -> None:
    """Lightning's own means over an epoch, in which every batch weighs as many samples as it has."""
    for kind in ("_LoggerConnector", "LoggerConnector"):
        owner = getattr(module, kind, None)
        if owner is not None:
            patch(owner, "on_epoch_end", _epoch(hooks))


def _epoch(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if not self.trainer.sanity_checking:
                for name, value in dict(getattr(self, "_callback_metrics", {})).items():
                    if getattr(value, "numel", lambda: 0)() == 1:
                        hooks.trace.scalar("lightning.epoch", str(name), value.detach())
            return result

        return wrapper

    return make


def _discarded(module: Any) -> bool:
    """What is logged while Lightning tries out the validation, it throws away."""
    trainer = getattr(module, "_trainer", None)
    return bool(getattr(trainer, "sanity_checking", False))


def _log(hooks: Hooks) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
            number = value.detach() if getattr(value, "numel", lambda: 0)() == 1 else value
            if (isinstance(number, (int, float)) or number is not value) and not _discarded(self):
                hooks.trace.scalar("lightning.log", name, number)
            return original(self, name, value, *args, **kwargs)

        return wrapper

    return make
