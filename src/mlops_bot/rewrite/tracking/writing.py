"""The statements that log: on one line where they fit, an entry a line otherwise."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from textwrap import indent

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.runs import Stretch
from mlops_bot.rewrite.tracking.dialect import Place, Values
from mlops_bot.rewrite.tracking.metrics import Log

_MAX_LINE = 100
Write = Callable[[Place, Sequence[tuple[str, str]], str | None], str]  # Dialect.metrics, or the like
Guard = Callable[[ast.stmt], str]  # an `if ...:` to log under beside a statement, or ""


def unguarded(statement: ast.stmt) -> str:
    """Nothing to log under."""
    return ""


def log_metrics(
    program: Program,
    edits: Edits,
    logs: list[Log],
    write: Write,
    *,
    run: Stretch | None = None,
    guard: Guard = unguarded,
) -> None:
    """Statements that log, right after those that show."""
    groups: list[list[Log]] = []
    for log in logs:
        last = groups[-1] if groups else None
        if (
            last is not None
            and (last[-1].step, last[-1].over) == (log.step, log.over)
            and _follows(program, last[-1].statement, log.statement)
        ):
            last.append(log)
        else:
            groups.append([log])
    for same in groups:
        named = list({log.name: log for log in same}.values())
        place = Place(program, same[-1].statement, run)
        code = write(place, [(_name(program, log), log.value) for log in named], same[0].step)
        if same[0].over:
            code = guarded(f"for {same[0].step}, {same[0].value} in enumerate({same[0].over}):", code)
        edits.insert_after(place.statement, guarded(guard(place.statement), code))


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


def call_text(function: str, entries: Sequence[str], rest: Sequence[str], place: ast.stmt, braces: str = "{}") -> str:
    """`function({entries}, rest)` on one line if it fits, otherwise an entry a line. `rest`: further arguments."""
    opening, closing = (braces[0], braces[1]) if braces else ("", "")
    tail = "".join(f", {argument}" for argument in rest)
    line = f"{function}({opening}{', '.join(entries)}{closing}{tail})"
    if len(line) + place.col_offset <= _MAX_LINE:
        return line
    if not braces:
        inner = f"    {', '.join(entries)}{tail}"
        if rest and len(inner) + place.col_offset > _MAX_LINE:
            inner = f"{inner.removesuffix(f', {rest[-1]}')},\n    {rest[-1]},"
        return f"{function}(\n{inner}\n)"
    if len(tail) > 40:
        inner = "".join(f"        {entry},\n" for entry in entries)
        ending = "".join(f"    {argument},\n" for argument in rest)
        return f"{function}(\n    {opening}\n{inner}    {closing},\n{ending})"
    inner = "".join(f"    {entry},\n" for entry in entries)
    return f"{function}({opening}\n{inner}{closing}{tail})"


def listed(function: str, arguments: Sequence[str], keyword: str, values: Sequence[Values], place: ast.stmt) -> str:
    """`function(arguments, keyword=values)`: on one line if it fits, otherwise an argument and an entry a line."""
    if len(values) == 1 and values[0].mapping:
        return call_text(function, [*arguments, f"{keyword}={values[0].mapping}"], (), place, "")
    entries = [part for value in values for part in ([f"**{value.mapping}"] if value.mapping else value.entries)]
    if not entries:
        return call_text(function, arguments, (), place, "")
    line = call_text(function, [*arguments, f"{keyword}={{{', '.join(entries)}}}"], (), place, "")
    if "\n" not in line:
        return line
    rows = [*(f"    {argument}," for argument in arguments), f"    {keyword}={{"]
    rows += [*(f"        {entry}," for entry in entries), "    },"]
    return "\n".join([f"{function}(", *rows, ")"])
