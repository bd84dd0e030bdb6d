"""Smoke-run hooks for W&B; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

It keeps runs offline whatever the program asks for, and notes which runs `wandb.init` really opened: what else is in
the store was not written by W&B. Python 3.9+, standard library only; imports nothing that the program did not import.
"""

from __future__ import annotations

import functools
import os
from typing import Any

REMOTE = ("online", "shared")


def install(hooks: Any) -> None:
    hooks.after_import("wandb.sdk.data_types._private", lambda module: _media(hooks, module))
    hooks.after_import("wandb.sdk.wandb_init", lambda module: _init(hooks, module))
    hooks.after_import("wandb.sdk.wandb_login", lambda module: _login(hooks, module))
    if hooks.probes is not None:
        hooks.after_import("wandb.sdk.wandb_run", lambda module: _links(hooks, module.Run))


def _media(hooks: Any, module: Any) -> None:
    """W&B makes a folder for pictures when it is imported: long before the program begins, and gone by then."""
    hooks.at_begin(lambda: os.makedirs(module.MEDIA_TMP.name, exist_ok=True))


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


def _links(hooks: Any, run_class: Any) -> None:
    """Links are made by the server, and raise an error offline: here they are noted, and the artifact is logged."""

    def linked(artifact: Any, target: Any) -> Any:
        hooks.note("stand-in", "W&B link", "to {}: noted, no server in a verification run".format(str(target)[:100]))
        name = str(getattr(artifact, "name", artifact)).partition(":")[0][:200]
        notes = hooks.probes.noted("registry")
        if len(notes) < 200:
            entry = {"action": "create_model_version", "name": name, "version": "", "by": "wandb"}
            notes.append({**entry, "target": str(target)[:200]})
        return artifact

    def link_artifact(self: Any, artifact: Any, target_path: Any, aliases: Any = None) -> Any:
        return linked(artifact if id(artifact) in logged else self.log_artifact(artifact), target_path)

    def link_model(self: Any, path: Any, registered_model_name: Any, name: Any = None, aliases: Any = None) -> Any:
        artifact = self.log_artifact(path, name=name or "run-{}-model".format(self.id), type="model")
        return linked(artifact, registered_model_name)

    def log(self: Any, *args: Any, **kwargs: Any) -> Any:
        artifact = logging(self, *args, **kwargs)
        logged[id(artifact)] = artifact
        return artifact

    logged: dict = {}
    logging = run_class._log_artifact
    run_class._log_artifact = functools.wraps(logging)(log)
    run_class.link_artifact = functools.wraps(run_class.link_artifact)(link_artifact)
    run_class.link_model = functools.wraps(run_class.link_model)(link_model)
    offline = run_class.offline.fget

    def is_offline(self: Any) -> bool:
        """What a program leaves out offline is to be seen, too."""
        return bool(offline(self)) and not hooks.from_project()

    run_class.offline = property(is_offline)
