"""What a documentation store keeps, and what whoever fills one needs of it beyond searching."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlops_bot.types import DocChunk, DocStore, Json

NO_EMBEDDER = "none"  # an index of words only


class Embedder(Protocol):
    """Texts to vectors. `name` says exactly which model: vectors of different names are never compared."""

    name: str

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector of length 1 for each text. Raises DocsError."""
        ...


Embedders = Callable[[str], Embedder | None]  # by name; None where it is not to be had here


@dataclass(frozen=True, slots=True)
class Record:
    """One passage with what makes it searchable. `source` is the hash of everything that it was made from."""

    chunk: DocChunk
    source: str
    vector: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """One release of one component in a store."""

    component: str
    version: str
    embedder: str = NO_EMBEDDER
    dimensions: int = 0
    manifest: Mapping[str, Json] = field(default_factory=dict)  # sources, pages with their hashes, how it was made
    chunks: int = 0
    built: str = ""  # ISO 8601, UTC


class IndexStore(DocStore, Protocol):
    """A store that can be filled. An index appears, and an older one of the same release goes, when it is complete."""

    def indexes(self) -> Sequence[Index]: ...

    def records(self, component: str, version: str) -> Iterator[Record]:
        """Everything that is kept of one release, in order."""
        ...

    def replace(self, index: Index, records: Iterable[Record]) -> Sequence[str]:
        """Puts an index in the place of the one of the same release. Returns what could not be stored, in words;
        raises DocsError, with the old index in place, where the whole fails."""
        ...

    def drop(self, component: str, version: str) -> None: ...

    def close(self) -> None: ...
