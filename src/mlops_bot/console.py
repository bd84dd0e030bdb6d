"""What people see: live progress, coloured diffs, the evidence and one last line. Plain lines where there is no
terminal; everything but documents goes to standard error, so that `--json -` stays clean."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlops_bot import evidence_table, shown
from mlops_bot.report import Change
from mlops_bot.types import Adaptation, Json, Observation

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.status import Status


class Console:
    """One command's output. Use as a context manager: the live line is taken away at the end, whatever happens.

    `secrets` are blacked out of everything. What programs and models wrote is shown with terminal commands and
    invisible characters written out; only a diff that goes to a file or a pipe keeps every byte, so
    that it can be applied.
    """

    def __init__(self, *, quiet: bool = False, no_color: bool = False, secrets: Sequence[str] = ()) -> None:
        self.quiet = quiet
        self._no_color = no_color
        self._secrets = tuple(secrets)
        self._started = time.monotonic()
        self._prefix = ""
        self._rich: RichConsole | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        self._rich = _rich(stderr=True, no_color=self._no_color)
        if self._rich.is_terminal and not self.quiet:
            self._status = self._rich.status("starting")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def begin(self, label: str) -> None:
        """Names what the next progress lines are about (one script of several)."""
        self._prefix = label

    def progress(self, stage: str, message: str) -> None:
        """One step: a line with the elapsed seconds; in a terminal the current one also spins."""
        if self.quiet:
            return
        line = f"{time.monotonic() - self._started:6.1f} s  {stage:<9} {message}"
        if self._prefix:
            line += f"  [{self._prefix}]"
        line = self._safe(line)
        if self._status is not None:
            from rich.markup import escape

            self._status.update(escape(line))
        self._print(line, style="dim")

    def diff(self, changes: Sequence[Change]) -> None:
        """The coloured diffs, on standard output: they are the result."""
        if self.quiet:
            return
        for change in changes:
            if change.diff:
                self._print_diff(change.diff)

    def evidence(self, title: str, evidence: Mapping[str, Json], baseline: Observation | None) -> None:
        """What the component's store holds, and what stayed as it was."""
        if self.quiet or not evidence:
            return
        evidence = shown.redacted_json(evidence, self._secrets)  # before values are cut: half a key is a key's half
        for row in evidence_table.rows(title, evidence, baseline):
            self._print(row, style="bold" if row and not row.startswith(" ") else "")

    def notes(self, notes: Sequence[str]) -> None:
        """What a recipe says of its change."""
        if notes and not self.quiet:
            self._print("To know about the change", style="bold")
            for note in notes:
                self._print(f"  {note}")
            self._print("")

    def line(self, text: str, *, style: str = "") -> None:
        if not self.quiet:
            self._print(text, style=style)

    def last(self, text: str, *, good: bool) -> None:
        """The final line, shown with --quiet too."""
        self._print(" ".join(text.split()), style="bold green" if good else "bold red")

    def _safe(self, text: str) -> str:
        return shown.redacted(shown.plain(text), self._secrets)

    def _print(self, text: str, *, style: str = "") -> None:
        text = self._safe(text)
        if self._rich is None:
            print(text, file=sys.stderr)
            return
        self._rich.print(text, style=style or None, markup=False, highlight=False)

    def _print_diff(self, diff: str) -> None:
        diff = shown.redacted(diff, self._secrets)
        try:
            if sys.stdout.isatty():
                from rich.syntax import Syntax

                text = Syntax(shown.plain(diff), "diff", background_color="default", word_wrap=False)
                _rich(stderr=False, no_color=self._no_color).print(text)
            else:
                sys.stdout.write(diff)
                sys.stdout.flush()
        except BrokenPipeError:  # nobody reads the diff any more (| head); the work, its report and exit code go on
            silence_stdout()


def silence_stdout() -> None:
    """Standard output leads nowhere from now on: what is still buffered must not fail at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _rich(*, stderr: bool, no_color: bool) -> RichConsole:
    from rich.console import Console as RichConsole

    class Ours(RichConsole):
        def on_broken_pipe(self) -> None:
            """Rich would end the program with exit code 1, which means something else here."""
            raise BrokenPipeError

    return Ours(stderr=stderr, no_color=no_color or None, highlight=False, soft_wrap=True)


def last_line(adaptation: Adaptation, *, written: str | None) -> str:
    """What happened and what to do next, in one line."""
    task = adaptation.task
    what = f"{task.component.title} {task.functionality} in {task.script.path}"
    if adaptation.status == "verified":
        if adaptation.chosen is not None and not any(
            text != task.script.text
            for text in (adaptation.chosen.candidate.files if adaptation.chosen.candidate else {}).values()
        ):
            return f"verified: {what} is there already and works; nothing to change"
        return f"verified: {what}; " + (written or "add --write to apply it, or --out DIR to keep a copy")
    if adaptation.status == "unverified":
        return f"unverified: {what}: {adaptation.reason}"
    return f"not verified: {what}: {adaptation.reason}"
