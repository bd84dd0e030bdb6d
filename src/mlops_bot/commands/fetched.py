"""A pull request's files as one command needs them: which are its training files, and what a run of them takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from mlops_bot.github import config as configuration
from mlops_bot.github import select, sources
from mlops_bot.github.model import Config, Entry, Forge, PullRequest, Tree
from mlops_bot.github.select import Selection
from mlops_bot.types import Command, Progress


class Fetched:
    """The head's files. Each content is read once, by `read`."""

    def __init__(self, forge: Forge, pull: PullRequest, config: Config, read: Callable[[Forge, Entry], bytes]) -> None:
        self._forge = forge
        self._pull = pull
        self._config = config
        self._read_entry = read
        self._contents: dict[str, bytes] = {}  # by the blob's SHA

    @cached_property
    def tree(self) -> Tree:
        return self._forge.tree(self._pull.head_sha)

    def training_files(self, command: Command) -> Selection:
        changed = () if command.paths else self._forge.files(self._pull.number)
        found = select.candidates(command, changed, self.tree, self._config)
        contents = {path: self._read(path) for path in found.paths if path in self.tree.entries}
        return select.choose(found, contents, self.tree, self._config)

    def sources(self, scripts: Sequence[str], progress: Progress) -> dict[str, bytes]:
        """The scripts, and what runs of them need. Raises UserError where a script cannot be had."""
        also = []
        for path in scripts:
            run = configuration.run_of(self._config, path)
            also += [text for text in (run.run, run.data) if text]
        found = sources.gather(self.tree, scripts, lambda entry: self._read(entry.path), also=also)
        for note in found.notes:
            progress("files", note)
        return dict(found.files)

    def _read(self, path: str) -> bytes:
        entry = self.tree.entries[path]
        if entry.sha not in self._contents:
            self._contents[entry.sha] = self._read_entry(self._forge, entry)
        return self._contents[entry.sha]
