"""The follow-up pull request: its title, its body with the proof, and the message of its commit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_bot.github import names
from mlops_bot.github.model import FileResult, Outcome, PullRequest
from mlops_bot.github.render import parts
from mlops_bot.github.render.bounds import Block, fit
from mlops_bot.github.render.escape import cell, code, fence, html, prose
from mlops_bot.types import Command, Component, Json

_NO_CI = (
    "This pull request was opened with the workflow's own token, and what is opened with that starts no workflows: no "
    "other check has run on it. To run them, close and reopen it, or push a commit to its branch. With the token of a "
    "GitHub App they start by themselves."
)


def title(number: int, command: Command, components: Mapping[str, Component], *, draft: bool = False) -> str:
    """ "mlops-bot: add MLflow experiment tracking to #12"."""
    to = "to" if command.verb == "add" else "in"
    return f"mlops-bot: {parts.what(command, components)} {to} #{number}" + (" (not verified)" if draft else "")


def commit_message(number: int, command: Command, actor: str, components: Mapping[str, Component]) -> str:
    """Subject, what was asked and by whom; delivery adds its trailer."""
    done = parts.what(command, components)
    asked = names.words(command, components)
    return f"{done[0].upper()}{done[1:]}\n\n{actor} asked for it in #{number}: /mlops {asked}\n"


def body(
    outcome: Outcome,
    pull: PullRequest,
    *,
    actor: str,
    components: Mapping[str, Component],
    starts_workflows: bool,
    run_url: str | None = None,
    secrets: Sequence[str] = (),
) -> str:
    """The whole description. `starts_workflows`: False for the workflow's own token, which is said then."""
    outcome = parts.clean(outcome, secrets)
    return fit(list(_body(outcome, pull, actor, components, starts_workflows, run_url)))


def _body(
    outcome: Outcome,
    pull: PullRequest,
    actor: str,
    components: Mapping[str, Component],
    starts_workflows: bool,
    run_url: str | None,
) -> Iterator[str | Block]:
    asked = names.words(outcome.command, components)
    log = f" ([log](<{run_url}>))" if run_url and run_url.startswith("https://") else ""
    yield f"{code(actor)} asked for {code(f'/mlops {asked}')} in {_named(pull)}{log}. "
    yield f"This goes into that pull request's branch {code(pull.head_ref)}, on top of {code(pull.head_sha[:7])}.\n\n"
    if outcome.draft:
        yield "> **Not all of this is verified.** The table says what is not, and why.\n\n"
    yield f"{parts.files_table(outcome.files)}\n"
    delivered = [file for file in outcome.files if file.status == "verified" or (outcome.draft and file.changes)]
    verified = [file for file in delivered if file.status == "verified"]
    if verified:
        yield "\n### What proves it\n\n"
        yield "Both versions of each script were really run, in a sandbox, and what the component's own store held "
        yield "afterwards was read by another process.\n"
    for file in delivered:
        yield from _proof(file, outcome, components)
    yield f"\n### How it was made\n\n{_made(delivered)}\n"
    yield from _documentation(delivered, outcome.command, components)
    yield "\n### Undo\n\n"
    yield "Close this pull request: nothing has changed then, and its branch can be deleted. "
    yield "Once merged, `git revert -m 1 COMMIT` with the merge commit takes it back, or the Revert button below.\n"
    if not starts_workflows:
        yield f"\n> {_NO_CI}\n"


def _named(pull: PullRequest) -> str:
    """The pull request, from where its follow-up is: that of a fork's is in the fork."""
    return f"{pull.base_repository}#{pull.number}" if pull.is_fork else f"#{pull.number}"


def _proof(file: FileResult, outcome: Outcome, components: Mapping[str, Component]) -> Iterator[str | Block]:
    if file.status == "verified":
        table = parts.evidence(file, outcome.command.target or "", components)
        opened = f"\n<details open>\n<summary>{html(file.path)}</summary>\n\n"
        yield Block(table, "text", opened, "\n\n</details>\n") if table else f"\n{code(file.path)}\n"
    else:
        yield f"\n{code(file.path)} is **not verified**: {prose(file.reason or 'no reason was given', 600)}\n"
        yield from (part for part in parts.failure(file) if isinstance(part, Block) and part.language != "diff")
    if told := list(parts.notes(file)):
        listed = "\n".join(told)
        yield f"\nTo know about {code(file.path)}:\n\n{listed}\n"
    if file.reproduce:
        yield f"\nThe same on your machine, in a clone:\n\n{fence(file.reproduce[:2000], 'sh')}\n"
    ran = list(_environment(file, outcome))
    if ran:
        yield f"\n{'; '.join(ran)}.\n"


def _environment(file: FileResult, outcome: Outcome) -> Iterator[str]:
    """What it ran in: runtime, image digest, versions."""
    if file.runtime:
        yield f"Run in {prose(file.runtime, 300)}"
    if file.digest:
        yield f"image digest {code(file.digest)}"
    versions = dict(file.versions)
    evidence = file.report.get("evidence")
    component = evidence.get("component") if isinstance(evidence, Mapping) else None
    if isinstance(component, Mapping) and isinstance(component.get("version"), str):
        versions.setdefault(outcome.command.target or "component", component["version"])
    if versions:
        yield "versions: " + ", ".join(
            f"{prose(name, 40)} {prose(version, 40)}" for name, version in list(versions.items())[:20]
        )


def _made(files: Sequence[FileResult]) -> str:
    rows = [
        "| file | engine | model | answers | tokens in | tokens out | cost | time |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for file in files:
        attempts = [attempt for attempt in file.report.get("attempts") or () if isinstance(attempt, Mapping)]
        best = parts.best_attempt(file)
        costs = [attempt["cost"] for attempt in attempts if _is_number(attempt.get("cost"))]
        seconds = file.report.get("seconds")
        time = sum(s for s in seconds.values() if _is_number(s)) if isinstance(seconds, Mapping) else 0.0
        row = [
            cell(file.path),
            cell(best.get("engine") or "none"),
            cell(best["model"]) if best.get("model") else "",
            str(len(attempts)),
            *(f"{_tokens(attempts, side):,}" for side in ("input", "output")),
            parts.money(sum(costs)) if costs else "unknown",
            parts.duration(time),
        ]
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows)


def _tokens(attempts: Sequence[Mapping[str, Json]], side: str) -> int:
    sides = [attempt.get("tokens") for attempt in attempts]
    return sum(int(t[side]) for t in sides if isinstance(t, Mapping) and _is_number(t.get(side)))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _documentation(files: Sequence[FileResult], command: Command, components: Mapping[str, Component]) -> Iterator[str]:
    """What was read for it: the chunks that were found, else the sources of the component's guide."""
    cited = {doc.url: (doc.title, doc.version) for file in files for doc in file.docs}
    target = components.get(command.target or "")
    hosts = parts.hosts(target)
    lines = [
        f"- {parts.link(name, url, hosts)}, {prose(version, 40)}" for url, (name, version) in list(cited.items())[:20]
    ]
    if not lines and target is not None:
        lines = [f"- {parts.link(f'{target.title} {name}', url, hosts)}" for name, url in target.docs_pages.items()]
    if lines:
        yield "\n### Documentation\n\n" + "\n".join(lines) + "\n"
