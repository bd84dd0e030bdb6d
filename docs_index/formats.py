"""Files of documentation as Markdown: Markdown, MDX, reStructuredText, notebooks, HTML. Nothing in them is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from docs_index.pages import Unreadable

SUFFIXES = (".md", ".mdx", ".markdown", ".rst", ".ipynb", ".html", ".htm")
Include = Callable[[str], str | None]  # a path relative to the page -> text of a file of the same tree
_OUTPUT = 2000  # characters of a notebook cell's output


def markdown(path: str, text: str, include: Include) -> str:
    """The page as Markdown. Raises Unreadable."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".rst":
        from docs_index.rst import to_markdown

        return to_markdown(text, include)
    if suffix == ".ipynb":
        return _notebook(text)
    if suffix in (".html", ".htm"):
        return html(text)
    return _mdx(text) if suffix == ".mdx" else _front_matter(text)


def title_of(text: str, path: str) -> str:
    """The first heading of a page in Markdown, else its file name in words."""
    in_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        heading = re.match(r"#{1,2}\s+(.+?)\s*#*$", line)
        if heading and not in_code:
            return re.sub(r"[`*_\[\]]|\(http\S*\)", "", heading.group(1)).strip() or path
    return re.sub(r"[-_]+", " ", PurePosixPath(path).stem) or path


def html(text: str, url: str | None = None) -> str:
    """The main content of a web page. Raises Unreadable where there is none."""
    import logging

    import trafilatura
    from trafilatura.settings import use_config

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what cannot be read is reported by us
    options = use_config()
    options.set("DEFAULT", "MIN_EXTRACTED_SIZE", "60")
    options.set("DEFAULT", "MIN_OUTPUT_SIZE", "1")
    found = trafilatura.extract(
        _code_kept(text), url=url, output_format="markdown", include_formatting=True, include_links=False,
        include_tables=True, include_comments=False, favor_recall=True, deduplicate=False, config=options,
    )  # fmt: skip
    if not found or not found.strip():
        raise Unreadable("has no main content")
    return str(found)


def _code_kept(text: str) -> str:
    """Without what Sphinx and its like add: the spans of syntax colouring, links to headings, navigation."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "lxml")
    for tag in soup.select(
        "a.headerlink, a.anchor, nav, footer, aside, script, style, .sphinxsidebar, .toctree-wrapper"
    ):
        tag.decompose()
    for block in soup.find_all("pre"):
        block.string = block.get_text()
    for name in soup.select("dt.sig"):  # signatures of Sphinx's autodoc
        name.name = "pre"
        name.string = " ".join(name.get_text().split())
    return str(soup)


def _front_matter(text: str) -> str:
    """Without the YAML at the head; its title becomes a heading where the page has none."""
    match = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text, re.DOTALL)
    if not match:
        return text
    title = re.search(r"^title:\s*[\"']?(.+?)[\"']?\s*$", match.group(1), re.MULTILINE)
    rest = text[match.end() :]
    return f"# {title.group(1)}\n\n{rest}" if title and not re.search(r"^# ", rest, re.MULTILINE) else rest


def _mdx(text: str) -> str:
    """Without imports, exports and component tags; what is between the tags stays. Code blocks stay as they are."""
    pieces = re.split(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", _front_matter(text), flags=re.DOTALL | re.MULTILINE)
    for number in range(0, len(pieces), 2):
        piece = re.sub(r"^(?:import|export)\s.+$", "", pieces[number], flags=re.MULTILINE)
        piece = re.sub(r"\{/\*.*?\*/\}", "", piece, flags=re.DOTALL)
        pieces[number] = re.sub(r"</?[A-Z][\w.]*(?:\s[^<>]*)?/?>", "", piece)
    return "".join(pieces)


def _notebook(text: str) -> str:
    try:
        document = json.loads(text)
        cells: list[Any] = document["cells"]
        return "\n\n".join(filter(None, (_cell(cell) for cell in cells)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"is no notebook of format 4: {type(error).__name__}") from None


def _cell(cell: Any) -> str:
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    if cell["cell_type"] != "code" or not source.strip():
        return ""
    shown = f"```python\n{source.rstrip()}\n```"
    texts = [output.get("text") for output in cell.get("outputs", []) if output.get("output_type") == "stream"]
    output = "".join(part if isinstance(part, str) else "".join(part) for part in texts if part)
    return f"{shown}\n\n```\n{output.rstrip()[:_OUTPUT]}\n```" if output.strip() else shown
