"""What differs between doing a command in one job and in three: where files, proposals and verdicts come from.

all       files from the API, proposals from the engines, verdicts from the sandbox
propose   ... noted in the bundle; verdicts from reading only
verify    no GitHub at all: files and proposals from the bundle, verdicts from the sandbox, noted
deliver   files and proposals from the bundle, verdicts from what verify noted
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mlops_bot import components, compose
from mlops_bot.commands import bundle, work
from mlops_bot.commands.bundle import Bundle, Findings, Order, Verdicts
from mlops_bot.commands.judging import Finding, Known, Noting, Reading, Running
from mlops_bot.commands.work import Assignment, Judging
from mlops_bot.commands.workspace import Workspace, how_of
from mlops_bot.engines.replay import Noted, Watched, replays
from mlops_bot.errors import MlopsBotError, UserError
from mlops_bot.github import grammar, paths
from mlops_bot.github.model import Config, Entry, Forge, PullRequest
from mlops_bot.settings import Action, Settings
from mlops_bot.types import Command, Component, Engine, Progress, Proposal


@dataclass(frozen=True, slots=True)
class Means:
    """What one command is worked on with."""

    engines: Callable[[Assignment], Sequence[Engine]]
    judging: Judging
    close: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Spent:
    """What models were paid so far, and who they are."""

    cost: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    engine: str | None = None
    model: str | None = None

    def add(self, proposal: Proposal) -> None:
        if proposal.cost is not None and (proposal.model is not None or self.cost is not None):
            self.cost = (self.cost or 0.0) + proposal.cost
        self.input_tokens += proposal.input_tokens or 0
        self.output_tokens += proposal.output_tokens or 0
        self.engine, self.model = proposal.engine, proposal.model


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, its words, and the configuration it is worked on with."""

    command: Command
    words: str
    config: Config

    @property
    def component(self) -> Component:
        return components.load_all()[self.command.target or ""]


class Stage(Protocol):
    """`delivers`: whether the command ends here; else it goes on in another job."""

    delivers: bool

    def read(self, forge: Forge, entry: Entry) -> bytes: ...
    def means(self, order: Asked, settings: Settings, spent: Spent, progress: Progress) -> Means: ...


def replay_engines(name: str, component: Component, noted: Sequence[Noted]) -> list[Engine]:
    """The recipe, which is asked anew wherever it is needed, and the models' noted proposals."""
    recipe: list[Engine] = []
    if name == "recipe" or (name == "auto" and component.has_recipe):
        recipe = list(compose.recipe_engines())
    return [*recipe, *replays(noted)]


@dataclass(slots=True)
class Whole:
    """Everything in one job."""

    llm: Callable[[Config], compose.LLMOptions]
    delivers: bool = True

    def read(self, forge: Forge, entry: Entry) -> bytes:
        return forge.blob(entry.sha)

    def means(self, order: Asked, settings: Settings, spent: Spent, progress: Progress) -> Means:
        engines = compose.engines(settings, order.component, self.llm(order.config), progress)
        watched = [Watched(engine, lambda _, proposal: spent.add(proposal)) for engine in engines]
        return Means(lambda _: watched, Running(settings, progress), lambda: _close(engines))


@dataclass(slots=True)
class Propose:
    """Asks the engines, and runs nothing."""

    llm: Callable[[Config], compose.LLMOptions]
    delivers: bool = False
    files: dict[str, str] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)

    def drop(self, words: str) -> None:
        """A command that has ended here."""
        self.orders = [order for order in self.orders if order.words != words]

    def read(self, forge: Forge, entry: Entry) -> bytes:
        if entry.path in self.files:
            return base64.b64decode(self.files[entry.path])
        content = forge.blob(entry.sha)
        self.files[entry.path] = base64.b64encode(content).decode()
        return content

    def means(self, order: Asked, settings: Settings, spent: Spent, progress: Progress) -> Means:
        engines = compose.engines(settings, order.component, self.llm(order.config), progress)
        noted: dict[str, tuple[Noted, ...]] = {}
        at: list[str] = []

        def note(entry: Noted) -> None:
            noted[at[-1]] = (*noted.get(at[-1], ()), entry)

        def seen(number: int, proposal: Proposal) -> None:
            spent.add(proposal)
            if proposal.text is not None:
                note(Noted.of(number, proposal))

        watched = [Watched(engine, seen, failed=note) for engine in engines]

        def engines_for(assignment: Assignment) -> Sequence[Engine]:
            at.append(assignment.name)
            new = Order(order.words, settings.engine, order.config, tuple(at), noted)
            self.orders = [*(other for other in self.orders if other.words != order.words), new]
            return watched

        return Means(engines_for, Reading(), lambda: _close(engines))


@dataclass(slots=True)
class Deliver:
    """Takes what the other stages found, checks it, and runs nothing."""

    bundle: Bundle
    verdicts: Verdicts
    delivers: bool = True

    def read(self, forge: Forge, entry: Entry) -> bytes:
        """From the bundle where that is the very file, else from the repository."""
        content = self.bundle.content(entry.path)
        if content is not None and bundle.blob_sha(content) == entry.sha:
            return content
        return forge.blob(entry.sha)

    def means(self, order: Asked, settings: Settings, spent: Spent, progress: Progress) -> Means:
        given = next((given for given in self.bundle.orders if given.words == order.words), None)
        if given is None:
            raise UserError(f"the bundle has nothing on `{order.words}`", hint="look at the log of the stage propose")

        def engines_for(assignment: Assignment) -> Sequence[Engine]:
            engines = replay_engines(given.engine, order.component, given.noted.get(assignment.name, ()))
            return [Watched(engine, lambda _, proposal: spent.add(proposal)) for engine in engines]

        return Means(engines_for, Known(self.verdicts.of(order.words)))


def take_over(action: Action, repository: str, pull: PullRequest, source: str, say: Callable[[str], None]) -> Deliver:
    """Bundle and verdicts, as far as they are of this event and of the head that it has now. Raises UserError."""
    taken = bundle.read(action.bundle, Bundle)
    if (taken.repository.lower(), taken.number) != (repository.lower(), pull.number):
        raise UserError("the bundle is of another pull request", hint="use what the stage propose wrote")
    if taken.source != source:
        raise UserError("the bundle is of another command", hint="use what the stage propose wrote")
    if taken.head_sha != pull.head_sha:
        moved = f"#{taken.number} moved from {taken.head_sha[:7]} to {pull.head_sha[:7]} in the meantime"
        raise UserError(moved, hint="nothing was delivered; write the command again")
    try:
        verdicts = bundle.read(action.verdicts, Verdicts)
    except UserError as error:
        say(f"no verdicts: {error}")
        verdicts = Verdicts("mlops-bot/verdicts/1", taken.repository, taken.number, taken.head_sha)
    of = (verdicts.repository, verdicts.number, verdicts.head_sha)
    if of != (taken.repository, taken.number, taken.head_sha):
        raise UserError("the verdicts are of another bundle", hint="use what the stage verify wrote")
    return Deliver(taken, verdicts)


def _close(engines: Sequence[Engine]) -> None:
    for engine in engines:
        close = getattr(engine, "close", None)
        if close is not None:
            close()


# --- verify ------------------------------------------------------------------------------------------------------


def verify(given: Path, out: Path, settings: Settings, progress: Progress) -> int:
    """The stage without GitHub: every proposal of the bundle is judged, the verdicts are written.

    Raises UserError for a bundle that is none. What goes wrong with one script is noted, and said by deliver.
    """
    taken = bundle.read(given, Bundle)
    verdicts = Verdicts("mlops-bot/verdicts/1", taken.repository, taken.number, taken.head_sha)
    code = 0
    try:
        for order in taken.orders:
            findings = []
            for finding in _verified(taken, order, settings, progress):
                findings.append(bundle.slim(finding))
                code = max(code, finding.exit_code)
            found = Findings(order.words, tuple(findings))
            verdicts = replace(verdicts, orders=(*verdicts.orders, found))
    finally:
        bundle.write(out, verdicts, secrets=settings.secrets)
    return code


def _verified(taken: Bundle, order: Order, settings: Settings, progress: Progress) -> list[Finding]:
    request = grammar.read(order.words, components=components.load_all())
    command = request.command
    if command is None or command.target is None:
        raise UserError(f"bundle.orders: {request.problem}", hint=request.hint)
    files = {}
    for path in taken.files:
        why = paths.refused(path)
        content = taken.content(path)
        if why is not None or content is None:
            raise UserError(f"bundle.files: {path[:100]!r} {why}", hint="use what the stage propose wrote")
        files[path] = content
    judging = Noting(Running(settings.override(sandbox=order.config.sandbox), progress))
    component = components.load_all()[command.target]
    findings = []
    with Workspace(files) as workspace:
        for path in order.scripts:
            error: MlopsBotError | None = None
            try:
                assignment = workspace.assign(command, path, order.config)
                adaptation = work.adapt(
                    assignment,
                    how_of(order.config),
                    engines=replay_engines(order.engine, component, order.noted.get(path, ())),
                    judging=judging,
                    progress=progress,
                )
                found = adaptation.error
                error = found if isinstance(found, MlopsBotError) else None
            except MlopsBotError as raised:
                error = raised
            findings.append(
                judging.finding(
                    path,
                    error=str(error) if error else None,
                    hint=error.hint if error else None,
                    exit_code=error.exit_code if error else 0,
                )
            )
    return findings
