"""The host's end of the conversation with `inside/supervisor.py`: a job goes in, a RunResult comes out.

Shared by both sandboxes; what differs is only the channel. What comes back was written by untrusted code as far as we
are concerned: every amount is bounded here again, and every path checked.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from mlops_bot.errors import SandboxError, UserError
from mlops_bot.types import Ended, Job, RunResult

PATIENCE = 60.0  # seconds that a living supervisor may be silent when the program is not running
MIB = 1 << 20
ENDINGS: tuple[Ended, ...] = ("exited", "timeout", "memory", "disk", "output")


class Channel(Protocol):
    """A two-way byte stream."""

    def send(self, data: bytes) -> None:
        """Raises OSError when the other side is gone."""
        ...

    def receive(self, size: int, timeout: float) -> bytes:
        """Between 1 and `size` bytes; b"" at the end of the stream; raises TimeoutError."""
        ...


class Lost(Exception):
    """The stream ended before the answer was complete. `started`: the program may have run."""

    def __init__(self, partial: Partial) -> None:
        super().__init__("the sandbox's supervisor went away")
        self.partial = partial


@dataclass(slots=True)
class Partial:
    """What has arrived so far."""

    started: float = field(default_factory=time.monotonic)
    place: dict[str, Any] = field(default_factory=dict)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    ending: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def result(self, ended: Ended | None = None) -> RunResult:
        ending = self.ending or {}
        final: Ended = ended or ending.get("ended", "exited")
        code = ending.get("exit_code")
        return RunResult(
            exit_code=int(code) if final == "exited" and code is not None else None,
            stdout=self.stdout.decode("utf-8", "replace"),
            stderr=self.stderr.decode("utf-8", "replace"),
            seconds=float(ending.get("seconds", time.monotonic() - self.started)),
            ended=final,
            files=self.files,
            dropped=self.dropped,
        )


def check_path(path: str) -> None:
    """Raises UserError for a path that is not plainly below the job's root."""
    pure = PurePosixPath(path)
    if not path or "\0" in path or pure.is_absolute() or ".." in pure.parts or str(pure) != path:
        raise UserError(f"not a path inside the project: {path!r}", hint="use a relative path like data/train.csv")


def request(
    job: Job,
    *,
    root: str,
    scratch: str,
    own_filesystem: bool,
    environment: Mapping[str, str],
    remove: str | None = None,
) -> bytes:
    """The request's bytes, without the files' contents.

    `root`: absolute job root inside; `scratch`: absolute folder inside for HOME and TMPDIR; `own_filesystem`: the
    kernel limits the root's size; `remove`: what the supervisor deletes when this side dies.
    Raises UserError for files that cannot be put into the sandbox.
    """
    for path in job.files:
        check_path(path)
    if job.workdir != ".":
        check_path(job.workdir)
    limits = job.limits
    total = sum(map(len, job.files.values()))
    if total > limits.disk_mb * MIB:
        raise UserError(
            f"the project's files are {total // MIB + 1} MB, more than the sandbox's disk of {limits.disk_mb} MB",
            hint="pass less data, or a smaller folder",
        )
    cpus = max(1, round(limits.cpus))
    python = job.runtime.python
    argv = [word.replace("{root}", root) for word in job.argv]
    head = {
        "argv": [python if argv[0] in ("python", "python3") else argv[0], *argv[1:]],
        "root": root,
        "workdir": job.workdir,
        "environment": {**environment, **variables(python, cpus, job.environment, root, scratch)},
        "files": [[path, len(content)] for path, content in job.files.items()],
        "seconds": limits.seconds,
        "cpu_seconds": (limits.seconds + 60) * cpus * 4,
        "cpus": cpus,
        "memory": limits.memory_mb * MIB,
        "processes": limits.processes,
        "disk": limits.disk_mb * MIB,
        "own_filesystem": own_filesystem,
        "output": limits.output_kb * 1024,
        "keep": job.keep_mb * MIB,
        "remove": remove,
    }
    encoded = json.dumps(head).encode("ascii")
    return struct.pack(">I", len(encoded)) + encoded


def variables(python: str, cpus: int, own: Mapping[str, str], root: str, scratch: str) -> dict[str, str]:
    """A program's environment. `own`: what its job brings, where {root} stands for the job's root."""
    return {
        "PATH": f"{PurePosixPath(python).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{scratch}/home",
        "TMPDIR": f"{scratch}/tmp",
        "LANG": "C.UTF-8",
        # Libraries start a thread for each of the host's cores, which a container with fewer makes slow.
        "OMP_NUM_THREADS": str(cpus),
        **{name: value.replace("{root}", root) for name, value in own.items()},
    }


def converse(channel: Channel, job: Job, head: bytes) -> Partial:
    """Sends the job, and collects the answer. Raises Lost or SandboxError."""
    partial = Partial()
    try:
        channel.send(head)
        for content in job.files.values():
            for start in range(0, len(content), MIB):
                channel.send(content[start : start + MIB])
    except OSError:
        pass  # it says why in what can still be read, or the stream ends
    Answer(channel, job, partial).read()
    return partial


class Answer:
    """Reads the supervisor's frames into a Partial."""

    def __init__(self, channel: Channel, job: Job, partial: Partial) -> None:
        self.channel, self.job, self.partial = channel, job, partial
        self.output_left = job.limits.output_kb * 1024 + 4096
        self.keep_left = job.keep_mb * MIB
        self.bytes_left = self.output_left + 2 * self.keep_left + 64 * MIB  # all frames together
        self.file: tuple[str, bytearray] | None = None
        self.deadline = time.monotonic() + job.limits.seconds + 2 * PATIENCE

    def read(self) -> None:
        while self._frame():
            pass

    def _frame(self) -> bool:
        """Takes one frame; False when it was the last."""
        kind, size = struct.unpack(">cI", self._exactly(5))
        if size > 16 * MIB:
            raise SandboxError(f"the sandbox's supervisor sent a frame of {size} bytes")
        payload = self._exactly(size)
        if kind in (b"o", b"e"):
            self.output_left -= size
            if self.output_left >= 0:
                (self.partial.stdout if kind == b"o" else self.partial.stderr).extend(payload)
        elif kind == b"d":
            if self.file is not None and self.keep_left >= size:
                self.keep_left -= size
                self.file[1].extend(payload)
        else:
            return self._note(kind, self._json(payload))
        return True

    def _note(self, kind: bytes, value: dict[str, Any]) -> bool:
        partial = self.partial
        self._finish_file()
        if kind == b"x":
            raise SandboxError(f"the sandbox's supervisor failed: {str(value.get('error'))[:500]}")
        if kind == b"h":
            partial.place = value
        elif kind == b"r" and value.get("ended") in ENDINGS:
            partial.ending = value
        elif kind == b"F":
            path = str(value.get("path"))
            try:
                check_path(path)
                self.file = (path, bytearray())
            except UserError:
                self.file = None
        elif kind == b"z":
            partial.dropped = tuple(str(path) for path in value.get("dropped", ()))
            return False
        else:
            raise SandboxError(f"the sandbox's supervisor sent an unknown frame {kind!r}")
        return True

    def _finish_file(self) -> None:
        if self.file is not None:
            self.partial.files[self.file[0]] = bytes(self.file[1])
            self.file = None

    def _json(self, payload: bytes) -> dict[str, Any]:
        try:
            value = json.loads(payload)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise SandboxError("the sandbox's supervisor sent something that is not JSON")
        return value

    def _exactly(self, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            # While the program runs silence is fine until its time is over; before and after it is not.
            quiet = PATIENCE if self.partial.ending else max(1.0, self.deadline - time.monotonic())
            try:
                piece = self.channel.receive(size - len(pieces), quiet)
            except TimeoutError:
                raise SandboxError("the sandbox does not answer any more", hint="is this machine overloaded?") from None
            except OSError:
                piece = b""
            if not piece:
                raise Lost(self.partial)
            pieces.extend(piece)
            self.bytes_left -= len(piece)
            if self.bytes_left < 0 or (not self.partial.ending and time.monotonic() > self.deadline):
                raise SandboxError("the sandbox's supervisor does not come to an end")
        return bytes(pieces)
