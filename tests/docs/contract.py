"""What every documentation store does, whatever is behind it. Subclasses bring the fixture `stores`: a function that
opens the same store, as often as it is called, with an embedder or without."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mlops_bot.docs.records import Index, IndexStore, Record
from mlops_bot.docs.terms import terms
from mlops_bot.errors import DocsError
from mlops_bot.types import DocChunk, DocStore

Open = Callable[..., IndexStore]


class Hashing:
    """A real, small embedder: each term is a random direction, a text their sum. `synonyms` share a direction."""

    name = "hashing:32"
    dimensions = 32

    def __init__(self, synonyms: dict[str, str] | None = None) -> None:
        self.synonyms = synonyms or {}
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked += texts
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[float]:
        total = [1e-6] * self.dimensions
        for term in terms(text):
            seed = hashlib.sha256(self.synonyms.get(term, term).encode()).digest()
            direction = random.Random(seed)
            total = [value + direction.gauss(0, 1) for value in total]
        length = math.hypot(*total)
        return [value / length for value in total]


def chunk(version: str = "1.0", component: str = "tool", **fields: Any) -> DocChunk:
    fields = {"title": "A page", "url": "https://docs.test/page", "text": "Nothing.", "path": "page.md"} | fields
    return DocChunk(component, version, **fields)


PAGES = (
    chunk(title="Tool > Start a run", text="Begin tracking: `tool.start_run()` opens it.", path="docstring:tool.start_run",
          names=("tool.start_run", "tool.tracking.fluent.start_run")),
    chunk(title="Tool > log_metric", text="Log one number of the active run.", path="docstring:tool.log_metric",
          names=("tool.log_metric",), url="https://docs.test/api#log_metric"),
    chunk(title="Guide > Artifacts", text="Files are kept as artifacts. Überall, auch auf Deutsch.", path="guide/artifacts.md"),
    chunk(title="Guide > Servers", text="Host a server for your team and connect to it.", path="guide/servers.md"),
)  # fmt: skip


def records(chunks: Sequence[DocChunk], embedder: Hashing | None = None) -> Iterator[Record]:
    for one in chunks:
        source = hashlib.sha256(one.text.encode()).hexdigest()
        yield Record(one, source, embedder.embed([one.text])[0] if embedder else None)


def index(version: str = "1.0", component: str = "tool", embedder: Hashing | None = None, **fields: Any) -> Index:
    dimensions = embedder.dimensions if embedder else 0
    return Index(component, version, embedder.name if embedder else "none", dimensions, **fields)


class StoreContract:
    @pytest.fixture
    def stores(self) -> Open:
        raise NotImplementedError

    @pytest.fixture
    def store(self, stores: Open) -> IndexStore:
        opened = stores()
        opened.replace(index(), records(PAGES))
        return opened

    def _search(self, store: DocStore, query: str, *, version: str | None = None, limit: int = 5) -> list[str]:
        return [one.path for one in store.search(query, component="tool", version=version, limit=limit)]

    def test_it_is_a_doc_store(self, store: IndexStore) -> None:
        assert isinstance(store, DocStore)

    def test_a_chunk_comes_back_as_it_went_in(self, store: IndexStore) -> None:
        found = store.search("artifacts Überall", component="tool", version=None, limit=1)
        assert list(found) == [PAGES[2]]

    def test_a_call_finds_what_documents_it(self, store: IndexStore) -> None:
        assert self._search(store, "tool.log_metric")[0] == "docstring:tool.log_metric"
        assert self._search(store, "tool.tracking.fluent.start_run")[0] == "docstring:tool.start_run"

    def test_words_find_other_forms_of_them(self, store: IndexStore) -> None:
        assert self._search(store, "logging metrics")[0] == "docstring:tool.log_metric"

    def test_title_and_name_count_more_than_text(self, stores: Open) -> None:
        store = stores()
        pages = [
            chunk(
                title="Elsewhere", text="push push push is one of many words in this long passage " * 3, path="text.md"
            ),
            chunk(title="push", text="Sends what is new.", path="title.md"),
        ]
        store.replace(index(), records(pages))
        assert self._search(store, "push")[0] == "title.md"

    def test_limit(self, store: IndexStore) -> None:
        assert len(self._search(store, "run page guide tool", limit=2)) == 2
        assert self._search(store, "run", limit=0) == []

    @pytest.mark.parametrize(
        "query", ["", "   ", "' OR 1=1 --", '"unclosed', "NEAR(a b)", "zzzz qqqq", "a" * 50_000, "\x00"]
    )
    def test_any_query_is_only_words(self, store: IndexStore, query: str) -> None:
        assert len(self._search(store, query)) <= 5

    def test_what_is_not_indexed_gives_nothing(self, store: IndexStore) -> None:
        assert list(store.search("run", component="other", version=None, limit=5)) == []
        assert list(store.versions("other")) == []

    def test_components_do_not_mix(self, store: IndexStore) -> None:
        other = chunk(component="tool-2", title="Start a run", text="Of the other.")
        store.replace(index(component="tool-2"), records([other]))
        assert {one.component for one in store.search("start run", component="tool", version=None, limit=9)} == {"tool"}
        assert list(store.search("start run", component="tool-2", version=None, limit=9)) == [other]

    def test_versions(self, store: IndexStore) -> None:
        for version in ("1.2.0", "2.0", "1.10.1"):
            store.replace(index(version), records([chunk(version, title="Start", text=f"As of {version}")]))
        assert list(store.versions("tool")) == ["2.0", "1.10.1", "1.2.0", "1.0"]

        def documents(version: str | None) -> set[str]:
            return {one.version for one in store.search("start", component="tool", version=version, limit=5)}

        assert documents(None) == {"2.0"}
        assert documents("1.2.0") == {"1.2.0"}
        assert documents("1.10.7") == {"1.10.1"}
        assert documents("1.5") == {"1.2.0"}
        assert documents("3.1") == {"2.0"}

    def test_replacing_takes_the_old_away(self, store: IndexStore) -> None:
        store.replace(index(), records([chunk(title="New", text="Only this is left.", path="new.md")]))
        assert self._search(store, "run artifacts server log left") == ["new.md"]
        assert [one.chunks for one in store.indexes()] == [1]

    def test_a_failing_build_leaves_the_old_one(self, store: IndexStore) -> None:
        def broken() -> Iterator[Record]:
            yield from records(PAGES[:2])
            raise DocsError("the source went away")

        with pytest.raises(DocsError, match="went away"):
            store.replace(index(), broken())
        assert self._search(store, "artifacts") == ["guide/artifacts.md"]
        store.replace(index(), records(PAGES[:1]))
        assert [one.chunks for one in store.indexes()] == [1]

    def test_a_half_built_index_is_not_there(self, stores: Open) -> None:
        def broken() -> Iterator[Record]:
            yield from records(PAGES[:2])
            raise DocsError("the source went away")

        store = stores()
        with pytest.raises(DocsError):
            store.replace(index(), broken())
        assert list(store.versions("tool")) == []
        assert list(store.indexes()) == []
        assert self._search(store, "run") == []

    def test_a_new_build_is_seen_by_whoever_has_it_open(self, store: IndexStore, stores: Open) -> None:
        reader = stores()
        assert self._search(reader, "artifacts") == ["guide/artifacts.md"]
        store.replace(index(), records([chunk(title="Artifacts", path="new.md")]))
        assert self._search(reader, "artifacts") == ["new.md"]

    def test_the_index_says_what_it_is(self, stores: Open) -> None:
        store = stores()
        manifest = {"pages": {"page.md": "abc"}, "sources": ["package"]}
        store.replace(index(manifest=manifest, built="2026-01-02T03:04:05+00:00"), records(PAGES))
        assert list(store.indexes()) == [Index("tool", "1.0", "none", 0, manifest, 4, "2026-01-02T03:04:05+00:00")]

    def test_records_come_back_in_order(self, stores: Open) -> None:
        store, embedder = stores(), Hashing()
        given = list(records(PAGES, embedder))
        store.replace(index(embedder=embedder), given)
        found = list(store.records("tool", "1.0"))
        assert [(one.chunk, one.source) for one in found] == [(one.chunk, one.source) for one in given]
        for one, other in zip(found, given, strict=True):
            assert one.vector is not None and other.vector is not None
            assert one.vector == pytest.approx(list(other.vector), abs=1e-3)

    def test_dropping(self, store: IndexStore) -> None:
        store.replace(index("2.0"), records([chunk("2.0")]))
        store.drop("tool", "2.0")
        store.drop("tool", "9.9")
        assert list(store.versions("tool")) == ["1.0"]

    def test_vectors_find_what_words_do_not(self, stores: Open) -> None:
        embedder = Hashing({"blob": "artifact", "box": "artifact", "keep": "kept"})
        writer = stores()
        writer.replace(index(embedder=embedder), records(PAGES, embedder))
        assert self._search(writer, "blob box") == []  # opened without the embedder: words only
        store = stores(embedders=lambda name: embedder if name == embedder.name else None)
        assert self._search(store, "blob box")[0] == "guide/artifacts.md"

    def test_words_and_vectors_are_fused(self, stores: Open) -> None:
        embedder = Hashing({"blob": "artifact"})
        store = stores(embedders=lambda name: embedder)
        store.replace(index(embedder=embedder), records(PAGES, embedder))
        found = self._search(store, "tool.log_metric blob")
        assert {"docstring:tool.log_metric", "guide/artifacts.md"} <= set(found[:3])

    def test_a_model_that_is_not_here_is_noted(self, stores: Open) -> None:
        embedder = Hashing()
        stores().replace(index(embedder=embedder), records(PAGES, embedder))
        store: Any = stores(embedders=lambda name: None)
        assert self._search(store, "artifacts")[0] == "guide/artifacts.md"
        assert len(store.notes) == 1 and "hashing:32" in store.notes[0]

    def test_many_passages(self, stores: Open) -> None:
        store = stores()
        pages = [chunk(title=f"Page {n}", text=f"common words, and word{n} alone", path=f"{n}.md") for n in range(1203)]
        store.replace(index(), records(pages))
        assert self._search(store, "common word777", limit=1) == ["777.md"]
        assert [one.chunk.path for one in store.records("tool", "1.0")] == [one.path for one in pages]
