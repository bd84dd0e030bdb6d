"""One command on a pull request: from its training files to a follow-up pull request. Every end is an Outcome."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from mlops_bot import components, project, report
from mlops_bot.adapt import furthest
from mlops_bot.commands import delivery as changes_of
from mlops_bot.commands import work
from mlops_bot.commands.fetched import Fetched
from mlops_bot.commands.stages import Asked, Means, Spent, Stage
from mlops_bot.commands.workspace import Workspace, how_of
from mlops_bot.errors import MlopsBotError, UserError
from mlops_bot.github import config as configuration
from mlops_bot.github import delivery, names, paths
from mlops_bot.github.board import Board
from mlops_bot.github.delivery import Delivered, Parcel, Place
from mlops_bot.github.forge import ACTIONS_BOT
from mlops_bot.github.model import (
    Config,
    FileResult,
    Forge,
    NewFile,
    Outcome,
    PullRequest,
    Record,
    Status,
    Tree,
)
from mlops_bot.github.render import pull as texts
from mlops_bot.settings import Settings
from mlops_bot.types import Adaptation, Command, Progress


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands of one event share."""

    forge: Forge
    pull: PullRequest  # as pinned
    config: Config
    settings: Settings
    actor: str
    progress: Progress
    secrets: Sequence[str]
    run_url: str | None = None


@dataclass(slots=True)
class Work:
    """One command under way, and what came of it so far: an end by an exception has it too."""

    desk: Desk
    command: Command
    record: Record
    stage: Stage
    board: Board
    fresh: bool = False  # `retry`: beside a person's commits, on a new branch
    spent: Spent = field(default_factory=Spent)
    files: list[FileResult] = field(default_factory=list)
    exit_code: int = 0
    started: float = field(default_factory=time.monotonic)
    _new: dict[str, NewFile] = field(default_factory=dict)
    _allowed: set[str] = field(default_factory=set)
    _now: str = ""  # the file that is worked on

    def run(self) -> Outcome | None:
        """None: the next jobs verify and deliver. Raises MlopsBotError for what concerns the whole command."""
        desk, board = self.desk, self.board
        place = self._place()
        if place.taken:
            return self._undelivered(self.ended("error"), delivery.taken(place.name))
        fetched = Fetched(desk.forge, desk.pull, desk.config, self.stage.read)
        with board.step("files"):
            selection = fetched.training_files(self.command)
            found, tree = selection.paths, fetched.tree
            self.files.extend(selection.results)
            board.set("files", "done", ", ".join(found) or "none")
        if not found:
            return self._nothing_selected()
        with Workspace(fetched.sources(found, desk.progress)) as workspace:
            asked = Asked(self.command, self.record.words, desk.config)
            means = self.stage.means(asked, desk.settings, self.spent, self.progress)
            try:
                self._adapt_all(workspace, found, means, tree)
            finally:
                means.close()
        if not self.stage.delivers and (self._new or any(file.status == "nothing" for file in self.files)):
            return None
        with board.step("delivery"):
            return self._deliver(place, tree)

    def ended(self, status: Status, *, reason: str | None = None, hint: str | None = None) -> Outcome:
        return Outcome(
            status=status,
            command=self.command,
            files=tuple(self.files),
            branch=self.record.branch,
            reason=reason,
            hint=hint,
            seconds=time.monotonic() - self.started,
            engine=self.spent.engine,
            model=self.spent.model,
            input_tokens=self.spent.input_tokens,
            output_tokens=self.spent.output_tokens,
            cost=self.spent.cost,
        )

    def stopped(self, error: MlopsBotError) -> Outcome:
        self.exit_code = error.exit_code
        return self.ended("error", reason=str(error), hint=error.hint)

    # --- before anything is spent ---------------------------------------------------------------------------

    def _place(self) -> Place:
        known = components.load_all()
        place = delivery.find_place(
            self.desk.forge,
            lambda attempt: names.branch(self.desk.pull.number, self.command, known, attempt=attempt),
            attempt=self.record.attempt,
            fresh=self.fresh,
        )
        self.record = replace(self.record, branch=place.name, attempt=place.attempt)
        return place

    def _nothing_selected(self) -> Outcome:
        refused = [file for file in self.files if file.status == "refused"]
        if refused:
            self.exit_code = UserError.exit_code
            first = refused[0]
            return self.ended("error", reason=f"{first.path} {first.reason}", hint=first.hint)
        return self.ended(
            "nothing",
            reason=f"no training script is among the files that #{self.desk.pull.number} changes",
            hint="name one: `/mlops add COMPONENT path/to/train.py`, or list them under `files` in the configuration",
        )

    # --- the files, one after the other ---------------------------------------------------------------------

    def _adapt_all(self, workspace: Workspace, found: Sequence[str], means: Means, tree: Tree) -> None:
        board = self.board
        guided = self.desk.config.style == "doc-prompt"
        title = components.load_all()[self.command.target or ""].title
        board.set("docs", "done" if guided else "skipped", f"the guide of {title}" if guided else "not used")
        board.set("candidates", "running")
        for number, path in enumerate(found, 1):
            self._now = f"{number} of {len(found)}, {path}"
            self.files.append(self._adapted(workspace, path, means, tree))
        board.set("candidates", "done", f"{sum(len(f.report.get('attempts', ())) for f in self.files)} in all")
        verified = sum(file.status in ("verified", "nothing") for file in self.files)
        if not self.stage.delivers:
            return
        state = "done" if verified else "failed"
        board.set("verification", state, f"{verified} of {len(found)} verified")  # type: ignore[arg-type]

    def progress(self, stage: str, message: str) -> None:
        """What the pipeline does, for the log and the checklist."""
        self.desk.progress(stage, message)
        self.board.spent(self.spent.cost, self.spent.input_tokens + self.spent.output_tokens)
        if stage == "docs":
            self.board.set("docs", "done", message)
            return
        step = "candidates" if stage in ("propose", "engine", "source") else "verification"
        self.board.set(step, "running", f"{self._now}: {message}")  # type: ignore[arg-type]

    def _adapted(self, workspace: Workspace, path: str, means: Means, tree: Tree) -> FileResult:
        """One file's end; what goes wrong with it costs only itself."""
        try:
            assignment = workspace.assign(self.command, path, self.desk.config)
        except UserError as error:
            return FileResult(path, "refused", str(error), error.hint)
        try:
            adaptation = work.adapt(
                assignment,
                how_of(self.desk.config),
                engines=means.engines(assignment),
                judging=means.judging,
                progress=self.progress,
            )
        except MlopsBotError as error:
            adaptation = Adaptation(assignment.task, "unverified", reason=str(error), error=error)
        if isinstance(adaptation.error, MlopsBotError):
            self.exit_code = self.exit_code or adaptation.error.exit_code
        return self._result(workspace, assignment, adaptation, means, tree)

    def _result(
        self, workspace: Workspace, assignment: work.Assignment, adaptation: Adaptation, means: Means, tree: Tree
    ) -> FileResult:
        path, gathered = assignment.name, assignment.project
        best = adaptation.chosen or furthest(adaptation.attempts)
        own = changes_of.changed_files(replace(adaptation, chosen=best), gathered)
        changes = tuple(workspace.in_repository(assignment, change) for change in own if change.changed)
        allowed = {file.path for file in assignment.task.files} | project.requirement_files(gathered).keys()
        self._allowed |= {workspace.path_of(assignment, name) for name in allowed}
        status, reason, hint = adaptation.status, adaptation.reason, None
        if isinstance(adaptation.error, MlopsBotError):
            hint = adaptation.error.hint
        where = means.judging.where(path)
        result = FileResult(
            path=path,
            status="error" if adaptation.error else "nothing" if status == "verified" and not changes else status,
            reason=reason,
            hint=hint,
            changes=changes,
            report=report.report([(adaptation, changes)]),
            runtime=where.description if where else None,
            digest=where.id if where and where.id.startswith("sha256:") else None,
            versions=where.versions if where else {},
            docs=best.proposal.docs if best else (),
            reproduce=shlex.join(configuration.arguments(self.desk.config, self.command, path)),
        )
        if result.status == "verified" or (self._drafts and result.status in ("failed", "unverified")):
            new = [
                NewFile(change.path, gathered.encode(own_change.path, change.after), tree.entries[change.path].mode)
                for change, own_change in zip(changes, (c for c in own if c.changed), strict=True)
            ]
            clash = [file.path for file in new if self._new.get(file.path, file).content != file.content]
            if clash:
                return replace(result, status="error", reason=f"another script of the command changes {clash[0]} "
                               "in another way", hint="name one script in a command")  # fmt: skip
            self._new |= {file.path: file for file in new}
        return result

    @property
    def _drafts(self) -> bool:
        """Whether what is not verified is delivered too, as a draft."""
        return self.desk.config.unverified == "draft"

    # --- the end --------------------------------------------------------------------------------------------

    def _deliver(self, place: Place, tree: Tree) -> Outcome:
        outcome = self.ended(_status(self.files), reason=_reason(self.files), hint=_hint(self.files))
        if outcome.status == "nothing":
            closed = delivery.withdraw(self.desk.forge, place, self.desk.pull)
            self.record = replace(self.record, pull_number=None, commit=None)
            self.board.set("delivery", "done" if closed else "skipped", f"#{closed.number} is closed" if closed else "")
            return outcome
        if not self._new:
            self.board.set("delivery", "skipped", "nothing is verified")
            return outcome
        unproven = [file for file in self.files if file.status in ("failed", "unverified") and file.changes]
        outcome = replace(outcome, draft=self._drafts and bool(unproven))
        new = list(self._new.values())
        paths.check(new, tree, allowed=self._allowed)
        delivered = delivery.deliver(self.desk.forge, self._parcel(outcome, new), place)
        if not isinstance(delivered, Delivered):
            if delivered.kind == "fork":
                self.board.set("delivery", "skipped", delivered.reason)
                return replace(outcome, draft=False, reason=delivered.reason, hint=delivered.hint)
            return self._undelivered(outcome, delivered)
        number = None if self.desk.pull.is_fork else delivered.pull.number
        self.record = replace(self.record, commit=delivered.commit, pull_number=number)
        self.board.set("delivery", "done", delivered.branch)
        return replace(
            outcome,
            pull_number=number,
            pull_url=delivered.pull.url,
            branch=delivered.branch,
            seconds=time.monotonic() - self.started,
        )

    def _undelivered(self, outcome: Outcome, why: delivery.Undelivered) -> Outcome:
        self.exit_code = 1
        self.board.set("delivery", "failed", why.reason)
        return replace(outcome, status="error", draft=False, reason=why.reason, hint=why.hint)

    def _parcel(self, outcome: Outcome, new: Sequence[NewFile]) -> Parcel:
        desk, known = self.desk, components.load_all()
        return Parcel(
            pull=desk.pull,
            files=new,
            message=texts.commit_message(desk.pull.number, self.command, desk.actor, known),
            title=texts.title(desk.pull.number, self.command, known, draft=outcome.draft),
            body=texts.body(
                outcome, desk.pull, actor=desk.actor, components=known, run_url=desk.run_url, secrets=desk.secrets,
                starts_workflows=desk.forge.login() != ACTIONS_BOT,
            ),
            draft=outcome.draft,
        )  # fmt: skip


def _status(files: Collection[FileResult]) -> Status:
    found = {file.status for file in files} - {"skipped"}
    order: tuple[Status, ...] = ("verified", "error", "failed", "unverified", "nothing")
    return next((status for status in order if status in found), "error")


def _first(files: Collection[FileResult]) -> FileResult | None:
    status = _status(files)
    if status in ("verified", "nothing"):
        return None
    return next((f for f in files if f.status == status), next((f for f in files if f.reason), None))


def _reason(files: Collection[FileResult]) -> str | None:
    first = _first(files)
    judged = [file for file in files if file.status != "skipped"]
    if first is None:
        return None
    return f"{first.path}: {first.reason}" if len(judged) > 1 else first.reason


def _hint(files: Collection[FileResult]) -> str | None:
    first = _first(files)
    return first.hint if first else None
