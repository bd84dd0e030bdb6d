"""The process sandbox with warm workers: a program is forked from a process that has imported its libraries already.

For many runs of alike programs: a worker costs what one program's imports cost, and then saves them each time. Every
program has the namespaces, the limits and the working copy of a fresh process (inside/warm.py). What cannot be forked
as it would be started runs in a fresh process, and `progress` hears why.

Not for Docker: there a program is walled off by a container, whose process limit, memory limit and file systems
belong to it alone; workers that fork inside one container would share them among programs that nobody trusts.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mlops_bot.cache import files_key, key_of
from mlops_bot.errors import SandboxError
from mlops_bot.sandbox import preload, process, wire
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.sandbox.process import MARKER, ProcessSandbox, remove_tree
from mlops_bot.types import Job, Progress, RunResult

WARM = "MLOPS_SANDBOX_WARM"
START_SECONDS = 300.0  # imports, at most
SCARCE = 0.3  # of this machine's memory: with less of it free, workers that are not in use are ended


class ColdError(Exception):
    """Why a worker cannot be had."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What programs have to have in common to be forked from one worker."""

    python: str
    environment: tuple[tuple[str, str], ...]
    workdir: str
    cpus: int
    plan: preload.Plan
    runtime: str

    @classmethod
    def of(cls, job: Job, plan: preload.Plan) -> Kind:
        environment = tuple(sorted(job.environment.items()))
        cpus = max(1, round(job.limits.cpus))
        return cls(job.runtime.python, environment, job.workdir, cpus, plan, job.runtime.id)

    @property
    def key(self) -> str:
        plan = self.plan
        return key_of(self.runtime, self.python, self.environment, self.workdir, self.cpus, plan.imports,
                      files_key(plan.files))  # fmt: skip


class WarmSandbox(ProcessSandbox):
    """A ProcessSandbox that forks programs from `workers`, which may serve several sandboxes and threads."""

    def __init__(
        self,
        workers: Workers,
        *,
        cache_dir: Path,
        interpreters: Sequence[Path] = (),
        pip: PipOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(cache_dir=cache_dir, interpreters=interpreters, pip=pip, progress=progress)
        self._workers = workers
        self._progress = progress

    def run(self, job: Job) -> RunResult:
        for _ in range(2):
            worker = self._worker(job)
            if worker is None:
                break
            try:
                result = worker.run(job)
            finally:
                self._workers.give_back(worker)
            if result is not None:
                return result
            self._workers.forget(worker)  # it died before the program began
        return super().run(job)

    def _worker(self, job: Job) -> Worker | None:
        plan = preload.plan(job)
        if isinstance(plan, str) or not self.place.get("pid_namespace"):
            return None
        return self._workers.take(Kind.of(job, plan), self._say)

    def _say(self, message: str) -> None:
        if self._progress is not None:
            self._progress("prepare", message)


class Workers:
    """The workers of this process, by what they can fork. `close()` ends them, as does the end of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting: dict[str, threading.Lock] = {}
        self._known: dict[str, Worker | None] = {}  # the least recently used first; None: there can be none

    def take(self, kind: Kind, say: Callable[[str], None]) -> Worker | None:
        """A worker, to be given back; it is started where there is none. None where there can be none."""
        key = kind.key
        with self._lock:
            starting = self._starting.setdefault(key, threading.Lock())
        with starting:  # one start at a time of each kind
            if key not in self._known:
                self._make_room()
                self._known[key] = self._started(kind, say)
            with self._lock:
                worker = self._known[key] = self._known.pop(key)
                if worker is not None:
                    worker.held += 1
        return worker

    def give_back(self, worker: Worker) -> None:
        with self._lock:
            worker.held -= 1

    def forget(self, worker: Worker) -> None:
        with self._lock:
            for key in [key for key, one in self._known.items() if one is worker]:
                del self._known[key]
        worker.close()

    def close(self) -> None:
        with self._lock:
            workers, self._known = list(self._known.values()), {}
        for worker in workers:
            if worker is not None:
                worker.close()

    def _started(self, kind: Kind, say: Callable[[str], None]) -> Worker | None:
        names = ", ".join(dict.fromkeys(name.partition(".")[0] for name in kind.plan.imports)) or "Python alone"
        began = time.monotonic()
        try:
            worker = Worker(kind)
        except ColdError as why:
            say(f"no worker with {names}, fresh processes instead: {why}")
            return None
        say(f"a worker with {names}, ready after {time.monotonic() - began:.1f} s")
        return worker

    def _make_room(self) -> None:
        """Ends workers that are not in use, the least recently used first, while memory is scarce."""
        import psutil

        while psutil.virtual_memory().available < SCARCE * psutil.virtual_memory().total:
            with self._lock:
                idle = next((one for one in self._known.values() if one is not None and not one.held), None)
            if idle is None:
                return
            self.forget(idle)


class Worker:
    """One process that forks programs. Raises ColdError when it cannot be had."""

    def __init__(self, kind: Kind) -> None:
        self.held = 0  # programs that it is there for just now
        self._lock = threading.Lock()
        self._base = Path(tempfile.mkdtemp(prefix="mlops-bot-warm-"))
        self._run = self._base / "run"
        self._said = (b"", b"")
        self._control, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = self._start(kind, inner)
            self._finalizer = weakref.finalize(self, _end, self._process, self._control, self._base)
        except OSError as error:
            self._control.close()
            remove_tree(self._base)
            raise ColdError(f"it cannot be started: {error}") from None
        finally:
            inner.close()
        try:
            self._said = self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._finalizer()

    def _start(self, kind: Kind, inner: socket.socket) -> subprocess.Popen[bytes]:
        """The launcher, which becomes the runtime's Python in the environment that programs have."""
        root, scratch = self._run / "job", self._run / "scratch"
        for folder in (root / kind.workdir, scratch / "home", scratch / "tmp"):
            folder.mkdir(parents=True, mode=0o700)
        for path, content in kind.plan.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        given = {"run": str(self._run), "cpus": kind.cpus, "imports": kind.plan.imports}
        variables = wire.variables(kind.python, kind.cpus, dict(kind.environment), str(root), str(scratch))
        control = inner.fileno()
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _LAUNCH, str(control), str(process.LAUNCHER), "--warm", kind.python],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=root / kind.workdir,
            env={**variables, WARM: json.dumps(given)},
            pass_fds=(control,),
            start_new_session=True,
        )

    def _wait(self) -> tuple[bytes, bytes]:
        """Until everything is imported; what that printed. Raises ColdError."""
        assert self._process.stdout is not None and self._process.stderr is not None
        pipes = {self._process.stdout.fileno(): bytearray(), self._process.stderr.fileno(): bytearray()}
        open_pipes = set(pipes)
        end = time.monotonic() + START_SECONDS
        message: bytes | None = None
        while message is None:
            handles = [self._control.fileno(), *open_pipes]
            ready = select.select(handles, [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                raise ColdError(f"imports took longer than {START_SECONDS:.0f} s")
            for handle in ready:
                if handle == handles[0]:
                    message = self._control.recv(1 << 16)
                elif piece := os.read(handle, 1 << 16):
                    pipes[handle] += piece
                else:
                    open_pipes.discard(handle)
        for handle in open_pipes:
            while select.select([handle], [], [], 0)[0] and (piece := os.read(handle, 1 << 16)):
                pipes[handle] += piece
        said = [bytes(text) for text in pipes.values()]
        answer: dict[str, Any] = json.loads(message) if message else {}
        if not answer.get("ready"):
            complaint = said[1].decode("utf-8", "replace").strip()[-300:]
            raise ColdError(str(answer.get("refused") or complaint or "it ended at once"))
        return said[0], said[1]

    def run(self, job: Job) -> RunResult | None:
        """One program. None when the worker has died before it began."""
        base = Path(tempfile.mkdtemp(prefix="mlops-bot-run-"))
        try:
            head = wire.request(
                job,
                root=str(self._run / "job"),
                scratch=str(self._run / "scratch"),
                own_filesystem=False,
                environment={MARKER: uuid.uuid4().hex},
                remove=str(base),
            )
            try:
                forked = Forked(self, base)
            except OSError:
                return None
            with forked as channel:
                try:
                    partial = wire.converse(channel, job, head)
                except wire.Lost as lost:
                    if not lost.partial.place and self._process.poll() is not None:
                        return None
                    if channel.ended_by(signal.SIGKILL):
                        return lost.partial.result("memory")
                    raise SandboxError(f"the process that watches the program died: {channel.complaint()}") from None
            # What the imports printed, a fresh process would have printed too.
            partial.stdout[:0], partial.stderr[:0] = self._said
            return partial.result()
        finally:
            remove_tree(base)

    def send(self, message: Mapping[str, object], descriptors: Sequence[int] = ()) -> None:
        with self._lock:
            socket.send_fds(self._control, [json.dumps(message).encode()], list(descriptors))


# The control socket becomes descriptor 3 of whatever the launcher turns into.
_LAUNCH = """
import os, runpy, sys
os.dup2(int(sys.argv[1]), 3)
if sys.argv[1] != "3": os.close(int(sys.argv[1]))
del sys.argv[0:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _end(process: subprocess.Popen[bytes], control: socket.socket, base: Path) -> None:
    """The worker ends when its control socket closes; the rest is for when it cannot."""
    control.close()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if base.exists():
        shutil.rmtree(base, ignore_errors=True)


class Forked:
    """The channel to the supervisor of a forked program; leaving the context ends all of it."""

    def __init__(self, worker: Worker, base: Path) -> None:
        """Raises OSError when the worker is gone."""
        self._worker, self._base = worker, base
        inner_in, self._input = os.pipe()
        self._output, inner_out = os.pipe()
        self._status, inner_status = os.pipe()
        complaint = os.open(base / "complaint", os.O_WRONLY | os.O_CREAT, 0o600)
        inner = (inner_in, inner_out, complaint, inner_status)
        try:
            worker.send({"base": str(base)}, inner)
        except OSError:
            self._close(self._input, self._output, self._status)
            raise
        finally:
            self._close(*inner)
        self._told = b""

    def __enter__(self) -> Self:
        return self

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._input, view) :]

    def receive(self, size: int, timeout: float) -> bytes:
        if not select.select([self._output], [], [], timeout)[0]:
            raise TimeoutError
        return os.read(self._output, size)

    def ended_by(self, signum: signal.Signals) -> bool:
        return self._ended(5) in (-signum, 128 + signum)

    def complaint(self) -> str:
        try:
            return (self._base / "complaint").read_text("utf-8", "replace").strip()[-500:] or "without a word"
        except OSError:
            return "without a word"

    def _ended(self, seconds: float) -> int | None:
        """The status with which it ended: None when it has not, or when the worker died first (-1)."""
        end = time.monotonic() + seconds
        while self._told.count(b"\n") < 2:
            if not select.select([self._status], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            piece = os.read(self._status, 64)
            if not piece:
                return -1
            self._told += piece
        return int(self._told.split()[1])

    def __exit__(self, *_: object) -> None:
        self._close(self._input, self._output)
        if self._ended(5) is None:
            with contextlib.suppress(OSError, IndexError):
                self._worker.send({"kill": int(self._told.split()[0])})
            self._ended(5)
        self._close(self._status)

    @staticmethod
    def _close(*handles: int) -> None:
        for handle in handles:
            os.close(handle)
