"""The contract on a real server where WEAVIATE_URL says so (WEAVIATE_GRPC, WEAVIATE_API_KEY), else on ours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from tests.docs.contract import PAGES, Hashing, StoreContract, index, records
from tests.servers.weaviate_server import WeaviateServer

from mlops_bot.docs.records import IndexStore
from mlops_bot.docs.weaviate import WeaviateStore, _alias, _readable
from mlops_bot.errors import DocsError, UserError

REAL = os.environ.get("WEAVIATE_URL")


@pytest.fixture(scope="module")
def _shared() -> Iterator[WeaviateServer | None]:
    if REAL:
        yield None
        return
    with WeaviateServer() as server:
        yield server


class TestWeaviate(StoreContract):
    @pytest.fixture
    def stores(self, _shared: WeaviateServer | None) -> Any:
        opened: list[WeaviateStore] = []

        def open_store(**options: Any) -> IndexStore:
            if _shared is None:
                where = {"grpc": os.environ.get("WEAVIATE_GRPC"), "key": os.environ.get("WEAVIATE_API_KEY")}
                store = WeaviateStore(REAL or "", **where, **options)
            else:
                store = WeaviateStore(_shared.url, grpc=_shared.grpc, **options)
            if not opened:
                _empty(store)
            opened.append(store)
            return store

        yield open_store
        for one in opened:
            one.close()


def _empty(store: WeaviateStore) -> None:
    for one in store.indexes():
        if one.component.startswith("tool"):
            store.drop(one.component, one.version)
    with contextlib.suppress(DocsError):
        store._drop_unfinished(_alias("tool", "1.0"))


@pytest.fixture
def server() -> Iterator[WeaviateServer]:
    with WeaviateServer({"owner": "write", "reader": "read"}) as started:
        yield started


def test_a_key_that_may_only_read(server: WeaviateServer) -> None:
    owner = WeaviateStore(server.url, grpc=server.grpc, key="owner")
    owner.replace(index(), records(PAGES))
    reader = WeaviateStore(server.url, grpc=server.grpc, key="reader")
    assert reader.search("artifacts", component="tool", version=None, limit=1)[0].path == "guide/artifacts.md"
    with pytest.raises(DocsError, match="may only read"):
        reader.replace(index(), records(PAGES[:1]))
    assert [one.chunks for one in reader.indexes()] == [4]
    for key in (None, "wrong-key-1234"):
        stranger = WeaviateStore(server.url, grpc=server.grpc, key=key)
        with pytest.raises(DocsError, match="refuses") as raised:
            stranger.search("artifacts", component="tool", version=None, limit=1)
        assert "wrong-key" not in str(raised.value)


def test_refused_objects_are_reported_and_not_fatal(server: WeaviateServer) -> None:
    server.refuse = lambda properties: "too large" if "servers" in properties["path"] else None
    store = WeaviateStore(server.url, grpc=server.grpc, key="owner")
    assert list(store.replace(index(), records(PAGES))) == ["guide/servers.md: too large"]
    assert [one.chunks for one in store.indexes()] == [3]
    server.refuse = lambda properties: "disk is full"
    with pytest.raises(DocsError, match="none of 4 passages could be stored"):
        store.replace(index(), records(PAGES))
    assert [one.chunks for one in store.indexes()] == [3]
    assert len(server.collections) == 1


def test_vectors_of_another_length_are_reported(server: WeaviateServer) -> None:
    embedder = Hashing()
    given = list(records(PAGES, embedder))
    given[1] = type(given[1])(given[1].chunk, given[1].source, [1.0, 0.0])
    store = WeaviateStore(server.url, grpc=server.grpc, key="owner")
    errors = store.replace(index(embedder=embedder), given)
    assert len(errors) == 1 and "vector with length 2" in errors[0]


def test_a_server_that_is_down() -> None:
    store = WeaviateStore("http://127.0.0.1:9", timeout=2)
    with pytest.raises(DocsError, match="cannot be reached"):
        store.search("run", component="tool", version=None, limit=1)
    with pytest.raises(UserError):
        WeaviateStore("localhost:8080")


def test_a_server_that_goes_away(server: WeaviateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaviate.retry.time.sleep", lambda seconds: None)  # the client tries for a minute
    store = WeaviateStore(server.url, grpc=server.grpc, key="owner", timeout=2)
    store.replace(index(), records(PAGES))
    assert server._grpc is not None
    server._grpc.stop(None).wait()
    with pytest.raises(DocsError):
        store.search("artifacts", component="tool", version=None, limit=1)


@pytest.mark.parametrize("name", [("dvc", "3.67.1"), ("torch-prune", "1!2.0rc1+cpu"), ("a_b", "main")])
def test_aliases_say_what_they_are_of(name: tuple[str, str]) -> None:
    assert _readable(_alias(*name)) == name
    assert _readable("SomethingElse") is None
