"""The hook machinery: run a function right after a module was imported, and the facts every hook needs."""

from __future__ import annotations

import functools
import os
import sys
from importlib.machinery import ModuleSpec
from typing import Any, Callable

from .trace import Trace

Hook = Callable[[Any], None]
Watcher = Callable[[str, str, Any], None]  # what is done ("fit" or "score"), by what, with which data


class Hooks:
    """One per process; handed to `install(hooks)` of every hook module, those of components included.

    `config` is smoke.json; `full` is true where neither limits nor stand-ins are wanted.
    """

    def __init__(self, config: dict[str, Any], trace: Trace, roots: list[str], *, waiting: bool = False) -> None:
        self.config = config
        self.trace = trace
        self.full = bool(config.get("full", False))
        self.seed = int(config.get("seed", 0))
        self.max_epochs = max(1, int(config.get("max_epochs", 2)))
        self.max_batches = max(1, int(config.get("max_batches", 4)))
        self.max_steps = max(1, int(config.get("max_steps", 200)))
        self.max_samples = max(1, int(config.get("max_samples", 512)))
        self.watchers: list[Watcher] = []  # of components that want to know which data are learned from or scored
        self.waiting = waiting  # the program comes later, to a fork of this process: its files are not here yet
        self._at_begin: list[Callable[[], None]] = []
        self.roots = [os.path.realpath(root) for root in roots]
        self._library = os.path.dirname(os.path.realpath(os.__file__))
        self._here = os.path.dirname(os.path.realpath(__file__))
        self._project: dict[str, bool] = {}
        self._pending: dict[str, list[Hook]] = {}
        self.probes: Any = None  # probes.Probes, where models are to be registered
        self.after_fit: list[Callable[[Any, Any, Any], None]] = []  # called with (estimator, data, the fit's event)

    def note(self, kind: str, what: str, detail: str = "") -> None:
        self.trace.note(kind, what, detail)

    def at_begin(self, action: Callable[[], None]) -> None:
        """Call `action()` when the program's files are there and it is about to begin: now, or in a fork."""
        if self.waiting:
            self._at_begin.append(action)
        else:
            action()

    def begin(self, roots: list[str]) -> None:
        """The program is there, in these folders."""
        self.waiting = False
        self.roots = [os.path.realpath(root) for root in roots]
        self._project.clear()
        for action in self._at_begin:
            try:
                action()
            except Exception as error:  # as where a hook is installed
                self.trace.error("at the beginning", error)

    def watched(self, kind: str, what: str, data: Any) -> None:
        for watcher in self.watchers:
            try:
                watcher(kind, what, data)
            except Exception as error:
                self.trace.error(f"watching {what}", error)

    def after_import(self, name: str, hook: Hook) -> None:
        """Call `hook(module)` once, right after the program has imported the module `name`. Imports nothing itself."""
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if module is not None and not getattr(spec, "_initializing", False):
            self._run(name, hook, module)
        else:
            self._pending.setdefault(name, []).append(hook)

    def fire(self, name: str, module: Any) -> None:
        for hook in self._pending.pop(name, []):
            self._run(name, hook, module)

    def waits_for(self, name: str) -> bool:
        return name in self._pending

    def _run(self, name: str, hook: Hook, module: Any) -> None:
        try:
            hook(module)
        except Exception as error:  # the program must not fail because of a hook
            self.trace.error(f"hook for {name}", error)

    def is_project(self, filename: str) -> bool:
        """Whether a source file belongs to the program, and not to an installed library or to these hooks."""
        known = self._project.get(filename)
        if known is None:
            path = os.path.realpath(filename)
            known = (
                not filename.startswith("<")
                and not any(part in path for part in ("site-packages", "dist-packages"))
                and not path.startswith((self._library + os.sep, self._here + os.sep))
                and any(path.startswith(root + os.sep) for root in self.roots)
            )
            self._project[filename] = known
        return known

    def from_project(self, depth: int = 2) -> bool:
        """Whether the code that called the caller's function is the program's own."""
        return self.is_project(sys._getframe(depth).f_code.co_filename)

    def from_project_stack(self, limit: int = 25) -> bool:
        """Whether the program's own code is anywhere among the callers (a component that parses is not it)."""
        frame = sys._getframe(2)
        while frame is not None and limit:
            if self.is_project(frame.f_code.co_filename):
                return True
            frame, limit = frame.f_back, limit - 1  # type: ignore[assignment]
        return False


class Finder:
    """First on `sys.meta_path`: finds as the others do, then lets hooks follow a module's execution."""

    def __init__(self, hooks: Hooks, transform: Callable[[ModuleSpec], None] | None) -> None:
        self._hooks = hooks
        self._transform = transform
        self._busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        wanted = self._hooks.waits_for(name)
        if name in self._busy or not (wanted or self._transform):
            return None
        self._busy.add(name)
        try:
            spec = self._others(name, path, target)
        finally:
            self._busy.discard(name)
        if spec is None or spec.loader is None:
            return spec
        if self._transform is not None:
            self._transform(spec)
        if wanted:
            self._follow(spec, name)
        return spec

    def _others(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None

    def _follow(self, spec: ModuleSpec, name: str) -> None:
        """Shadow `exec_module` on this one loader, only until it was called: the module keeps its own loader."""
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module
            execute(module)
            self._hooks.fire(name, module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader without a dictionary
            return


def patch(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace the method or function `name` of `owner` in place by `make(original)`, keeping its signature and name."""
    original = getattr(owner, name, None)
    if original is None:
        return
    replacement = make(original)
    try:
        functools.update_wrapper(replacement, original)
    except (AttributeError, TypeError):
        replacement.__name__ = name
    setattr(owner, name, replacement)
