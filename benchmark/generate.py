"""The first half of a run: asking engines, and keeping every answer as it came. Nothing is executed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmark.engines import Engines
from benchmark.records import Records
from benchmark.work import Piece
from mlops_bot import prompt
from mlops_bot.cache import key_of
from mlops_bot.commands.work import Assignment, How
from mlops_bot.errors import CostCapReached, EngineError, EngineRefusedError
from mlops_bot.types import Citation, Context, Json, Progress, Proposal
from mlops_bot.verify.pipeline import component_key

_KEPT = ("engine", "model", "text", "files", "declined", "temperature", "sample", "input_tokens", "output_tokens",
         "cost", "finish_reason", "seconds", "docs",
         "revision")  # fmt: skip


def request_key(piece: Piece, assignment: Assignment, how: How, sample: int) -> str:
    """Equal for requests that ask the same of the same engine: what is sent, and how. A recipe is what its code is."""
    task = assignment.task
    context = context_of(assignment, how)
    if piece.cell.engine == "recipe":
        asked: Json = [component_key(task), task.component.name, task.functionality, task.script.text]
    else:
        asked = prompt.messages(task, context)
    documented = [piece.cell.approach, piece.docs] if piece.cell.approach else []
    return key_of("generation", piece.cell.engine, asked, piece.cell.temperature, sample, *documented)


def context_of(assignment: Assignment, how: How) -> Context:
    return Context(facts={assignment.facts.path: assignment.facts}, style=how.style)


def generate(
    work: Sequence[tuple[Piece, Assignment, How]], asked: Engines, kept: Records, progress: Progress
) -> str | None:
    """Asks for what is not kept yet. Returns why it ended early (the cost cap), None when all was asked.

    An endpoint that fails for one request costs that request only: it is asked again the next time. Raises
    EngineRefusedError when the endpoint refuses what is configured, for then every request would fail.
    """
    for number, (piece, assignment, how) in enumerate(work, 1):
        wanted = [request_key(piece, assignment, how, sample) for sample in range(piece.cell.samples)]
        lacking = [key for key in wanted if kept.get(key) is None]
        if not lacking:
            continue
        progress("generate", f"{number}/{len(work)} {piece.name}")
        try:
            proposals = asked.of(assignment.task.component, piece.cell.approach).propose(
                assignment.task, context_of(assignment, how), n=len(lacking), temperature=how.temperature
            )
        except CostCapReached as capped:
            return str(capped)
        except EngineRefusedError:
            raise
        except EngineError as error:
            progress("generate", f"{piece.name}: {error}; it is asked again the next time")
            continue
        for key, proposal in zip(lacking, proposals, strict=False):
            kept.add({"key": key, "piece": piece.name, "sample": wanted.index(key), "proposal": _kept(proposal)})
    return None


def _kept(proposal: Proposal) -> dict[str, Json]:
    data: dict[str, Any] = asdict(proposal)
    return {name: data[name] for name in _KEPT}


def proposal_of(record: Mapping[str, Json]) -> Proposal:
    """The proposal that was kept."""
    kept = dict(record["proposal"])
    return Proposal(**{**kept, "docs": tuple(Citation(**cited) for cited in kept.get("docs", ()))})


def spent(kept: Records, engine: str) -> float:
    """US dollars that an engine's answers cost until now: a cap holds for a run, however often it is started."""
    costs = (entry["proposal"].get("cost") for entry in kept.all() if f"/{engine}/" in str(entry["piece"]))
    return float(sum(cost or 0.0 for cost in costs))
