"""Engines around engines: one that notes what an engine proposed, and one that proposes what was noted.

So that proposing and verifying can happen in different places, each with the very same pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_bot.errors import CostCapReached, EngineError, MlopsBotError
from mlops_bot.types import Citation, Context, Engine, Feedback, Proposal, Task


@dataclass(frozen=True, slots=True)
class Noted:
    """One proposal of a model, and in which round of the pipeline it was made."""

    round: int
    engine: str
    model: str | None = None
    text: str | None = None
    declined: str | None = None
    temperature: float | None = None
    sample: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    finish_reason: str | None = None
    seconds: float = 0.0
    docs: tuple[Citation, ...] = ()
    error: str | None = None  # the engine failed; nothing was proposed
    capped: bool = False  # it would have cost too much

    @classmethod
    def of(cls, number: int, proposal: Proposal) -> Noted:
        names = ("engine", "model", "text", "declined", "temperature", "sample", "input_tokens", "output_tokens",
                 "cost", "finish_reason", "seconds", "docs")  # fmt: skip
        return cls(number, **{name: getattr(proposal, name) for name in names})

    def proposal(self) -> Proposal:
        return Proposal(
            engine=self.engine, model=self.model, text=self.text, declined=self.declined,
            temperature=self.temperature, sample=self.sample, input_tokens=self.input_tokens,
            output_tokens=self.output_tokens, cost=self.cost, finish_reason=self.finish_reason, seconds=self.seconds,
            docs=self.docs,
        )  # fmt: skip


class Watched:
    """An engine whose proposals somebody wants to see: `seen` gets the round and the proposal, `failed` an error."""

    def __init__(
        self,
        engine: Engine,
        seen: Callable[[int, Proposal], None],
        *,
        failed: Callable[[Noted], None] = lambda noted: None,
    ) -> None:
        self.name, self.model, self.trusted = engine.name, engine.model, engine.trusted
        self._engine = engine
        self._seen = seen
        self._failed = failed
        self._task: Task | None = None
        self._round = 0

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        self._round = self._round + 1 if task is self._task else 0
        self._task = task
        try:
            proposals = self._engine.propose(task, context, n=n, temperature=temperature, feedback=feedback)
        except MlopsBotError as error:
            capped = isinstance(error, CostCapReached)
            self._failed(Noted(self._round, self.name, self._engine.model, error=str(error), capped=capped))
            raise
        finally:
            self.model = self._engine.model  # some servers say only then what they have
        for proposal in proposals:
            self._seen(self._round, proposal)
        return proposals


class ReplayEngine:
    """Proposes for one task what was noted, round by round. It is a model's text: never trusted."""

    trusted = False

    def __init__(self, noted: Sequence[Noted]) -> None:
        self.name = noted[0].engine
        self.model: str | None = noted[0].model
        self._noted = noted
        self._round = 0

    def propose(
        self, task: Task, context: Context, *, n: int = 1, temperature: float = 0.0, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """All of the next round; nothing when there was none. `n`, `temperature` and `feedback` decide nothing.

        Raises EngineError where the engine had failed."""
        noted = [entry for entry in self._noted if entry.round == self._round]
        self._round += 1
        for entry in noted:
            if entry.error is not None:
                raise (CostCapReached if entry.capped else EngineError)(entry.error)
        return [entry.proposal() for entry in noted]


def replays(noted: Sequence[Noted]) -> list[ReplayEngine]:
    """One engine for each that proposed, in their order."""
    names = dict.fromkeys(entry.engine for entry in noted)
    return [ReplayEngine([entry for entry in noted if entry.engine == name]) for name in names]
