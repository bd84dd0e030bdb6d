"""Documentation files of a source tree: a folder, or the source distribution of a release."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from docs_index import formats
from docs_index.pages import LARGEST, Gathered, Page, Unreadable, decoded

# What is no documentation of how a library is used.
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|testing|node_modules|\.[^/]+|_build|build|dist|site-packages|vendor(ed)?|third_party)(/|$)"
    r"|(^|/)(change(s|log)|history|news|release[-_ ]?notes?|licen[cs]e|copying|authors|contribut(ing|ors)"
    r"|code[-_]of[-_]conduct|security|governance|maintainers|citation|pull_request_template|agents|claude)[^/]*$"
    r"|(^|/)(changes|changelogs?|release[-_]?notes?|whats[-_]?new)/"
    r"|(^|/)(skills|templates|prompts|_templates)/"  # what a program fills in or tells a model
    r"|(^|/)requirements[^/]*$",
    re.IGNORECASE,
)
_TEXT = (
    *formats.SUFFIXES,
    ".py",
    ".txt",
    ".yml",
    ".yaml",
    ".sh",
    ".toml",
    ".cfg",
    ".ini",
)  # what literalinclude may name


def tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a folder; symbolic links are not followed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= 4 * LARGEST:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def gather(files: Iterable[tuple[str, bytes]], url: Callable[[str], str]) -> Gathered:
    """Every page of documentation among `files`. What cannot be read is reported in `bad`."""
    kept: Mapping[str, bytes] = {path: content for path, content in files if path.lower().endswith(_TEXT)}
    found = Gathered()
    for path in sorted(kept):
        if not path.lower().endswith(formats.SUFFIXES) or _LEFT_OUT.search(path):
            continue
        try:
            text = formats.markdown(path, decoded(kept[path]), _include(path, kept))
        except Unreadable as error:
            found.bad.append(f"{path}: {error}")
            continue
        except RecursionError:
            found.bad.append(f"{path}: is nested too deeply")
            continue
        if len(text.strip()) >= 40:
            found.add(Page(path, url(path), formats.title_of(text, path), text))
    return found


def _include(page: str, kept: Mapping[str, bytes]) -> formats.Include:
    def include(path: str) -> str | None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path.lstrip("/")))
        content = kept.get(target)  # of this tree only: nothing is read from the disk
        try:
            return None if content is None else decoded(content)
        except Unreadable:
            return None

    return include
