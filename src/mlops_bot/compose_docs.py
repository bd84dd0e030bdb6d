"""Where documentation is composed from settings: the store, the model that is asked about it, and the retrieval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlops_bot.errors import UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Progress

if TYPE_CHECKING:
    from mlops_bot.docs.records import Embedder, IndexStore
    from mlops_bot.docs.search import Asker
    from mlops_bot.engines.documented import Retriever

DEFAULT_APPROACH = "calls"


def index_store(settings: Settings, *, writable: bool = False) -> IndexStore:
    """The documentation store that the settings speak of: the server, a published index, else the file.

    Raises DocsError where it does not work. The key that may write is used only for a writable one.
    """
    from mlops_bot.docs import embed

    def embedders(name: str) -> Embedder | None:
        return embed.by_name(name, settings)

    if settings.weaviate_url:
        from mlops_bot.docs.weaviate import WeaviateStore

        key = settings.weaviate_api_key if writable else settings.weaviate_query_key
        return WeaviateStore(settings.weaviate_url, grpc=settings.weaviate_grpc, key=key, embedders=embedders)
    from mlops_bot.docs.sqlite import SQLiteStore

    path = settings.docs_path
    if settings.docs_url and not settings.docs and not writable:
        from mlops_bot.docs.fetch import fetched

        path = fetched(settings.docs_url, settings.docs_sha256, settings.cache_dir / "docs")
    return SQLiteStore(path, writable=writable, embedders=embedders)


def docs_store(settings: Settings, progress: Progress) -> IndexStore | None:
    """The store to read from; None where there is no index, which is no failure; remarked where one was named."""
    if settings.docs == "off":
        return None
    published = settings.weaviate_url or (settings.docs_url and not settings.docs)
    if not published and not settings.docs_path.is_file():
        if settings.docs:  # nobody asked for one: nothing to remark
            progress("docs", f"no documentation index at {settings.docs_path}: prompts have the component's guide only")
        return None
    return index_store(settings)


def retriever(
    settings: Settings, approach: str, ask: Callable[[], tuple[Asker, str]] | None, progress: Progress
) -> Retriever | None:
    """What looks documentation up for a task; None where nobody wants any. `ask` makes the model of an approach that
    needs one, with its name. Raises UserError for such an approach without a model."""
    from mlops_bot.docs.retrieve import Retrieval
    from mlops_bot.docs.search import APPROACHES, ASKING

    if settings.docs == "off" or approach == "none":
        return None
    if approach not in APPROACHES:
        raise UserError(f"{approach!r} is no way to find documentation", hint=f"use one of: {', '.join(APPROACHES)}")
    if approach in ASKING and ask is None:
        raise UserError(
            f"--docs {approach} needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL, or use another"
        )
    model, name = ask() if approach in ASKING and ask is not None else (None, "")
    return Retrieval(
        lambda: docs_store(settings, progress), approach=approach, ask=model, model=name, progress=progress
    )
