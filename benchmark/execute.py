"""The second half of a run: a verdict for every generation, each the bot's own `adapt` with one proposal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import asdict, dataclass

from benchmark import score
from benchmark.engines import Generated
from benchmark.generate import proposal_of, request_key
from benchmark.records import Records
from benchmark.work import Piece
from mlops_bot import report
from mlops_bot.cache import files_key, key_of
from mlops_bot.commands import delivery
from mlops_bot.commands.judging import Running
from mlops_bot.commands.work import Assignment, How, adapt
from mlops_bot.errors import MlopsBotError
from mlops_bot.types import Adaptation, Attempt, Failed, Json, Passed, Progress, Proposal
from mlops_bot.verify import job
from mlops_bot.verify.pipeline import CHECKS_VERSION, component_key

DETAIL = 4_000  # characters of a failure's detail that are kept
RECORD = 2  # raise it when an attempt holds something new: then it is made again


@dataclass(frozen=True, slots=True)
class Todo:
    """One generation that has no verdict under the present checks."""

    key: str
    piece: Piece
    assignment: Assignment
    how: How
    generation: Mapping[str, Json]
    sample: int


def attempt_key(generation: str, assignment: Assignment, sandbox: str) -> str:
    """Changes with whatever decides on a verdict: the candidate, the program, its limits, the hooks, the checks, the
    sandbox."""
    plan = assignment.plan
    return key_of("attempt", RECORD, generation, CHECKS_VERSION, job.hooks_key(), component_key(assignment.task),
                  files_key(plan.files), plan.argv, asdict(plan.limits), sandbox)  # fmt: skip


def todo(
    work: Sequence[tuple[Piece, Assignment, How]], generations: Records, attempts: Records, sandbox: str
) -> list[Todo]:
    """What is still to be judged. Attempts that infrastructure ended are tried again."""
    found = []
    for piece, assignment, how in work:
        for sample in range(piece.cell.samples):
            generation = generations.get(request_key(piece, assignment, how, sample))
            if generation is None:
                continue
            key = key_of(attempt_key(str(generation["key"]), assignment, sandbox), piece.name, sample)
            known = attempts.get(key)
            if known is None or known["outcome"] == "error":
                found.append(Todo(key, piece, assignment, how, generation, sample))
    return found


def execute(
    items: Sequence[Todo],
    judge: Callable[[Todo], dict[str, Json]],
    attempts: Records,
    *,
    pool: Executor,
    progress: Progress,
) -> None:
    """Judges all of it on the workers of `pool`: threads here, or a cluster's. `judge` is `attempt` with its judging.

    The original of a program runs in its first attempt; the rest of the program's work begins when that has ended, so
    that no two workers run it.
    """
    groups: dict[str, list[Todo]] = {}
    for item in items:
        groups.setdefault(item.piece.program.id, []).append(item)
    ready = [group.pop(0) for group in sorted(groups.values(), key=len, reverse=True)]
    running: dict[Future[dict[str, Json]], Todo] = {pool.submit(judge, item): item for item in ready}
    done, started = 0, time.monotonic()
    try:
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                item = running.pop(future)
                record = future.result()
                attempts.add(record)
                done += 1
                left = (time.monotonic() - started) / done * (len(items) - done)
                said = f"{record['outcome']}; about {left:.0f} s left"
                progress("judge", f"{done}/{len(items)} {item.piece.name}: {said}")
                rest = groups.pop(item.piece.program.id, [])
                running.update({pool.submit(judge, other): other for other in rest})
    except BaseException:
        for future in running:
            future.cancel()
        raise


def _quiet(stage: str, message: str) -> None:
    del stage, message


def attempt(item: Todo, judging: Running) -> dict[str, Json]:
    """The record of one attempt."""
    proposal = proposal_of(item.generation)
    started = time.monotonic()
    trusted = item.piece.cell.engine in ("recipe",) or proposal.engine == "scripted"
    engine = Generated(proposal, trusted=trusted)
    adaptation = adapt(item.assignment, item.how, engines=[engine], judging=judging, progress=_quiet)
    record = {
        "key": item.key,
        "piece": item.piece.name,
        "cell": item.piece.cell.name,
        "program": item.piece.program.id,
        "era": item.piece.era,
        "sample": item.sample,
        "generation": item.generation["key"],
        "model": proposal.model,
        "input_tokens": proposal.input_tokens,
        "output_tokens": proposal.output_tokens,
        "cost": proposal.cost,
        "revision": proposal.revision,
        "documentation": [f"{cited.title} ({cited.url})" for cited in proposal.docs],
        "runtime": _runtime(item, judging),
        "seconds": {**adaptation.seconds, "wall": round(time.monotonic() - started, 3)},
        **_outcome(item, proposal, adaptation, judging),
    }
    return {**record, "category": score.category(record)}


def _runtime(item: Todo, judging: Running) -> dict[str, Json] | None:
    """What it ran in: the digest of the image, or the id of the environment."""
    where = judging.where(item.assignment.name)
    return None if where is None else {"id": where.id, "description": where.description}


def _outcome(item: Todo, proposal: Proposal, adaptation: Adaptation, judging: Running) -> dict[str, Json]:
    if adaptation.error is not None:
        return {"outcome": "error", "stage": None, "reason": str(adaptation.error)}
    if adaptation.status == "unverified":
        return {"outcome": "unverified", "stage": None, "reason": adaptation.reason}
    if proposal.declined is not None:
        return {"outcome": "declined", "stage": None, "reason": proposal.declined}
    made = adaptation.attempts[-1]
    shown = report.report([(adaptation, delivery.changed_files(adaptation, item.assignment.project))])
    script = item.assignment.task.script
    text = made.candidate.files.get(script.path, script.text) if made.candidate else script.text
    common: dict[str, Json] = {
        "diff": report.Change(script.path, script.text, text).diff,
        "evidence": shown["evidence"],
    }
    if isinstance(made.verdict, Passed):
        return {"outcome": "passed", "stage": None, "reason": None, "paper": True, **common}
    assert isinstance(made.verdict, Failed)
    try:
        paper, why = _papers(item, made, made.verdict, judging)
    except MlopsBotError as error:
        return {"outcome": "error", "stage": None, "reason": str(error)}
    return {
        "outcome": "failed",
        "stage": made.verdict.stage,
        "reason": made.verdict.reason,
        "detail": made.verdict.detail[:DETAIL],
        "paper": paper,
        "paper_reason": why,
        **common,
    }


def _papers(item: Todo, made: Attempt, failed: Failed, judging: Running) -> tuple[bool, str]:
    """The paper's criterion for what failed ours, and why: "executable, and does the task" (Section IV-D). What else
    was changed does not count there, nor what reading the code found: such a candidate is run all the same."""
    if failed.stage == "preserved":
        return True, "it runs and has the effect"
    if failed.stage != "static" or made.candidate is None or "does not compile" in failed.reason:
        return False, failed.reason
    works = judging.judge(item.assignment).works(made.candidate)
    return isinstance(works, Passed), "it runs and has the effect" if isinstance(works, Passed) else works.reason
