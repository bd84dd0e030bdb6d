"""An engine around a model's engine: the prompt gets retrieved documentation, and every proposal says which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mlops_bot.types import Citation, Context, DocChunk, Engine, Feedback, Proposal, Task

Retriever = Callable[[Task, Context], Sequence[DocChunk]]


class Documented:
    """Asks `retrieve` once for each task, before the first proposal, so that nothing is searched for a task that
    a recipe does. Raises DocsError where the store fails."""

    def __init__(self, engine: Engine, retrieve: Retriever) -> None:
        self.name, self.model, self.trusted = engine.name, engine.model, engine.trusted
        self._engine = engine
        self._retrieve = retrieve
        self._task: Task | None = None
        self._docs: tuple[DocChunk, ...] = ()

    def close(self) -> None:
        close = getattr(self._engine, "close", None)
        if close is not None:
            close()

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        if context.style == "doc-prompt":  # a zero-shot prompt has no documentation
            if task is not self._task:
                self._task, self._docs = task, tuple(self._retrieve(task, context))
            context = replace(context, docs=self._docs)
        try:
            proposals = self._engine.propose(task, context, n=n, temperature=temperature, feedback=feedback)
        finally:
            self.model = self._engine.model  # some servers say only then what they have
        cited = tuple(Citation(doc.component, doc.version, doc.title, doc.url) for doc in context.docs)
        return [replace(proposal, docs=cited) for proposal in proposals]
