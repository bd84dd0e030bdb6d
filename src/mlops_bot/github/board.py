"""Where one command's progress is told: the sticky comment and the check run, edited in place, to a final state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from mlops_bot.errors import GitHubError, GitHubRefusedError
from mlops_bot.github import marker
from mlops_bot.github.model import Checklist, Comment, Forge, Outcome, Record, Step, StepName, StepState
from mlops_bot.github.render.summary import CheckRun
from mlops_bot.types import Progress

EVERY = 20.0  # seconds between two edits


class Board:
    """One command's. `comments`: those that were on the pull request, to find the command's own again.

    What cannot be told on the way is let go, with a word in the log; the final state is not.
    """

    def __init__(
        self,
        forge: Forge,
        record: Record,
        checklist: Checklist,
        comments: Sequence[Comment],
        *,
        text: Callable[[Checklist, Record], str],
        check: Callable[[Checklist], CheckRun],
        progress: Progress,
        every: float = EVERY,
    ) -> None:
        self.record = record
        self.checklist = checklist
        self._forge = forge
        self._comments = comments
        self._text = text
        self._check_of = check
        self._progress = progress
        self._every = every
        self._started = time.monotonic()
        self._shown = 0.0
        self._comment: int | None = None
        self._steps: dict[StepName, float] = {}

    def begin(self) -> None:
        """Takes the command's comment over, or makes it. Two runners that made one each end with the first."""
        found = self._mine(self._comments)
        if found is not None:
            self._comment = found.id
            self._forge.edit_comment(found.id, self._body())
        else:
            self._create()
        self._check()
        self._shown = time.monotonic()

    def _create(self) -> None:
        made = self._forge.comment(self.record.number, self._body())
        self._comment = made.id
        first = self._mine(self._forge.comments(self.record.number))
        if first is not None and first.id != made.id:
            self._comment = first.id
            self._forge.delete_comment(made.id)

    def _mine(self, comments: Sequence[Comment]) -> Comment | None:
        found = marker.find(comments, login=self._forge.login(), number=self.record.number, key=self.record.key)
        return found[0] if found else None

    @contextmanager
    def step(self, name: StepName, detail: str = "") -> Iterator[None]:
        """One step of the checklist: running inside, done or failed at the end."""
        self.set(name, "running", detail)
        try:
            yield
        except BaseException:
            self.set(name, "failed")
            raise
        if self._step(name).state == "running":
            self.set(name, "done")

    def set(self, name: StepName, state: StepState, detail: str | None = None) -> None:
        now = time.monotonic()
        started = self._steps.setdefault(name, now)
        step = self._step(name)
        seconds = now - started if state in ("done", "failed") else step.seconds
        new = replace(step, state=state, detail=step.detail if detail is None else detail, seconds=seconds)
        steps = tuple(new if one.name == name else one for one in self.checklist.steps)
        self.checklist = replace(self.checklist, steps=steps)
        self._tell()

    def spent(self, cost: float | None, tokens: int) -> None:
        self.checklist = replace(self.checklist, cost=cost, tokens=tokens)

    def finish(self, outcome: Outcome, record: Record) -> None:
        """The final state. Raises GitHubError where even that cannot be told."""
        self.record = record
        skipped = tuple(replace(s, state="skipped") if s.state == "pending" else s for s in self.checklist.steps)
        failed = tuple(replace(s, state="failed") if s.state == "running" else s for s in skipped)
        self.checklist = replace(self.checklist, steps=failed, outcome=outcome)
        try:
            self._say()
        finally:
            self._check()

    def _say(self) -> None:
        if self._comment is not None:
            try:
                self._forge.edit_comment(self._comment, self._body())
            except GitHubRefusedError:  # somebody deleted it; or a no, which is asked once more: the last word counts
                self._comment = None
        if self._comment is None:
            found = self._mine(self._forge.comments(self.record.number))
            if found is not None:
                self._comment = found.id
                self._forge.edit_comment(found.id, self._body())
            else:
                self._create()

    def _tell(self) -> None:
        if self._comment is None or time.monotonic() - self._shown < self._every:
            return
        self._shown = time.monotonic()
        try:
            self._forge.edit_comment(self._comment, self._body())
        except GitHubError as error:
            self._progress("github", f"the comment is not updated: {error}")

    def _body(self) -> str:
        self.checklist = replace(self.checklist, elapsed=time.monotonic() - self._started)
        return self._text(self.checklist, self.record)

    def _check(self) -> None:
        check = self._check_of(self.checklist)
        try:
            self._forge.check_run(
                self.checklist.head_sha,
                name=f"mlops-bot: {self.record.key}",
                status=check.status,
                conclusion=check.conclusion,
                title=check.title,
                summary=check.summary,
            )
        except GitHubError as error:
            self._progress("github", f"the check run is not updated: {error}")

    def _step(self, name: StepName) -> Step:
        return next(step for step in self.checklist.steps if step.name == name)
