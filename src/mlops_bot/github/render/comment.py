"""The sticky comment of a command: a checklist while it runs, what came of it at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_bot.github import marker, names
from mlops_bot.github.model import Checklist, Outcome, Record, Step, StepName, Unverified
from mlops_bot.github.render import parts
from mlops_bot.github.render.bounds import Block, fit
from mlops_bot.github.render.escape import code, prose
from mlops_bot.types import Component

_STEPS: Mapping[StepName, str] = {
    "files": "Files",
    "docs": "Documentation",
    "candidates": "Candidates",
    "verification": "Verification",
    "delivery": "Delivery",
}
_STATES = {"pending": "[ ]", "running": "[ ] ⏳", "done": "[x]", "failed": "[ ] ❌", "skipped": "[ ] ➖"}


def comment(
    checklist: Checklist,
    record: Record,
    *,
    components: Mapping[str, Component],
    unverified: Unverified = "comment",
    secrets: Sequence[str] = (),
) -> str:
    """The comment's body, marker included. `unverified`: `refuse` shows no code that is not verified."""
    checklist = parts.clean(checklist, secrets)
    return fit([marker.write(record), *_body(checklist, components, unverified)])


def _body(checklist: Checklist, components: Mapping[str, Component], policy: Unverified) -> Iterator[str | Block]:
    words = names.words(checklist.command, components)
    yield f"### {code(f'/mlops {words}')}\n\n"
    log = f" [Log](<{checklist.run_url}>)." if checklist.run_url and checklist.run_url.startswith("https://") else ""
    yield f"Asked by {code(checklist.actor)}, for {code(checklist.head_sha[:7])}.{log}\n\n"
    yield "\n".join(_step(step) for step in checklist.steps)
    so_far = "so far" if checklist.outcome is None else "in all"
    yield f"\n\n{parts.duration(checklist.elapsed)} {so_far}, spent: {parts.spent(checklist.cost, checklist.tokens)}.\n"
    if checklist.outcome is not None:
        yield "\n"
        yield from ending(checklist.outcome, components, policy)


def _step(step: Step) -> str:
    detail = f": {prose(step.detail, 400)}" if step.detail else ""
    seconds = f" ({parts.duration(step.seconds)})" if step.seconds is not None else ""
    return f"- {_STATES[step.state]} **{_STEPS[step.name]}**{detail}{seconds}"


def ending(outcome: Outcome, components: Mapping[str, Component], policy: Unverified) -> Iterator[str | Block]:
    """The final state, and what to do with it."""
    yield f"{headline(outcome, components)}\n"
    if outcome.files and (len(outcome.files) > 1 or outcome.status == "verified"):
        yield f"\n{parts.files_table(outcome.files)}\n"
    failed = [file for file in outcome.files if file.status in ("failed", "unverified")]
    if policy == "refuse" and failed:
        yield "\nCode that is not verified is not shown: `unverified: refuse` in `.github/mlops-bot.yml`.\n"
    for file in failed if policy != "refuse" else ():
        yield from parts.failure(file)
    verified = [file for file in outcome.files if file.status == "verified"]
    if outcome.status == "verified" and not outcome.pull_url:  # to a fork, for one
        yield parts.collapsed("The verified change", parts.patch(verified), "diff")
    tips = parts.suggestions(outcome)
    if tips:
        yield "\n**What to try**\n\n" + "\n".join(f"- {tip}" for tip in tips) + "\n"


def headline(outcome: Outcome, components: Mapping[str, Component]) -> str:
    """The final state in one line."""
    because = f": {prose(outcome.reason.rstrip('.'), 600)}" if outcome.reason else ""
    where = f" #{outcome.pull_number}" if outcome.pull_number else ""
    if not where and outcome.pull_url:  # numbers of a fork mean something else here
        where = f" [its pull request](<{outcome.pull_url}>)"
    match outcome.status:
        case "verified":
            verified = sum(file.status == "verified" for file in outcome.files)
            also = "" if not outcome.draft else ", as a draft: not all of it is verified"
            into = f":{where} has the change and its proof" if where else because
            return f"🚀 **Verified**, {parts.count(verified, 'file')}{into}{also}."
        case "failed":
            draft = f" The best attempt is in{where}, as a draft." if where and outcome.draft else ""
            return f"😕 **Not verified**{because}.{draft}"
        case "unverified":
            draft = f" See{where}, a draft." if where and outcome.draft else ""
            return f"😕 **Could not be judged**{because}.{draft}"
        case "nothing":
            there = f": {parts.what(outcome.command, components).removeprefix('add ')} is there already, and works"
            return f"**Nothing to change**{because or there}."
        case _:
            return f"⚠️ **Stopped**{because}."
