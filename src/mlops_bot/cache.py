"""Results by content: what was run once with the same bytes, runtime and checks is never run again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops_bot.types import Json

_MAX_ENTRIES = 500  # per kind; the oldest go first, so that the folder stays small without anybody's care


def key_of(*parts: Json) -> str:
    """A key for JSON-able parts (bytes are taken by their hash): equal parts give equal keys."""
    canonical = json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def files_key(files: Mapping[str, bytes]) -> str:
    """One hash for a set of files: names and contents."""
    return key_of({path: hashlib.sha256(content).hexdigest() for path, content in files.items()})


def _plain(value: object) -> Json:
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    raise TypeError(f"not JSON: {type(value).__name__}")


class Cache:
    """A folder of JSON files. Unreadable entries count as absent; a cache that cannot be written is no error."""

    def __init__(self, root: Path | None, *, entries: int | None = _MAX_ENTRIES) -> None:
        """`entries`: how many of each kind are kept; None keeps all."""
        self.root = root  # None: nothing is kept
        self._entries = entries

    def get(self, kind: str, key: str) -> Json | None:
        if self.root is None:
            return None
        try:
            return json.loads((self.root / kind / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, kind: str, key: str, value: Json) -> None:
        if self.root is None:
            return
        folder = self.root / kind
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(temporary).replace(folder / f"{key}.json")
            self._drop_oldest(folder)

    def _drop_oldest(self, folder: Path) -> None:
        if self._entries is None:
            return
        entries = list(folder.glob("*.json"))
        if len(entries) > self._entries:
            entries.sort(key=lambda path: path.stat().st_mtime)
            for path in entries[: len(entries) - self._entries]:
                path.unlink(missing_ok=True)
