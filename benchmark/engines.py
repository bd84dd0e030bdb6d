"""What `--engine` names: the bot's own engines, and one that proposes what was generated before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_bot import compose
from mlops_bot.errors import UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Component, Context, Engine, Feedback, Progress, Proposal, Task

KINDS = ("recipe", "openai", "tgi", "scripted")


@dataclass(frozen=True, slots=True)
class EngineName:
    """`recipe`, `openai:MODEL`, `tgi:NAME`, `scripted:PATH`."""

    kind: str
    detail: str | None = None

    @property
    def text(self) -> str:
        return self.kind if self.detail is None else f"{self.kind}:{self.detail}"


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


def build(
    name: EngineName, component: Component, configured: Settings, *, max_cost: float | None, progress: Progress
) -> Engine:
    """Raises UserError where it is not configured, saying what to set."""
    answers = Path(name.detail) if name.kind == "scripted" and name.detail else None
    model = name.detail if name.kind in ("openai", "tgi") else None
    settings = configured.override(engine=name.kind, model=model)
    options = compose.LLMOptions(max_cost=max_cost, answers=answers)
    return compose.engines(settings, component, options, progress)[0]


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
