"""The recipe engine: the component's deterministic LibCST rewrite. No key, no network, no GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from mlops_bot.types import Component, Context, Feedback, NotApplicable, Proposal, Recipe, Task, Translator


class RecipeEngine:
    """Proposes at most one candidate a task.

    `find` gives a component's recipe (components.recipe), `find_translator` the one for programs that use another
    component (components.translator).
    """

    name = "recipe"
    model: str | None = None
    trusted = True

    def __init__(
        self,
        find: Callable[[Component], Recipe | None],
        find_translator: Callable[[Component], Translator | None] = lambda _: None,
    ) -> None:
        self._find = find
        self._find_translator = find_translator

    def propose(
        self, task: Task, context: Context, *, n: int = 1, temperature: float = 0.0, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """One proposal: new files, or `declined` with the reason. `n` and `temperature` change nothing: a recipe
        has one answer; after a failed one (`feedback`) it has none left."""
        if feedback is not None:
            return []
        started = time.monotonic()
        if task.source_component is not None:
            return [self._translated(task, task.source_component, context, started)]
        rewrite = self._find(task.component)
        if rewrite is None:
            return [self._declined(f"{task.component.title} has no recipe", started)]
        script = task.script
        facts = context.facts[script.path]
        if any(map(task.component.provides, facts.imports.values())):
            # It is there already: then the file as it is has to prove itself like any other candidate.
            return [self._proposed({script.path: script.text}, started)]
        result = rewrite(script.text, facts, task.functionality)
        if isinstance(result, NotApplicable):
            return [self._declined(result.reason, started)]
        return [self._proposed({script.path: result.text}, started, result.notes)]

    def _translated(self, task: Task, source: Component, context: Context, started: float) -> Proposal:
        translate = self._find_translator(task.component)
        if translate is None:
            return self._declined(f"there is no recipe that translates to {task.component.title}", started)
        script = task.script
        result = translate(script.text, context.facts[script.path], task.functionality, source=source)
        if isinstance(result, NotApplicable):
            return self._declined(result.reason, started)
        return self._proposed({script.path: result.text}, started, result.notes)

    def _proposed(self, files: Mapping[str, str], started: float, notes: tuple[str, ...] = ()) -> Proposal:
        return Proposal(engine=self.name, files=files, cost=0.0, seconds=time.monotonic() - started, notes=notes)

    def _declined(self, reason: str, started: float) -> Proposal:
        return Proposal(engine=self.name, declined=reason, cost=0.0, seconds=time.monotonic() - started)
