"""Text that nobody trusts, as a part of Markdown on GitHub: paths, names of metrics, output, what a model wrote. Pure.

    code(text)    a name, inside a line                    `src/train.py`
    cell(text)    the same inside a table
    prose(text)   words, inside a line or a table          the training failed with ImportError: ...
    fence(text)   lines, as a block                        a patch, evidence, a traceback
    html(text)    a name, inside of HTML (<summary>)

None of them lets a text mention somebody, link, refer to an issue, be HTML or an image, hide characters, or end the
block it is in. GitHub looks for mentions and references in the rendered text, outside of code: a backslash does not
stop that, so `prose` puts a zero-width space behind the characters that start one.
"""

from __future__ import annotations

import html as _html
import re

from mlops_bot.shown import one_line, plain

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$@#]")
_BREAK = "&#8203;"  # a zero-width space
_STARTS = re.compile(r"://|\bwww\.|\bGH-(?=\d)", re.IGNORECASE)  # of an address, of a reference
_BEGIN = re.compile(r"(\d+(?=[.)](?:\s|$))|(?=[+=-]))(.)")  # of a list, a rule or a heading
_QUOTED = re.compile(r"(?<!`)`([^`|\s](?:[^`|]*[^`|\s])?)`(?!`)")
_RUNS = re.compile(r"`+")


def code(text: object, width: int = 120) -> str:
    """One line of code. An empty text is said to be empty."""
    line = one_line(text, width)
    if not line:
        return "(empty)"
    ticks = "`" * _longest(line, 0)
    edge = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{edge}{line}{edge}{ticks}"


def cell(text: object, width: int = 120) -> str:
    """One line of code in a table, whose columns a | would end."""
    return code(text, width).replace("|", "\\|")


def prose(text: object, width: int = 1000) -> str:
    """One line of plain words. What our messages put into `backticks` becomes code."""
    line = one_line(text, width)
    begin = _BEGIN.match(line)
    pieces, position = [], 0
    if begin:
        pieces, position = [f"{begin[1]}\\{begin[2]}"], begin.end()
    for found in _QUOTED.finditer(line, position):
        pieces += [_unlinked(line[position : found.start()]), code(found[1], width)]
        position = found.end()
    return "".join([*pieces, _unlinked(line[position:])])


def sentence(text: str, width: int = 1000) -> str:
    """A hint as a sentence of its own, as prose."""
    text = text.strip()
    return prose(f"{text[:1].upper()}{text[1:]}", width) + ("" if text.endswith((".", "?", "!")) else ".")


def fence(text: str, language: str = "text") -> str:
    """A block of code: its lines as they are, but for hidden characters, which are written out."""
    content = plain(text.replace("\r\n", "\n")).rstrip()
    ticks = "`" * max(3, _longest(content, 2))
    return f"{ticks}{language}\n{content}\n{ticks}"


def html(text: object, width: int = 120) -> str:
    """One line of code in HTML."""
    return f"<code>{_html.escape(one_line(text, width))}</code>"


def _unlinked(text: str) -> str:
    pieces, position = [], 0
    for found in _STARTS.finditer(text):
        pieces += [_words(text[position : found.start()]), _words(found[0][:-1]), _BREAK, _words(found[0][-1])]
        position = found.end()
    return "".join([*pieces, _words(text[position:])])


def _words(text: str) -> str:
    return _SPECIAL.sub(lambda found: _special(found[0]), text)


def _special(char: str) -> str:
    if char == "$":  # GitHub reads formulas before Markdown
        return "&#36;"
    return f"\\{char}{_BREAK}" if char in "@#" else f"\\{char}"


def _longest(text: str, least: int) -> int:
    """One backtick more than the longest run of them."""
    return max((len(run) for run in _RUNS.findall(text)), default=least) + 1
