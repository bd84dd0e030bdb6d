"""Smoke-run hooks for Comet; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

It keeps experiments offline whatever the program asks for, keeps Comet out of the training's random streams, and notes
which experiments were really opened: what else is in the store was not written by Comet. Python 3.9+, standard
library only; imports nothing that the program did not import.
"""

from __future__ import annotations

import functools
import random
import sys
from typing import Any

USERS_OF_RANDOM = (
    "comet_ml.confusion_matrix",
    "comet_ml.connection.retry_with_full_jitter",
    "comet_ml.error_tracking.api",
    "comet_ml.experiment",
    "comet_ml.file_utils",
    "comet_ml.metrics",
    "comet_ml.streamer.fallback",
    "comet_ml.utils",
)


def install(hooks: Any) -> None:
    for name in USERS_OF_RANDOM:
        hooks.after_import(name, _own_random)
    state: list = []  # of the program's random stream, when the import of Comet begins
    hooks.after_import("comet_ml.logging_messages", lambda module: state.append(random.getstate()))
    hooks.after_import("comet_ml", lambda module: random.setstate(state[0]) if state else None)
    hooks.after_import("comet_ml.monkey_patching", _second)
    hooks.after_import("comet_ml.offline", lambda module: _opened(hooks, module))
    hooks.after_import("comet_ml.comet_start.init_parameters", lambda module: _start(hooks, module))
    hooks.after_import("comet_ml", lambda module: _online(hooks, module))


def _own_random(module: Any) -> None:
    """Names of files and delays come from a generator of Comet's own, not from the program's global one."""
    if hasattr(module, "random"):
        module.random = random.Random()


def _second(module: Any) -> None:
    """Comet follows imports too. It comes after the finder of these hooks, which lets others find first."""

    def start(self: Any) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(1, self)

    module.CometModuleFinder.start = start


def _opened(hooks: Any, module: Any) -> None:
    hooks.trace.component["hooked"] = True
    original = module.OfflineExperiment.__init__

    @functools.wraps(original)
    def opened(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        hooks.trace.component["run {}".format(self.get_key())] = True

    module.OfflineExperiment.__init__ = opened


def _start(hooks: Any, module: Any) -> None:
    """`comet_ml.start(online=True)` and the like."""
    original = module.InitParameters.__init__

    @functools.wraps(original)
    def offline(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.online:
            _local(hooks, "comet_ml.start(online=True)")
            self._online = False

    module.InitParameters.__init__ = offline


def _online(hooks: Any, module: Any) -> None:
    """`Experiment(api_key=...)` is an experiment without a server; nobody logs in, and nobody is asked for a key."""
    offline = module.OfflineExperiment

    class Experiment(offline):  # type: ignore[misc, valid-type]
        def __init__(self, api_key: Any = None, *args: Any, **kwargs: Any) -> None:
            _local(hooks, "comet_ml.Experiment")
            kwargs.update(dict(zip(("project_name", "workspace"), args)))  # noqa: B905 - Python 3.9
            for name in ("api_key", "enable_get_or_create_mode"):
                kwargs.pop(name, None)
            offline.__init__(self, **kwargs)

    module.Experiment = Experiment

    def nothing(*_: Any, **__: Any) -> None:
        _local(hooks, "comet_ml.login")

    for name in ("login", "init"):
        if hasattr(module, name):
            setattr(module, name, functools.wraps(getattr(module, name))(nothing))


def _local(hooks: Any, what: str) -> None:
    hooks.note("stand-in", what, "an offline experiment (no server in a verification run)")
