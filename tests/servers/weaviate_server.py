"""A small Weaviate for tests: it stores and searches, over the REST and gRPC interfaces that weaviate-client brings.

    with WeaviateServer() as server:
        store = WeaviateStore(server.url, grpc=server.grpc)

What it has: collections, aliases, batches with errors for single objects, BM25 over weighted properties, hybrid search
with ranked fusion, the cursor, keys that may write or only read. What a real server does not take is refused here, too.
"""

from __future__ import annotations

import json
import math
import re
import struct
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import grpc
from tests.servers.loopback import LoopbackServer, Raw, Recorded, json_reply
from weaviate.proto.v1 import (
    batch_pb2,
    properties_pb2,
    search_get_pb2,
    weaviate_pb2_grpc,
)

_NAME = re.compile(r"^[A-Z][_0-9A-Za-z]{0,230}$")


@dataclass
class Stored:
    properties: dict[str, Any]
    vector: list[float] | None


@dataclass
class Collection:
    config: dict[str, Any]
    objects: dict[str, Stored] = field(default_factory=dict)

    def property(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.config.get("properties", []) if one["name"] == name), None)


class WeaviateServer(LoopbackServer):
    """`keys`: key -> "write" or "read"; None takes everybody. `refuse` is asked of each object that comes in a batch: a
    text is the error that the server reports for it."""

    def __init__(self, keys: dict[str, str] | None = None) -> None:
        super().__init__()
        self.keys = keys
        self.collections: dict[str, Collection] = {}
        self.aliases: dict[str, str] = {}
        self.refuse: Any = lambda properties: None
        self._grpc: grpc.Server | None = None
        self._port = 0

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        super().__enter__()
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        weaviate_pb2_grpc.add_WeaviateServicer_to_server(_Servicer(self), self._grpc)
        self._port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        return self

    def __exit__(self, *arguments: object) -> None:
        assert self._grpc is not None
        self._grpc.stop(None)
        super().__exit__(*arguments)

    def right(self, authorization: str) -> str | None:
        """What a key may do: "write", "read" or nothing."""
        return "write" if self.keys is None else self.keys.get(authorization.removeprefix("Bearer "))

    def collection(self, name: str) -> Collection | None:
        return self.collections.get(self.aliases.get(name, name))

    # --- REST --------------------------------------------------------------------------------------------

    def respond(self, request: Recorded) -> Raw:
        path = urlsplit(request.path).path
        if path == "/v1/.well-known/openid-configuration":
            return Raw(status=404)
        right = self.right(request.headers.get("authorization", ""))
        if right is None:
            return json_reply({"code": 401, "message": "unauthorized: invalid api key"}, status=401)
        if request.method != "GET" and right != "write":
            return json_reply({"error": [{"message": "rbac: authorization, forbidden action"}]}, status=403)
        if path == "/v1/meta":
            return json_reply({"hostname": self.url, "version": "1.34.0", "modules": {}})
        if path.startswith("/v1/.well-known/"):
            return json_reply({})
        kind, _, name = path.removeprefix("/v1/").partition("/")
        route = {"schema": self._schema, "aliases": self._alias, "objects": self._object}.get(kind)
        return route(request, name) if route else Raw(status=404)

    def _schema(self, request: Recorded, name: str) -> Raw:
        if request.method == "POST":
            config = request.body
            name = config["class"]
            if not _NAME.match(name):
                return _refused(f"'{name}' is not a valid class name")
            if self.collection(name):
                return _refused(f"class name {name} already exists")
            for one in config.setdefault("properties", []):
                text = one["dataType"] in (["text"], ["text[]"])
                one |= {
                    "indexFilterable": True, "indexSearchable": text, "indexRangeFilters": False,
                } | {key: value for key, value in one.items() if value is not None}  # fmt: skip
            for vector in config.get("vectorConfig", {}).values():
                vector["vectorIndexConfig"] = _HNSW | (vector.get("vectorIndexConfig") or {})
            self.collections[name] = Collection({**_DEFAULTS, **config})
            return json_reply(self.collections[name].config)
        if request.method == "DELETE":
            self.collections.pop(name, None)
            return json_reply({})
        if not name:
            return json_reply({"classes": [one.config for one in self.collections.values()]})
        found = self.collection(name)
        return json_reply(found.config) if found else Raw(status=404)

    def _alias(self, request: Recorded, name: str) -> Raw:
        if request.method == "POST":
            alias, target = request.body["alias"], request.body["class"]
            if not _NAME.match(alias) or target not in self.collections or self.collection(alias):
                return _refused(f"alias {alias} for {target}")
            self.aliases[alias] = target
            return json_reply(request.body)
        if name:
            if name not in self.aliases:
                return Raw(status=404)
            if request.method == "PUT":
                if request.body["class"] not in self.collections:
                    return _refused(f"class {request.body['class']} does not exist")
                self.aliases[name] = request.body["class"]
            if request.method == "DELETE":
                del self.aliases[name]
                return Raw(status=204)
            return json_reply({"alias": name, "class": self.aliases[name]})
        return json_reply({"aliases": [{"alias": alias, "class": target} for alias, target in self.aliases.items()]})

    def _object(self, request: Recorded, name: str) -> Raw:
        found = self.collection(request.body["class"]) if request.method == "POST" else None
        if found is None or name:
            return Raw(status=404)
        vectors = request.body.get("vectors") or {}
        vector = vectors.get("default") or request.body.get("vector")
        found.objects[request.body["id"]] = Stored(request.body["properties"], vector)
        return json_reply(request.body)


class _Servicer(weaviate_pb2_grpc.WeaviateServicer):
    def __init__(self, server: WeaviateServer) -> None:
        self.server = server

    def _allowed(self, context: Any, needed: str) -> None:
        given = dict(context.invocation_metadata()).get("authorization", "")
        right = self.server.right(given)
        if right is None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "unauthorized: invalid api key")
        if needed == "write" and right != "write":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "rbac: authorization, forbidden action")

    def BatchObjects(self, request: Any, context: Any) -> Any:  # noqa: N802  the interface's name
        self._allowed(context, "write")
        errors = []
        for index, one in enumerate(request.objects):
            found = self.server.collection(one.collection)
            properties = {name: _plain(value) for name, value in one.properties.non_ref_properties.items()}
            properties |= {key: [] for key in one.properties.empty_list_props}
            vector = _floats(one.vector_bytes) or next((_floats(v.vector_bytes) for v in one.vectors), None)
            error = f"class {one.collection} does not exist" if found is None else self.server.refuse(properties)
            if found is not None and not error:
                lengths = {len(stored.vector) for stored in found.objects.values() if stored.vector}
                if vector and lengths and len(vector) not in lengths:
                    error = f"new node has a vector with length {len(vector)}. Existing nodes have vectors with length {lengths.pop()}"
            if error:
                errors.append(batch_pb2.BatchObjectsReply.BatchError(index=index, error=error))
            else:
                assert found is not None
                found.objects[one.uuid] = Stored(properties, vector)
        return batch_pb2.BatchObjectsReply(took=0.0, errors=errors)

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._allowed(context, "read")
        found = self.server.collection(request.collection)
        if found is None:
            context.abort(grpc.StatusCode.UNKNOWN, f"could not find class {request.collection} in schema")
        assert found is not None
        names = self._search(found, request, context)
        results = [self._result(name, found.objects[name], request) for name in names[: request.limit or 10]]
        return search_get_pb2.SearchReply(took=0.0, results=results)

    def _search(self, found: Collection, request: Any, context: Any) -> list[str]:
        if request.HasField("filters"):
            wanted = request.filters.value_text or list(request.filters.value_text_array.values)
            return [name for name in found.objects if name in wanted]
        if request.HasField("bm25_search"):
            return _bm25(found, request.bm25_search.query, request.bm25_search.properties, context)
        if request.HasField("hybrid_search"):
            hybrid = request.hybrid_search
            words = _bm25(found, hybrid.query, hybrid.properties, context)
            vector = _floats(hybrid.vector_bytes) or _floats(hybrid.near_vector.vector_bytes)
            vector = vector or next((_floats(one.vector_bytes) for one in hybrid.near_vector.vectors), None)
            vector = vector or next((_floats(one.vector_bytes) for one in hybrid.vectors), None)
            if vector is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "hybrid search without a vector needs a vectorizer")
            assert vector is not None
            alpha = hybrid.alpha_param if hybrid.use_alpha_param else hybrid.alpha
            return _ranked_fusion([(words[:100], 1 - alpha), (_nearest(found, vector)[:100], alpha)])
        ordered = sorted(found.objects)
        return [name for name in ordered if not request.after or name > request.after]

    def _result(self, name: str, stored: Stored, request: Any) -> Any:
        asked = set(request.properties.non_ref_properties)
        fields = {
            key: _value(value)
            for key, value in stored.properties.items()
            if not request.HasField("properties") or request.properties.return_all_nonref_properties or key in asked
        }
        metadata = search_get_pb2.MetadataResult(id=name, id_as_bytes=uuid.UUID(name).bytes)
        for name_of in ("creation_time_unix", "last_update_time_unix"):
            setattr(metadata, name_of, 1_700_000_000_000)
            setattr(metadata, f"{name_of}_present", True)
        metadata.is_consistent = metadata.is_consistent_present = True
        if (request.metadata.vector or request.metadata.vectors) and stored.vector:
            metadata.vector_bytes = struct.pack(f"<{len(stored.vector)}f", *stored.vector)
        return search_get_pb2.SearchResult(
            properties=search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties(fields=fields)),
            metadata=metadata,
        )


def _bm25(found: Collection, query: str, properties: Any, context: Any) -> list[str]:
    """BM25F, as far as an order needs it: weighted frequencies in one BM25 with k1 = 1.2, b = 0.75."""
    weights = {}
    for text in properties:
        name, _, boost = text.partition("^")
        declared = found.property(name)
        if declared is None or declared.get("indexSearchable") is False:
            context.abort(grpc.StatusCode.UNKNOWN, f"Searching by property '{name}' requires inverted index")
        weights[name] = float(boost or 1)
    documents = {}
    for uid, stored in found.objects.items():
        counted: Counter[str] = Counter()
        for name, weight in weights.items():
            for term in str(stored.properties.get(name) or "").split():
                counted[term] += weight  # type: ignore[assignment]
        documents[uid] = counted
    average = sum(sum(one.values()) for one in documents.values()) / max(len(documents), 1) or 1
    holding = Counter(term for one in documents.values() for term in one)
    scores = {}
    for uid, counted in documents.items():
        score, length = 0.0, sum(counted.values())
        for term in set(query.split()):
            if counted[term]:
                rarity = math.log(1 + (len(documents) - holding[term] + 0.5) / (holding[term] + 0.5))
                score += rarity * counted[term] * 2.2 / (counted[term] + 1.2 * (0.25 + 0.75 * length / average))
        if score > 0:
            scores[uid] = score
    return sorted(scores, key=lambda uid: (-scores[uid], uid))


def _nearest(found: Collection, vector: list[float]) -> list[str]:
    def cosine(other: list[float]) -> float:
        product = sum(a * b for a, b in zip(vector, other, strict=True))
        return product / (math.hypot(*vector) * math.hypot(*other) or 1)

    near = {uid: cosine(stored.vector) for uid, stored in found.objects.items() if stored.vector}
    return sorted(near, key=lambda uid: (-near[uid], uid))


def _ranked_fusion(lists: list[tuple[list[str], float]]) -> list[str]:
    scores: dict[str, float] = {}
    for names, weight in lists:
        for rank, name in enumerate(names):
            scores[name] = scores.get(name, 0.0) + weight / (60 + rank)
    return sorted(scores, key=lambda name: (-scores[name], name))


def _refused(message: str) -> Raw:
    return json_reply({"error": [{"message": message}]}, status=422)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(value: Any) -> Any:
    if isinstance(value, int | float):
        return properties_pb2.Value(int_value=int(value))
    return properties_pb2.Value(text_value=str(value))


def _floats(packed: bytes) -> list[float] | None:
    return list(struct.unpack(f"<{len(packed) // 4}f", packed)) if packed else None


_DEFAULTS: dict[str, Any] = json.loads("""{
    "vectorizer": "none", "vectorIndexType": "hnsw", "vectorIndexConfig": {}, "properties": [],
    "invertedIndexConfig": {"bm25": {"b": 0.75, "k1": 1.2}, "cleanupIntervalSeconds": 60,
        "stopwords": {"preset": "en", "additions": null, "removals": null}},
    "multiTenancyConfig": {"enabled": false}, "replicationConfig": {"factor": 1}, "shardingConfig": {}
}""")
# What a server fills in: its documented defaults.
_HNSW: dict[str, Any] = {
    "cleanupIntervalSeconds": 300, "distance": "cosine", "dynamicEfMin": 100, "dynamicEfMax": 500, "dynamicEfFactor": 8,
    "ef": -1, "efConstruction": 128, "filterStrategy": "sweeping", "flatSearchCutoff": 40000, "maxConnections": 32,
    "skip": False, "vectorCacheMaxObjects": 1000000000000,
}  # fmt: skip
