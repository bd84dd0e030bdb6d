"""What a pull request changes in its files: which lines are new, and the files' modes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlops_bot.github.model import ChangedFile, Tree

MAX_PATCH = 2_000_000  # characters of one file's patch


def touched_lines(file: ChangedFile) -> frozenset[int]:
    """The lines (1-based, at the head) that the pull request adds to a file. Empty where its patch is not known."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    if not file.patch or len(file.patch) > MAX_PATCH:
        return frozenset()
    hunks = [f"{line}\n" for line in file.patch.removesuffix("\n").split("\n")]  # a form feed ends no line
    try:  # GitHub gives the hunks without the header that belongs to them
        patches = PatchSet(["--- a/file\n", "+++ b/file\n", *hunks])
    except UnidiffParseError:
        return frozenset()
    lines = (line for patch in patches for hunk in patch for line in hunk.target_lines())
    return frozenset(line.target_line_no for line in lines if line.is_added and line.target_line_no)


def with_modes(files: Sequence[ChangedFile], tree: Tree) -> tuple[ChangedFile, ...]:
    """The files with mode, size and blob of the head's tree, where it has them."""
    found = []
    for file in files:
        entry = tree.entries.get(file.path) if file.status != "removed" else None
        if entry is not None:
            file = replace(file, mode=entry.mode, size=entry.size, sha=entry.sha)
        found.append(file)
    return tuple(found)
