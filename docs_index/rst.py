"""reStructuredText as Markdown, by docutils' parser. Sphinx's directives are known by what is inside of them: no
extension is loaded, no file is included but by `literalinclude` from the same tree."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from docs_index.formats import Include
from docs_index.pages import Unreadable

_SKIPPED = frozenset(
    [
        "toctree",
        "automodule",
        "autofunction",
        "autoclass",
        "automethod",
        "autoexception",
        "autodata",
        "autosummary",
        "currentmodule",
        "module",
        "py:module",
        "contents",
        "include",
        "raw",
        "image",
        "figure",
        "only",
        "index",
        "tabularcolumns",
        "highlight",
        "plot",
        "jupyter-execute",
        "video",
        "meta",
        "parsed-literal-include",
        "sectionauthor",
        "moduleauthor",
    ]
)
_CODE = frozenset(("testcode", "testsetup", "testoutput", "doctest", "code-block", "sourcecode", "prompt", "ipython"))
_ROLE = re.compile(r":(?:[a-zA-Z][\w+-]*:)*[a-zA-Z][\w+-]*:`([^`]+)`")


def to_markdown(text: str, include: Include) -> str:
    """Raises Unreadable where docutils gives up."""
    from docutils import core, nodes

    settings = {
        "report_level": 5, "halt_level": 5, "warning_stream": False, "file_insertion_enabled": False,
        "raw_enabled": False, "doctitle_xform": False, "input_encoding": "unicode", "_disable_config": True,
        "syntax_highlight": "none",
    }  # fmt: skip
    _learn(text)
    try:
        document = core.publish_doctree(_ROLE.sub(_role, _included(text, include)), settings_overrides=settings)
    except Exception as error:  # noqa: BLE001  docutils raises whatever its directives raise
        raise Unreadable(f"cannot be parsed: {type(error).__name__}") from None
    writer = _Writer(nodes)
    writer.walk(document, 0)
    return "\n\n".join(part for part in writer.parts if part.strip()) + "\n"


def _role(match: re.Match[str]) -> str:
    """:func:`~git.repo.base.Repo.create_tag` -> ``git.repo.base.Repo.create_tag``"""
    shown = re.sub(r"\s*<[^>]*>$", "", match.group(1)).lstrip("~!")
    return f"``{shown}``"


def _included(text: str, include: Include) -> str:
    """`literalinclude` as the code it means, where the file is in the same tree."""

    def code(match: re.Match[str]) -> str:
        indent, path, options = match.group(1), match.group(2).strip(), match.group(3)
        found = include(path)
        if found is None:
            return ""
        given = dict(re.findall(r":([\w-]+):[ \t]*(.*)", options))
        lines = found.splitlines()
        for name, keep in (("start-after", 1), ("start-at", 0)):
            if name in given:
                start = next((n for n, line in enumerate(lines) if given[name].strip() in line), None)
                if start is None:
                    return ""
                lines = lines[start + keep :]
        for name, keep in (("end-before", 0), ("end-at", 1)):
            if name in given:
                end = next((n for n, line in enumerate(lines) if given[name].strip() in line), len(lines))
                lines = lines[: end + keep]
        body = textwrap.indent(textwrap.dedent("\n".join(lines)).strip("\n"), indent + "    ")
        return f"{indent}.. code::\n\n{body}\n\n"

    pattern = re.compile(r"^([ \t]*)\.\. literalinclude:: (.+)\n((?:\1[ \t]+:[\w-]+:.*\n?)*)", re.MULTILINE)
    return pattern.sub(code, text)


def _learn(text: str) -> None:
    """Makes docutils take directives that only Sphinx knows: left out, as code, or as what is inside."""
    from docutils import nodes
    from docutils.parsers.rst import Directive, directives

    class Skipped(Directive):  # type: ignore[misc]
        has_content, optional_arguments, final_argument_whitespace = True, 100, True
        option_spec: Any = _AnyOption()

        def run(self) -> list[Any]:
            return []

    class Code(Skipped):
        def run(self) -> list[Any]:
            return [nodes.literal_block("\n".join(self.content), "\n".join(self.content))]

    class Inside(Skipped):
        def run(self) -> list[Any]:
            holder = nodes.container()
            words = " ".join(self.arguments)
            if words and re.search(r"[A-Za-z(]", words):
                holder += nodes.paragraph(words, words)
            self.state.nested_parse(self.content, self.content_offset, holder)
            return [holder]

    known: Any = directives._directives
    registry: Any = directives._directive_registry
    for name in set(re.findall(r"^[ \t]*\.\. ([\w:+.-]+)::", text, re.MULTILINE)):
        if name in _SKIPPED:
            directives.register_directive(name, Skipped)
        elif name in _CODE:
            directives.register_directive(name, Code)
        elif name not in registry and name not in known:
            directives.register_directive(name, Inside)


class _AnyOption(dict[str, Any]):
    """An option_spec that takes every option as it is."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return lambda argument: argument


class _Writer:
    """A document tree as blocks of Markdown."""

    def __init__(self, nodes: Any) -> None:
        self.parts: list[str] = []
        self._nodes = nodes

    def walk(self, node: Any, level: int) -> None:
        nodes = self._nodes
        for child in node.children:
            if isinstance(child, nodes.section):
                self.walk(child, level + 1)
            elif isinstance(child, nodes.title):
                self.parts.append(f"{'#' * min(max(level, 1), 6)} {child.astext()}")
            elif isinstance(child, nodes.literal_block | nodes.doctest_block):
                self.parts.append(_fenced(child.astext()))
            elif isinstance(child, nodes.bullet_list | nodes.enumerated_list):
                self.parts.append("\n".join(self._item(item) for item in child.children))
            elif isinstance(child, nodes.system_message | nodes.comment | nodes.substitution_definition | nodes.target):
                continue
            elif isinstance(child, nodes.paragraph | nodes.term):
                self.parts.append(self._inline(child))
            elif isinstance(child, nodes.table):
                self.parts.append(self._table(child))
            elif isinstance(child, nodes.Text):
                self.parts.append(child.astext())
            else:
                self.walk(child, level)

    def _item(self, item: Any) -> str:
        inner = _Writer(self._nodes)
        inner.walk(item, 6)
        text = "\n\n".join(inner.parts)
        return "- " + textwrap.indent(text, "  ").strip()

    def _inline(self, node: Any) -> str:
        nodes = self._nodes
        return (
            "".join(
                f"`{child.astext()}`" if isinstance(child, nodes.literal) else child.astext()
                for child in node.children
                if not isinstance(child, nodes.problematic | nodes.image)
            )
            or node.astext()
        )

    def _table(self, table: Any) -> str:
        rows = [[" ".join(entry.astext().split()) for entry in row.children] for row in table.findall(self._nodes.row)]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _fenced(code: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{code}\n{fence}"
