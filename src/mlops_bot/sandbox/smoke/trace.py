"""What a run did, collected in memory and written once as trace.json when the process ends (README.md)."""

from __future__ import annotations

import glob
import json
import math
import os
import sys
import time
from typing import Any, Callable

MAX_SCALARS = 20000
MAX_EVENTS = 2000
MAX_NOTES = 200
MAX_TEXTS = 500
MAX_DEPTH = 12  # of nested lists and dictionaries
FRAMEWORKS = ("torch", "torchvision", "lightning", "pytorch_lightning", "keras", "tensorflow", "sklearn", "xgboost")


class Trace:
    """Recorder of one process. `finishers` run at the end, to add what is only known then."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.main = True
        self.muted = False  # set while a component computes numbers for itself
        self.started = time.monotonic()
        self.finishers: list[Callable[[], None]] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything: a forked child starts its own account."""
        self.notes: list[dict[str, str]] = []
        self.scalars: list[list[Any]] = []
        self.training: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.component: dict[str, Any] = {}  # what the hook of a component noted, under names of its own
        self.options: dict[str, Any] = {}  # what argparse came to
        self.errors: list[str] = []
        self.exit: dict[str, str] = {"kind": "normal", "type": "", "message": ""}
        self._seen: set[tuple[str, str, str]] = set()
        self.finishers.clear()

    def note(self, kind: str, what: str, detail: str = "") -> None:
        """Note a limit, a stand-in, a device change, a seed, or something that is unavailable; each one once."""
        key = (kind, what, detail)
        if key not in self._seen and len(self.notes) < MAX_NOTES:
            self._seen.add(key)
            self.notes.append({"kind": kind, "what": what, "detail": detail})

    def scalar(self, source: str, name: str, value: Any) -> None:
        if len(self.scalars) < MAX_SCALARS and not self.muted:
            try:
                self.scalars.append([source, name, float(value)])
            except (TypeError, ValueError, OverflowError):
                return

    def text(self, text: str) -> None:
        """A text with numbers that is shown elsewhere than on the terminal: in a plot."""
        line = " ".join(text.split())[:300]
        if len(self.texts) < MAX_TEXTS and not self.muted and line not in self.texts[-20:]:
            self.texts.append(line)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        if len(self.training) < MAX_EVENTS:
            self.training.append(event)
        return event

    def error(self, where: str, error: BaseException) -> None:
        if len(self.errors) < 50:
            self.errors.append(f"{where}: {type(error).__name__}: {error}"[:500])

    def document(self) -> dict[str, Any]:
        for finish in list(self.finishers):
            try:
                finish()
            except Exception as error:
                self.error("at exit", error)
        return {
            "schema": 1,
            "frameworks": [name for name in FRAMEWORKS if name in sys.modules],
            "notes": self.notes,
            "scalars": self.scalars,
            "training": self.training,
            "models": self.models,
            "texts": self.texts,
            "options": self.options,
            "component": self.component,
            "exit": self.exit,
            "errors": self.errors,
            "seconds": {"total": round(time.monotonic() - self.started, 3)},
        }

    def write(self) -> None:
        """Write the document. A worker process writes only if it trained, beside the main one, which takes it in."""
        document = self.document()
        path = self.path if self.main else f"{self.path}.{os.getpid()}"
        if not self.main and not document["training"]:
            return
        if self.main:
            _continue(document, path)
            _merge(document, sorted(glob.glob(glob.escape(self.path) + ".*")))
        temporary = f"{path}~{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as stream:
            component = document.pop("component")  # a hook's own notes keep their depth and their length
            json.dump({**plain(document), "component": component}, stream, allow_nan=True, default=plain)
        os.replace(temporary, path)


def _continue(document: dict[str, Any], path: str) -> None:
    """Put in front what an earlier program of the same job recorded (`python prepare.py && python train.py`)."""
    try:
        with open(path, encoding="utf-8") as stream:
            earlier = json.load(stream)
    except (OSError, ValueError):
        return
    for key in ("notes", "scalars", "training", "models", "texts", "errors"):
        own = [item for item in document[key] if key != "notes" or item not in earlier[key]]
        document[key] = [*earlier[key], *own]
    for key in ("component", "options"):
        document[key] = {**earlier.get(key, {}), **document[key]}
    names = document["frameworks"]
    document["frameworks"] = [*earlier["frameworks"], *(name for name in names if name not in earlier["frameworks"])]


def _merge(document: dict[str, Any], parts: list[str]) -> None:
    """Take in what worker processes trained, where this process only started them (mp.spawn, torchrun)."""
    alone = not document["training"]
    for path in parts:
        try:
            with open(path, encoding="utf-8") as stream:
                part = json.load(stream)
            os.remove(path)
        except (OSError, ValueError):
            continue
        if not alone:
            continue
        for key in ("notes", "scalars", "training", "models", "texts"):
            document[key].extend(item for item in part[key] if key != "notes" or item not in document[key])
        document["component"].update(part.get("component", {}))
        document["frameworks"].extend(name for name in part["frameworks"] if name not in document["frameworks"])
    del document["scalars"][MAX_SCALARS:]


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it; what cannot be held becomes a short text."""
    if value is None or isinstance(value, (bool, str)):
        return value[:2000] if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, int):
        return int(value)
    if depth < MAX_DEPTH and isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if depth < MAX_DEPTH and isinstance(value, (list, tuple)):
        limit = MAX_SCALARS if depth < 2 else 200
        return [plain(item, depth + 1) for item in value[:limit]]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", None) == 1:
        try:
            return plain(item(), depth + 1)
        except Exception:
            return type(value).__name__
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return type(value).__name__
