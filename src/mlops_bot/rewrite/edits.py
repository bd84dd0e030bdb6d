"""Edits of a module's text: statements inserted before or after others, statements wrapped in a `with`.

Places are given as `ast` statements (by their line); LibCST applies the edits, so that comments, quotes, blank
lines, tabs and newline style stay what they were.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from mlops_bot.rewrite import cells
from mlops_bot.rewrite.arguments import MAX_LINE, Keyword, with_keyword
from mlops_bot.rewrite.program import Program, Span

Key = tuple[int, bool]  # line, is it a compound statement


def key(statement: ast.stmt) -> Key:
    return (first_line(statement), isinstance(statement, COMPOUND))


def first_line(statement: ast.stmt) -> int:
    """The line of a statement, decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    lines: list[int] = [statement.lineno, *(decorator.lineno for decorator in decorators)]
    return min(lines)


COMPOUND = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


@dataclass
class Edits:
    """Edits that are collected first and applied at once. Equal insertions at one place are made once."""

    before: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    after: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    wraps: list[tuple[Key, Key, str, tuple[str, ...]]] = field(default_factory=list)
    padded: dict[Key, int] = field(default_factory=dict)  # blank lines to put above
    replaced: dict[tuple[int, int, int], str] = field(default_factory=dict)  # (line, first and last byte) -> new text
    parameters: dict[tuple[int, str], str] = field(default_factory=dict)  # (line, function) -> a new last parameter
    arguments: dict[tuple[int, int], str] = field(default_factory=dict)  # (line, column) of a call -> a new argument
    keywords: dict[Span, list[Keyword]] = field(default_factory=lambda: defaultdict(list))  # a call's named arguments

    def insert_before(self, statement: ast.stmt, code: str) -> None:
        lines = self.before[key(statement)]
        if code not in lines:
            lines.append(code)

    def insert_after(self, statement: ast.stmt, code: str) -> None:
        lines = self.after[key(statement)]
        if code not in lines:
            lines.append(code)

    def wrap(self, first: ast.stmt, last: ast.stmt, header: str, opening: Sequence[str] = ()) -> None:
        """`header` is a `with ...:` line; `opening` are statements put first in its body."""
        self.wraps.append((key(first), key(last), header, tuple(opening)))

    def hand_on(self, function: ast.FunctionDef | ast.AsyncFunctionDef, calls: Sequence[ast.Call], name: str) -> None:
        """A new last parameter of `function`, given at each of `calls` by the variable of the same name."""
        self.parameters[(function.lineno, function.name)] = name
        for call in calls:
            self.arguments[(call.lineno, call.col_offset)] = name

    def set_keyword(self, program: Program, call: ast.Call, name: str, code: str, *, extend: bool = False) -> None:
        """The call gets `name=code`, instead of its own where it has one.

        `extend`: its own is a list literal, and `code` becomes the last element; or both are dictionaries.
        """
        self.keywords[program.span(call)].append(Keyword(name, code, extend))

    def pad(self, statement: ast.stmt, lines: int = 1) -> None:
        """Blank lines above `statement`, when something is inserted before it."""
        self.padded[key(statement)] = lines

    def replace(self, node: ast.expr, code: str) -> bool:
        """Another text for an expression that stands on one line; False where it does not."""
        if node.end_lineno != node.lineno or node.end_col_offset is None:
            return False
        self.replaced[(node.lineno, node.col_offset, node.end_col_offset)] = code
        return True

    def assign(self, statement: ast.Expr, name: str) -> None:
        """`f()` becomes `name = f()`."""
        self.replaced[(statement.lineno, statement.col_offset, statement.col_offset)] = f"{name} = "

    @property
    def empty(self) -> bool:
        inserted = self.before or self.after or self.wraps
        return not (inserted or self.parameters or self.keywords or self.replaced)

    @property
    def lines(self) -> set[int]:
        """Every line at which something is edited."""
        keys = [*self.before, *self.after, *self.padded, *(key for wrap in self.wraps for key in wrap[:2])]
        lines = {line for line, _ in [*keys, *self.parameters, *self.arguments]}
        return lines | {span[0] for span in self.keywords}

    def mentions(self, text: str) -> bool:
        """Does anything that is added hold `text`?"""
        added = [code for place in (self.before, self.after) for codes in place.values() for code in codes]
        added += [code for _, _, header, opening in self.wraps for code in (header, *opening)]
        added += [keyword.code for keywords in self.keywords.values() for keyword in keywords]
        return any(text in code for code in added)

    def apply(self, text: str) -> str:
        """The edited text. Only the top-level statements that change go through LibCST: it takes its time per line."""
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        rows = split_lines(text.removeprefix("\ufeff"))
        for (line, first, last), code in sorted(self.replaced.items(), reverse=True):
            row = rows[line - 1].encode()
            rows[line - 1] = (row[:first] + code.encode() + row[last:]).decode()
        done: list[str] = []
        above = 0
        for first, last in affected(rows, self):
            done += [*rows[above : first - 1], self._applied(rows, first, last)]
            above = last
        return mark + "".join([*done, *rows[above:]])

    def _applied(self, rows: Sequence[str], first: int, last: int) -> str:
        """Lines `first` to `last` of a module, edited."""
        part = rows[first - 1 : last]
        # Comments on top of a module belong to the module; those above any other statement belong to the statement.
        before = "" if first == 1 else "pass" + ("\r\n" if part[0].endswith("\r\n") else "\n")
        module = cst.parse_module(before + "".join(part))
        if not any(row[:1] in (" ", "\t") for row in part):
            module = module.with_changes(default_indent=default_indent(rows))
        wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        offset = first - 1 - bool(before)
        return wrapper.visit(_Apply(self, wrapper.module, offset)).code.removeprefix(before)


def split_lines(text: str) -> list[str]:
    """The lines as Python counts them (a form feed ends none), with their ends."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def affected(rows: Sequence[str], edits: Edits) -> list[tuple[int, int]]:
    """The spans of lines (1-based, inclusive) of whole top-level statements that the edits touch, in order.

    A span begins below the statement before it, so that the comments above its own are in it.
    """
    lines = edits.lines
    wraps = [(first[0], last[0]) for first, last, _, _ in edits.wraps]
    spans: list[tuple[int, int, bool]] = []
    above = 0
    for statement in ast.parse("".join(rows)).body:
        first, last = first_line(statement), statement.end_lineno or statement.lineno
        hit = any(first <= line <= last for line in lines) or any(a <= last and first <= b for a, b in wraps)
        if isinstance(statement, COMPOUND):
            last = _with_comments(rows, last)
        if spans and (first <= above or (hit and spans[-1][2])):  # on one line with the one before, or edited like it
            start, _, before = spans.pop()
            spans.append((start, last, hit or before))
        else:
            spans.append((above + 1, last, hit))
        above = last
    return [(start, last) for start, last, hit in spans if hit]


def _with_comments(rows: Sequence[str], last: int) -> int:
    """The last line of a block with the comments below it that are indented like it."""
    end = last
    for number, row in enumerate(rows[last:], last + 1):
        if row.strip() and not (row[0] in " \t" and row.lstrip().startswith("#")):
            break
        end = number if row.strip() else end
    return end


def default_indent(rows: Sequence[str]) -> str:
    """The indentation of a module's first block; four blanks where nothing is indented."""
    for statement in ast.parse("".join(rows)).body:
        if isinstance(statement, COMPOUND) and not isinstance(statement, ast.Match):
            row = rows[first_line(statement.body[0]) - 1]
            if indent := row[: len(row) - len(row.lstrip())]:
                return indent
    return "    "


class _Apply(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, edits: Edits, module: cst.Module, offset: int = 0) -> None:
        super().__init__()
        self.edits = edits
        self.config = module.config_for_parsing
        self.offset = offset  # lines above the part that is parsed

    def _statement(self, code: str) -> cst.BaseStatement:
        parsed: cst.BaseStatement = cst.parse_statement(code, config=self.config)
        return _with_leading(parsed, _bare(_leading(parsed)))

    def _key(self, node: cst.CSTNode) -> Key:
        decorators = getattr(node, "decorators", ())
        position = self.get_metadata(PositionProvider, decorators[0] if decorators else node)
        return (position.start.line + self.offset, not isinstance(node, cst.SimpleStatementLine))

    def _rebuild(
        self, original: Sequence[cst.BaseStatement], updated: Sequence[cst.BaseStatement]
    ) -> list[cst.BaseStatement]:
        body: list[cst.BaseStatement] = []
        starts: dict[Key, int] = {}
        for old, new in zip(original, updated, strict=True):
            place = self._key(old)
            apart = False  # was there a blank line above the statement's own comment?
            for code in self.edits.before.get(place, ()):
                beside = code.startswith(("import ", "from ")) and _is_import(
                    new
                )  # one block: comments stay on top of it
                blank, rest = (_leading(new), ()) if beside else _split_leading(new)
                apart = apart or bool(blank and rest and blank[-1].comment is None)
                added = self._statement(code)
                body.append(_with_leading(added, [*blank, *_leading(added)]))
                new = _with_leading(new, rest)
            padding = self.edits.padded.get(place, int(apart))
            new = _with_leading(new, [*(cst.EmptyLine(indent=False) for _ in range(padding)), *_leading(new)])
            starts[place] = len(body)
            body.append(new)
            body.extend(self._statement(code) for code in self.edits.after.get(place, ()))
            for first, last, header, opening in self.edits.wraps:
                if last == place and first in starts:
                    inside = body[starts[first] :]
                    block = cst.ensure_type(self._statement(f"{header}\n    pass\n"), cst.With)
                    leading = _leading(inside[0])
                    inside = [_with_leading(part, _bare(_leading(part))) for part in inside]
                    inside[0] = _with_leading(inside[0], ())
                    wrapped = [*(self._statement(code) for code in opening), *inside]
                    block = block.with_changes(leading_lines=leading, body=cst.IndentedBlock(body=wrapped))
                    body[starts[first] :] = [block]
        return body

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        return updated_node.with_changes(body=self._rebuild(original_node.body, updated_node.body))

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        return updated_node.with_changes(body=self._rebuild(original_node.body, updated_node.body))

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        line = self.get_metadata(PositionProvider, original_node.name).start.line + self.offset
        name = self.edits.parameters.get((line, original_node.name.value))
        if name is None:
            return updated_node
        params = updated_node.params
        return updated_node.with_changes(
            params=params.with_changes(params=[*params.params, cst.Param(name=cst.Name(name))])
        )

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if not self.edits.arguments and not self.edits.keywords:
            return updated_node
        position = self.get_metadata(PositionProvider, original_node)
        start, end = position.start, position.end
        name = self.edits.arguments.get((start.line + self.offset, start.column))
        if name is not None:
            updated_node = updated_node.with_changes(args=[*updated_node.args, cst.Arg(cst.Name(name))])
        span = (start.line + self.offset, start.column, end.line + self.offset, end.column)
        for keyword in self.edits.keywords.get(span, ()):
            grown = end.column + len(keyword.name) + len(keyword.code) + 5
            updated_node = with_keyword(updated_node, keyword, wide=start.line == end.line and grown > MAX_LINE)
        return updated_node

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        """`if x: print(y)` becomes a block when something has to follow the print."""
        place = (self._key(original_node)[0], False)
        before, after = self.edits.before.get(place, ()), self.edits.after.get(place, ())
        if not before and not after:
            return updated_node
        line = cst.SimpleStatementLine(body=updated_node.body, trailing_whitespace=updated_node.trailing_whitespace)
        return cst.IndentedBlock(
            body=[*(self._statement(code) for code in before), line, *(self._statement(code) for code in after)]
        )


def _leading(statement: cst.BaseStatement) -> Sequence[cst.EmptyLine]:
    return getattr(statement, "leading_lines", ())


def _is_import(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], (cst.Import, cst.ImportFrom)
    )


def _bare(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Empty lines stay empty when what follows is indented."""
    return [line.with_changes(indent=False) if line.comment is None else line for line in lines]


def _with_leading(statement: cst.BaseStatement, lines: Sequence[cst.EmptyLine]) -> cst.BaseStatement:
    return statement.with_changes(leading_lines=lines)


def _split_leading(statement: cst.BaseStatement) -> tuple[Sequence[cst.EmptyLine], Sequence[cst.EmptyLine]]:
    """The blank lines above a statement's own comment, and the comment; what begins a cell stays above with them."""
    lines = list(_leading(statement))
    marks = [at for at, line in enumerate(lines) if line.comment is not None and cells.is_mark(line.comment.value)]
    if marks:
        numbered = cells.is_numbered(lines[marks[-1]].comment.value)  # type: ignore[union-attr]
        end = marks[-1] + 1 if numbered else len(lines)
        return lines[:end], lines[end:]
    for at, line in enumerate(lines):
        if line.comment is not None:
            return lines[:at], lines[at:]
    return lines, ()
