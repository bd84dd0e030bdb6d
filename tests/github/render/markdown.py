"""Markdown as GitHub shows it, as far as the tests look at it: what a reader sees, and what GitHub would act upon."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

# What GitHub makes of rendered text outside of code: mentions, references, links, and the formulas of its own.
ACTIVE = re.compile(r"(?<!\w)@[A-Za-z0-9]|#\d|\bGH-\d|://|\bwww\.|\w@\w", re.IGNORECASE)
OURS = ("p", "em", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "h2", "h3",
        "h4", "details", "summary", "blockquote", "a", "hr", "br")  # fmt: skip


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, bool]] = []  # a text node, and whether it is code
        self.comments: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.texts.append((data, self._code > 0))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def seen(markdown: str) -> _Seen:
    parser = _Seen()
    parser.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    parser.close()
    return parser


def text(markdown: str) -> str:
    """What a reader sees, without zero-width spaces."""
    return "".join(text for text, _ in seen(markdown).texts).replace("\u200b", "")


def active(markdown: str) -> list[str]:
    """What GitHub would act upon: mentions, references and addresses outside of code, links, images, strange tags."""
    found = seen(markdown)
    outside = [text for text, code in found.texts if not code]
    acts = [match[0] for text in outside for match in ACTIVE.finditer(text)]
    return acts + [tag for tag, _ in found.tags if tag not in OURS or tag == "a"] + found.comments
