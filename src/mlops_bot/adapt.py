"""The pipeline: a task and its context go in, an Adaptation with a verdict and its evidence comes out.

Works on Protocols only. The command line, the Action and the benchmark all call `adapt`; there is no second pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mlops_bot import response
from mlops_bot.errors import CostCapReached, MlopsBotError, UserError
from mlops_bot.types import (
    STAGES,
    Adaptation,
    Attempt,
    Candidate,
    Context,
    Engine,
    Failed,
    Feedback,
    Observation,
    Passed,
    Progress,
    Proposal,
    Task,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Options:
    samples: int = 1
    temperature: float = 0.0
    repair: int = 1  # rounds that feed the real error back, at most


class Judge(Protocol):
    """What judges candidates (verify.pipeline.Verifier)."""

    seconds: dict[str, float]

    def baseline(self, *, again: bool = False) -> Observation: ...
    def why_unverifiable(self, baseline: Observation) -> str | None: ...
    def judge(self, candidate: Candidate) -> Verdict: ...


def adapt(
    task: Task,
    context: Context,
    *,
    engines: Sequence[Engine],
    judge: Callable[[], Judge],
    isolated: bool,
    options: Options,
    progress: Progress,
) -> Adaptation:
    """Asks the engines in turn until a candidate is verified.

    `judge` makes the judge when the first candidate needs one (preparing a runtime costs time).
    `isolated`: untrusted code may run in the judge's sandbox; without it an untrusted engine is a UserError.
    An engine or a sandbox that fails ends it as "unverified" with that `error`, and what was done until then is kept.
    A candidate that fails is an Attempt, never an exception.
    """
    run = _Run(task, context, judge, options, progress)
    why: list[str] = []
    for engine in engines:
        if not engine.trusted and not isolated:
            unsafe = f"code written by {_label(engine)} is not run without isolation, and no Docker engine answers"
            advice = "start Docker, or pass --sandbox process to run it as yourself on this machine"
            if len(engines) == 1:
                raise UserError(unsafe, hint=advice)
            why.append(f"{unsafe}: {advice}")
            continue
        try:
            outcome = run.ask(engine)
        except MlopsBotError as error:
            return run.ended([*why, f"{_label(engine)}: {error}"], error=error)
        if outcome is None:  # nothing can be judged, whoever proposes
            break
        why.append(f"{_label(engine)}: {outcome}")
        if run.chosen is not None:
            break
    return run.ended(why)


def _label(engine: Engine) -> str:
    """A TGI server says which model it serves only when it is asked: call this after proposing."""
    return engine.name if engine.model is None else f"{engine.name} ({engine.model})"


def furthest(attempts: Sequence[Attempt]) -> Attempt | None:
    """Of the failed attempts the one that came furthest, the latest of several."""
    failed = [
        (STAGES.index(attempt.verdict.stage), number, attempt)
        for number, attempt in enumerate(attempts)
        if isinstance(attempt.verdict, Failed)
    ]
    return max(failed)[2] if failed else None


class _Run:
    """One task's way through the pipeline."""

    def __init__(
        self, task: Task, context: Context, judge: Callable[[], Judge], options: Options, progress: Progress
    ) -> None:
        self.task = task
        self.context = context
        self.options = options
        self.progress = progress
        self.attempts: list[Attempt] = []
        self.chosen: Attempt | None = None
        self.seconds: dict[str, float] = {}
        self.baseline: Observation | None = None
        self.unverifiable: str | None = None
        self._make_judge = judge
        self._judge: Judge | None = None

    def ask(self, engine: Engine) -> str | None:
        """One engine with its repair rounds. Returns what came of it in words, None where nothing can be judged."""
        if self._baseline() is None:
            return None
        feedback: Feedback | None = None
        last = "proposed nothing"
        for round_number in range(self.options.repair + 1):
            proposals, stopped = self._propose(engine, round_number, feedback)
            if stopped is not None:
                last = stopped
            for proposal in proposals:
                if proposal.declined is not None:
                    last = proposal.declined
                    continue
                attempt = self._attempt(proposal, round_number)
                if isinstance(attempt.verdict, Passed):
                    self.chosen = attempt
                    return "verified"
                last = f"failed at {attempt.verdict.stage}: {attempt.verdict.reason}"
            feedback = self._feedback(engine)
            if feedback is None or stopped is not None:
                break
        return last

    def ended(self, why: list[str], *, error: MlopsBotError | None = None) -> Adaptation:
        if self._judge is not None:
            self.seconds.update(self._judge.seconds)
        if self.unverifiable is not None:
            status, reason = "unverified", self.unverifiable
        elif self.chosen is not None:
            status, reason = "verified", None
        elif error is not None:
            status, reason = "unverified", str(error)
        else:
            status, reason = "failed", "; ".join(why) or "no engine proposed anything"
        return Adaptation(
            task=self.task,
            status=status,  # type: ignore[arg-type]
            attempts=tuple(self.attempts),
            chosen=self.chosen,
            reason=reason,
            baseline=self.baseline,
            engine_choice="; ".join(why) or None,
            seconds={stage: round(spent, 3) for stage, spent in self.seconds.items()},
            error=error,
        )

    def _baseline(self) -> Observation | None:
        """The original's run, before a token is spent; None where nothing can be judged."""
        if self.baseline is None:
            started = time.monotonic()
            self._judge = self._make_judge()
            self._add("prepare", started)
            baseline = self._judge.baseline()
            self.unverifiable = self._judge.why_unverifiable(baseline)
            self.baseline = baseline
        return None if self.unverifiable is not None else self.baseline

    def _propose(
        self, engine: Engine, round_number: int, feedback: Feedback | None
    ) -> tuple[Sequence[Proposal], str | None]:
        n = self.options.samples if feedback is None else 1
        self.progress("propose", f"asking {engine.name}" + (f", repair round {round_number}" if feedback else ""))
        started = time.monotonic()
        try:
            return engine.propose(
                self.task, self.context, n=n, temperature=self.options.temperature, feedback=feedback
            ), None
        except CostCapReached as capped:
            return [], str(capped)
        finally:
            self._add("propose", started)

    def _attempt(self, proposal: Proposal, repair: int) -> Attempt:
        candidate: Candidate | None = None
        if proposal.files is not None:
            candidate = Candidate(proposal.files)
            verdict = self._verdict(candidate)
        else:
            parsed = response.parse(proposal.text or "", self.task, truncated=proposal.finish_reason == "length")
            if isinstance(parsed, Failed):
                verdict = parsed
            else:
                candidate = parsed
                verdict = self._verdict(parsed)
        attempt = Attempt(proposal, candidate, verdict, repair)
        self.attempts.append(attempt)
        said = "verified" if isinstance(verdict, Passed) else f"failed at {verdict.stage}: {verdict.reason}"
        self.progress("verdict", f"{proposal.engine} sample {proposal.sample + 1}: {said}")
        return attempt

    def _verdict(self, candidate: Candidate) -> Verdict:
        assert self._judge is not None  # the baseline ran first
        return self._judge.judge(candidate)

    def _feedback(self, engine: Engine) -> Feedback | None:
        """The failure that came furthest is the one worth repairing."""
        own = [a for a in self.attempts if a.proposal.engine == engine.name and a.proposal.text]
        best = furthest(own)
        if best is None or not isinstance(best.verdict, Failed):
            return None
        return Feedback(best.proposal.text or "", best.verdict)

    def _add(self, stage: str, started: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started
