"""Fetched sources as the projects that the command line works on: gathered the same way, from a folder of our own."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mlops_bot import project
from mlops_bot.commands import common
from mlops_bot.commands.work import Assignment, How, assign
from mlops_bot.github import config as configuration
from mlops_bot.github.model import Config
from mlops_bot.report import Change
from mlops_bot.types import Command


class Workspace:
    """The repository's fetched part, on disk for as long as the context lasts.

    `files`: path in the repository -> content, paths that were checked (github/sources.py). The empty .git marks the
    repository's root, as in a clone.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="mlops-bot-")
        self._root = Path(self._folder.name).resolve()
        (self._root / ".git").mkdir()
        for path, content in self._files.items():
            place = self._root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def assign(self, command: Command, path: str, config: Config) -> Assignment:
        """One script with its project. Raises UserError for whatever is wrong with it."""
        place = self._root / path
        project.read_script(place)
        run = configuration.run_of(config, path)
        gathered = project.gather([place], data=self._root / run.data if run.data else None)
        how = how_of(config)
        how = replace(
            how,
            run=common.Run(
                start=_inside(run.run, self._prefix(gathered.root)),
                timeout=run.timeout or config.timeout,
                memory=run.memory_mb or config.memory_mb,
                full=config.full,
                here=gathered.root,
            ),
        )
        return assign(command, gathered.source(gathered.scripts[0]), gathered, how, name=path)

    def path_of(self, assignment: Assignment, path: str) -> str:
        """The path in the repository of one in the assignment's project."""
        return self._prefix(assignment.project.root) + path

    def in_repository(self, assignment: Assignment, change: Change) -> Change:
        """A change of the project's file as one of the repository's."""
        return replace(change, path=self.path_of(assignment, change.path))

    def _prefix(self, root: Path) -> str:
        folder = root.relative_to(self._root).as_posix()
        return "" if folder == "." else f"{folder}/"


def how_of(config: Config) -> How:
    return How(config.samples, config.temperature, config.repair, config.style)


def _inside(start: str | None, prefix: str) -> str | None:
    """`python ml/train.py` as it is written inside the project ml/."""
    if start is None or not prefix:
        return start
    try:
        words = shlex.split(start)
    except ValueError:  # whoever reads it will say so
        return start
    return shlex.join(word.removeprefix(prefix) for word in words)
