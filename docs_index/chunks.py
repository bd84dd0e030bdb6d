"""Pages in Markdown as passages: cut at headings, of a size that models take, code blocks whole. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docs_index.pages import Page

TOKENS = 400  # a passage aims to stay below
LEAST = 60  # a shorter section goes together with the one after it
LONGEST_CODE = 1200  # tokens of a code block that is kept whole


@dataclass(frozen=True, slots=True)
class Piece:
    """One passage of a page; `title` has the headings above it."""

    title: str
    url: str
    text: str


@dataclass(slots=True)
class _Section:
    crumbs: tuple[str, ...]
    blocks: list[str]

    @property
    def tokens(self) -> int:
        return sum(tokens(block) for block in self.blocks)


def tokens(text: str) -> int:
    """About how many tokens a text has: four characters each, in English and in code."""
    return (len(text) + 3) // 4


def pieces(page: Page) -> list[Piece]:
    """The passages of a page, in order; together they hold all of its text."""
    found: list[Piece] = []
    for section in _joined(list(_sections(page)), docstring=page.path.startswith("docstring:")):
        crumbs = [page.title, *(crumb for crumb in section.crumbs if crumb.strip() != page.title.strip())]
        anchor = _slug(crumbs[-1]) if len(crumbs) > 1 and "#" not in page.url else ""
        url = f"{page.url}#{anchor}" if anchor else page.url
        for text in _sized(section.blocks):
            found.append(Piece(" > ".join(crumbs)[:300], url, text))
    return found


def _sections(page: Page) -> Iterator[_Section]:
    """The page cut at its headings; front text has the page's title only."""
    from markdown_it import MarkdownIt

    lines = page.text.splitlines()
    crumbs: dict[int, str] = {}
    section = _Section((), [])
    end = 0
    parsed = MarkdownIt("commonmark").enable("table").parse(page.text)
    for position, token in enumerate(parsed):
        if token.map is None or token.level != 0 or token.nesting < 0:
            continue
        start, stop = token.map
        if start < end:
            continue
        end = stop
        block = "\n".join(lines[start:stop]).strip("\n")
        if token.type == "heading_open":
            if section.blocks:
                yield section
            level = int(token.tag[1:])
            name = re.sub(r"[`*]", "", parsed[position + 1].content).strip()
            crumbs = {depth: crumb for depth, crumb in crumbs.items() if depth < level} | {level: name}
            section = _Section(tuple(crumbs[depth] for depth in sorted(crumbs)), [])
        if block.strip():
            section.blocks.append(block)
    if section.blocks:
        yield section


def _joined(sections: Sequence[_Section], *, docstring: bool) -> list[_Section]:
    """Short sections together with the next one, where one heading is above both; a docstring as one where it fits."""
    found: list[_Section] = []
    for section in sections:
        last = found[-1] if found else None
        if last is not None and last.tokens + section.tokens <= TOKENS and (
            docstring or (last.tokens < LEAST and _related(last.crumbs, section.crumbs))
        ):  # fmt: skip
            last.blocks += section.blocks
            continue
        found.append(_Section(section.crumbs, list(section.blocks)))
    return found


def _related(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return other[: len(one)] == one or one[:-1] == other[:-1]


def _sized(blocks: Sequence[str]) -> Iterator[str]:
    """The blocks in passages of bearable size; a text and the code below it stay together where they fit."""
    held: list[str] = []
    for part in (part for block in blocks for part in _parts(block)):
        if held and sum(map(tokens, held)) + tokens(part) > TOKENS:
            yield "\n\n".join(held)
            held = []
        held.append(part)
    if held:
        yield "\n\n".join(held)


def _parts(block: str) -> list[str]:
    """A block that is too long in parts: code at its lines (and only beyond LONGEST_CODE), text at sentences."""
    fence = re.match(r"(`{3,}|~{3,})[^\n]*\n", block)
    limit = LONGEST_CODE if fence else TOKENS
    if tokens(block) <= limit:
        return [block]
    if fence:
        body = block[fence.end() :].removesuffix(fence.group(1)).rstrip("\n")
        return [f"{fence.group(0)}{part}\n{fence.group(1)}" for part in _grouped(body.split("\n"), "\n", limit)]
    joint = "\n" if block.count("\n") > 3 else " "
    units = block.split("\n") if joint == "\n" else re.split(r"(?<=[.!?]) +", block)
    return _grouped(units, joint, limit)


def _grouped(units: Sequence[str], joint: str, limit: int) -> list[str]:
    """Units in groups below the limit; a unit that is longer by itself is cut."""
    found: list[str] = []
    held: list[str] = []
    size = 0
    for unit in units:
        for start in range(0, max(len(unit), 1), limit * 4):
            part = unit[start : start + limit * 4]
            if held and size + len(part) + 1 > limit * 4:
                found.append(joint.join(held))
                held, size = [], 0
            held.append(part)
            size += len(part) + 1
    return [*found, joint.join(held)] if held else found


def _slug(heading: str) -> str:
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-")[:80]
