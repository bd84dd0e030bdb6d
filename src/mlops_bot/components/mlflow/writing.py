"""The statements that log: on one line where they fit, an entry a line otherwise."""

from __future__ import annotations

import ast
from textwrap import indent

from mlops_bot.components.mlflow.metrics import Log
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program

_MAX_LINE = 100


def log_metrics(program: Program, edits: Edits, logs: list[Log], *, run: str = "", guard: str = "") -> None:
    """Statements that log, right after those that show.

    `run`: an argument that names a run which is not open. `guard`: an `if ...:` to log under.
    """
    groups: list[list[Log]] = []
    for log in logs:
        last = groups[-1] if groups else None
        if last is not None and last[-1].step == log.step and _follows(program, last[-1].statement, log.statement):
            last.append(log)
        else:
            groups.append([log])
    for same in groups:
        step = same[0].step
        rest = (f", step={step}" if step is not None else "") + (f", {run}" if run else "")
        named = list({log.name: log for log in same}.values())
        place = same[-1].statement
        if len(named) == 1:
            code = call_text("mlflow.log_metric", [f"{_name(program, named[0])}, {named[0].value}"], rest, place, "")
        else:
            entries = [f"{_name(program, log)}: {log.value}" for log in named]
            code = call_text("mlflow.log_metrics", entries, rest, place)
        edits.insert_after(place, guarded(guard, code))


def guarded(guard: str, code: str) -> str:
    return f"{guard}\n{indent(code, '    ')}\n" if guard else code


def _follows(program: Program, first: ast.stmt, second: ast.stmt) -> bool:
    """The same statement, or the next one of the suite (so that one call can log both)."""
    if first is second:
        return True
    suite = program.suite_of(first)
    at = suite.index(first)
    simple = isinstance(first, ast.Expr) and isinstance(second, ast.Expr)
    return simple and at + 1 < len(suite) and suite[at + 1] is second and second.lineno > (first.end_lineno or 0)


def _name(program: Program, log: Log) -> str:
    return ("f" if "{" in log.name else "") + program.string(log.name)


def call_text(function: str, entries: list[str], rest: str, place: ast.stmt, braces: str = "{}") -> str:
    """`function({a, b}, rest)` on one line if it fits, otherwise an entry a line."""
    opening, closing = (braces[0], braces[1]) if braces else ("", "")
    line = f"{function}({opening}{', '.join(entries)}{closing}{rest})"
    if len(line) + place.col_offset <= _MAX_LINE:
        return line
    if not braces:
        inner = f"    {', '.join(entries)}{rest}"
        if len(inner) + place.col_offset > _MAX_LINE and ", run_id=" in inner:
            inner = inner.replace(", run_id=", ",\n    run_id=") + ","
        return f"{function}(\n{inner}\n)"
    if not rest or len(rest) > 40:
        inner = "".join(f"        {entry},\n" for entry in entries)
        ending = rest.removeprefix(", ").replace(", run_id=", ",\n    run_id=")  # an argument a line
        tail = f"    {ending},\n" if rest else ""
        if tail:
            return f"{function}(\n    {opening}\n{inner}    {closing},\n{tail})"
    inner = "".join(f"    {entry},\n" for entry in entries)
    return f"{function}({opening}\n{inner}{closing}{rest})"
