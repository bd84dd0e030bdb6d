"""Single values of a configuration: text, numbers, choices, patterns, addresses. What is wrong is collected. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from mlops_bot.command import did_you_mean, start_words
from mlops_bot.errors import UserError
from mlops_bot.github import globs
from mlops_bot.github.yaml_nodes import Node, Problem, Scalar, Sequence
from mlops_bot.shown import one_line

MAX_ENTRIES = 100  # of a list or mapping
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PLAIN = "write a plain number, without quotes"
_Choice = TypeVar("_Choice", bound=str)


class Values:
    """Readers of values. Each takes the key's name, for messages, and the node; None where it is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, place: Node, message: str, hint: str | None) -> None:
        self.problems.append(Problem(place.line, place.column, message, hint))

    def items(self, name: str, node: Node, hint: str) -> tuple[Node, ...]:
        if not isinstance(node, Sequence):
            self.wrong(node, f"`{name}`: is no list", hint)
            return ()
        self.bounded(name, node, len(node.items))
        return node.items

    def bounded(self, name: str, node: Node, count: int) -> None:
        if count > MAX_ENTRIES:
            self.wrong(node, f"`{name}`: has {count} entries, at most {MAX_ENTRIES} are read", "use globs")

    def globs(self, name: str, node: Node) -> tuple[str, ...]:
        return tuple(self.glob(name, item) for item in self.items(name, node, 'write a list: `- "legacy/**"`'))

    def price(self, name: str, node: Node) -> tuple[float, float] | None:
        hint = "write US dollars per million input and output tokens: `[0.15, 0.60]`"
        items = self.items(name, node, hint)
        if not items:
            if isinstance(node, Sequence):
                self.wrong(node, f"`{name}`: is empty", hint)
            return None
        if len(items) != 2:
            self.wrong(node, f"`{name}`: has {len(items)} numbers instead of two", hint)
            return None
        first, second = (self.number(0, 1_000_000)(name, item) for item in items)
        return (first, second) if first is not None and second is not None else None

    def text(self, name: str, node: Node) -> str | None:
        if not isinstance(node, Scalar) or node.kind != "text" or not node.text.strip():
            what = (
                "is empty"
                if isinstance(node, Scalar) and (node.kind == "null" or not node.text.strip())
                else "is no text"
            )
            self.wrong(node, f"`{name}`: {what}", "write a word, in quotes where it looks like something else")
            return None
        if not node.text.isprintable() or len(node.text) > 1000:
            self.wrong(
                node, f"`{name}`: has more than one line, invisible characters, or over 1000 of them", "shorten it"
            )
            return None
        return node.text

    def word(self, name: str, node: Node) -> str | None:
        text = self.text(name, node)
        if text is not None and re.search(r"\s", text):
            self.wrong(node, f"`{name}`: {one_line(text)} holds blanks", "write the name that the server knows")
        return text

    def choice(self, allowed: tuple[_Choice, ...]) -> Callable[[str, Node], _Choice | None]:
        def read(name: str, node: Node) -> _Choice | None:
            text = node.text if isinstance(node, Scalar) else ""
            for choice in allowed:
                if text == choice:
                    return choice
            shown = f"{one_line(text)} is not known" if text else "is empty or no word"
            hint = did_you_mean(text, allowed) or f"write one of: {', '.join(allowed)}"
            self.wrong(node, f"`{name}`: {shown}", hint)
            return None

        return read

    def yes_or_no(self, name: str, node: Node) -> bool | None:
        if not isinstance(node, Scalar) or node.kind != "boolean":
            self.wrong(node, f"`{name}`: is neither true nor false", "write true or false")
            return None
        return node.text.lower() in ("true", "yes", "on", "y")

    def number(self, least: float, most: float, *, above: bool = False) -> Callable[[str, Node], float | None]:
        def read(name: str, node: Node) -> float | None:
            number = float(node.text) if isinstance(node, Scalar) and self._is_number(node) else None
            if number is None or not least <= number <= most or (above and number == least):
                between = f"above {least:g}, at most {most:g}" if above else f"from {least:g} to {most:g}"
                self.wrong(node, f"`{name}`: {_said(node)} is not a number {between}", _PLAIN)
                return None
            return number

        return read

    def whole(self, least: int, most: int) -> Callable[[str, Node], int | None]:
        def read(name: str, node: Node) -> int | None:
            number = node.text if isinstance(node, Scalar) and self._is_number(node) else ""
            if not re.fullmatch(r"\d{1,9}", number) or not least <= int(number) <= most:
                self.wrong(
                    node, f"`{name}`: {_said(node)} is not a whole number from {least} to {most}",
                    _PLAIN,
                )  # fmt: skip
                return None
            return int(number)

        return read

    def _is_number(self, node: Scalar) -> bool:
        """YAML reads 1e3 as text and 1_000 or 1:30 as numbers; here a number is what people take for one."""
        return node.plain and bool(_NUMBER.fullmatch(node.text)) and len(node.text) < 20

    def glob(self, name: str, node: Node) -> str:
        text = self.text(name, node)
        if text is not None and (problem := globs.problem(text)):
            self.wrong(node, f"`{name}`: {one_line(text)} {problem}", "see docs/configuration.md for patterns")
        return text or ""

    def data(self, name: str, node: Node) -> str | None:
        text = self.text(name, node)
        if text is not None and (any(c in text for c in "*?[\\:") or globs.problem(text.rstrip("/"))):
            self.wrong(
                node, f"`{name}`: {one_line(text)} is no folder or file of the repository", "write it as data/sample"
            )
        return text.rstrip("/") if text else None

    def run(self, name: str, node: Node) -> str | None:
        text = self.text(name, node)
        if text is None:
            return None
        try:
            start_words(text, name=f"`{name}`:")
        except UserError as error:
            self.wrong(node, str(error), "write `run: python {name} --epochs 1`")
        unknown = [word for word in re.findall(r"\{[a-z_]+\}", text) if word not in ("{path}", "{name}")]
        if unknown:
            self.wrong(node, f"`{name}`: {unknown[0]} stands for nothing", "only {path} and {name} do")
        return text

    def endpoint(self, name: str, node: Node) -> str | None:
        text = self.text(name, node)
        if text is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", text):  # the name of an Inference Endpoint
            return text
        problem = _address_problem(text)
        if problem is not None:
            self.wrong(node, f"`{name}`: {problem}", "write an address such as http://llm.internal:8000/v1")
        return text


def _said(node: Node) -> str:
    if not isinstance(node, Scalar):
        return "a list or a mapping"
    return one_line(node.text) or "nothing"


def _address_problem(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "is no http or https address"
    if parts.username or parts.password:
        return "holds a user name or a password, which does not belong into this file"
    if parts.query or parts.fragment or re.search(r"\s", text):
        return "has a query, a fragment or blanks"
    return None
