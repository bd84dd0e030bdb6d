"""Edits of a module's text: statements inserted before or after others, statements wrapped in a `with`.

Places are given as `ast` statements (by their line); LibCST applies the edits, so that comments, quotes, blank
lines, tabs and newline style stay what they were.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

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
    padded: set[Key] = field(default_factory=set)
    parameters: dict[tuple[int, str], str] = field(default_factory=dict)  # (line, function) -> a new last parameter
    arguments: dict[tuple[int, int], str] = field(default_factory=dict)  # (line, column) of a call -> a new argument

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

    def pad(self, statement: ast.stmt) -> None:
        """A blank line above `statement`, when something is inserted before it."""
        self.padded.add(key(statement))

    @property
    def empty(self) -> bool:
        return not (self.before or self.after or self.wraps or self.parameters)

    def apply(self, text: str) -> str:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        wrapper = MetadataWrapper(cst.parse_module(text.removeprefix("\ufeff")), unsafe_skip_copy=True)
        return mark + wrapper.visit(_Apply(self, wrapper.module)).code


class _Apply(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, edits: Edits, module: cst.Module) -> None:
        super().__init__()
        self.edits = edits
        self.config = module.config_for_parsing

    def _statement(self, code: str) -> cst.BaseStatement:
        parsed: cst.BaseStatement = cst.parse_statement(code, config=self.config)
        return _with_leading(parsed, _bare(_leading(parsed)))

    def _key(self, node: cst.CSTNode) -> Key:
        position = self.get_metadata(PositionProvider, node)
        return (position.start.line, not isinstance(node, cst.SimpleStatementLine))

    def _rebuild(
        self, original: Sequence[cst.BaseStatement], updated: Sequence[cst.BaseStatement]
    ) -> list[cst.BaseStatement]:
        body: list[cst.BaseStatement] = []
        starts: dict[Key, int] = {}
        for old, new in zip(original, updated, strict=True):
            place = self._key(old)
            for code in self.edits.before.get(place, ()):
                beside = code.startswith("import ") and _is_import(new)  # one block: comments stay on top of it
                blank, rest = (_leading(new), ()) if beside else _split_leading(new)
                added = self._statement(code)
                body.append(_with_leading(added, [*blank, *_leading(added)]))
                new = _with_leading(new, rest)
            if place in self.edits.padded:
                new = _with_leading(new, [cst.EmptyLine(indent=False), *_leading(new)])
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
        line = self.get_metadata(PositionProvider, original_node.name).start.line
        name = self.edits.parameters.get((line, original_node.name.value))
        if name is None:
            return updated_node
        params = updated_node.params
        return updated_node.with_changes(
            params=params.with_changes(params=[*params.params, cst.Param(name=cst.Name(name))])
        )

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if not self.edits.arguments:
            return updated_node
        start = self.get_metadata(PositionProvider, original_node).start
        name = self.edits.arguments.get((start.line, start.column))
        if name is None:
            return updated_node
        return updated_node.with_changes(args=[*updated_node.args, cst.Arg(cst.Name(name))])

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
    """The blank lines above a statement's own comment, and the comment."""
    lines = list(_leading(statement))
    for at, line in enumerate(lines):
        if line.comment is not None:
            return lines[:at], lines[at:]
    return lines, ()
