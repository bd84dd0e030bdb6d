"""The files of a job: written before the program starts, and what it changed sent back afterwards."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import Dict, Iterator, List, Tuple

from pipe import MIB, receive, send, send_json

Known = Dict[str, Tuple[int, int, bytes]]  # path -> change time, size, digest


def write_files(root: str, sizes: List[Tuple[str, int]]) -> Known:
    known: Known = {}
    for path, size in sizes:
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        digest = hashlib.sha256()
        with open(target, "xb") as file:
            left = size
            while left:
                piece = receive(min(left, MIB))
                digest.update(piece)
                file.write(piece)
                left -= len(piece)
            file.flush()
            os.fchmod(file.fileno(), 0o755 if os.path.splitext(path)[1] == ".sh" else 0o644)
            info = os.fstat(file.fileno())
        known[path] = (info.st_ctime_ns, size, digest.digest())
    return known


def walk(root: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Every regular file below root; no symbolic link is followed."""
    folders = [root]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    try:
                        info = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISDIR(info.st_mode):
                        folders.append(entry.path)
                    elif stat.S_ISREG(info.st_mode):
                        yield entry.path, info
        except OSError:
            continue


def changed(root: str, known: Known) -> List[Tuple[int, str, str]]:
    """(size, path relative to root, absolute path) of what is new or not as it was sent in; small first."""
    found = []
    for absolute, info in walk(root):
        path = os.path.relpath(absolute, root).replace(os.sep, "/")
        before = known.get(path)
        if before is not None and before[1] == info.st_size:
            if before[0] == info.st_ctime_ns:
                continue
            digest = hashlib.sha256()
            try:
                with open(absolute, "rb") as file:
                    for piece in iter(lambda: file.read(MIB), b""):
                        digest.update(piece)
            except OSError:
                pass
            if digest.digest() == before[2]:
                continue
        found.append((info.st_size, path, absolute))
    return sorted(found)


def send_files(root: str, known: Known, keep: int) -> List[str]:
    """Sends what changed, the smallest first, until `keep` bytes; returns the paths that were left out."""
    dropped: List[str] = []
    for size, path, absolute in changed(root, known):
        name = path.encode("utf-8", "surrogateescape")
        keep -= size + len(name) + 64  # a million empty files must end somewhere, too
        if keep < 0 or b"\0" in name or name.decode("utf-8", "replace") != path:
            dropped.append(name.decode("utf-8", "replace"))
            continue
        try:
            handle = os.open(absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            try:  # the program made its own file unreadable
                os.chmod(absolute, 0o600)
                handle = os.open(absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                dropped.append(path)
                continue
        send_json(b"F", {"path": path, "size": size})
        with open(handle, "rb") as file:
            while size > 0:
                piece = file.read(min(size, MIB))
                if not piece:
                    break
                send(b"d", piece)
                size -= len(piece)
    return dropped[:1000]


class Disk:
    """Whether the working copy outgrew its limit: a full file system where it has one, else by adding up sizes."""

    def __init__(self, root: str, limit: int, own_filesystem: bool) -> None:
        self.root, self.limit, self.own = root, limit, own_filesystem
        self.was_full = False
        self.next_look = 0.0

    def exceeded(self) -> bool:
        if self.own:
            info = os.statvfs(self.root)
            self.was_full = self.was_full or info.f_bavail == 0 or (info.f_files > 0 and info.f_ffree == 0)
            return False  # the kernel refuses to write more; the program may cope with that
        now = time.monotonic()
        if now < self.next_look:
            return False
        used = sum(info.st_blocks * 512 for _, info in walk(os.path.dirname(self.root)))
        self.next_look = time.monotonic() + max(0.25, 10 * (time.monotonic() - now))
        return used > self.limit
