"""The embedded documentation store: one SQLite file with words (FTS5, BM25) and vectors, and both fused by rank.

Each index (a release of a component) has tables of its own, so that word statistics are its own, and a new build of it
is invisible until one transaction puts it in the place of the old one. Readers are never blocked (WAL).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from mlops_bot.docs import vectors, versions
from mlops_bot.docs.records import NO_EMBEDDER, Embedders, Index, Record
from mlops_bot.docs.terms import terms
from mlops_bot.errors import DocsError
from mlops_bot.types import DocChunk

SCHEMA = 1
_FUSED = 60  # rank constant of reciprocal rank fusion (Cormack et al., 2009)
_DEPTH = 50  # passages that each of both searches hands to the fusion
_TERMS = 32  # terms of a query that are looked up, the rarest first
_POSTINGS = 4000  # passages that they may be in, all together: keeps a query short in a large index
_BATCH = 1000
_WEIGHTS = "4.0, 6.0, 1.0"  # of title, names, text in BM25


@dataclass(slots=True)
class _Stored:
    """An index as a connection sees it."""

    number: int
    info: Index
    bits: vectors.Bits | None = None


@dataclass(slots=True)
class _State:
    connection: sqlite3.Connection
    seen: int = -1  # the file's data version when `stored` was read
    stored: list[_Stored] = field(default_factory=list)


class SQLiteStore:
    """Opens `path`; `writable` makes the file where it is missing.

    `embedders` gives the model of an index by its name; without it, or without numpy, only words are searched, and
    `notes` says so. Raises DocsError for a file that is none of ours.
    """

    def __init__(self, path: Path, *, writable: bool = False, embedders: Embedders | None = None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._writable = writable
        self._embedders = embedders
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._queries: dict[tuple[str, str], Sequence[float] | None] = {}
        if not writable and not path.is_file():
            raise DocsError(f"{path}: there is no documentation index", hint="`python -m docs_index build` makes one")
        with self._errors():
            self._state()

    def close(self) -> None:
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._local = threading.local()

    # --- searching ---------------------------------------------------------------------------------------

    def versions(self, component: str) -> Sequence[str]:
        with self._errors():
            found = [one.info.version for one in self._stored() if one.info.component == component]
        return versions.newest_first(found)

    def indexes(self) -> Sequence[Index]:
        with self._errors():
            return [one.info for one in self._stored()]

    def unfinished(self) -> Sequence[Index]:
        """Indexes whose build is under way, or was interrupted while it stored. They are never searched."""
        with self._errors():
            return [one.info for one in self._rows(self._state().connection, "building")]

    def search(self, query: str, *, component: str, version: str | None, limit: int) -> Sequence[DocChunk]:
        with self._errors():
            chosen = versions.nearest(version, self.versions(component))
            if chosen is None or limit < 1:
                return []
            vector = self._vector(query, self._one(component, chosen))
        with self._errors(), self._snapshot() as connection:
            one = self._one(component, chosen)
            lists = [self._by_words(connection, one, query, max(limit, _DEPTH))]
            if vector is not None:
                lists.append(self._by_vector(connection, one, vector, max(limit, _DEPTH)))
            return self._chunks(connection, one, fused(lists)[:limit])

    def _by_words(self, connection: sqlite3.Connection, one: _Stored, query: str, limit: int) -> list[int]:
        asked = list(dict.fromkeys(terms(query)))
        known: dict[str, int] = {}
        for part in _batches(asked, 500):
            marks = ",".join("?" * len(part))
            known.update(
                connection.execute(f"SELECT term, chunks FROM terms_{one.number} WHERE term IN ({marks})", part)  # noqa: S608
            )
        chosen: list[str] = []
        postings = 0
        for term in sorted(known, key=lambda name: (known[name], name)):
            postings += known[term]
            if len(chosen) >= _TERMS or (postings > _POSTINGS and len(chosen) >= 2):
                break
            chosen.append(term)
        if not chosen:
            return []
        match = " OR ".join(f'"{term}"' for term in chosen)
        rows = connection.execute(
            f"SELECT rowid FROM words_{one.number} WHERE words_{one.number} MATCH ? "  # noqa: S608
            f"ORDER BY bm25(words_{one.number}, {_WEIGHTS}), rowid LIMIT ?",
            (match, limit),
        )
        return [number for (number,) in rows]

    def _by_vector(
        self, connection: sqlite3.Connection, one: _Stored, vector: Sequence[float], limit: int
    ) -> list[int]:
        if one.bits is None:
            rows = connection.execute(f"SELECT bits FROM bits_{one.number} ORDER BY id")  # noqa: S608
            one.bits = vectors.Bits([blob for (blob,) in rows], one.info.dimensions)

        def exact(numbers: list[int]) -> dict[int, bytes]:
            marks = ",".join("?" * len(numbers))
            statement = f"SELECT id, vector FROM vectors_{one.number} WHERE id IN ({marks})"  # noqa: S608
            return dict(connection.execute(statement, numbers))

        return one.bits.nearest(vector, exact, limit)

    def _chunks(self, connection: sqlite3.Connection, one: _Stored, numbers: Sequence[int]) -> list[DocChunk]:
        marks = ",".join("?" * len(numbers))
        statement = f"SELECT id, path, url, title, text, names FROM chunks_{one.number} WHERE id IN ({marks})"  # noqa: S608
        found = {row[0]: row for row in connection.execute(statement, list(numbers))}
        return [_chunk(one.info, *found[number][1:]) for number in numbers if number in found]

    def _vector(self, query: str, one: _Stored) -> Sequence[float] | None:
        """The query's vector by the index's own model; None where the index has none, or the model is not here."""
        name = one.info.embedder
        if name == NO_EMBEDDER or not one.info.dimensions or self._embedders is None:
            return None
        if not vectors.available():
            self._words_only("numpy is not installed (extra `vectors`)")
            return None
        key = (name, query)
        if key not in self._queries:
            embedder = self._embedders(name)
            if embedder is None:
                self._words_only(f"its model {name} is not available here")
                return None
            if len(self._queries) > 1000:
                self._queries.clear()
            self._queries[key] = embedder.embed([query])[0]
        return self._queries[key]

    def _words_only(self, why: str) -> None:
        note = f"{self.path.name}: only words are searched: {why}"
        if note not in self.notes:
            self.notes.append(note)

    # --- filling -----------------------------------------------------------------------------------------

    def records(self, component: str, version: str) -> Iterator[Record]:
        with self._errors(), self._snapshot() as connection:
            one = self._one(component, version)
            rows = connection.execute(
                f"SELECT c.path, c.url, c.title, c.text, c.names, c.source, v.vector FROM chunks_{one.number} c "  # noqa: S608
                f"LEFT JOIN vectors_{one.number} v ON v.id = c.id ORDER BY c.id"
            ).fetchall()
        for *columns, source, vector in rows:
            yield Record(_chunk(one.info, *columns), source, None if vector is None else vectors.unpacked(vector))

    def replace(self, index: Index, records: Iterable[Record]) -> Sequence[str]:
        connection = self._state().connection
        with self._errors():
            self._drop_unfinished(connection)
            number = self._begin(connection, index)
            count = self._fill(connection, number, index, records)
            with _transaction(connection):
                old = connection.execute(
                    "SELECT id FROM indexes WHERE component = ? AND version = ? AND state = 'ready'",
                    (index.component, index.version),
                ).fetchall()
                for (previous,) in old:
                    _drop(connection, previous)
                connection.execute("UPDATE indexes SET state = 'ready', chunks = ? WHERE id = ?", (count, number))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return []

    def drop(self, component: str, version: str) -> None:
        connection = self._state().connection
        with self._errors(), _transaction(connection):
            for one in self._stored():
                if (one.info.component, one.info.version) == (component, version):
                    _drop(connection, one.number)

    def compact(self) -> None:
        """Makes the file as small as it can be, and readable from a folder that nobody may write to."""
        connection = self._state().connection
        with self._errors():
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("VACUUM")

    def _begin(self, connection: sqlite3.Connection, index: Index) -> int:
        with _transaction(connection):
            cursor = connection.execute(
                "INSERT INTO indexes (component, version, state, embedder, dimensions, manifest, chunks, built) "
                "VALUES (?, ?, 'building', ?, ?, ?, 0, ?)",
                (
                    index.component,
                    index.version,
                    index.embedder,
                    index.dimensions,
                    json.dumps(index.manifest, sort_keys=True),
                    index.built or dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                ),
            )
            number = cursor.lastrowid
            assert number is not None
            for statement in _TABLES:
                connection.execute(statement.format(n=number))
        return number

    def _fill(self, connection: sqlite3.Connection, number: int, index: Index, records: Iterable[Record]) -> int:
        count = 0
        seen: Counter[str] = Counter()
        for batch in _batches(records, _BATCH):
            with _transaction(connection):
                rows, words = [], []
                for offset, record in enumerate(batch, count + 1):
                    chunk = record.chunk
                    columns = [terms(text) for text in (chunk.title, " ".join(chunk.names), chunk.text)]
                    seen.update({term for column in columns for term in column})
                    words.append((offset, *(" ".join(column) for column in columns)))
                    names = json.dumps(chunk.names)
                    rows.append((offset, chunk.path, chunk.url, chunk.title, chunk.text, names, record.source))
                connection.executemany(f"INSERT INTO chunks_{number} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
                connection.executemany(
                    f"INSERT INTO words_{number} (rowid, title, names, text) VALUES (?, ?, ?, ?)",  # noqa: S608
                    words,
                )
                if index.dimensions:
                    self._fill_vectors(connection, number, index, batch, count)
            count += len(batch)
        with _transaction(connection):
            connection.executemany(f"INSERT INTO terms_{number} VALUES (?, ?)", sorted(seen.items()))  # noqa: S608
            connection.execute(f"INSERT INTO words_{number} (words_{number}) VALUES ('optimize')")  # noqa: S608
        return count

    def _fill_vectors(
        self, connection: sqlite3.Connection, number: int, index: Index, batch: Sequence[Record], before: int
    ) -> None:
        if not vectors.available():
            raise DocsError("vectors cannot be stored without numpy", hint="install mlops-bot[vectors]")
        given = [record.vector for record in batch]
        complete = [vector for vector in given if vector is not None and len(vector) == index.dimensions]
        if len(complete) < len(batch):
            raise DocsError(
                f"{index.component} {index.version}: {len(batch) - len(complete)} passages have no vector of "
                f"{index.dimensions} dimensions",
                hint="build the index with one embedder",
            )
        exact, bits = vectors.packed(complete)
        rows = [(before + offset, vector) for offset, vector in enumerate(exact, 1)]
        connection.executemany(f"INSERT INTO vectors_{number} VALUES (?, ?)", rows)  # noqa: S608
        connection.execute(f"INSERT INTO bits_{number} VALUES (?, ?)", (before, bits))  # noqa: S608

    def _drop_unfinished(self, connection: sqlite3.Connection) -> None:
        """What an interrupted build left goes when the next one starts. One process builds at a time."""
        with _transaction(connection):
            rows = connection.execute("SELECT id FROM indexes WHERE state != 'ready'").fetchall()
            for (number,) in rows:
                _drop(connection, number)

    # --- connections -------------------------------------------------------------------------------------

    def _state(self) -> _State:
        """This thread's connection: SQLite's are not shared."""
        state: _State | None = getattr(self._local, "state", None)
        if state is None:
            state = _State(self._open())
            self._local.state = state
            with self._lock:
                self._opened.append(state.connection)
        return state

    def _open(self) -> sqlite3.Connection:
        if self._writable:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DocsError(f"{self.path.parent}: cannot be made: {error.strerror}") from None
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            with _transaction(connection):
                connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
                connection.execute(_INDEXES)
        else:
            connection = self._open_for_reading()
        self._check_schema(connection)
        return connection

    def _open_for_reading(self) -> sqlite3.Connection:
        address = self.path.resolve().as_uri()
        for mode in ("mode=ro", "mode=ro&immutable=1"):  # the second: a folder that may not be written to
            connection = sqlite3.connect(
                f"{address}?{mode}", uri=True, timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("SELECT count(*) FROM sqlite_master")
            except sqlite3.OperationalError:
                connection.close()
                continue
            connection.execute("PRAGMA mmap_size=1073741824")
            return connection
        raise DocsError(f"{self.path}: cannot be read", hint="look at the permissions of the file and its folder")

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except sqlite3.OperationalError:
            row = None
        if row is None:
            raise DocsError(f"{self.path}: is no documentation index", hint="`python -m docs_index build` makes one")
        if row[0] != str(SCHEMA):
            raise DocsError(
                f"{self.path}: has schema {row[0]}, this version reads {SCHEMA}",
                hint="build it again with `python -m docs_index build`",
            )

    def _stored(self) -> list[_Stored]:
        """What is complete; read again when the file changed."""
        state = self._state()
        connection = state.connection
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if self._writable or version != state.seen:
            kept = {one.number: one.bits for one in state.stored}
            state.stored = self._rows(connection, "ready")
            for one in state.stored:
                one.bits = kept.get(one.number)
            state.seen = version
        return state.stored

    @staticmethod
    def _rows(connection: sqlite3.Connection, status: str) -> list[_Stored]:
        rows = connection.execute(
            "SELECT id, component, version, embedder, dimensions, manifest, chunks, built FROM indexes "
            "WHERE state = ? ORDER BY component, version",
            (status,),
        ).fetchall()
        return [
            _Stored(number, Index(component, release, embedder, dims, json.loads(manifest), chunks, built))
            for number, component, release, embedder, dims, manifest, chunks, built in rows
        ]

    def _one(self, component: str, version: str) -> _Stored:
        for one in self._stored():
            if (one.info.component, one.info.version) == (component, version):
                return one
        raise DocsError(f"{self.path}: has no index of {component} {version}")

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """One consistent view, whatever a build replaces meanwhile."""
        connection = self._state().connection
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT 1 FROM meta").fetchone()  # the view begins with the first read
            yield connection
        finally:
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DocsError(
                f"{self.path}: the documentation index cannot be used: {error}",
                hint="build it again with `python -m docs_index build`, or name another with MLOPS_BOT_DOCS",
            ) from None


def fused(lists: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion: what several searches rank high comes first."""
    scores: dict[int, float] = {}
    for found in lists:
        for rank, number in enumerate(found, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (_FUSED + rank)
    return sorted(scores, key=lambda number: (-scores[number], number))


_Item = TypeVar("_Item")


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def _chunk(info: Index, path: str, url: str, title: str, text: str, names: str) -> DocChunk:
    return DocChunk(info.component, info.version, title, url, text, path, tuple(json.loads(names)))


def _drop(connection: sqlite3.Connection, number: int) -> None:
    for table in ("chunks", "words", "terms", "vectors", "bits"):
        connection.execute(f"DROP TABLE IF EXISTS {table}_{number}")
    connection.execute("DELETE FROM indexes WHERE id = ?", (number,))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


_INDEXES = """
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, component TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,
    embedder TEXT NOT NULL, dimensions INTEGER NOT NULL, manifest TEXT NOT NULL, chunks INTEGER NOT NULL,
    built TEXT NOT NULL)
"""
_TABLES: tuple[str, ...] = (
    "CREATE TABLE chunks_{n} (id INTEGER PRIMARY KEY, path TEXT, url TEXT, title TEXT, text TEXT, names TEXT, "
    "source TEXT)",
    "CREATE VIRTUAL TABLE words_{n} USING fts5(title, names, text, content='', tokenize=\"unicode61 "
    "remove_diacritics 0 tokenchars '_'\")",
    "CREATE TABLE terms_{n} (term TEXT PRIMARY KEY, chunks INTEGER) WITHOUT ROWID",
    "CREATE TABLE vectors_{n} (id INTEGER PRIMARY KEY, vector BLOB)",
    "CREATE TABLE bits_{n} (id INTEGER PRIMARY KEY, bits BLOB)",
)
