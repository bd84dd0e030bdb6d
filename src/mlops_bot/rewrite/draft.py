"""Changes of a module's text by position: expressions replaced, lines added, statements taken elsewhere.

For rewrites that move code; every character that is not changed stays. Places are `ast` nodes of one `Program`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_bot.rewrite import cells
from mlops_bot.rewrite.edits import COMPOUND, first_line
from mlops_bot.rewrite.program import Function, Program

TAKEN = "\x00taken"  # stands on the line of what was taken
APART = "\x00apart"  # stands where two blank lines belong: before and after a definition


@dataclass(frozen=True, slots=True)
class Edit:
    start: int  # in bytes of the text
    end: int
    text: str


class Draft:
    """Edits that are collected first and applied at once. Newlines are those of the file."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._crlf = "\r\n" in program.text
        self._text = program.text.replace("\r\n", "\n")
        self._bytes = self._text.encode()
        self._rows = self._text.split("\n")
        self._starts = [0]  # offset of every line
        for row in self._rows:
            self._starts.append(self._starts[-1] + len(row.encode()) + 1)
        self._edits: list[Edit] = []
        self._strings = inside_strings(self._text)
        self._busy = _shared_lines(program)

    # --- edits ----------------------------------------------------------------------------------------------

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Write `text` in the place of an expression or of a simple statement."""
        self._edits.append(Edit(*self._span(node), text))

    def add_argument(self, call: ast.Call, text: str) -> None:
        """One more argument at the end of a call."""
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if given:
            last = max(self._span(node)[1] for node in given)
            last += self._brackets(last, self._span(call)[1] - 1)
            self._edits.append(Edit(last, last, f",{self._apart(last, self._span(call)[1] - 1)}{text}"))
        else:
            at = self._span(call)[1] - 1
            another = any(edit.start == edit.end == at for edit in self._edits)
            self._edits.append(Edit(at, at, f", {text}" if another else text))

    def add_parameters(self, function: Function, *texts: str) -> None:
        """More parameters: those without a default behind those without, those with one behind all positional ones."""
        given = function.args
        named = [*given.posonlyargs, *given.args]
        plain = named[: len(named) - len(given.defaults)]
        first, last = [text for text in texts if "=" not in text], [text for text in texts if "=" in text]
        if not given.defaults:
            first, last = [*first, *last], []
        if last:
            end = max(self._span(part)[1] for part in _parts(named, given.defaults))
            self._edits.append(Edit(end, end, self._more(named[-1], last)))
        if first and plain:
            end = max(self._span(part)[1] for part in _parts(plain[-1:], [plain[-1].annotation]))
            self._edits.append(Edit(end, end, self._more(plain[-1], first)))
        elif first:
            at = self._opening(function)
            others = bool(named or given.kwonlyargs or given.vararg or given.kwarg)
            if others and self._bytes[at:].lstrip(b" ").startswith(b"\n") and named:
                margin = " " * named[0].col_offset
                self._edits.append(Edit(at, at, "".join(f"\n{margin}{text}," for text in first)))
            else:
                self._edits.append(Edit(at, at, ", ".join(first) + (", " if others else "")))

    def _more(self, above: ast.arg, texts: Sequence[str]) -> str:
        """Parameters behind another one: on lines of their own where that has its own."""
        row = self._rows[above.lineno - 1]
        own = row[: len(row) - len(row.lstrip())] if row.lstrip().startswith(above.arg) else None
        return "".join(f", {text}" if own is None else f",\n{own}{text}" for text in texts)

    def prefix(self, node: ast.expr | ast.stmt | ast.alias, text: str) -> None:
        """Write `text` right before an expression."""
        at = self._span(node)[0]
        self._edits.append(Edit(at, at, text))

    def suffix(self, node: ast.expr | ast.stmt | ast.alias, text: str) -> None:
        """Write `text` right behind an expression."""
        at = self._span(node)[1]
        self._edits.append(Edit(at, at, text))

    def insert_before(self, statement: ast.stmt, code: str, *, comments: bool = False) -> None:
        """Lines of code above a statement; `comments`: above its own comments too."""
        line = self.start(statement, 0) if comments else first_line(statement)
        at = self._starts[line - 1]
        self._edits.append(Edit(at, at, self._indented(statement, code) + "\n"))

    def insert_after(self, statement: ast.stmt, code: str) -> None:
        line = statement.end_lineno or statement.lineno
        at = self._starts[line] - 1 if line < len(self._rows) else len(self._bytes)
        self._edits.append(Edit(at, at, "\n" + self._indented(statement, code)))

    def take(self, statement: ast.stmt, above: int) -> list[str]:
        """The lines of a statement with its comments (those below line `above`), without their indentation.

        They are gone from their place, with the edits that were made inside of them.
        """
        first, last = self.start(statement, above), statement.end_lineno or statement.lineno
        start, end = self._starts[first - 1], min(self._starts[last], len(self._bytes))
        mine = [edit for edit in self._edits if start <= edit.start and edit.end <= end and edit.start < end]
        self._edits = [edit for edit in self._edits if edit not in mine]
        text = _applied(self._bytes, mine, start, end).removesuffix("\n")
        self._edits.append(Edit(start, end, f"{TAKEN}\n"))
        return dedented(text.split("\n"), statement.col_offset)

    def put(self, line: int, text: str) -> None:
        """Whole lines above a line of the file (1-based; one after the last is its end)."""
        at = min(self._starts[line - 1], len(self._bytes)) if line <= len(self._rows) else len(self._bytes)
        self._edits.append(Edit(at, at, text))

    # --- what is there ----------------------------------------------------------------------------------------

    def start(self, statement: ast.stmt, above: int) -> int:
        """The first line of a statement with the comments on top of it, but none at or above line `above`."""
        first = first_line(statement)
        while first - 1 > above and self._rows[first - 2].strip().startswith("#") and first - 1 not in self._strings:
            if cells.is_numbered(self._rows[first - 2]):
                break
            first -= 1
        return first

    def blank_above(self, statement: ast.stmt, above: int) -> bool:
        """Whether a blank line stands above a statement and its comments."""
        first = self.start(statement, above)
        return first > 1 and not self._rows[first - 2].strip()

    def alone(self, statement: ast.stmt) -> bool:
        """Whether no other statement begins or ends on the lines of this one (`a = 1; b = 2`)."""
        return statement.lineno not in self._busy and (statement.end_lineno or 0) not in self._busy

    def rewrite(self, node: ast.expr, text: str) -> None:
        """Write `text` for an expression, in the place of the edits that were made inside of it."""
        start, end = self._span(node)
        self._edits = [edit for edit in self._edits if not (start <= edit.start and edit.end <= end)]
        self._edits.append(Edit(start, end, text))

    def text_of(self, node: ast.expr) -> str:
        """An expression with the edits that were made inside of it."""
        start, end = self._span(node)
        mine = [edit for edit in self._edits if start <= edit.start and edit.end <= end]
        return _applied(self._bytes, mine, start, end)

    def apply(self) -> str:
        """The edited text. Blank lines around what was taken, and around marks, are put right."""
        text = tidy(_applied(self._bytes, self._edits, 0, len(self._bytes)))
        return text.replace("\n", "\r\n") if self._crlf else text

    def _span(self, node: ast.expr | ast.arg | ast.stmt | ast.alias) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _apart(self, last: int, end: int) -> str:
        """What stands between two arguments: a blank, or a new line where every argument has its own."""
        if b"\n" not in self._bytes[last:end]:
            return " "
        row = self._bytes[self._bytes.rfind(b"\n", 0, last) + 1 : last].decode()
        return "\n" + row[: len(row) - len(row.lstrip())] if row.strip()[:1] not in (")", "]", "}") else " "

    def _brackets(self, start: int, end: int) -> int:
        """How much further the brackets go that a last argument stands in."""
        return self._bytes[start:end].rfind(b")") + 1

    def _opening(self, function: Function) -> int:
        at = self._bytes.index(function.name.encode() + b"(", self._span(function)[0])
        return at + len(function.name.encode()) + 1

    def _indented(self, statement: ast.stmt, code: str) -> str:
        row = self._rows[first_line(statement) - 1]
        margin = row[: len(row) - len(row.lstrip())]
        return "\n".join(margin + line if line else line for line in code.split("\n"))


def _parts(named: Sequence[ast.arg], others: Sequence[ast.expr | None]) -> list[ast.arg | ast.expr]:
    return [*named, *(other for other in others if other is not None)]


def _shared_lines(program: Program) -> set[int]:
    """Lines on which one statement ends and another one begins."""
    owners: dict[int, int] = {}
    shared: set[int] = set()
    for node in program.nodes:
        if not isinstance(node, ast.stmt) or isinstance(node, COMPOUND):
            continue
        above = program.parent.get(node)
        if isinstance(above, COMPOUND) and above.lineno == node.lineno:  # `if x: y()`
            shared.add(node.lineno)
        for line in {node.lineno, node.end_lineno or node.lineno}:
            if owners.setdefault(line, id(node)) != id(node):
                shared.add(line)
    return shared


def _applied(text: bytes, edits: Sequence[Edit], start: int, end: int) -> str:
    parts: list[str] = []
    at = start
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise ValueError(f"two edits overlap at byte {edit.start}")
        parts += [text[at : edit.start].decode(), edit.text]
        at = edit.end
    return "".join([*parts, text[at:end].decode()])


def tidy(text: str) -> str:
    """Without the marks: of two runs of blank lines that meet, the longer one stays."""
    while TAKEN in text:
        text = re.sub(
            rf"(\n*){TAKEN}\n(\n*)", lambda found: "\n" * max(len(found[1]), len(found[2]) + 1), text, count=1
        )
    parts = re.split(rf"\n*{APART}\n+", text)
    joined = parts[0]
    for part in parts[1:]:  # none at either end of a notebook's cell
        ends = joined.rpartition("\n")[2], part.partition("\n")[0]
        joined += ("\n" if any(map(cells.is_numbered, ends)) else "\n\n\n") + part
    return joined


def dedented(rows: Sequence[str], width: int) -> list[str]:
    """Rows moved to the left by `width`; those inside of a string that spans lines stay where they are."""
    inside = inside_strings("\n".join(rows))
    return [
        row[width:] if number not in inside and not row[:width].strip() else row for number, row in enumerate(rows, 1)
    ]


def indented(rows: Sequence[str], margin: str) -> list[str]:
    """Rows moved to the right; those inside of a string that spans lines stay where they are."""
    inside = inside_strings("\n".join(rows))
    return [margin + row if row.strip() and number not in inside else row for number, row in enumerate(rows, 1)]


def inside_strings(text: str) -> set[int]:
    """The lines (from 1) that begin inside of a string."""
    found: set[int] = set()
    starts: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = tokenize.tok_name[token.type]
            if kind == "STRING":
                found.update(range(token.start[0] + 1, token.end[0] + 1))
            elif kind == "FSTRING_START":
                starts.append(token.start[0])
            elif kind == "FSTRING_END" and starts:
                found.update(range(starts.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return found
    return found
