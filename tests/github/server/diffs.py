"""What changed between two commits, and what a merge of them is: asked of git itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .objects import EMPTY_TREE, Objects

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
# GitHub leaves the patch of a file out when it is too long to be shown.
_PATCH_LIMIT = 1_000_000


@dataclass(frozen=True)
class FileChange:
    """One file of a pull request, a comparison or a commit, as the API tells it."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Comparison:
    """`base...head`: changes since the two parted."""

    merge_base: str | None
    ahead: tuple[str, ...]  # commits of head that base lacks, oldest first
    behind: int


class Diffs:
    """Diffs of one store. Two commits never change, so neither does what is between them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._files: dict[tuple[str, str], list[FileChange]] = {}
        self._comparisons: dict[tuple[str, str], Comparison] = {}

    def compare(self, base: str, head: str) -> Comparison:
        if (base, head) not in self._comparisons:
            git = self._objects.git
            merge_base = git("merge-base", base, head, ok=(0, 1)).stdout.decode().strip() or None
            ahead = git("rev-list", "--reverse", "--topo-order", f"{base}..{head}").stdout.decode().split()
            behind = int(git("rev-list", "--count", f"{head}..{base}").stdout)
            self._comparisons[base, head] = Comparison(merge_base, tuple(ahead), behind)
        return self._comparisons[base, head]

    def files(self, base: str, head: str) -> list[FileChange]:
        """Two dots: from the tree of one commit to the other's."""
        if (base, head) not in self._files:
            self._files[base, head] = self._read(base, head)
        return self._files[base, head]

    def text(self, base: str, head: str) -> bytes:
        """The diff in git's own format, as `application/vnd.github.diff` gives it."""
        return self._objects.git("diff", "-M", "--no-color", base or EMPTY_TREE, head).stdout

    def merge(self, base: str, head: str) -> str | None:
        """The tree of a merge, or None where it conflicts."""
        done = self._objects.git("merge-tree", "--write-tree", base, head, ok=(0, 1))
        return done.stdout.decode().split("\n", 1)[0] if done.returncode == 0 else None

    def _read(self, base: str, head: str) -> list[FileChange]:
        options = ("diff", "-M", "-l0", "--no-color", "--full-index", "--raw", "--no-abbrev", "-z", base, head)
        raw = self._objects.git(*options).stdout.decode(errors="surrogateescape").split("\0")
        counts = self._counts(base, head)
        sections = self._sections(base, head)
        files: list[FileChange] = []
        position = 0
        while position < len(raw) - 1:
            _, _, old_sha, new_sha, letter = raw[position].removeprefix(":").split(" ")
            moved = letter[0] in "RC"
            previous = raw[position + 1] if moved else None
            path = raw[position + (2 if moved else 1)]
            position += 3 if moved else 2
            # A change of type is told as a removal and an addition: two sections for one line.
            text = sections.pop(0) + (sections.pop(0) if letter[0] == "T" else "")
            hunks = [found[0] for found in re.finditer(r"^@@ .*?(?=^diff --git |\Z)", text, re.MULTILINE | re.DOTALL)]
            patch = "".join(hunks).removesuffix("\n") or None
            added, removed = counts[path]
            files.append(
                FileChange(
                    path,
                    _STATUS[letter[0]],
                    old_sha if letter[0] == "D" else new_sha,
                    added,
                    removed,
                    patch if patch and len(patch) <= _PATCH_LIMIT else None,
                    previous,
                )
            )
        return files

    def _counts(self, base: str, head: str) -> dict[str, tuple[int, int]]:
        fields = self._objects.git("diff", "-M", "-l0", "--numstat", "-z", base, head).stdout
        parts = fields.decode(errors="surrogateescape").split("\0")
        counts: dict[str, tuple[int, int]] = {}
        position = 0
        while position < len(parts) - 1:
            added, removed, path = parts[position].split("\t")
            if not path:  # a rename: the two names follow
                path = parts[position + 2]
                position += 2
            position += 1
            counts[path] = (0 if added == "-" else int(added), 0 if removed == "-" else int(removed))
        return counts

    def _sections(self, base: str, head: str) -> list[str]:
        text = self._objects.git("diff", "-M", "-l0", "--no-color", base, head).stdout.decode(errors="replace")
        return re.findall(r"^diff --git .*?(?=^diff --git |\Z)", text, re.MULTILINE | re.DOTALL)
