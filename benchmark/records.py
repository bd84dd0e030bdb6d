"""What a run of the benchmark keeps: JSON lines that are only ever appended to, so that a crash costs one line at most.

manifest.json      what was measured with what: revision, packages, machine, options
generations.jsonl  every completion as it came, by the content of its request
attempts.jsonl     every verdict, by the generation and everything that decides on it
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from mlops_bot.errors import UserError
from mlops_bot.types import Json


class Records:
    """One JSONL file. The last line with a key counts; a torn last line is cut off, so that more can be added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, Mapping[str, Json]] = {}
        whole = 0
        if path.is_file():
            content = path.read_bytes()
            for line in content.splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(line)
                except ValueError:
                    raise UserError(
                        f"{path}: has a broken line in its middle", hint="restore the file, or start a new run"
                    ) from None
                self._entries[entry["key"]] = entry
                whole += len(line)
            if whole < len(content):
                with path.open("r+b") as file:
                    file.truncate(whole)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Mapping[str, Json] | None:
        return self._entries.get(key)

    def all(self) -> list[Mapping[str, Json]]:
        """In the order in which their keys first came."""
        return list(self._entries.values())

    def add(self, entry: Mapping[str, Json]) -> None:
        """Appends one entry, on the disk when this returns. Safe from several threads."""
        line = (json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
            self._entries[str(entry["key"])] = entry


def merge(into: Records, other: Records) -> int:
    """Adds what is not there yet; how many that were. Merging the same shard again changes nothing."""
    new = [entry for entry in other.all() if into.get(str(entry["key"])) is None]
    for entry in new:
        into.add(entry)
    return len(new)
