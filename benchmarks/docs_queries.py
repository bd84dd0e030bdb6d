"""Queries of the documentation stores: p50 and p95 in milliseconds, and the index size, at 1k, 10k and 100k passages.

    .venv/bin/python benchmarks/docs_queries.py [PASSAGES ...]

Passages are made up of words as often as in real text (Zipf), identifiers, and vectors of 384 dimensions in clusters.
The time of the embedding model is not in the figures: vectors of queries are given. Weaviate is measured where
WEAVIATE_URL is set (WEAVIATE_GRPC, WEAVIATE_API_KEY).
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlops_bot.docs.records import Index, IndexStore, Record
from mlops_bot.docs.sqlite import SQLiteStore
from mlops_bot.types import DocChunk

DIMENSIONS = 384
QUERIES = 300
NAME = "made-up:384"


class Corpus:
    """The same for the same number, whoever makes it."""

    def __init__(self, passages: int) -> None:
        self.passages = passages
        self.random = np.random.default_rng(7)
        self.words = np.array([f"word{hashlib.sha256(str(n).encode()).hexdigest()[:5]}" for n in range(30_000)])
        odds = 1 / np.arange(1, len(self.words) + 1)
        self.odds = odds / odds.sum()
        self.centres = self.random.normal(size=(200, DIMENSIONS))

    def records(self) -> Iterator[Record]:
        for number in range(self.passages):
            text = " ".join(self.random.choice(self.words, 120, p=self.odds))
            name = f"tool.module{number % 97}.Class{number % 1009}.method_{number}"
            chunk = DocChunk(
                "tool",
                "1.0",
                name,
                f"https://docs.test/{number}",
                f"{name}(x, y)\n\n{text}",
                f"docstring:{name}",
                (name,),
            )
            yield Record(chunk, str(number), self.near(number % 200))

    def near(self, cluster: int) -> Sequence[float]:
        vector = self.centres[cluster] + self.random.normal(size=DIMENSIONS) * 0.7
        return (vector / np.linalg.norm(vector)).tolist()  # type: ignore[no-any-return]

    def queries(self) -> list[str]:
        """Code and words: a call, and some words, most of them frequent."""
        found = []
        for _ in range(QUERIES):
            number = int(self.random.integers(self.passages))
            words = " ".join(self.random.choice(self.words, 12, p=self.odds))
            found.append(f"Class{number % 1009}().method_{number}(x, y)  # {words}")
        return found

    def embedders(self, name: str) -> Any:
        corpus = self

        class Given:
            def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
                return [corpus.near(len(text) % 200) for text in texts]

        Given.name = name  # type: ignore[attr-defined]
        return Given()


def measure(store: IndexStore, corpus: Corpus) -> tuple[float, float]:
    times = []
    queries = corpus.queries()
    for query in queries[:5]:
        store.search(query, component="tool", version=None, limit=5)
    for query in queries:
        started = time.perf_counter()
        store.search(query, component="tool", version=None, limit=5)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def main(sizes: Sequence[int]) -> None:
    print(f"{'STORE':<10}{'PASSAGES':>9}{'P50 MS':>9}{'P95 MS':>9}{'FIRST MS':>10}{'MB':>8}{'BUILD S':>9}")
    for size in sizes:
        corpus = Corpus(size)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index.db"
            writer = SQLiteStore(path, writable=True)
            started = time.perf_counter()
            writer.replace(Index("tool", "1.0", NAME, DIMENSIONS), corpus.records())
            built = time.perf_counter() - started
            writer.compact()
            writer.close()
            reader = SQLiteStore(path, embedders=corpus.embedders)
            started = time.perf_counter()
            reader.search("the first query", component="tool", version=None, limit=5)
            first = (time.perf_counter() - started) * 1000
            p50, p95 = measure(reader, corpus)
            mb = path.stat().st_size / 1e6
            print(f"{'sqlite':<10}{size:>9}{p50:>9.1f}{p95:>9.1f}{first:>10.1f}{mb:>8.1f}{built:>9.1f}", flush=True)
            reader.close()
        if os.environ.get("WEAVIATE_URL"):
            _weaviate(size)


def _weaviate(size: int) -> None:
    from mlops_bot.docs.weaviate import WeaviateStore

    corpus = Corpus(size)
    store = WeaviateStore(
        os.environ["WEAVIATE_URL"], grpc=os.environ.get("WEAVIATE_GRPC"), key=os.environ.get("WEAVIATE_API_KEY"),
        embedders=corpus.embedders, timeout=300,
    )  # fmt: skip
    started = time.perf_counter()
    store.replace(Index("tool", "1.0", NAME, DIMENSIONS), corpus.records())
    built = time.perf_counter() - started
    p50, p95 = measure(store, corpus)
    print(f"{'weaviate':<10}{size:>9}{p50:>9.1f}{p95:>9.1f}{'':>10}{'':>8}{built:>9.1f}", flush=True)
    store.drop("tool", "1.0")
    store.close()


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000])
