"""What a comment or a label asks for: the gate, the commands one after the other, the last word to whoever asked."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mlops_bot import components, compose
from mlops_bot.commands import bundle
from mlops_bot.commands.bundle import Bundle
from mlops_bot.commands.memory import Memory
from mlops_bot.commands.order import Desk, Work
from mlops_bot.commands.signals import undisturbed
from mlops_bot.commands.stages import Deliver, Propose, Stage, Whole, take_over
from mlops_bot.errors import GitHubError, GitHubRefusedError, MlopsBotError, UserError
from mlops_bot.github import config as configuration
from mlops_bot.github import gate, labels, names
from mlops_bot.github.board import Board
from mlops_bot.github.model import (
    Checklist,
    Comment,
    Config,
    Forge,
    Ignored,
    Outcome,
    PullRequest,
    Reaction,
    Record,
    Trigger,
)
from mlops_bot.github.render import comment as comments_of
from mlops_bot.github.render import replies
from mlops_bot.github.render import summary as summaries
from mlops_bot.settings import Action, Settings
from mlops_bot.types import Command, Progress


@dataclass(slots=True)
class Ended:
    """What came of an event."""

    status: str = "ignored"  # of the outputs, as long as there is no outcome
    outcomes: list[Outcome] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    proceed: bool = False  # the stage propose: there is something for the next ones
    config: Config = field(default_factory=Config)
    warnings: list[str] = field(default_factory=list)


class Asking:
    """One comment or label, from the gate to the last reaction. `last_words` is the client's."""

    def __init__(
        self,
        forge: Forge,
        trigger: Trigger,
        source: str,
        *,
        action: Action,
        settings: Settings,
        secrets: Sequence[str],
        progress: Progress,
        say: Callable[[str], None],
        last_words: Callable[..., None],
    ) -> None:
        self._forge = forge
        self._trigger = trigger
        self._source = source  # what asks, the same for a delivery that arrives twice and for no other
        self._action = action
        self._settings = settings
        self._secrets = secrets
        self._progress = progress
        self._say = say
        self._last_words = last_words
        self._components = components.load_all()
        self._comments: Sequence[Comment] = ()
        self._cancelled = False
        self.ended = Ended()

    # --- the gate -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Nothing is written for somebody who may not ask; whoever may gets an end, whatever happens."""
        if self._trigger.kind == "label":  # whether it is one of ours, the configuration says
            resolved = labels.resolve(self._trigger, self._configuration(), self._components)
            if isinstance(resolved, Ignored):
                self._say(f"nothing to do: {resolved.reason}")
                return
            self._trigger = resolved
        denied = gate.asker(self._forge, self._trigger)
        if denied is not None:
            self._say(f"refused: {denied.reason}" + (f"; {denied.hint}" if denied.hint else ""))
            self.ended.warnings.append(f"refused: {denied.reason}")
            return
        try:
            if self._action.stage != "deliver":
                self._react("eyes")
            self._admitted()
        except MlopsBotError as error:  # concerns the whole event
            self._refuse(error)
        except Exception as error:
            self._refuse(self._internal(error))
            raise
        except KeyboardInterrupt:
            self._cancelled = True
            self.ended.codes.append(MlopsBotError.exit_code)
            raise
        finally:
            with undisturbed(for_good=self._cancelled):
                self._last_things()

    def _refuse(self, error: MlopsBotError) -> None:
        self.ended.codes.append(error.exit_code)
        self.ended.status = "error"
        self._say(f"{error}{_hint(error)}")
        text = (str(error), error.hint)
        with undisturbed():
            self._last_words(hurry=self._cancelled)
            if self._action.stage == "deliver" and self._stopped(error):
                return
            self._reply("refusal", lambda record: replies.refusal_text(*text, record=record, secrets=self._secrets))

    def _stopped(self, error: MlopsBotError) -> bool:
        """Ends the comments that an earlier job of this event left running. Whether there are any."""
        ended = False
        try:
            self._comments = self._comments or self._forge.comments(self._trigger.number)
            for _, record in self._memory.commands:
                command = self._memory.command(record)
                if record.source == self._source and record.status == "running" and command is not None:
                    outcome = Outcome("error", command, reason=str(error), hint=error.hint, branch=record.branch)
                    self.ended.outcomes.append(outcome)
                    board = self._board(command, record)
                    board.finish(outcome, replace(record, status="error"))
                    ended = True
        except GitHubError as failed:
            self._say(f"the comment's last state cannot be told: {failed}{_hint(failed)}")
        return ended

    def _internal(self, error: Exception) -> MlopsBotError:
        self._say(traceback.format_exc())
        what = f"an error in mlops-bot itself ({type(error).__name__})"
        return MlopsBotError(what, hint="the log of the workflow run has it")

    def _admitted(self) -> None:
        if self._trigger.kind == "comment":
            self._configuration()
        pull = self._forge.pull_request(self._trigger.number)
        denied = gate.pull_request(self._trigger, pull, self.ended.config)
        if denied is not None:
            raise UserError(denied.reason, hint=denied.hint)
        self._comments = self._forge.comments(pull.number)
        stage = self._stage(pull)
        problems = [request for request in self._trigger.requests if request.command is None]
        if problems:
            self.ended.codes.append(UserError.exit_code)
            self.ended.status = "error"
            if self._action.stage != "deliver":
                self._reply("problems", lambda record: replies.problems_text(
                    problems, record=record, secrets=self._secrets))  # fmt: skip
        for request in self._trigger.requests:
            if request.command is not None:
                self._command(request.command, pull, stage)
        if isinstance(stage, Propose) and stage.orders:
            document = Bundle(
                "mlops-bot/bundle/1", self._forge.repository, pull.number, self._source, pull.head_sha,
                tuple(stage.orders), stage.files,
            )  # fmt: skip
            bundle.write(self._action.bundle, document, secrets=self._secrets)
            self.ended.proceed = True

    # --- commands -------------------------------------------------------------------------------------------

    def _command(self, command: Command, pull: PullRequest, stage: Stage) -> None:
        if command.verb in ("help", "status"):
            if not isinstance(stage, Deliver):
                self._answer(command)
            return
        fresh = command.verb == "retry"
        if fresh:
            command = self._memory.to_retry()
        words = names.words(command, self._components)
        if isinstance(stage, Deliver) and words not in {order.words for order in stage.bundle.orders}:
            return  # it ended before, or nobody proposed anything for it
        found = self._memory.of(names.key(command, self._components))
        before = found[1] if found else None
        if before and before.source == self._source and before.status != "running" and not self._action.rerun:
            self._say(f"`{words}` was done before, for this very event")
            self.ended.status = before.status
            return
        record = Record(
            number=pull.number, key=names.key(command, self._components), words=words, status="running",
            actor=self._trigger.actor.login, head_sha=pull.head_sha, source=self._source,
            attempt=before.attempt if before else 1, branch=before.branch if before else None,
            pull_number=before.pull_number if before else None, commit=before.commit if before else None,
        )  # fmt: skip
        desk = Desk(
            self._forge, pull, self.ended.config, self._configured(), self._trigger.actor.login, self._progress,
            self._secrets, self._action.run_url,
        )  # fmt: skip
        self._work(Work(desk, command, record, stage, self._board(command, record), fresh=fresh))

    def _work(self, work: Work) -> None:
        """One command to its final state."""
        outcome: Outcome | None = None
        try:
            self._begin(work.board)
            outcome = work.run()
        except MlopsBotError as error:
            outcome = work.stopped(error)
        except KeyboardInterrupt:
            self._cancelled = True
            work.exit_code = MlopsBotError.exit_code
            outcome = work.ended("error", reason="the workflow run was cancelled", hint="write the command again")
            raise
        except Exception as error:  # noqa: BLE001  (it is said, and the other commands are done)
            outcome = work.stopped(self._internal(error))
        finally:
            if outcome is not None:
                self._end(work, outcome)
            else:  # it goes on in the next job
                self.ended.status = "nothing"

    def _begin(self, board: Board) -> None:
        try:
            board.begin()
        except GitHubRefusedError as error:
            if self._action.stage != "propose":
                raise
            self._say(f"no comment from this stage: {error}")

    def _end(self, work: Work, outcome: Outcome) -> None:
        if isinstance(work.stage, Propose):
            work.stage.drop(work.record.words)
        self.ended.outcomes.append(outcome)
        self.ended.codes.append(work.exit_code or (0 if outcome.status in ("verified", "nothing") else 1))
        self._say(f"{outcome.status}: {work.record.words}" + (f": {outcome.reason}" if outcome.reason else ""))
        with undisturbed():
            self._last_words(hurry=self._cancelled)
            try:
                work.board.finish(outcome, replace(work.record, status=outcome.status))
            except GitHubError as error:
                self.ended.codes.append(error.exit_code)
                self._say(f"the comment's last state cannot be told: {error}" + _hint(error))

    def _answer(self, command: Command) -> None:
        """`help` and `status`: no work."""
        self.ended.status = "nothing"
        if command.verb == "help":
            self._reply("help", lambda record: replies.help_text(self.ended.config, self._components, record=record))
        else:
            found = self._memory.commands
            self._reply("status", lambda record: replies.status_text(found, record=record, secrets=self._secrets))

    # --- what it is done with -------------------------------------------------------------------------------

    def _configuration(self) -> Config:
        """Of the default branch only. Raises ConfigError."""
        if not self._trigger.default_branch:
            raise GitHubError("the event does not say which the default branch is")
        content = self._forge.content(configuration.PATH, self._trigger.default_branch)
        self.ended.config = configuration.read(content, components=self._components)
        return self.ended.config

    def _configured(self) -> Settings:
        """The environment, over it the configuration, over that the workflow's inputs."""
        found = configuration.settings(self.ended.config, self._settings)
        return found.override(engine=self._action.engine, model=self._action.model)

    def _llm(self, config: Config) -> compose.LLMOptions:
        caps = [cap for cap in (config.max_cost, self._action.max_cost) if cap is not None]
        return compose.LLMOptions(max_cost=min(caps, default=None), price=config.price)

    def _stage(self, pull: PullRequest) -> Stage:
        if self._action.stage == "propose":
            return Propose(self._llm)
        if self._action.stage == "deliver":
            return take_over(self._action, self._forge.repository, pull, self._source, self._say)
        return Whole(self._llm)

    # --- telling --------------------------------------------------------------------------------------------

    @property
    def _memory(self) -> Memory:
        login, number = self._forge.login(), self._trigger.number
        return Memory(self._comments, login=login, number=number, components=self._components)

    def _board(self, command: Command, record: Record) -> Board:
        checklist = Checklist(record.number, command, record.actor, record.head_sha, run_url=self._action.run_url)

        def text(checklist: Checklist, record: Record) -> str:
            return comments_of.comment(
                checklist, record, components=self._components, unverified=self.ended.config.unverified,
                secrets=self._secrets,
            )  # fmt: skip

        def check(checklist: Checklist) -> summaries.CheckRun:
            return summaries.check_run(checklist, components=self._components, secrets=self._secrets)

        return Board(self._forge, record, checklist, self._comments, text=text, check=check, progress=self._progress)

    def _reply(self, key: str, text: Callable[[Record], str]) -> None:
        """An answer without work, in the bot's comment of that kind."""
        trigger = self._trigger
        record = Record(trigger.number, key, "", "nothing", trigger.actor.login, "", source=self._source)
        try:
            found = self._memory.of(key)
            if found is None:
                self._forge.comment(trigger.number, text(record))
            else:
                self._forge.edit_comment(found[0].id, text(record))
        except GitHubError as error:
            self.ended.codes.append(error.exit_code)
            self._say(f"cannot answer: {error}{_hint(error)}")

    def _react(self, content: Reaction) -> None:
        try:
            self._forge.react(self._trigger, content)
        except GitHubError as error:
            self._progress("github", f"no reaction: {error}")

    def _last_things(self) -> None:
        """The final reaction, and the label away, so that it can be set again."""
        if self.ended.proceed:
            return  # the last stage does it
        self._last_words(hurry=self._cancelled)
        self._react("confused" if any(self.ended.codes) else "rocket")
        if self._trigger.label is not None:
            try:
                self._forge.remove_label(self._trigger.number, self._trigger.label)
            except GitHubError as error:
                self._progress("github", f"the label is not removed: {error}")


def _hint(error: MlopsBotError) -> str:
    return f"\n  {error.hint}" if error.hint else ""
