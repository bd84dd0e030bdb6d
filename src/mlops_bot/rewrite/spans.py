"""Pieces of a text replaced at the places of `ast` nodes; every other byte stays what it is."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mlops_bot.rewrite.edits import split_lines


@dataclass
class Spans:
    """Replacements that are collected first and applied at once. Where two overlap, the outer one wins."""

    text: str
    found: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [0]
        for line in split_lines(self.text):
            self._starts.append(self._starts[-1] + len(line))

    def offset(self, line: int, column: int) -> int:
        """Characters before a place; `column` counts UTF-8 bytes, as `ast` does."""
        start = self._starts[line - 1]
        row = self.text[start : self._starts[line]] if line < len(self._starts) else ""
        return start + len(row.encode()[:column].decode(errors="ignore"))

    def ends(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.ends(node)
        return self.text[start:end]

    def replace(self, node: ast.expr | ast.stmt, new: str) -> None:
        self.found.append((*self.ends(node), new))

    def around(self, node: ast.expr, before: str, after: str) -> None:
        start, end = self.ends(node)
        self.found += [(start, start, before), (end, end, after)]

    def line_before(self, statement: ast.stmt, lines: list[str]) -> None:
        """Lines above a statement, indented like it."""
        start = self.offset(statement.lineno, 0)
        indent = self.text[start : self.ends(statement)[0]]
        self.found.append((start, start, "".join(f"{indent}{line}{self.newline}" for line in lines)))

    def line_after(self, statement: ast.stmt, lines: list[str]) -> None:
        """Lines below a statement, indented like it."""
        begin = self.offset(statement.lineno, 0)
        indent = self.text[begin : self.ends(statement)[0]]
        end = self.ends(statement)[1]
        stop = self.text.find("\n", end)
        at = len(self.text) if stop < 0 else stop + 1
        head = self.newline if stop < 0 else ""
        self.found.append((at, at, head + "".join(f"{indent}{line}{self.newline}" for line in lines)))

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def alone(self, statement: ast.stmt) -> bool:
        """Whether nothing but a comment shares the statement's lines: lines may be put around it."""
        begin, (start, end) = self.offset(statement.lineno, 0), self.ends(statement)
        stop = self.text.find("\n", end)
        rest = self.text[end : len(self.text) if stop < 0 else stop].strip()
        return not self.text[begin:start].strip() and (not rest or rest.startswith("#"))

    def apply(self) -> str:
        done, above = "", 0
        order = sorted(
            enumerate(self.found),
            key=lambda entry: (
                entry[1][0],
                -(entry[1][1] - entry[1][0]) if entry[1][1] > entry[1][0] else -1 << 60,
                entry[0],
            ),
        )
        for _, (start, end, new) in order:
            if start < above:
                continue
            done += self.text[above:start] + new
            above = end
        return done + self.text[above:]
