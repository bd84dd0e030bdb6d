"""Smoke-run hooks for W&B; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

It keeps runs offline whatever the program asks for, and notes which runs `wandb.init` really opened: what else is in
the store was not written by W&B. Python 3.9+, standard library only; imports nothing that the program did not import.
"""

from __future__ import annotations

import functools
from typing import Any

REMOTE = ("online", "shared")


def install(hooks: Any) -> None:
    hooks.after_import("wandb.sdk.wandb_init", lambda module: _init(hooks, module))
    hooks.after_import("wandb.sdk.wandb_login", lambda module: _login(hooks, module))


def _init(hooks: Any, module: Any) -> None:
    original = module.init
    hooks.trace.component["hooked"] = True

    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> Any:
        settings = kwargs.get("settings")
        mode = kwargs.get("mode") or (settings.get("mode") if isinstance(settings, dict) else None)
        mode = mode or getattr(settings, "mode", None)
        if mode in REMOTE:
            hooks.note(
                "stand-in", "wandb.init(mode=...)", "{} -> offline (no server in a verification run)".format(mode)
            )
            kwargs["mode"] = "offline"
        run = original(*args, **kwargs)
        name = getattr(run, "id", None)
        if name and not getattr(run, "disabled", False):
            hooks.trace.component["run {}".format(name)] = True
        return run

    module.init = init


def _login(hooks: Any, module: Any) -> None:
    """Nobody logs in, and nobody is asked for a key."""
    original = module.login

    @functools.wraps(original)
    def login(*_: Any, **__: Any) -> bool:
        hooks.note("stand-in", "wandb.login", "nothing: no server in a verification run")
        return True

    module.login = login
