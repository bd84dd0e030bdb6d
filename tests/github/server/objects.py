"""Git objects of one fork network: a real bare repository, written and read as loose objects.

Every object has the id that git gives it. What needs git's own algorithms (diffs, renames, merges) is asked of the git
binary, in diffs.py; the rest is plain reading and writing, which is a hundred times faster than a process a call.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SHA = re.compile(r"[0-9a-f]{40}")
FILE, EXECUTABLE, SYMLINK, DIRECTORY, SUBMODULE = "100644", "100755", "120000", "040000", "160000"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True)
class Entry:
    """One name in a tree."""

    mode: str  # six octal digits, as the API writes them
    sha: str

    @property
    def type(self) -> str:
        return {DIRECTORY: "tree", SUBMODULE: "commit"}.get(self.mode, "blob")


@dataclass(frozen=True)
class Person:
    """Who made a commit, and when (seconds since 1970, offset as +HHMM)."""

    name: str
    email: str
    at: int
    zone: str = "+0000"

    def line(self) -> str:
        return f"{self.name} <{self.email}> {self.at} {self.zone}"

    @classmethod
    def parse(cls, line: str) -> Person:
        found = re.fullmatch(r"(.*) <(.*)> (\d+) ([+-]\d{4})", line)
        assert found, line
        return cls(found[1], found[2], int(found[3]), found[4])

    @classmethod
    def dated(cls, name: str, email: str, date: str) -> Person:
        """From an ISO 8601 date. Raises ValueError for anything else."""
        moment = datetime.fromisoformat(date)
        return cls(name, email, int(moment.timestamp()), moment.strftime("%z") or "+0000")


@dataclass(frozen=True)
class Commit:
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


class Objects:
    """The object store. Safe to use from several threads: an object, once written, never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(folder)], check=True)
        self._kinds: dict[str, tuple[str, bytes]] = {}
        self.write("tree", b"")

    def git(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[bytes]:
        """Runs git on the store, with nobody's configuration."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.folder), "-c", "core.quotePath=false", *arguments],
            capture_output=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.folder)},
        )
        if done.returncode not in ok:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
        return done

    def write(self, kind: str, content: bytes) -> str:
        data = f"{kind} {len(content)}\0".encode() + content
        sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        if sha not in self._kinds:
            path = self.folder / "objects" / sha[:2] / sha[2:]
            path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.write_bytes(zlib.compress(data, 1))
            self._kinds[sha] = (kind, content)
        return sha

    def read(self, sha: str) -> tuple[str, bytes] | None:
        """(kind, content), or None where there is no such object."""
        if sha not in self._kinds:
            path = self.folder / "objects" / sha[:2] / sha[2:]
            if not SHA.fullmatch(sha) or not path.exists():
                return None
            header, _, content = zlib.decompress(path.read_bytes()).partition(b"\0")
            self._kinds[sha] = (header.split()[0].decode(), content)
        return self._kinds[sha]

    def kind(self, sha: str) -> str | None:
        found = self.read(sha)
        return found[0] if found else None

    # Blobs, trees, commits

    def blob(self, sha: str) -> bytes | None:
        found = self.read(sha)
        return found[1] if found and found[0] == "blob" else None

    def tree(self, sha: str) -> dict[str, Entry] | None:
        """Name to entry, of this level only."""
        found = self.read(sha)
        if not found or found[0] != "tree":
            return None
        entries, content = {}, found[1]
        while content:
            header, _, rest = content.partition(b"\0")
            mode, _, name = header.partition(b" ")
            entries[name.decode()] = Entry(mode.decode().rjust(6, "0"), rest[:20].hex())
            content = rest[20:]
        return entries

    def write_tree(self, entries: dict[str, Entry]) -> str:
        def order(item: tuple[str, Entry]) -> bytes:
            return item[0].encode() + (b"/" if item[1].mode == DIRECTORY else b"")

        return self.write(
            "tree",
            b"".join(
                f"{entry.mode.lstrip('0')} {name}".encode() + b"\0" + bytes.fromhex(entry.sha)
                for name, entry in sorted(entries.items(), key=order)
            ),
        )

    def walk(self, tree: str, prefix: str = "") -> dict[str, Entry]:
        """Path to entry of everything in a tree, directories included, in git's order."""
        found: dict[str, Entry] = {}
        for name, entry in (self.tree(tree) or {}).items():
            found[prefix + name] = entry
            if entry.mode == DIRECTORY:
                found |= self.walk(entry.sha, f"{prefix}{name}/")
        return found

    def changed_tree(self, base: str | None, changes: dict[str, Entry | None]) -> str:
        """A tree with these paths put in, or removed (None). An empty directory vanishes.

        Raises KeyError with the path that is to be removed and is not there.
        """
        entries = dict(self.tree(base) or {}) if base else {}
        below: dict[str, dict[str, Entry | None]] = {}
        for path, entry in changes.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry is None:
                if name not in entries:
                    raise KeyError(path)
                del entries[name]
            else:
                entries[name] = entry
        for name, inner in below.items():
            old = entries.get(name)
            try:
                sha = self.changed_tree(old.sha if old and old.mode == DIRECTORY else None, inner)
            except KeyError as error:
                raise KeyError(f"{name}/{error.args[0]}") from None
            if sha == EMPTY_TREE:
                entries.pop(name, None)
            else:
                entries[name] = Entry(DIRECTORY, sha)
        return self.write_tree(entries)

    def at(self, tree: str, path: str) -> Entry | None:
        """The entry at a path ("" is the tree itself)."""
        entry: Entry | None = Entry(DIRECTORY, tree)
        for name in path.split("/") if path else []:
            inside = self.tree(entry.sha) if entry and entry.mode == DIRECTORY else None
            entry = (inside or {}).get(name)
        return entry

    def commit(self, sha: str) -> Commit | None:
        found = self.read(sha)
        if not found or found[0] != "commit":
            return None
        head, _, message = found[1].decode().partition("\n\n")
        lines = [line.partition(" ")[::2] for line in head.split("\n")]
        fields = dict(lines)
        return Commit(
            fields["tree"],
            tuple(value for key, value in lines if key == "parent"),
            Person.parse(fields["author"]),
            Person.parse(fields["committer"]),
            message,
        )

    def write_commit(self, commit: Commit) -> str:
        lines = [
            f"tree {commit.tree}",
            *(f"parent {sha}" for sha in commit.parents),
            f"author {commit.author.line()}",
            f"committer {commit.committer.line()}",
        ]
        return self.write("commit", ("\n".join(lines) + "\n\n" + commit.message).encode())

    def ancestors(self, sha: str) -> list[str]:
        """The commit and everything it descends from, newest first."""
        seen: dict[str, int] = {}
        todo = [sha]
        while todo:
            current = todo.pop()
            commit = None if current in seen else self.commit(current)
            if commit:
                seen[current] = commit.committer.at
                todo += commit.parents
        order = list(seen)
        return sorted(order, key=lambda one: (-seen[one], order.index(one)))
