"""A path in an answer -> a file of the task. Nothing else can ever be written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_bot.answer import Rejected, quote

_PATH = re.compile(r"[^\s`*\"'<>|()\[\]{}=,;!?]+")
_EXTENSION = re.compile(
    r"[^/\\]\.(?:pyw?|pyi|ipynb|ya?ml|toml|txt|cfg|ini|json|sh|bash|md|rst|lock|env|in|html|js|ts|c|cc|cpp|h)$",
    re.IGNORECASE,
)  # known ones only: "torch.nn" is not a file
_OUTSIDE = re.compile(r"^(?:[/~\\]|\.{1,2}[/\\]|\.git|[A-Za-z]:[/\\])[^/]")
_LIST = re.compile(r"^(?:#{1,6}|[-*>]|\d+[.)])\s+")  # a heading, an item or a quotation
_LABEL = re.compile(
    r"^(?:(?:modified|updated|new|complete|full)\s+)?(?:file(?:\s?name)?|path)\s*[:=]\s*", re.IGNORECASE
)


def looks_like_path(text: str) -> bool:
    """A single word that names a file: a known extension, or the beginning of an absolute or relative path."""
    if not _PATH.fullmatch(text) or "://" in text:
        return False
    return bool(_EXTENSION.search(text) or _OUTSIDE.match(text))


def path_in_line(line: str, known: Sequence[str] = ()) -> str | None:
    """The path that a line of its own names ("### `src/train.py`:", "File: train.py"), or the one known path
    that a sentence mentions; None where it names none."""
    bare = _LIST.sub("", line.strip()).strip("`*_\"' ")
    bare = _LABEL.sub("", bare).strip().rstrip(":").strip("`*_\"' ").rstrip(":")
    if looks_like_path(bare):
        return bare
    mentioned = [word.strip("`*_\"':,.()") for word in line.split()]
    found = {path for path in known for word in mentioned if word and (word == path or path.endswith("/" + word))}
    return found.pop() if len(found) == 1 else None


def resolve(path: str, known: Sequence[str]) -> str:
    """The task's file that `path` means: the same path, or the only file whose path ends with it.

    Raises Rejected for anything else; absolute paths, `..` and `.github` are never looked up.
    """
    plain = path.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith(("/", "~")) or re.match(r"[A-Za-z]:", plain):
        raise Rejected(f"the answer names an absolute path, {quote(path)}; only the task's own files may change")
    if ".." in parts:
        raise Rejected(
            f"the answer names a path outside the project, {quote(path)}; only the task's own files may change"
        )
    if any(part.casefold() in (".github", ".git") for part in parts):
        raise Rejected(f"the answer wants to change {quote(path)}; workflow and repository files never change")
    wanted = "/".join(parts)
    if wanted in known:
        return wanted
    ending = [candidate for candidate in known if candidate.endswith("/" + wanted)]
    if wanted and len(ending) == 1:
        return ending[0]
    listed = ", ".join(known)
    raise Rejected(f"the answer changes {quote(path)}, which is not one of the task's files ({listed})")
