"""From one script to its adaptation: what the command line and the Action both call. There is no second way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlops_bot import adapt as pipeline
from mlops_bot.commands import common
from mlops_bot.project import Project
from mlops_bot.types import (
    Adaptation,
    Command,
    Context,
    Engine,
    Progress,
    SourceFacts,
    SourceFile,
    Task,
)
from mlops_bot.verify.pipeline import Plan


@dataclass(frozen=True, slots=True)
class How:
    """How scripts are adapted and run, whoever asks: command-line options, or the repository's configuration."""

    samples: int = 1
    temperature: float = 0.0
    repair: int = 1
    style: Literal["zero-shot", "doc-prompt"] = "doc-prompt"
    run: common.Run = field(default_factory=common.Run)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One script with what is asked of it, checked and ready to be worked on."""

    task: Task
    facts: SourceFacts
    plan: Plan
    project: Project
    name: str  # of the script, for what is kept by script


@dataclass(frozen=True, slots=True)
class Where:
    """What a script was run in."""

    description: str
    id: str  # of a container image: its digest
    versions: Mapping[str, str] = field(default_factory=dict)  # of what the requirements name


class Judging(Protocol):
    """Makes the judge of an assignment."""

    @property
    def isolated(self) -> bool:
        """Whether untrusted code may be judged here."""
        ...

    def judge(self, assignment: Assignment) -> pipeline.Judge: ...

    def where(self, name: str) -> Where | None:
        """What an assignment was run in; None where nothing was."""
        ...


def assign(asked: Command, script: SourceFile, gathered: Project, how: How, *, name: str | None = None) -> Assignment:
    """`name`: what the script is called where several projects are worked on; else its path in the project.

    Raises UserError for whatever is wrong with the request; runs nothing."""
    task = common.make_task(asked, script)
    facts = common.facts_of(script, gathered, translated=task.kind == "translation")
    return Assignment(task, facts, common.make_plan(how.run, gathered, script), gathered, name or script.path)


def adapt(
    assignment: Assignment, how: How, *, engines: Sequence[Engine], judging: Judging, progress: Progress
) -> Adaptation:
    """One script's way through the pipeline. Raises UserError and SandboxError for what fails before an engine is
    asked."""
    facts = assignment.facts
    progress("source", f"{facts.path}: {facts.framework or 'unknown framework'}")
    return pipeline.adapt(
        assignment.task,
        Context(
            facts={facts.path: facts}, style=how.style, versions=common.releases(assignment.task, assignment.project)
        ),
        engines=engines,
        judge=lambda: judging.judge(assignment),
        isolated=judging.isolated,
        options=pipeline.Options(how.samples, how.temperature, how.repair),
        progress=progress,
    )
