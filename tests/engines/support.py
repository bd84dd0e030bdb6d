"""A small task, and what the engines' tests watch them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_bot.types import Component, Context, Feedback, SourceFile, Task

TASK = Task(
    kind="inlining",
    functionality="experiment-tracking",
    component=Component(
        name="tracker",
        title="Tracker",
        aliases=(),
        functionalities=("experiment-tracking",),
        frameworks={},
        imports=("tracker",),
        requirement="tracker",
        docs_sources={},
        environment={},
        store=(),
        api_modules=(),
        guide="",
        folder=Path(),
        has_recipe=False,
    ),
    files=(SourceFile("train.py", "print('training')\n"),),
)
CONTEXT = Context(facts={})


def prompter(task: Task, context: Context, feedback: Feedback | None) -> Sequence[Mapping[str, str]]:
    messages = [
        {"role": "system", "content": "You add experiment tracking."},
        {"role": "user", "content": f"Change this file:\n{task.script.text}"},
    ]
    if feedback is not None:
        messages.append({"role": "assistant", "content": feedback.text})
        messages.append({"role": "user", "content": f"That failed: {feedback.failed.reason}"})
    return messages


def long_prompter(characters: int) -> object:
    def prompt(task: Task, context: Context, feedback: Feedback | None) -> Sequence[Mapping[str, str]]:
        return [{"role": "user", "content": "x = 1\n" * (characters // 6)}]

    return prompt


class Sleeps(list[float]):
    """A sleep function that does not, and remembers."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


class Lines(list[str]):
    """A progress function that remembers what was said."""

    def __call__(self, stage: str, message: str) -> None:
        self.append(message)

    @property
    def text(self) -> str:
        return "\n".join(self)
