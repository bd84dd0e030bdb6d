"""Adaptations -> the results of files, and those -> the outcome of a command. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot import report
from mlops_bot.errors import MlopsBotError
from mlops_bot.github.model import FileResult, Outcome, Status
from mlops_bot.report import Change
from mlops_bot.types import STAGES, Adaptation, Attempt, Command, DocChunk, Failed, Json


def of(
    adaptation: Adaptation,
    changes: Sequence[Change],
    *,
    runtime: str | None = None,
    digest: str | None = None,
    versions: Mapping[str, str] | None = None,
    reproduce: str | None = None,
    docs: Sequence[DocChunk] = (),
) -> FileResult:
    """The result of one file. `changes`: of the chosen candidate; without one, those of the best attempt are shown."""
    status, error = adaptation.status, adaptation.error
    changed = tuple(change for change in changes if change.changed)
    return FileResult(
        path=adaptation.task.script.path,
        status="error" if error is not None else "nothing" if status == "verified" and not changed else status,
        reason=adaptation.reason,
        hint=error.hint if isinstance(error, MlopsBotError) else None,
        changes=changed or best_changes(adaptation),
        report=report.report([(adaptation, changes)]),
        runtime=runtime,
        digest=digest,
        versions=versions or {},
        reproduce=reproduce,
        docs=tuple(docs),
    )


def best(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that came furthest; of several the last."""
    if not attempts:
        return None

    def reached(attempt: Attempt) -> int:
        return STAGES.index(attempt.verdict.stage) if isinstance(attempt.verdict, Failed) else len(STAGES)

    return max(reversed(attempts), key=reached)


def best_changes(adaptation: Adaptation) -> tuple[Change, ...]:
    """What the best attempt would change, where none is verified."""
    attempt = best([attempt for attempt in adaptation.attempts if attempt.candidate is not None])
    if adaptation.status == "verified" or attempt is None or attempt.candidate is None:
        return ()
    before = {file.path: file.text for file in adaptation.task.files}
    changes = (Change(path, before.get(path, ""), text) for path, text in attempt.candidate.files.items())
    return tuple(change for change in changes if change.changed)


def outcome(command: Command, files: Sequence[FileResult], *, seconds: float = 0.0) -> Outcome:
    """The end of one command before delivery: one verified file makes it verified."""
    worked_on = [file for file in files if file.status not in ("refused", "skipped")]
    attempts = [attempt for file in files for attempt in file.report.get("attempts", ())]
    passed = [attempt for attempt in attempts if attempt["verdict"]["passed"]]
    shown = (passed or attempts or [{}])[-1]
    costs = [attempt["cost"] for attempt in attempts if attempt["cost"] is not None]
    status, reason, hint = _end(worked_on, files)
    return Outcome(
        status=status,
        command=command,
        files=tuple(files),
        reason=reason,
        hint=hint,
        seconds=seconds,
        engine=shown.get("engine"),
        model=shown.get("model"),
        input_tokens=_tokens(attempts, "input"),
        output_tokens=_tokens(attempts, "output"),
        cost=sum(costs) if costs else None,
    )


def _end(worked_on: Sequence[FileResult], files: Sequence[FileResult]) -> tuple[Status, str | None, str | None]:
    if not worked_on:
        refused = [file for file in files if file.status == "refused"]
        if refused:
            return "nothing", "; ".join(f"{file.path} {file.reason}" for file in refused), refused[0].hint
        return (
            "nothing",
            "no changed file of the pull request is a training script",
            "name the file in the command, such as `/mlops add mlflow src/train.py`",
        )
    order: tuple[Status, ...] = ("verified", "error", "failed", "unverified", "nothing")
    for status in order:
        ended = [file for file in worked_on if file.status == status]
        if ended and status == "verified":
            return status, None, None
        if ended:
            alone = len(worked_on) == 1
            reasons = [(file.reason or "") if alone else f"{file.path}: {file.reason}" for file in ended if file.reason]
            return status, "; ".join(reasons) or None, next((file.hint for file in ended if file.hint), None)
    raise AssertionError(f"unknown status of {worked_on}")


def _tokens(attempts: Sequence[Mapping[str, Json]], side: str) -> int:
    return sum(attempt["tokens"][side] or 0 for attempt in attempts)
