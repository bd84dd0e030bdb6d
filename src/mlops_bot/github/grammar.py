"""The commands in a comment: `/mlops add mlflow` at the start of a line of plain text. Pure.

What counts as text is decided by a Markdown parser, as GitHub renders it: code blocks (fenced, indented, HTML), quotes,
tables, headings and HTML comments hold no commands, and neither do code spans that go over several lines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from mlops_bot import command, shown
from mlops_bot.errors import UserError
from mlops_bot.github.model import Request
from mlops_bot.types import Component

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MAX_COMMANDS = 10
MAX_BODY = 65_536  # characters: GitHub's own limit
MAX_LINE = 2_000
_COMMAND = re.compile(r"[ ]{0,3}/mlops(?=\s|$)", re.IGNORECASE)
_MARK = re.compile(r"`+|<!--|-->")
_NEWLINE = re.compile(r"\r\n?")
_DASHES = re.compile(r"^[\u2012-\u2015\u2212](?=[A-Za-z])")  # what phones make of "--"


def requests(body: str, *, components: Mapping[str, Component], author: str | None = None) -> tuple[Request, ...]:
    """The commands of a comment in their order, each once; those that are none, with the problem and a hint.

    Empty where there is no command. `author` becomes the commands' author. Never raises."""
    found: list[Request] = []
    for line, text in _lines(body):
        if len(found) == MAX_COMMANDS:
            found.append(
                Request("", line, problem=f"a comment may hold at most {MAX_COMMANDS} commands; the others are not "
                        "read", hint="write them in another comment")
            )  # fmt: skip
            break
        request = read(text, components=components, line=line, author=author)
        if request.command is None or all(request.command != earlier.command for earlier in found):
            found.append(request)
    return tuple(found)


def read(text: str, *, components: Mapping[str, Component], line: int = 0, author: str | None = None) -> Request:
    """One command, written without `/mlops`. Never raises."""
    said = shown.one_line(text, 200)
    try:
        if len(text) > MAX_LINE:
            raise UserError(f"the command has more than {MAX_LINE} characters", hint="split it over several commands")
        parsed = command.parse(_words(text), components=components, origin="comment")
    except UserError as error:
        return Request(said, line, problem=str(error), hint=error.hint)
    return Request(said, line, command=replace(parsed, author=author))


def _words(text: str) -> list[str]:
    """Words as a shell splits them, but with backslashes as they are; backticks around a word are left out."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = lexer.escape = ""
    try:
        words = list(lexer)
    except ValueError:
        raise UserError("a quotation mark is not closed", hint="close it, or leave it out") from None
    return [_DASHES.sub("--", word.strip("`") or word) for word in words]


def _lines(body: str) -> Iterator[tuple[int, str]]:
    """(1-based line number, text after `/mlops`) of every command line."""
    if "/mlops" not in body.lower() or len(body) > MAX_BODY:
        return
    lines = _NEWLINE.sub("\n", body).split("\n")
    quotes, before = 0, ""
    for token in _markdown().parse(body):
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if before == "paragraph_open" and not quotes and token.map is not None:
            yield from _paragraph(lines[slice(*token.map)], token.map[0] + 1)
        before = token.type


def _paragraph(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """The command lines of one paragraph; `number` is that of its first line."""
    spans = _spans("\n".join(lines))
    start = 0
    for line in lines:
        found = _COMMAND.match(line)
        if found and not any(begin < start + found.end() <= end for begin, end in spans):
            yield number, line[found.end() :].strip()
        start += len(line) + 1
        number += 1


def _spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of the code spans and HTML comments of a paragraph, in linear time."""
    marks = list(_MARK.finditer(text))
    closing: dict[str, list[int]] = {}  # run of backticks -> where such runs begin, backwards
    for mark in reversed(marks):
        closing.setdefault(mark[0], []).append(mark.start())
    spans, position = [], 0
    for mark in marks:
        if mark.start() < position or mark[0] == "-->":
            continue
        ends = closing.get("-->" if mark[0] == "<!--" else mark[0], [])
        while ends and ends[-1] < mark.end():
            ends.pop()
        if ends:
            position = ends[-1] + len("-->" if mark[0] == "<!--" else mark[0])
            spans.append((mark.start(), position))
    return spans


@cache
def _markdown() -> MarkdownIt:
    """Block structure only: nothing of a line's inside is parsed, so no input takes long."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser
