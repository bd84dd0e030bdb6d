"""From pages to an index: passages, condensed, embedded, stored. What is there already is not paid for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from docs_index import condense
from docs_index.chunks import pieces, tokens
from docs_index.memo import Memo, key
from docs_index.pages import Gathered, Page
from mlops_bot.docs.records import NO_EMBEDDER, Embedder, Index, IndexStore, Record
from mlops_bot.errors import UserError
from mlops_bot.types import DocChunk, Json, Progress

FORM = 1  # of passages: changes when pages are cut or written in another way
_BATCH = 64
Asker = Callable[[Sequence[Mapping[str, str]]], str]


@dataclass(frozen=True, slots=True)
class Condenser:
    """A model that condenses. `price`: US dollars per million input and output tokens, where it is known."""

    name: str
    ask: Asker
    price: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    max_cost: float | None = None  # US dollars of one index
    dry_run: bool = False  # only say what it would cost


@dataclass(slots=True)
class Outcome:
    """What one build did."""

    component: str
    version: str
    state: str = "built"  # built | unchanged | estimated
    pages: int = 0
    changed: int = 0
    removed: int = 0
    chunks: int = 0
    condensed: int = 0  # passages that a model was asked for
    embedded: int = 0  # passages that were embedded now
    bad: list[str] = field(default_factory=list)
    estimate: dict[str, Json] = field(default_factory=dict)
    hash: str = ""
    seconds: float = 0.0


class Builder:
    """Builds indexes into one store."""

    def __init__(
        self,
        store: IndexStore,
        memo: Memo,
        *,
        embedder: Embedder | None,
        condenser: Condenser | None,
        embedding_price: float | None = None,
        limits: Limits | None = None,
        progress: Progress,
    ) -> None:
        self._store = store
        self._memo = memo
        self._embedder = embedder
        self._condenser = condenser
        self._embedding_price = embedding_price
        self._limits = limits or Limits()
        self._progress = progress

    def build(self, component: str, version: str, gathered: Gathered, kinds: Sequence[str]) -> Outcome:
        """Raises UserError where there are no pages or it would cost too much, DocsError where a server fails."""
        started = time.monotonic()
        outcome = Outcome(component, version, pages=len(gathered.pages), bad=list(gathered.bad))
        if not gathered.pages:
            why = f": {gathered.bad[0]}" if gathered.bad else ""
            raise UserError(f"{component} {version}: no page was found{why}", hint="look at --from and component.yml")
        manifest = self._manifest(component, version, gathered, kinds)
        outcome.hash = str(manifest["hash"])
        before = {index.version: index for index in self._store.indexes() if index.component == component}
        old: Mapping[str, str] = before[version].manifest.get("pages", {}) if version in before else {}
        new: Mapping[str, str] = manifest["pages"]
        outcome.changed = sum(old.get(path) != digest for path, digest in new.items())
        outcome.removed = len(old.keys() - new.keys())
        if version in before and before[version].manifest.get("hash") == manifest["hash"]:
            outcome.state, outcome.chunks = "unchanged", before[version].chunks
            outcome.seconds = time.monotonic() - started
            return outcome
        parts = list(self._parts(component, version, gathered))
        self._learn(component, before, {record.source for record in parts})
        outcome.estimate = self._estimate(component, version, parts)
        self._check(outcome.estimate)
        if self._limits.dry_run:
            outcome.state, outcome.chunks = "estimated", len(parts)
            return outcome
        parts = self._condensed(parts, outcome)
        parts = self._embedded(parts, outcome)
        dimensions = len(parts[0].vector) if parts and parts[0].vector is not None else 0
        name = self._embedder.name if self._embedder and dimensions else NO_EMBEDDER
        index = Index(component, version, name, dimensions, manifest)
        self._progress("store", f"{component} {version}: {len(parts)} passages")
        outcome.bad += self._store.replace(index, parts)
        outcome.chunks = len(parts)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _manifest(self, component: str, version: str, gathered: Gathered, kinds: Sequence[str]) -> dict[str, Json]:
        """What an index is made of; two builds with the same hash are the same, wherever their pages came from: an
        installed package and its wheel are."""
        made: dict[str, Json] = {
            "form": FORM,
            "component": component,
            "version": version,
            "sources": sorted(kinds),
            "embedder": self._embedder.name if self._embedder else NO_EMBEDDER,
            "condenser": self._condensing,
            "pages": {path: page.hash for path, page in sorted(gathered.pages.items())},
        }
        hashed = key(repr(sorted((name, repr(value)) for name, value in made.items())))
        return {**made, "origin": dict(sorted(gathered.origin.items())), "hash": hashed}

    @property
    def _condensing(self) -> str:
        return f"{condense.PROMPT}:{self._condenser.name}" if self._condenser else "none"

    def _parts(self, component: str, version: str, gathered: Gathered) -> Iterator[Record]:
        """Every passage as it is in its page."""
        for page in gathered.pages.values():
            for piece in pieces(page):
                chunk = DocChunk(component, version, piece.title, piece.url, piece.text, page.path, page.names)
                yield Record(chunk, self._source(page, piece.title, piece.text))

    def _source(self, page: Page, title: str, text: str) -> str:
        return key(str(FORM), self._condensing, page.path, title, text)

    def _learn(self, component: str, before: Mapping[str, Index], wanted: set[str]) -> None:
        """Takes what earlier indexes of the component hold, for where the memo was lost or is on another machine."""
        if not before or (self._condenser is None and self._embedder is None):
            return
        for index in before.values():
            same = self._embedder is not None and index.embedder == self._embedder.name
            vectors: dict[str, Sequence[float]] = {}
            for record in self._store.records(component, index.version):
                if record.source not in wanted:
                    continue
                if self._condenser is not None and self._memo.text(record.source) is None:
                    self._memo.keep_text(record.source, record.chunk.text)
                if same and record.vector is not None:
                    vectors.setdefault(self._vector_key(record.chunk), record.vector)
            self._memo.keep_vectors({name: one for name, one in vectors.items() if self._memo.vector(name) is None})

    # --- what it costs -----------------------------------------------------------------------------------

    def _estimate(self, component: str, version: str, parts: Sequence[Record]) -> dict[str, Json]:
        """Tokens, and US dollars where prices are known, of what has to be asked for."""
        asked = [one for one in parts if self._condenser and self._memo.text(one.source) is None]
        embedded = [one for one in parts if self._embedder and self._memo.vector(self._vector_key(one.chunk)) is None]
        overhead = tokens("".join(m["content"] for m in condense.messages(component, version, "", "")))
        incoming = sum(tokens(one.chunk.text) + overhead for one in asked)
        outgoing = len(asked) * condense.OUTPUT
        embedding = sum(tokens(_embedded_text(one.chunk)) for one in embedded)
        cost = None
        price = self._condenser.price if self._condenser else (0.0, 0.0)
        remote = self._embedder is not None and not self._embedder.name.startswith("local:")
        per_million = self._embedding_price if remote else 0.0
        if price is not None and per_million is not None:
            cost = round((incoming * price[0] + outgoing * price[1] + embedding * per_million) / 1e6, 4)
        return {
            "condense": len(asked),
            "condense_tokens": [incoming, outgoing],
            "embed": len(embedded),
            "embed_tokens": embedding,
            "cost": cost,
        }

    def _check(self, estimate: Mapping[str, Json]) -> None:
        if not estimate["condense"] and not estimate["embed"]:
            return
        cost = estimate["cost"]
        dollars = "an amount that is not known" if cost is None else f"about {cost:.2f} US dollars"
        self._progress(
            "estimate",
            f"{estimate['condense']} passages to condense ({sum(estimate['condense_tokens'])} tokens), "
            f"{estimate['embed']} to embed ({estimate['embed_tokens']} tokens), for {dollars}",
        )
        limit = self._limits.max_cost
        if limit is not None and not self._limits.dry_run and (cost is None or cost > limit):
            raise UserError(
                f"the build would cost {dollars}, and --max-cost is {limit:g}",
                hint="allow more, give --price, or build without a model or embedder",
            )

    # --- what is asked for -------------------------------------------------------------------------------

    def _condensed(self, parts: list[Record], outcome: Outcome) -> list[Record]:
        if self._condenser is None:
            return parts
        found: list[Record] = []
        rate = _Rate("condense", len(parts), self._progress)
        for part in parts:
            chunk = part.chunk
            text = self._memo.text(part.source)
            if text is None:
                answer = self._condenser.ask(condense.messages(chunk.component, chunk.version, chunk.title, chunk.text))
                text = condense.read(answer, chunk.text) or ""
                self._memo.keep_text(part.source, text)
                outcome.condensed += 1
            if text:
                found.append(replace(part, chunk=replace(chunk, text=text)))
            rate.step()
        return found

    def _embedded(self, parts: list[Record], outcome: Outcome) -> list[Record]:
        if self._embedder is None:
            return parts
        names = [self._vector_key(part.chunk) for part in parts]
        texts = {name: _embedded_text(part.chunk) for name, part in zip(names, parts, strict=True)}
        missing = [name for name in texts if self._memo.vector(name) is None]
        missing.sort(key=lambda name: len(texts[name]))  # batches of like lengths are fast
        rate = _Rate("embed", len(missing), self._progress)
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            vectors = self._embedder.embed([texts[name] for name in batch])
            self._memo.keep_vectors(dict(zip(batch, vectors, strict=True)))
            outcome.embedded += len(batch)
            rate.step(len(batch))
        return [replace(part, vector=self._memo.vector(name)) for name, part in zip(names, parts, strict=True)]

    def _vector_key(self, chunk: DocChunk) -> str:
        return key(self._embedder.name if self._embedder else NO_EMBEDDER, _embedded_text(chunk))


def _embedded_text(chunk: DocChunk) -> str:
    return f"{chunk.title}\n{chunk.text}"


class _Rate:
    """Counts with rate and time left, every few seconds."""

    def __init__(self, stage: str, total: int, progress: Progress) -> None:
        self._stage, self._total, self._progress = stage, total, progress
        self._done = 0
        self._started = self._shown = time.monotonic()

    def step(self, count: int = 1) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._shown < 5 and self._done < self._total:
            return
        self._shown = now
        rate = self._done / max(now - self._started, 1e-6)
        left = (self._total - self._done) / rate if rate else 0
        self._progress(self._stage, f"{self._done} of {self._total}, {rate:.1f} a second, {left:.0f} s left")
