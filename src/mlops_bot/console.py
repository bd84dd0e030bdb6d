"""What people see: live progress, coloured diffs, the evidence table and one last line. Plain lines where there is no
terminal; everything but documents goes to standard error, so that `--json -` stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlops_bot.report import Change
from mlops_bot.types import Adaptation, Json, Observation

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.status import Status

_METRICS_SHOWN = 12
_PARAMS_SHOWN = 12


class Console:
    """One command's output. Use as a context manager: the live line is taken away at the end, whatever happens."""

    def __init__(self, *, quiet: bool = False, no_color: bool = False) -> None:
        self.quiet = quiet
        self._no_color = no_color
        self._started = time.monotonic()
        self._prefix = ""
        self._rich: RichConsole | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        from rich.console import Console as RichConsole

        self._rich = RichConsole(stderr=True, no_color=self._no_color or None, highlight=False, soft_wrap=True)
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

    def evidence(self, title: str, adaptation_evidence: Mapping[str, Json], baseline: Observation | None) -> None:
        """A table of what the component's store holds, and what stayed as it was."""
        if self.quiet or not adaptation_evidence:
            return
        for row in evidence_rows(title, adaptation_evidence, baseline):
            self._print(row)

    def line(self, text: str, *, style: str = "") -> None:
        if not self.quiet:
            self._print(text, style=style)

    def last(self, text: str, *, good: bool) -> None:
        """The final line, shown with --quiet too."""
        self._print(text, style="bold green" if good else "bold red")

    def _print(self, text: str, *, style: str = "") -> None:
        if self._rich is None:
            print(text, file=sys.stderr)
            return
        self._rich.print(text, style=style or None, markup=False, highlight=False)

    def _print_diff(self, diff: str) -> None:
        if sys.stdout.isatty() and not self._no_color:
            from rich.console import Console as RichConsole
            from rich.syntax import Syntax

            RichConsole().print(Syntax(diff, "diff", background_color="default"))
        else:
            sys.stdout.write(diff)
            sys.stdout.flush()


def evidence_rows(title: str, evidence: Mapping[str, Json], baseline: Observation | None) -> list[str]:
    """The evidence as aligned lines. Values are cut: evidence is untrusted and may be long."""
    component = evidence.get("component", {})
    rows = ["", f"evidence: what {title} holds after the run"]
    for run in component.get("runs", []):
        rows.append(f"  run {_short(run.get('name') or run.get('run_id'))}: {_short(run.get('status'))}")
        params = run.get("params", {})
        for name in sorted(params)[:_PARAMS_SHOWN]:
            rows.append(f"    parameter  {_short(name):<28} {_short(params[name])}")
        if len(params) > _PARAMS_SHOWN:
            rows.append(f"    parameter  ... and {len(params) - _PARAMS_SHOWN} more")
        metrics = run.get("metrics", {})
        for name in sorted(metrics)[:_METRICS_SHOWN]:
            rows.append(f"    metric     {_short(name):<28} {_series(metrics[name])}")
        if len(metrics) > _METRICS_SHOWN:
            rows.append(f"    metric     ... and {len(metrics) - _METRICS_SHOWN} more")
        if run.get("artifacts"):
            rows.append(f"    artifacts  {_short(', '.join(map(str, run['artifacts'])), 90)}")
    comparison = evidence.get("comparison") or {}
    if comparison:
        rows.append("unchanged: the same program before / after")
        for name, value in comparison.items():
            rows.append(f"    {_short(str(name).replace('_', ' ')):<39} {_before_after(value)}")
    notes = evidence.get("notes", [])
    if notes:
        rows.append("smoke run: what was limited or stood in")
        seen: dict[str, None] = {}
        for note in notes:
            seen.setdefault(f"    {_short(note.get('kind')):<10} {_short(note.get('what'))}: {_short(note.get('detail'), 90)}")
        rows.extend(seen)
    if baseline is not None and baseline.seconds:
        rows.append(f"the original ran {baseline.seconds:.1f} s")
    return rows


def last_line(adaptation: Adaptation, *, written: str | None) -> str:
    """What happened and what to do next, in one line."""
    task = adaptation.task
    what = f"{task.component.title} {task.functionality} in {task.script.path}"
    if adaptation.status == "verified":
        if adaptation.chosen is not None and not any(
            text != task.script.text for text in (adaptation.chosen.candidate.files if adaptation.chosen.candidate else {}).values()
        ):
            return f"verified: {what} is there already and works; nothing to change"
        return f"verified: {what}; " + (written or "add --write to apply it, or --out DIR to keep a copy")
    if adaptation.status == "unverified":
        return f"unverified: {what}: {adaptation.reason}"
    return f"not verified: {what}: {adaptation.reason}"


def _series(points: Json) -> str:
    values = [point[1] for point in points if isinstance(point, list) and len(point) == 2]
    shown = [f"{value:.6g}" if isinstance(value, int | float) else _short(value) for value in values]
    text = " ".join(shown if len(shown) <= 6 else [*shown[:3], "...", *shown[-2:]])
    return f"{text}  ({len(values)} values)" if len(values) > 1 else text


def _before_after(value: Json) -> str:
    """ "4 / 4" for a pair, with whatever else the comparison says of it."""
    if not isinstance(value, dict) or not {"before", "after"} <= value.keys():
        return _short(value, 90)
    more = [f"{name.replace('_', ' ')}: {entry}" for name, entry in value.items() if name not in ("before", "after")]
    pair = [", ".join(map(str, part)) or "none" if isinstance(part, list) else str(part) for part in (value["before"], value["after"])]
    return _short(" / ".join(pair) + (f"  ({', '.join(more)})" if more else ""), 90)


def _short(value: object, width: int = 60) -> str:
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text if len(text) <= width else text[: width - 3] + "..."
