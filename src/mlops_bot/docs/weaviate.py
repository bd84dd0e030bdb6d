"""The documentation store on a Weaviate server (1.32 or newer). The only door to weaviate-client.

Each build of a release is a collection of its own; an alias, whose name says component and release, points to the one
that is complete. So a new build appears at once and in whole, and no reader ever waits for it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_bot.docs import versions
from mlops_bot.docs.records import NO_EMBEDDER, Embedders, Index, Record
from mlops_bot.docs.terms import terms
from mlops_bot.errors import DocsError, UserError
from mlops_bot.types import DocChunk, Json

if TYPE_CHECKING:
    from weaviate import WeaviateClient

_PREFIX = "MlopsBotDocs_"
_BATCH = 200
_TERMS = 64  # of a query
_CARD = uuid.UUID("5d0f2a86-7a5d-4c5c-9d0d-6d6c6f707362")  # the object of a collection that describes the index
# Words are made into terms here, as for the embedded store: the server only splits them at spaces.
_SEARCHED = ["title_terms^4", "name_terms^6", "text_terms"]
_KEPT = ("path", "url", "title", "text", "names", "source")
_SHOWN_ERRORS = 20


class WeaviateStore:
    """`url` of the REST interface; `grpc` as host:port where it is not the usual one (port 50051, or 443 with https).

    Reading needs no more than a key that may read. Raises DocsError where the server does not answer or refuses.
    """

    def __init__(
        self, url: str, *, grpc: str | None = None, key: str | None = None, embedders: Embedders | None = None,
        timeout: float = 30.0,
    ) -> None:  # fmt: skip
        self.notes: list[str] = []
        self._url = urlsplit(url)
        self._grpc = grpc
        self._key = key
        self._embedders = embedders
        self._timeout = timeout
        self._client: WeaviateClient | None = None
        self._cards: dict[str, Index] = {}  # by collection: a complete one never changes
        self._queries: dict[tuple[str, str], Sequence[float]] = {}
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise UserError("MLOPS_BOT_WEAVIATE_URL is no address", hint="write it with http:// or https://")

    def __repr__(self) -> str:
        return f"WeaviateStore({self._server!r})"

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    # --- searching ---------------------------------------------------------------------------------------

    def versions(self, component: str) -> Sequence[str]:
        return versions.newest_first(version for name, version, _ in self._aliases() if name == component)

    def indexes(self) -> Sequence[Index]:
        with self._errors():
            found = [self._card(collection) for _, _, collection in self._aliases()]
        return sorted(found, key=lambda index: (index.component, index.version))

    def search(self, query: str, *, component: str, version: str | None, limit: int) -> Sequence[DocChunk]:
        targets = {release: collection for name, release, collection in self._aliases() if name == component}
        chosen = versions.nearest(version, targets)
        asked = list(dict.fromkeys(terms(query)))[:_TERMS]
        if chosen is None or limit < 1:
            return []
        with self._errors():
            card = self._card(targets[chosen])
            vector = self._vector(query, card)
            if not asked and vector is None:
                return []
            # By its alias: a collection that a build has just replaced is gone.
            objects = self._found(_alias(component, chosen), " ".join(asked), vector, limit)
        return [_chunk(component, chosen, one.properties) for one in objects]

    def _found(self, collection: str, words: str, vector: Sequence[float] | None, limit: int) -> Sequence[Any]:
        from weaviate.classes.query import HybridFusion

        query = self._connected().collections.use(collection).query
        if vector is None:
            found = query.bm25(query=words, query_properties=_SEARCHED, limit=limit, return_properties=list(_KEPT))
            return found.objects
        return query.hybrid(
            query=words,
            vector=list(vector),
            alpha=0.5,
            fusion_type=HybridFusion.RANKED,
            query_properties=_SEARCHED,
            limit=limit,
            return_properties=list(_KEPT),
        ).objects

    def _vector(self, query: str, card: Index) -> Sequence[float] | None:
        if card.embedder == NO_EMBEDDER or not card.dimensions or self._embedders is None:
            return None
        key = (card.embedder, query)
        if key not in self._queries:
            embedder = self._embedders(card.embedder)
            if embedder is None:
                note = f"{self._server}: only words are searched: its model {card.embedder} is not available here"
                if note not in self.notes:
                    self.notes.append(note)
                return None
            if len(self._queries) > 1000:
                self._queries.clear()
            self._queries[key] = embedder.embed([query])[0]
        return self._queries[key]

    # --- filling -----------------------------------------------------------------------------------------

    def records(self, component: str, version: str) -> Iterator[Record]:
        with self._errors():
            collection = self._connected().collections.use(_alias(component, version))
            objects = [one for one in collection.iterator(include_vector=True) if one.uuid != _CARD]
            objects.sort(key=lambda one: int(str(one.properties["position"])))
        for one in objects:
            vector = one.vector.get("default")
            yield Record(
                _chunk(component, version, one.properties),
                str(one.properties["source"]),
                [float(value) for value in vector] if vector else None,  # type: ignore[arg-type]
            )

    def replace(self, index: Index, records: Iterable[Record]) -> Sequence[str]:
        alias = _alias(index.component, index.version)
        built = index.built or dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._errors():
            client = self._connected()
            self._drop_unfinished(alias)
            name = f"{alias}__b{uuid.uuid4().hex[:12]}"
            self._create(name, index)
            errors: list[str] = []
            count = 0
            batch: list[Record] = []
            for record in records:
                batch.append(record)
                if len(batch) == _BATCH:
                    errors += self._insert(name, batch, count)
                    count += len(batch)
                    batch = []
            if batch:
                errors += self._insert(name, batch, count)
                count += len(batch)
            if count and len(errors) == count:
                client.collections.delete(name)
                raise DocsError(f"{self._server}: none of {count} passages could be stored: {errors[0]}")
            card = Index(
                index.component, index.version, index.embedder, index.dimensions, index.manifest,
                count - len(errors), built,
            )  # fmt: skip
            client.collections.use(name).data.insert(_card_properties(card), uuid=_CARD)
            old = client.alias.get(alias_name=alias)
            if old is None:
                client.alias.create(alias_name=alias, target_collection=name)
            else:
                client.alias.update(alias_name=alias, new_target_collection=name)
                client.collections.delete(old.collection)
        return errors[:_SHOWN_ERRORS] + (
            [f"and {len(errors) - _SHOWN_ERRORS} more"] if len(errors) > _SHOWN_ERRORS else []
        )

    def drop(self, component: str, version: str) -> None:
        alias = _alias(component, version)
        with self._errors():
            client = self._connected()
            old = client.alias.get(alias_name=alias)
            if old is not None:
                client.alias.delete(alias_name=alias)
                client.collections.delete(old.collection)

    def _create(self, name: str, index: Index) -> None:
        from weaviate.classes.config import Configure, DataType, Property, Tokenization

        def searched(field: str) -> Property:
            return Property(
                name=field, data_type=DataType.TEXT, tokenization=Tokenization.WHITESPACE,
                index_searchable=True, index_filterable=False,
            )  # fmt: skip

        def kept(field: str, kind: DataType = DataType.TEXT) -> Property:
            text = kind is DataType.TEXT
            return Property(
                name=field, data_type=kind, index_filterable=False, index_searchable=False if text else None,
                tokenization=Tokenization.FIELD if text else None,
            )  # fmt: skip

        self._connected().collections.create(
            name,
            description=f"mlops-bot: documentation of {index.component} {index.version}",
            properties=[
                *(searched(field.partition("^")[0]) for field in _SEARCHED),
                *(kept(field) for field in (*_KEPT, "card")),
                kept("position", DataType.INT),
            ],
            vector_config=Configure.Vectors.self_provided(),
        )

    def _insert(self, collection: str, batch: Sequence[Record], before: int) -> list[str]:
        """Stores a batch; returns what the server refused, one line for each passage."""
        from weaviate.classes.data import DataObject
        from weaviate.exceptions import WeaviateInsertManyAllFailedError

        objects = [
            DataObject(
                properties=_properties(record, before + offset),
                vector=list(record.vector) if record.vector is not None else None,
                uuid=uuid.uuid5(_CARD, f"{before + offset} {record.source}"),
            )
            for offset, record in enumerate(batch)
        ]
        try:
            done = self._connected().collections.use(collection).data.insert_many(objects)
        except WeaviateInsertManyAllFailedError as error:
            return [f"{record.chunk.path}: {_first_line(error)}" for record in batch]
        return [f"{batch[number].chunk.path}: {error.message}" for number, error in sorted(done.errors.items())]

    def _drop_unfinished(self, alias: str) -> None:
        """Collections that an interrupted build of this release left: those that its alias does not point to."""
        client = self._connected()
        current = client.alias.get(alias_name=alias)
        for name in client.collections.list_all():
            if name.startswith(f"{alias}__b") and (current is None or current.collection != name):
                client.collections.delete(name)

    # --- the server --------------------------------------------------------------------------------------

    def _aliases(self) -> list[tuple[str, str, str]]:
        """Component, release and collection of every complete index."""
        with self._errors():
            found = self._connected().alias.list_all()
        names = ((_readable(alias), one.collection) for alias, one in found.items())
        return [(*name, collection) for name, collection in names if name is not None]

    def _card(self, collection: str) -> Index:
        if collection not in self._cards:
            found = self._connected().collections.use(collection).query.fetch_object_by_id(_CARD)
            if found is None:
                raise DocsError(
                    f"{self._server}: collection {collection} is none of ours", hint="build the index again"
                )
            self._cards[collection] = Index(**json.loads(str(found.properties["card"])))
        return self._cards[collection]

    @property
    def _server(self) -> str:
        return f"Weaviate at {self._url.hostname}" + (f":{self._url.port}" if self._url.port else "")

    def _connected(self) -> WeaviateClient:
        if self._client is None:
            try:
                import weaviate
            except ImportError:
                raise UserError("weaviate-client is not installed", hint="install mlops-bot[weaviate]") from None
            from weaviate.classes.init import AdditionalConfig, Auth, Timeout

            logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)  # what it reports, we report
            secure = self._url.scheme == "https"
            host, _, port = (self._grpc or "").rpartition(":")
            seconds = int(self._timeout)
            self._client = weaviate.connect_to_custom(
                http_host=self._url.hostname or "",
                http_port=self._url.port or (443 if secure else 80),
                http_secure=secure,
                grpc_host=host or self._url.hostname or "",
                grpc_port=int(port) if port.isdigit() else (443 if secure else 50051),
                grpc_secure=secure,
                auth_credentials=Auth.api_key(self._key) if self._key else None,
                additional_config=AdditionalConfig(timeout=Timeout(init=seconds, query=seconds, insert=4 * seconds)),
                skip_init_checks=True,  # they ask the package index for the newest client
            )
        return self._client

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """The client's errors as ours. `from None`: theirs may carry the request, and with it the key."""
        try:
            yield
        except DocsError:
            raise
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"weaviate", "grpc", "httpx", "httpcore"}:
                raise
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> DocsError:
        status = getattr(error, "status_code", None)
        text = str(error)
        if status in (401, 403) or "PERMISSION_DENIED" in text or "UNAUTHENTICATED" in text or "401" in text[:300]:
            return DocsError(
                f"{self._server} refuses: the key is missing, wrong, or may only read",
                hint="look at MLOPS_BOT_WEAVIATE_QUERY_KEY, or MLOPS_BOT_WEAVIATE_API_KEY for building",
            )
        kind = type(error).__name__
        if "Connection" in kind or "StartUp" in kind or "Connect" in kind or "UNAVAILABLE" in text:
            return DocsError(
                f"{self._server} cannot be reached", hint="look at MLOPS_BOT_WEAVIATE_URL and MLOPS_BOT_WEAVIATE_GRPC"
            )
        if "Timeout" in kind or "DEADLINE" in text:
            return DocsError(f"{self._server} does not answer within {self._timeout:g} s")
        return DocsError(f"{self._server}: {kind}: {_first_line(error)}")


def _properties(record: Record, position: int) -> dict[str, Json]:
    chunk = record.chunk
    return {
        "title_terms": " ".join(terms(chunk.title)),
        "name_terms": " ".join(terms(" ".join(chunk.names))),
        "text_terms": " ".join(terms(chunk.text)),
        "path": chunk.path,
        "url": chunk.url,
        "title": chunk.title,
        "text": chunk.text,
        "names": json.dumps(chunk.names),
        "source": record.source,
        "position": position,
    }


def _card_properties(card: Index) -> dict[str, Json]:
    fields = ("component", "version", "embedder", "dimensions", "chunks", "built")
    described = {name: getattr(card, name) for name in fields} | {"manifest": dict(card.manifest)}
    return {"card": json.dumps(described, sort_keys=True), "position": -1}


def _chunk(component: str, version: str, properties: Any) -> DocChunk:
    path, url, title, text, names, _ = (str(properties[name]) for name in _KEPT)
    return DocChunk(component, version, title, url, text, path, tuple(json.loads(names)))


def _alias(component: str, version: str) -> str:
    """`dvc` `3.67.1` -> MlopsBotDocs_dvc__3_2e67_2e1: letters and digits as they are, others by their code."""
    parts = (re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match.group()):02x}", part) for part in (component, version))
    return _PREFIX + "__".join(parts)


def _readable(alias: str) -> tuple[str, str] | None:
    """The component and release of an alias; None for one that is not ours."""
    component, separator, version = alias.removeprefix(_PREFIX).partition("__")
    if not alias.startswith(_PREFIX) or not separator:
        return None
    plain = [
        re.sub(r"_([0-9a-f]{2})", lambda match: chr(int(match.group(1), 16)), part) for part in (component, version)
    ]
    return plain[0], plain[1]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
