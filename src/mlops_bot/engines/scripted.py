"""The scripted engine: answers from files. For tests and demonstrations without a model; never chosen by `auto`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mlops_bot.errors import UserError
from mlops_bot.types import Context, Feedback, Proposal, Task


class ScriptedEngine:
    """Completions read from one file, or from the files of a folder in name order, one a sample.

    They are treated like a model's: they are parsed and verified the same way, and are not trusted unless the caller
    says so. Every answer is given once; a repair round gets the next ones.
    """

    name = "scripted"

    def __init__(self, path: Path, *, trusted: bool = False) -> None:
        self.model: str | None = path.name
        self.trusted = trusted
        self._path = path
        self._next = 0

    def __repr__(self) -> str:
        return f"ScriptedEngine({str(self._path)!r})"

    def propose(
        self, task: Task, context: Context, *, n: int = 1, temperature: float = 0.0, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """The next `n` answers, fewer where the files run out. Raises UserError for an unreadable path."""
        proposals = []
        for sample, path in enumerate(self._files()[self._next : self._next + n]):
            started = time.monotonic()
            proposals.append(
                Proposal(
                    engine=self.name,
                    model=path.name,
                    text=_read(path),
                    temperature=temperature,
                    sample=sample,
                    cost=0.0,
                    finish_reason="stop",
                    seconds=time.monotonic() - started,
                )
            )
        self._next += len(proposals)
        return proposals

    def close(self) -> None:
        """Nothing is held; every engine has it."""

    def _files(self) -> list[Path]:
        if self._path.is_file():
            return [self._path]
        if not self._path.is_dir():
            raise UserError(f"there are no scripted answers at {self._path}", hint="name a file or a folder of answers")
        files = sorted(path for path in self._path.iterdir() if path.is_file() and not path.name.startswith("."))
        if not files:
            raise UserError(f"the folder {self._path} has no answers", hint="put one text file a sample into it")
        return files


def _read(path: Path) -> str:
    try:
        # Bytes first: line endings are part of an answer.
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the scripted answer {path} cannot be read: {error}", hint="write it as UTF-8 text") from None
