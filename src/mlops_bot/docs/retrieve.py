"""The documentation of a task, for its prompt: opens the store when the first task needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops_bot.docs import search
from mlops_bot.docs.calls import calls_of, details_of
from mlops_bot.types import Component, Context, DocChunk, DocStore, Progress, Task


class Retrieval:
    """`open_store` gives None, with a remark already made, where there is no index. `ask` is the model of the
    approaches that need one."""

    def __init__(
        self, open_store: Callable[[], DocStore | None], *, approach: str, ask: search.Asker | None, model: str,
        progress: Progress, budget: int = search.BUDGET,
    ) -> None:  # fmt: skip
        self._open_store = open_store
        self._opened = False
        self._store: DocStore | None = None
        self._approach = approach
        self._ask = ask
        self._model = model
        self._progress = progress
        self._budget = budget

    def __call__(self, task: Task, context: Context) -> Sequence[DocChunk]:
        """Raises DocsError where a store that is configured fails, EngineError where the model does."""
        if not self._opened:
            self._store, self._opened = self._open_store(), True
        if self._store is None:
            return ()
        question = question_of(task, context)
        for side in (question.source, question.target):
            note = search.versions_note(self._store, side) if side is not None else None
            if note is not None:
                self._progress("docs", note)
        found = search.find(self._approach, self._store, question, ask=self._ask, model=self._model)
        docs = found.within(self._budget)
        for note in getattr(self._store, "notes", []):
            self._progress("docs", note)
        self._progress("docs", f"{len(docs)} passages for the prompt ({self._approach})")
        return docs


def question_of(task: Task, context: Context) -> search.Question:
    """What has to be found out for a task."""
    facts = context.facts.get(task.script.path)
    origin = task.source_component
    code = task.script.text
    return search.Question(
        target=_side(task.component, context),
        source=_side(origin, context) if origin is not None else None,
        code=code,
        functionality=task.functionality,
        framework=facts.framework if facts else None,
        calls=(*calls_of(code, origin.imports), *(search.calls_in(facts) if facts else ())) if origin else (),
        details=details_of(code, origin.imports) if origin else (),
    )


def _side(component: Component, context: Context) -> search.Side:
    return search.Side(
        component.name, component.title, context.versions.get(component.name), component.imports, component.api_modules
    )
