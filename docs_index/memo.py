"""What was paid for once: condensed passages and vectors by content, kept while a build is under way and after it.

An interrupted build goes on from here, and an unchanged page costs nothing, in whichever release it is.
"""

from __future__ import annotations

import array
import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path


def key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Memo:
    """A small file beside the caches; it can be removed at any time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
        self._connection.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def close(self) -> None:
        self._connection.close()

    def text(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM texts WHERE key = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_text(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO texts VALUES (?, ?)", (name, value))

    def vector(self, name: str) -> Sequence[float] | None:
        row = self._connection.execute("SELECT value FROM vectors WHERE key = ?", (name,)).fetchone()
        return None if row is None else array.array("f", row[0])

    def keep_vectors(self, vectors: dict[str, Sequence[float]]) -> None:
        rows = [(name, array.array("f", vector).tobytes()) for name, vector in vectors.items()]
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")
