"""Reads the configuration, installs the hooks and sees to it that the trace is written when the process ends."""

from __future__ import annotations

import atexit
import importlib
import json
import os
import sys
import time
from typing import Any, Callable

from .hooks import Finder, Hooks
from .trace import Trace

ALWAYS = (
    "endings",
    "seeds",
    "headless",
    "repository",
    "terminal",
    "keras_backend",
    "notebook",
    "trace_options",
    "trace_torch",
    "trace_sklearn",
    "trace_keras",
    "trace_lightning",
    "probes",
)
SMOKE = (
    "limits_args",
    "limits_torch",
    "limits_keras",
    "limits_lightning",
    "device",
    "network",
    "datasets_torchvision",
    "weights",
    "datasets_keras",
    "datasets_sklearn",
)


WARM = "MLOPS_SANDBOX_WARM"  # set in a worker that is there before its programs are (sandbox/inside/warm.py)
_resume: list[Callable[[], None]] = []


def start(path: str) -> Hooks:
    """Install everything in this process.

    path: smoke.json. Raises OSError or ValueError where it cannot be read.
    """
    with open(path, encoding="utf-8") as stream:
        config: dict[str, Any] = json.load(stream)
    root = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    trace = Trace(str(config.get("trace", "{root}/.mlops-bot/trace.json")).replace("{root}", root))
    waiting = WARM in os.environ
    if not waiting:
        _claim(trace)
    hooks = Hooks(config, trace, _roots(root, config), waiting=waiting)
    _resume.append(lambda: _resumed(hooks, root))
    names = ALWAYS if hooks.full else ALWAYS + SMOKE
    for name in names:
        _install(hooks, name)
    transform = None
    if not hooks.full:
        from . import main_file

        transform = main_file.install(hooks)
    sys.meta_path.insert(0, Finder(hooks, transform))  # type: ignore[arg-type]
    for name in config.get("component_hooks", ()):
        _install(hooks, str(name).removesuffix(".py"))
    atexit.register(_finish, trace)
    os.register_at_fork(after_in_child=lambda: _forked(hooks))
    return hooks


def resumed() -> None:
    """The program begins, in a process that was forked for it from one in which the hooks have been installed."""
    for resume in _resume:
        resume()


def _resumed(hooks: Hooks, root: str) -> None:
    _claim(hooks.trace)
    hooks.trace.started = time.monotonic()
    hooks.begin(_roots(root, hooks.config))


def _claim(trace: Trace) -> None:
    """Of all processes of a program the first is the one that accounts for it."""
    claimed = os.environ.setdefault("MLOPS_SMOKE_PID", str(os.getpid()))
    trace.main = claimed == str(os.getpid())


def _roots(root: str, config: dict[str, Any]) -> list[str]:
    """Where the program's own files are: the job's project folder, or else the working directory and the script's."""
    project = str(config.get("project", "{root}/project")).replace("{root}", root)
    roots = [project] if os.path.isdir(project) else [os.getcwd()]
    argv = getattr(sys, "argv", None) or [""]
    if argv[0].endswith(".py"):
        roots.append(os.path.dirname(os.path.abspath(argv[0])))
    return roots


def _install(hooks: Hooks, name: str) -> None:
    try:
        importlib.import_module(f"{__package__}.{name}").install(hooks)
    except Exception as error:
        hooks.trace.error(f"installing {name}", error)


def _finish(trace: Trace) -> None:
    try:
        trace.write()
    except OSError as error:
        sys.stderr.write(f"smoke trace not written: {error}\n")


def _forked(hooks: Hooks) -> None:
    if not hooks.waiting:
        hooks.trace.main = False
        hooks.trace.clear()
