"""What may be in a commit of the bot: existing text files of the pull request's head, and only those of the task. Pure.

Asked again right before the commit, whatever earlier stages said: their files may have been tampered with.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from mlops_bot.errors import UserError
from mlops_bot.github.model import NewFile, Tree
from mlops_bot.notebook import is_notebook
from mlops_bot.script import MAX_NOTEBOOK_BYTES, MAX_SCRIPT_BYTES
from mlops_bot.shown import one_line

REGULAR = ("100644", "100755")
LFS = b"version https://git-lfs.github.com/spec/"
_HIDDEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def refused(path: str) -> str | None:
    """Why the bot never touches a path, whoever asks: "leaves the repository"; None where it may."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or (len(parts[0]) == 2 and parts[0].endswith(":")):
        return "is no relative path"
    if any(part in ("", ".", "..") for part in parts):
        return "leaves the repository"
    if any(unicodedata.category(char) in _HIDDEN for char in path):
        return "has characters that nobody sees"
    # As a file system may take it: in any case, with the dots and blanks at the end that Windows drops.
    folded = [part.casefold().rstrip(". ") for part in parts]
    if any(part == ".git" or part.startswith((".git:", "git~")) for part in folded):
        return "is git's own"
    if folded[0] == ".github":
        return "is the repository's own configuration"
    return None


def check(files: Sequence[NewFile], tree: Tree, *, allowed: Collection[str]) -> None:
    """Raises UserError, with the file's name, for the first that may not be committed on top of `tree`."""
    seen: set[str] = set()
    for file in files:
        why = _refused_file(file, tree, allowed)
        if why is None and file.path in seen:
            why = "is there twice"
        if why is not None:
            raise UserError(f"{one_line(file.path, 200)}: {why}; nothing was delivered")
        seen.add(file.path)


def _refused_file(file: NewFile, tree: Tree, allowed: Collection[str]) -> str | None:
    entry = tree.entries.get(file.path)
    if (why := refused(file.path)) is not None:
        return why
    if file.path not in allowed:
        return "is none of the files of the task"
    if entry is None:
        return "does not exist in the pull request's head"
    if entry.mode == "120000":
        return "is a link"
    if entry.mode == "160000":
        return "is a submodule"
    if entry.mode not in REGULAR or file.mode != entry.mode:
        return "has another mode than in the pull request's head"
    most = MAX_NOTEBOOK_BYTES if is_notebook(file.path) else MAX_SCRIPT_BYTES
    if len(file.content) > most:
        return f"has more than {most / 1e6:.0f} MB"
    if b"\0" in file.content:
        return "is a binary file"
    if file.content.startswith(LFS):
        return "is in Git LFS"
    return None
