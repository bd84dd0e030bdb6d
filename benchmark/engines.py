"""What `--engine` names: the bot's own engines, and one that proposes what was generated before."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_bot import compose, compose_docs
from mlops_bot.cache import key_of
from mlops_bot.engines.budget import Budget
from mlops_bot.engines.documented import Documented, Retriever
from mlops_bot.errors import UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Component, Context, DocChunk, Engine, Feedback, Progress, Proposal, Task

KINDS = ("recipe", "openai", "tgi", "scripted")


@dataclass(frozen=True, slots=True)
class EngineName:
    """`recipe`, `openai:MODEL`, `tgi:NAME`, `scripted:PATH`."""

    kind: str
    detail: str | None = None

    @property
    def text(self) -> str:
        return self.kind if self.detail is None else f"{self.kind}:{self.detail}"

    @property
    def asks(self) -> bool:
        """Whether it is a model that is asked."""
        return self.kind in ("openai", "tgi")


def parse(text: str) -> EngineName:
    """Raises UserError for what is no engine."""
    kind, colon, detail = text.partition(":")
    if kind not in KINDS or (colon and not detail) or (kind == "recipe" and detail):
        raise UserError(
            f"--engine {text}: is no engine", hint="write recipe, openai:MODEL, tgi or tgi:NAME, or scripted:PATH"
        )
    if kind in ("openai", "scripted") and not detail:
        raise UserError(
            f"--engine {text}: says too little", hint=f"write {kind}:{'MODEL' if kind == 'openai' else 'PATH'}"
        )
    return EngineName(kind, detail or None)


def documentation_id(configured: Settings, progress: Progress) -> str | None:
    """What is in the documentation index that prompts of the translation study are made with; None: there is none.

    Raises DocsError where one is configured and does not work."""
    store = compose_docs.docs_store(configured, progress)
    if store is None:
        return None
    with contextlib.closing(store):
        return key_of("docs", *(
            [one.component, one.version, one.embedder, one.chunks, one.manifest.get("hash") or dict(one.manifest)]
            for one in sorted(store.indexes(), key=lambda one: (one.component, one.version))
        ))  # fmt: skip


class Engines:
    """The engine of one name: one for all tasks, and one budget for all that it is asked, so that the cost cap holds
    for the run. An approach of the translation study puts the documentation that it finds into the prompts."""

    def __init__(
        self, name: EngineName, configured: Settings, *, budget: Budget, progress: Progress, stack: contextlib.ExitStack
    ) -> None:
        self._name = name
        model = name.detail if name.asks else None
        self._settings = configured.override(engine=name.kind, model=model)
        answers = Path(name.detail) if name.kind == "scripted" and name.detail else None
        self._options = compose.LLMOptions(max_cost=budget.cap, answers=answers, docs="none", budget=budget)
        self._progress = progress
        self._stack = stack
        self._plain: Engine | None = None
        self._documented: dict[str, Engine] = {}

    def of(self, component: Component, approach: str | None) -> Engine:
        """Raises UserError where it is not configured, saying what to set."""
        if self._plain is None:
            self._plain = compose.engines(self._settings, component, self._options, self._progress)[0]
            self._stack.enter_context(compose.opened([self._plain]))
        if approach is None or not self._name.asks:
            return self._plain
        if approach not in self._documented:
            retrieve = compose_docs.retriever(self._settings, approach, self._asked, self._progress)
            if retrieve is None:
                raise UserError("MLOPS_BOT_DOCS is off, and the translation study needs documentation", hint=NO_INDEX)
            self._documented[approach] = Documented(self._plain, _remembered(retrieve))
        return self._documented[approach]

    def _asked(self) -> tuple[compose.Asker, str]:
        asker = compose.Asker(self._settings, self._options, self._progress, self._name.kind)
        return asker, asker.name


NO_INDEX = "build one (docs/documentation-index.md), set MLOPS_BOT_DOCS_URL, or leave it out: --tables 1,2,3,4"


def _remembered(retrieve: Retriever) -> Retriever:
    """Asked once for a program: all samples of all temperatures get the same passages."""
    known: dict[str, Sequence[DocChunk]] = {}

    def found(task: Task, context: Context) -> Sequence[DocChunk]:
        source = task.source_component.name if task.source_component else None
        key = key_of(task.script.text, task.component.name, source)
        if key not in known:
            known[key] = retrieve(task, context)
        return known[key]

    return found


class Generated:
    """Proposes one thing that an engine proposed before. As trusted as that engine."""

    def __init__(self, proposal: Proposal, *, trusted: bool) -> None:
        self.name = proposal.engine
        self.model = proposal.model
        self.trusted = trusted
        self._proposal = proposal

    def propose(
        self, task: Task, context: Context, *, n: int = 1, temperature: float = 0.0, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        return [self._proposal] if feedback is None else []
