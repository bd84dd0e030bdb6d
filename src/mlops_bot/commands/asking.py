"""What a comment or a label asks for: the gate, the commands one after the other, the last word to whoever asked."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mlops_bot import components, compose
from mlops_bot.commands import bundle
from mlops_bot.commands.bundle import Bundle, Verdicts
from mlops_bot.commands.order import Desk, Work
from mlops_bot.commands.stages import Deliver, Propose, Stage, Whole
from mlops_bot.errors import GitHubError, GitHubRefusedError, MlopsBotError, UserError
from mlops_bot.github import config as configuration
from mlops_bot.github import gate, grammar, labels, marker, names
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
            self._reply("refusal", lambda record: replies.refusal_text(*text, record=record, secrets=self._secrets))

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
        if problems and self._action.stage != "deliver":
            self.ended.codes.append(UserError.exit_code)
            self.ended.status = "error"
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
            command = self._last()
        words = names.words(command, self._components)
        if isinstance(stage, Deliver) and words not in {order.words for order in stage.bundle.orders}:
            return  # it ended before, or nobody proposed anything for it
        before = self._before(names.key(command, self._components))
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

    def _begin(self, board: Board) -> None:
        try:
            board.begin()
        except GitHubRefusedError as error:
            if self._action.stage != "propose":
                raise
            self._say(f"no comment from this stage: {error}")

    def _end(self, work: Work, outcome: Outcome) -> None:
        if isinstance(work.stage, Propose):
            if outcome.status == "unverified" and not work.exit_code:
                self.ended.status = "nothing"
                return  # the next stages go on
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
            found = [(c, r) for c, r in self._records() if self._parsed(r) is not None]
            self._reply("status", lambda record: replies.status_text(found, record=record, secrets=self._secrets))

    def _last(self) -> Command:
        """What `retry` means: the last command that did not end well, else the last one."""
        records = [record for _, record in self._records() if self._parsed(record) is not None]
        if not records:
            raise UserError(
                "there is nothing to retry: no command was given on this pull request before",
                hint="write `/mlops add COMPONENT`",
            )
        unwell = [record for record in records if record.status not in ("verified", "nothing")]
        found = self._parsed((unwell or records)[-1])
        assert found is not None
        return found

    def _parsed(self, record: Record) -> Command | None:
        command = grammar.read(record.words, components=self._components, author=record.actor).command
        return command if command is not None and command.verb in ("add", "translate") else None

    def _records(self) -> list[tuple[Comment, Record]]:
        return list(marker.records(self._comments, login=self._forge.login(), number=self._trigger.number))

    def _before(self, key: str) -> Record | None:
        return next((record for _, record in self._records() if record.key == key), None)

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
        return self._taken_over(pull) if self._action.stage == "deliver" else Whole(self._llm)

    def _taken_over(self, pull: PullRequest) -> Deliver:
        """Bundle and verdicts, as far as they are of this event and of the head that it has now."""
        taken = bundle.read(self._action.bundle, Bundle)
        if (taken.repository.lower(), taken.number) != (self._forge.repository.lower(), pull.number):
            raise UserError("the bundle is of another pull request", hint="use what the stage propose wrote")
        if taken.source != self._source:
            raise UserError("the bundle is of another command", hint="use what the stage propose wrote")
        if taken.head_sha != pull.head_sha:
            moved = f"#{taken.number} moved from {taken.head_sha[:7]} to {pull.head_sha[:7]} in the meantime"
            raise UserError(moved, hint="nothing was delivered; write the command again")
        try:
            verdicts = bundle.read(self._action.verdicts, Verdicts)
        except UserError as error:
            self._say(f"no verdicts: {error}")
            verdicts = Verdicts("mlops-bot/verdicts/1", taken.repository, taken.number, taken.head_sha)
        if (verdicts.repository, verdicts.number, verdicts.head_sha) != (
            taken.repository,
            taken.number,
            taken.head_sha,
        ):
            raise UserError("the verdicts are of another bundle", hint="use what the stage verify wrote")
        return Deliver(taken, verdicts)

    # --- telling --------------------------------------------------------------------------------------------

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
            found = marker.find(self._comments, login=self._forge.login(), number=trigger.number, key=key)
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


@contextlib.contextmanager
def undisturbed(*, for_good: bool = False) -> Iterator[None]:
    """The last words are not cut off: a cancelled job gets a second signal soon after the first. `for_good`: nothing
    but the end comes after them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names_of = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, signal.SIG_IGN) for name in names_of]
    try:
        yield
    finally:
        for name, handler in zip(names_of, before, strict=True) if not for_good else ():
            signal.signal(name, handler)
