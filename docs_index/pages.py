"""What a source gives: pages in Markdown, and what of them could not be read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

LARGEST = 5_000_000  # bytes of one page; documentation that people read is smaller


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `path` is its place in the source, or "docstring:" and a qualified name; `text` is Markdown."""

    path: str
    url: str
    title: str
    text: str
    names: tuple[str, ...] = ()  # qualified names that it documents

    @property
    def hash(self) -> str:
        content = "\0".join((self.path, self.url, self.title, self.text, *self.names))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Gathered:
    """Pages by path, and a line for each that is left out, with the reason."""

    pages: dict[str, Page] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)  # what was read: archive or address -> its hash or release

    def add(self, page: Page) -> None:
        self.pages.setdefault(page.path, page)

    def update(self, other: Gathered) -> None:
        for page in other.pages.values():
            self.add(page)
        self.bad += other.bad
        self.origin |= other.origin


class Unreadable(Exception):
    """A page that cannot be used; the text says why."""


def decoded(content: bytes, *, declared: str | None = None) -> str:
    """The text of a page: UTF-8, what it declares itself, or Windows-1252. Raises Unreadable for what is no text."""
    if len(content) > LARGEST:
        raise Unreadable(f"has {len(content) / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f} MB")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        declared = "utf-16"
    elif b"\0" in content[:4096]:
        raise Unreadable("is no text")
    for encoding in dict.fromkeys(("utf-8-sig", declared or "utf-8")):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    text = content.decode("cp1252", "replace")
    if sum(not (char.isprintable() or char.isspace()) for char in text[:10_000]) > len(text[:10_000]) / 20:
        raise Unreadable("is in no encoding that is known")
    return text
