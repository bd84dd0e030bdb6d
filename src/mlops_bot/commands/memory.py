"""What the bot's own comments on a pull request remember: which commands there were, and what became of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot.errors import UserError
from mlops_bot.github import grammar, marker
from mlops_bot.github.model import Comment, Record
from mlops_bot.types import Command, Component


class Memory:
    """`comments` of a pull request, read for those of the bot's own account."""

    def __init__(
        self, comments: Sequence[Comment], *, login: str, number: int, components: Mapping[str, Component]
    ) -> None:
        self._components = components
        self._found = list(marker.records(comments, login=login, number=number))

    def of(self, key: str) -> tuple[Comment, Record] | None:
        """A command's comment: the first, should two runners have made two."""
        return next((found for found in self._found if found[1].key == key), None)

    @property
    def commands(self) -> list[tuple[Comment, Record]]:
        """The commands, without answers that needed no work."""
        return [found for found in self._found if self.command(found[1]) is not None]

    def command(self, record: Record) -> Command | None:
        """The command of a record, through the grammar that comments go through."""
        command = grammar.read(record.words, components=self._components, author=record.actor).command
        return command if command is not None and command.verb in ("add", "translate") else None

    def to_retry(self) -> Command:
        """What `retry` means: the last command that did not end well, else the last one. Raises UserError."""
        records = [record for _, record in self.commands]
        if not records:
            raise UserError(
                "there is nothing to retry: no command was given on this pull request before",
                hint="write `/mlops add COMPONENT`",
            )
        unwell = [record for record in records if record.status not in ("verified", "nothing")]
        found = self.command((unwell or records)[-1])
        assert found is not None
        return found
