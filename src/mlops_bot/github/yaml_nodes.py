"""A small YAML document as a tree in which everything knows its line. Pure.

No aliases, anchors, tags, merge keys or further documents, bounded size and depth: a configuration needs none of them,
and none of them can then be used to make a small file large.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

MAX_BYTES = 64_000
_MAX_DEPTH = 8
_KINDS: dict[str, Literal["text", "number", "boolean", "null"]] = {
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:bool": "boolean",
    "tag:yaml.org,2002:int": "number",
    "tag:yaml.org,2002:float": "number",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, where (1-based), and what to write instead."""

    line: int
    column: int
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    line: int
    column: int
    text: str
    kind: Literal["text", "number", "boolean", "null"]
    plain: bool = True  # written without quotes, on a line


@dataclass(frozen=True, slots=True)
class Sequence:
    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """`entries` in their order; names may repeat, which `config` refuses with both lines."""

    line: int
    column: int
    entries: tuple[tuple[Scalar, Node], ...]


Node = Scalar | Sequence | Mapping


class NotReadable(Exception):
    """The text is no such document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(data: bytes) -> Node | None:
    """The document's root; None where there is nothing but comments. Raises NotReadable."""
    import yaml

    text = _decode(data)
    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader))
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise NotReadable(Problem(line, column, f"is no YAML: {error.problem}", _advice(text, line))) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotReadable(Problem(line, 1, f"holds the control character {error.character!r}", "remove it")) from None
    return None if root is None else _node(root)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise NotReadable(
            Problem(1, 1, f"has {len(data)} bytes, at most {MAX_BYTES} are read", "use globs instead of single files")
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotReadable(
            Problem(line, 1, f"byte 0x{data[error.start]:02x} is not UTF-8", "save it as UTF-8")
        ) from None


def _check_events(events: Iterator[Any]) -> None:
    """Refuses, before anything is built, what makes documents large or strange."""
    import yaml

    depth = documents = 0
    for event in events:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise NotReadable(Problem(line, column, "a second document starts here", "remove it and its `---`"))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotReadable(
                Problem(line, column, "anchors (&) and aliases (*) are not allowed", "write the value out; quote a "
                        "glob that starts with *, as in \"*.py\"")
            )  # fmt: skip
        if getattr(event, "tag", None):
            raise NotReadable(Problem(line, column, f"the tag {event.tag} is not allowed", "write the plain value"))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise NotReadable(Problem(line, column, "is nested too deeply", "see docs/configuration.md"))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _advice(text: str, line: int) -> str:
    lines = text.splitlines()
    near = lines[line - 1] if line <= len(lines) else ""
    if "\t" in near[: len(near) - len(near.lstrip())]:
        return "indent with blanks, not with tabs"
    if re.search(r":\s*[*&%@`]", near) or re.match(r"\s*-\s+[*&%@`]", near):
        return "put the value into quotes"
    return "check the indentation, colons and quotes of this line and the one before"


def _node(node: Any) -> Node:
    import yaml

    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        return Mapping(line, column, tuple((_key(name), _node(value)) for name, value in node.value))
    if isinstance(node, yaml.SequenceNode):
        return Sequence(line, column, tuple(_node(item) for item in node.value))
    return Scalar(line, column, node.value, _KINDS.get(node.tag, "text"), node.style is None)


def _key(node: Any) -> Scalar:
    found = _node(node)
    if isinstance(found, Scalar):
        return found
    raise NotReadable(Problem(found.line, found.column, "a name has to be a single word", "write `name: value`"))
