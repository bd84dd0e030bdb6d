"""Epochs asked for on the command line: capped after argparse has parsed them."""

from __future__ import annotations

from typing import Any, Callable

from .hooks import Hooks, patch
from .names import is_epoch_option


def install(hooks: Hooks) -> None:
    hooks.after_import("argparse", lambda module: _argparse(hooks, module))


def _argparse(hooks: Hooks, module: Any) -> None:
    def parse(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if isinstance(result, tuple) and hooks.from_project_stack():
                for name, value in list(vars(result[0]).items()):
                    if is_epoch_option(name) and isinstance(value, (int, float)) and value > hooks.max_epochs:
                        setattr(result[0], name, type(value)(hooks.max_epochs))
                        hooks.note("limit", f"option --{name}", f"{value} -> {hooks.max_epochs}")
            return result

        return wrapper

    patch(module.ArgumentParser, "parse_known_args", parse)
