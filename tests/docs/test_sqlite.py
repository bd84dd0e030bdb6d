from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.docs.contract import PAGES, Hashing, Open, StoreContract, chunk, index, records

from mlops_bot.docs import sqlite as module
from mlops_bot.docs.records import IndexStore
from mlops_bot.docs.sqlite import SQLiteStore, fused
from mlops_bot.errors import DocsError


class TestSQLite(StoreContract):
    @pytest.fixture
    def stores(self, tmp_path: Path) -> Any:
        opened: list[SQLiteStore] = []

        def open_store(**options: Any) -> IndexStore:
            opened.append(SQLiteStore(tmp_path / "index.db", writable=True, **options))
            return opened[-1]

        yield open_store
        for one in opened:
            one.close()

    def test_a_reader_does_not_write(self, store: IndexStore, tmp_path: Path) -> None:
        reader = SQLiteStore(tmp_path / "index.db")
        assert self._search(reader, "artifacts") == ["guide/artifacts.md"]
        with pytest.raises(DocsError, match="readonly"):
            reader.replace(index(), records(PAGES))
        reader.close()

    def test_readers_go_on_while_an_index_is_replaced(self, stores: Open, tmp_path: Path) -> None:
        store = stores()
        store.replace(index(), records(PAGES))
        reader = SQLiteStore(tmp_path / "index.db")
        stop, wrong, count = threading.Event(), [], [0]

        def read() -> None:
            while not stop.is_set():
                found = reader.search("artifacts", component="tool", version=None, limit=1)
                count[0] += 1
                if [one.path for one in found] != ["guide/artifacts.md"]:
                    wrong.append(found)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(8):
            store.replace(index(), records([*PAGES, *(chunk(path=f"{n}.md") for n in range(200))]))
        stop.set()
        for thread in threads:
            thread.join()
        reader.close()
        assert wrong == [] and count[0] > 0

    def test_a_compact_file_needs_no_other_beside_it(self, stores: Open, tmp_path: Path) -> None:
        store: Any = stores()
        store.replace(index(), records(PAGES))
        store.compact()
        store.close()
        assert [path.name for path in tmp_path.iterdir()] == ["index.db"]
        assert self._search(SQLiteStore(tmp_path / "index.db"), "artifacts") == ["guide/artifacts.md"]

    def test_what_is_no_index_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DocsError, match="there is no documentation index"):
            SQLiteStore(tmp_path / "none.db")
        (tmp_path / "text.db").write_text("hello " * 1000)
        with pytest.raises(DocsError, match="cannot be used"):
            SQLiteStore(tmp_path / "text.db")
        with sqlite3.connect(tmp_path / "other.db") as other:
            other.execute("CREATE TABLE notes (id)")
        with pytest.raises(DocsError, match="is no documentation index"):
            SQLiteStore(tmp_path / "other.db")

    def test_another_schema_is_refused(self, store: IndexStore, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "index.db") as other:
            other.execute("UPDATE meta SET value = '99'")
        with pytest.raises(DocsError, match="has schema 99"):
            SQLiteStore(tmp_path / "index.db")

    def test_a_damaged_file_is_an_error_of_ours(self, store: Any, tmp_path: Path) -> None:
        store.compact()
        store.close()
        path = tmp_path / "index.db"
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(DocsError):
            SQLiteStore(path).search("artifacts", component="tool", version=None, limit=1)

    def test_vectors_have_to_be_complete(self, stores: Open) -> None:
        embedder = Hashing()
        with pytest.raises(DocsError, match="4 passages have no vector"):
            stores().replace(index(embedder=embedder), records(PAGES))

    def test_without_numpy_words_are_searched(self, stores: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        embedder = Hashing()
        store: Any = stores(embedders=lambda name: embedder)
        store.replace(index(embedder=embedder), records(PAGES, embedder))
        monkeypatch.setattr(module.vectors, "available", lambda: False)
        assert self._search(store, "artifacts") == ["guide/artifacts.md"]
        assert "numpy" in store.notes[0]

    def test_a_large_index_looks_up_the_rare_words(self, stores: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_POSTINGS", 20)
        store = stores()
        pages = [chunk(title="Page", text=f"common, and word{n}", path=f"{n}.md") for n in range(100)]
        store.replace(index(), records(pages))
        assert self._search(store, "common page word7 word8")[:2] == ["7.md", "8.md"]


def test_fusion_prefers_what_both_found() -> None:
    assert fused([[1, 2, 3], [3, 4]])[0] == 3
    assert fused([[], [5]]) == [5]
    assert fused([]) == []
