"""The pieces of work of a run: one for each cell and program, with the bot's own assignment behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark import fetch, judging
from benchmark.programs import Era, Program, belonging
from benchmark.protocol import Cell, Shard
from mlops_bot import project
from mlops_bot.commands import common
from mlops_bot.commands.work import Assignment, How, assign
from mlops_bot.types import Command


@dataclass(frozen=True, slots=True)
class Piece:
    """One program in one cell."""

    cell: Cell
    program: Program
    era: Era
    docs: str | None = None  # what is in the documentation index, where its approach reads one

    @property
    def name(self) -> str:
        return f"{self.cell.name}/{self.program.id}"


def pieces(
    cells: Sequence[Cell], programs: Sequence[Program], era: Era, shard: Shard, docs: str | None = None
) -> Iterator[Piece]:
    """All work, program by program: what needs the same original comes one after the other."""
    asked = [one for one in programs if any(belonging([one], cell.row.framework, cell.row.source) for cell in cells)]
    for program in shard.of(asked):
        for cell in cells:
            if belonging([program], cell.row.framework, cell.row.source):
                yield Piece(cell, program, era, docs if cell.approach else None)


def assignment(piece: Piece, root: Path, *, timeout: float) -> tuple[Assignment, How]:
    """The bot's own work for it. Raises UserError for a program that is not there or cannot be read."""
    form = piece.program.forms[piece.era]
    if piece.program.own is not None:  # beside it are other programs, not its project
        gathered = judging.gather(piece.program.own)
    else:
        script = fetch.folder(root, piece.program, piece.era) / piece.program.entry
        gathered = project.gather([script], root=script.parent)
    how = How(
        samples=piece.cell.samples,
        temperature=piece.cell.temperature or 0.0,
        repair=0,
        style="doc-prompt" if piece.cell.approach or piece.cell.style == "doc-prompt" else "zero-shot",
        run=common.Run(form.run, timeout),
    )
    row = piece.cell.row
    verb = "translate" if row.source else "add"
    asked = Command(verb, row.component, row.source, functionality=row.functionality)  # type: ignore[arg-type]
    return assign(asked, gathered.source(gathered.scripts[0]), gathered, how, name=piece.name), how
