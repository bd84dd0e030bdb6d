"""What the workflow run shows: the job's summary, its outputs, annotations, and the check run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_bot.github import names
from mlops_bot.github.model import Checklist, Outcome, Unverified
from mlops_bot.github.render import parts
from mlops_bot.github.render.bounds import Block, fit
from mlops_bot.github.render.comment import ending
from mlops_bot.github.render.escape import code, html, prose
from mlops_bot.shown import one_line
from mlops_bot.types import Component

SUMMARY_LIMIT = 900_000  # characters; GitHub takes 1 MiB a step
CHECK_LIMIT = 60_000
OUTPUTS = ("status", "pull-request-number", "pull-request-url", "branch", "report")
_WORST = ("error", "failed", "unverified", "verified", "nothing")


def summary(
    outcomes: Sequence[Outcome],
    *,
    components: Mapping[str, Component],
    unverified: Unverified = "comment",
    secrets: Sequence[str] = (),
) -> str:
    """The job's summary: each command with its end and its evidence."""
    written: list[str | Block] = []
    for outcome in parts.clean(tuple(outcomes), secrets):
        written += _outcome(outcome, components, unverified)
    return fit(written or ["Nothing was asked for.\n"], SUMMARY_LIMIT)


def _outcome(outcome: Outcome, components: Mapping[str, Component], policy: Unverified) -> Iterator[str | Block]:
    words = names.words(outcome.command, components)
    yield f"### {code(f'/mlops {words}')}\n\n"
    yield from ending(outcome, components, policy)
    for file in outcome.files:
        table = parts.evidence(file, outcome.command.target or "", components) if file.status == "verified" else ""
        if table:
            yield parts.collapsed(f"Evidence, {html(file.path)}", table)
    spent = parts.spent(outcome.cost, outcome.input_tokens + outcome.output_tokens)
    yield f"\n{parts.duration(outcome.seconds)}, spent: {spent}.\n\n"


def outputs(outcomes: Sequence[Outcome], *, report: str = "", secrets: Sequence[str] = ()) -> dict[str, str]:
    """The action's outputs, each one line. Of several commands: the worst status, and the first pull request."""
    outcomes = parts.clean(tuple(outcomes), secrets)
    status = next((s for s in _WORST for outcome in outcomes if outcome.status == s), "nothing")
    delivered = next((outcome for outcome in outcomes if outcome.pull_url), None)
    values = {
        "status": status,
        "pull-request-number": str(delivered.pull_number or "") if delivered else "",
        "pull-request-url": delivered.pull_url or "" if delivered else "",
        "branch": delivered.branch or "" if delivered else "",
        "report": report,
    }
    return {name: one_line(value, 1000) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class CheckRun:
    """The check run on the pull request's head. A command that does not succeed is no fault of the pull request:
    it ends neutral, so that it blocks nobody."""

    status: Literal["in_progress", "completed"]
    conclusion: Literal["success", "neutral"] | None
    title: str
    summary: str


def check_run(checklist: Checklist, *, components: Mapping[str, Component], secrets: Sequence[str] = ()) -> CheckRun:
    checklist = parts.clean(checklist, secrets)
    what = parts.what(checklist.command, components)
    outcome = checklist.outcome
    if outcome is None:
        running = next((step for step in checklist.steps if step.state == "running"), None)
        detail = prose(running.detail, 400) if running else ""
        return CheckRun("in_progress", None, f"{what}: running", detail or "The comment shows each step.")
    ends = {"verified": "verified", "failed": "not verified", "unverified": "could not be judged",
            "nothing": "nothing to change", "error": "stopped"}  # fmt: skip
    text = fit(list(_outcome(outcome, components, "refuse")), CHECK_LIMIT)
    conclusion: Literal["success", "neutral"] = "success" if outcome.status == "verified" else "neutral"
    return CheckRun("completed", conclusion, f"{what}: {ends[outcome.status]}", text)
