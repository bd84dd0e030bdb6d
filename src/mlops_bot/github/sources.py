"""Which files of the repository a run needs: the scripts, what they import, what they name, what says what to install.

Through the API every file is a call, so only these are fetched. Pure but for `read`, which fetches one.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from mlops_bot.errors import UserError
from mlops_bot.github.model import Entry, Tree
from mlops_bot.github.paths import LFS, REGULAR, refused
from mlops_bot.notebook import SUFFIX
from mlops_bot.project import MAX_FILE_BYTES
from mlops_bot.script import decode
from mlops_bot.shown import one_line

MOST_FILES = 150
MOST_BYTES = 50_000_000
_MOST_OF_A_FOLDER = 40  # files, where a program names a folder
_MOST_NAMED = 60  # files, by one text of the program
_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "environment.yaml")
_CONFIGURATION = (".yml", ".yaml", ".json", ".toml", ".cfg", ".ini", ".txt")
_WORD = re.compile(r"[\w./\-]*[\w/][./][\w./\-]+")


@dataclass(frozen=True, slots=True)
class Sources:
    """The fetched files by path of the repository, and what was left out and why."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def gather(tree: Tree, scripts: Sequence[str], read: Callable[[Entry], bytes], *, also: Sequence[str] = ()) -> Sources:
    """`also`: texts that name files as well, such as how a script is started, or where its data is.

    Raises UserError where a script itself cannot be had.
    """
    return _Gathering(tree, read).run(scripts, also)


class _Gathering:
    def __init__(self, tree: Tree, read: Callable[[Entry], bytes]) -> None:
        self._entries = tree.entries
        self._read = read
        self._folders = _folders(tree.entries)
        self._by_name: dict[str, list[str]] = {}
        for path in tree.entries:
            self._by_name.setdefault(posixpath.basename(path), []).append(path)
        self._files: dict[str, bytes] = {}
        self._notes: list[str] = [] if tree.whole else ["the repository has more files than GitHub lists"]
        self._size = 0
        self._seen: set[str] = set()
        self._queue: deque[str] = deque()

    def run(self, scripts: Sequence[str], also: Sequence[str]) -> Sources:
        for script in scripts:
            if script not in self._entries:
                raise UserError(f"{script}: is not in the pull request's head", hint="check the path")
            self._ask(script)
            for parent in PurePosixPath(script).parents:
                folder = parent.as_posix()
                listed = self._folders.get(posixpath.normpath(f"{folder}/requirements"), ())
                for path in (*self._folders.get(folder, ()), *listed):
                    if _says_what_is_needed(path):
                        self._ask(path)
        for text in also:
            for word in text.split():
                path = posixpath.normpath(word)
                for named in [path] if path in self._entries else self._below(path, limit=MOST_FILES):
                    self._ask(named)
        self._work()
        for script in scripts:
            if script not in self._files:
                raise UserError(f"{script}: cannot be read: {'; '.join(self._notes)}", hint="name another file")
        return Sources(self._files, tuple(self._notes))

    def _ask(self, path: str) -> None:
        if path not in self._seen:
            self._seen.add(path)
            self._queue.append(path)

    def _work(self) -> None:
        while self._queue:
            path = self._queue.popleft()
            content = self._fetch(path)
            if content is None:
                continue
            self._files[path] = content
            if path.endswith((".py", SUFFIX)):
                self._python(path, content)
            elif path.endswith(_CONFIGURATION) and not _says_what_is_needed(path) and len(content) < 100_000:
                for word in _WORD.findall(content.decode("utf-8", "replace")):
                    self._named(word, path, strict=True)

    def _fetch(self, path: str) -> bytes | None:
        entry = self._entries[path]
        why = refused(path)
        if why is not None:
            self._notes.append(f"{one_line(path)} {why} and was left out")
            return None
        if entry.mode not in REGULAR:
            kind = "link" if entry.mode == "120000" else "submodule"
            self._notes.append(f"{path} is a {kind} and was left out")
            return None
        size = entry.size or 0
        if size > MAX_FILE_BYTES:
            self._notes.append(f"{path} has {size / 1e6:.0f} MB (over {MAX_FILE_BYTES / 1e6:.0f} MB) and was left out")
            return None
        if len(self._files) >= MOST_FILES or self._size + size > MOST_BYTES:
            left_out = f"no more than {MOST_FILES} files and {MOST_BYTES / 1e6:.0f} MB are fetched"
            if left_out not in self._notes:
                self._notes.append(left_out)
            return None
        content = self._read(entry)
        if content.startswith(LFS):
            self._notes.append(f"{path} is in Git LFS and was left out")
            return None
        self._size += len(content)
        return content

    # --- what a program needs -------------------------------------------------------------------------------

    def _python(self, path: str, content: bytes) -> None:
        try:
            tree = ast.parse(decode(path, content))
        except (SyntaxError, ValueError, UserError, RecursionError):
            return  # whoever runs it will say so
        for node in ast.walk(tree):
            for found in self._imported(path, node):
                self._ask(found)
            if isinstance(node, ast.JoinedStr):
                parts = [str(v.value) if isinstance(v, ast.Constant) else "*" for v in node.values]
                self._named("".join(parts), path)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._named(node.value, path)

    def _imported(self, path: str, node: ast.AST) -> Iterator[str]:
        """Files of the repository behind one import: packages with their __init__, modules, submodules."""
        folder = posixpath.dirname(path)
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._module(_ancestors(folder), alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            bases = _ancestors(folder)
            if node.level:
                for _ in range(node.level - 1):
                    folder = posixpath.dirname(folder)
                bases = [folder]
            yield from self._module(bases, parts)
            for alias in node.names:
                yield from self._module(bases, [*parts, alias.name])

    def _module(self, bases: Sequence[str], parts: Sequence[str]) -> Iterator[str]:
        for base in bases:
            found = []
            for depth in range(len(parts) + 1):
                stem = posixpath.join(base, *parts[:depth])
                found += [p for p in (f"{stem}/__init__.py", f"{stem}.py") if depth and p in self._entries]
            if found:
                yield from found
                return

    def _named(self, text: str, by: str, *, strict: bool = False) -> None:
        """Files and folders that a text of the program at `by` may mean; `strict`: by their whole path only."""
        if not 1 < len(text) <= 200 or "\n" in text:
            return
        found: list[str] = []
        for base in dict.fromkeys([posixpath.dirname(by), *_ancestors(posixpath.dirname(by))]):
            path = posixpath.normpath(posixpath.join(base, text))
            if path in self._entries:
                found.append(path)
            elif path in self._folders and path != ".":
                found += self._below(path)
            elif "*" in text and re.search(r"[\w]", text):
                found += [p for p in self._entries if p.startswith(f"{base}/" if base else "") and fnmatchcase(p, path)]
            if found:
                break
        if not found and not strict and "." in text and "/" not in text:
            near = posixpath.dirname(by)
            found = [p for p in self._by_name.get(text, ()) if not near or p.startswith(f"{near}/")]
        for path in found[:_MOST_NAMED]:
            self._ask(path)

    def _below(self, folder: str, *, limit: int = _MOST_OF_A_FOLDER) -> list[str]:
        found = [path for path in self._entries if path.startswith(f"{folder}/")]
        return found if len(found) <= limit else []


def _says_what_is_needed(path: str) -> bool:
    """The project's markers and lists of requirements, as project.py knows them."""
    folder, name = posixpath.split(path)
    listed = "requirements" in name or posixpath.basename(folder) == "requirements"
    return name in _MARKERS or (listed and name.endswith((".txt", ".in")))


def _folders(entries: Mapping[str, Entry]) -> dict[str, list[str]]:
    """Folder -> the files right in it; every folder that holds something anywhere is a key. The root is "."."""
    found: dict[str, list[str]] = {}
    for path in entries:
        folder = posixpath.dirname(path)
        found.setdefault(folder or ".", []).append(path)
        while folder:
            folder = posixpath.dirname(folder)
            found.setdefault(folder or ".", [])
    return found


def _ancestors(folder: str) -> list[str]:
    """The folder, those above it, and a src folder in each: where Python may look."""
    found = [folder]
    while folder:
        folder = posixpath.dirname(folder)
        found.append(folder)
    return [*found, *(posixpath.join(f, "src") for f in found)]
