"""Globs over paths of a repository, as GitHub's own path filters read them. Pure, and never slow.

`*`, `?` and `[...]` stay within one folder; `**` as a whole part is any number of folders, none too: `train/**/*.py`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


def matches(pattern: str, path: str) -> bool:
    """Whether the whole path is meant. Upper and lower case differ, as in git."""
    parts, wanted = path.split("/"), pattern.split("/")
    reached = {0}  # how many of the path's parts the pattern's parts so far can take
    for number, part in enumerate(wanted, 1):
        if part == "**" and reached:
            least = min(reached) + (number == len(wanted))  # a last ** needs something to stand for
            reached = set(range(least, len(parts) + 1))
        else:
            reached = {n + 1 for n in reached if n < len(parts) and fnmatch.fnmatchcase(parts[n], part)}
    return len(parts) in reached


def any_matches(patterns: Iterable[str], path: str) -> bool:
    return any(matches(pattern, path) for pattern in patterns)


def problem(pattern: str) -> str | None:
    """Why a pattern is none, in words that follow its name; None where it is one."""
    if not pattern.strip():
        return "is empty"
    if len(pattern) > 300:
        return "is too long"
    if pattern.startswith(("/", "~")):
        return "is absolute; write it relative to the repository"
    if "\\" in pattern:
        return "contains a backslash; folders are separated by /"
    parts = pattern.split("/")
    if ".." in parts or "." in parts:
        return "contains . or .. as a folder"
    if "" in parts:
        return "ends in / or has an empty folder name; write dir/** for all in dir"
    if any("**" in part and part != "**" for part in parts):
        return "has ** beside other characters; write **/ for any number of folders, as in **/*.py"
    if parts[0].casefold() in (".git", ".github"):
        return "is the repository's own configuration, which never changes"
    return None
