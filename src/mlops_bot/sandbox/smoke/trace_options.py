"""What the program's command line came to: its hyperparameters in this run, whatever their defaults."""

from __future__ import annotations

from typing import Any, Callable

from .hooks import Hooks, patch

MAX_OPTIONS = 200


def install(hooks: Hooks) -> None:
    hooks.after_import("argparse", lambda module: _argparse(hooks, module))


def _argparse(hooks: Hooks, module: Any) -> None:
    def parse(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if isinstance(result, tuple) and hooks.from_project_stack():
                for name, value in list(vars(result[0]).items())[:MAX_OPTIONS]:
                    if value is None or isinstance(value, (bool, int, float)) or type(value) is str:
                        hooks.trace.options[name] = value[:200] if type(value) is str else value
            return result

        return wrapper

    patch(module.ArgumentParser, "parse_known_args", parse)
