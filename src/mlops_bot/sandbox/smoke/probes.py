"""Keeps, of every model that the program trains, an input that it was really given and its answer at the end.

Only where a model is to be registered (`"probes": true`): the component's collector gives the same input to what was
registered, and its check compares the answers. Inputs go to `.mlops-bot/probes/`, answers stay in the trace, which the
collector does not get. Nothing is asked of a model before its training is over, and no random stream moves.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from typing import Any, Iterator

from . import probes_keras, probes_sklearn, probes_torch
from .hooks import Hooks
from .probing import Unportable, flat, packed, shapes

MAX_PROBES = 40
MAX_BYTES = 16_000_000  # of one input
REGISTRIES = ("mlflow", "wandb")  # packages that save models
ROWS = 4  # what is kept of larger ones


class Probes:
    """The probes of one process; `hooks.trace.component["registration"]` is what the check gets to see."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.folder = os.path.join(os.path.dirname(hooks.trace.path), "probes")
        self.quieting: list[Any] = []  # what makes a component look away: functions that return context managers
        self.optimizers: list[Any] = []  # PyTorch's, those that made a step
        self._count = 0

    def noted(self, kind: str) -> list[dict[str, Any]]:
        """The notes of one kind: probes, trained, saved, or what the component's own hook adds."""
        found: list[dict[str, Any]] = self.hooks.trace.component.setdefault("registration", {}).setdefault(kind, [])
        return found

    def keep(self, framework: str, model: Any, given: Any, answers: Any, **more: Any) -> str | None:
        """Writes an input and notes the answers to it; returns its name. None: another process could not read it."""
        try:
            data = packed(given, self._own)
        except Unportable:
            return None
        self._count += 1
        name = f"{os.getpid()}-{self._count}.pickle"
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, name), "wb") as stream:
            stream.write(data)
        entry = {"input": name, "framework": framework, "class": type(model).__name__, "shapes": shapes(given)}
        kept = self.noted("probes")
        kept.append({**entry, "answers": answers, **more})
        if len(kept) > MAX_PROBES:
            self.forget(kept[MAX_PROBES // 2]["input"])
        return name

    def forget(self, name: str) -> None:
        """Drops the probe of this input."""
        kept = self.noted("probes")
        kept[:] = [entry for entry in kept if entry["input"] != name]
        with contextlib.suppress(OSError):
            os.remove(os.path.join(self.folder, name))

    def smaller(self, given: Any) -> Any:
        """A large input's first rows, where all of its arrays have the same number of them."""
        arrays = [item for item in flat(given) if hasattr(item, "shape")]
        size = sum(getattr(item, "nbytes", 0) for item in arrays)
        lengths = {item.shape[0] if len(item.shape) else 0 for item in arrays}
        if size <= MAX_BYTES or len(lengths) != 1 or lengths.pop() <= ROWS:
            return given
        return _cut(given)

    def by_registry(self) -> bool:
        """Whether the component saves something right now, and not the program itself."""
        frame: Any = sys._getframe(2)
        while frame is not None and not self.hooks.is_project(frame.f_code.co_filename):
            if str(frame.f_globals.get("__name__")).partition(".")[0] in REGISTRIES:
                return True
            frame = frame.f_back
        return False

    def _own(self, module: str) -> bool:
        if module == "__main__":
            return True
        path = getattr(sys.modules.get(module), "__file__", None)
        return bool(path) and self.hooks.is_project(path)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """What is asked here is neither printed nor traced nor logged."""
        trace = self.hooks.trace
        before, trace.muted = trace.muted, True
        try:
            with contextlib.ExitStack() as stack:
                for make in self.quieting:
                    stack.enter_context(make())
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
                stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                yield
        finally:
            trace.muted = before


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_cut(item) for item in value)
    return value[:ROWS] if hasattr(value, "shape") else value


def install(hooks: Hooks) -> None:
    if not hooks.config.get("probes"):
        return
    hooks.probes = Probes(hooks)
    for part in (probes_torch, probes_sklearn, probes_keras):
        part.install(hooks, hooks.probes)
