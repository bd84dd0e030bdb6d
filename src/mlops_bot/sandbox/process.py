"""Runs programs as processes of this machine: for code that you trust.

A private working copy, HOME and TMPDIR; a clean environment; resource limits; where the kernel lets us (Linux) no
network and a PID namespace of its own. The files of this machine stay visible to the program, so `isolates` is False.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from mlops_bot.errors import SandboxError
from mlops_bot.sandbox import environments, wire
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.types import Job, Progress, RunResult, Runtime

LAUNCHER = Path(__file__).parent / "inside" / "launcher.py"
MARKER = "MLOPS_SANDBOX"  # variable by which a program's processes are found where nothing better exists
BARE = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}


class ProcessSandbox:
    """`cache_dir`: where environments for requirements are built and kept. `interpreters`: other Pythons whose
    packages may be used as they are, in order of preference. `progress` hears of slow steps."""

    name = "process"
    isolates = False

    def __init__(
        self,
        *,
        cache_dir: Path,
        interpreters: Sequence[Path] = (),
        pip: PipOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._environments = environments.Environments(cache_dir, interpreters, pip or PipOptions(), progress)

    @cached_property
    def place(self) -> dict[str, object]:
        """What this machine's kernel lets us do: network "none" or "open", pid_namespace, user_namespace."""
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(LAUNCHER), "--probe"], env=BARE, capture_output=True, timeout=60, check=False
            )
            found = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"cannot start a process: {error}") from error
        return dict(found)

    @property
    def network(self) -> Literal["none", "open"]:
        """Whether programs can reach the network."""
        return "none" if self.place["network"] == "none" else "open"

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        """Raises SandboxError when a requirement cannot be installed, UserError for one that is malformed."""
        environment = self._environments.find_or_build(requirements)
        network = "no network" if self.network == "none" else "the network is open: this machine cannot shut it off"
        return Runtime(
            id=environment.id,
            description=f"process with {environment.description} ({network})",
            python=str(environment.python),
        )

    def run(self, job: Job) -> RunResult:
        base = Path(tempfile.mkdtemp(prefix="mlops-bot-run-"))
        marker = uuid.uuid4().hex
        try:
            head = wire.request(
                job,
                root=str(base / "job"),
                scratch=str(base / "scratch"),
                own_filesystem=False,
                environment={MARKER: marker},
                remove=str(base),
            )
            with Supervisor(base, marker) as channel:
                try:
                    return wire.converse(channel, job, head).result()
                except wire.Lost as lost:
                    # Nothing but the kernel short of memory kills it while we live.
                    if channel.ended_by(signal.SIGKILL):
                        return lost.partial.result("memory")
                    raise SandboxError(f"the process that watches the program died: {channel.complaint()}") from None
        finally:
            remove_tree(base)


class Supervisor:
    """The channel to a launcher and what it started; leaving the context ends all of it."""

    def __init__(self, base: Path, marker: str) -> None:
        self._base, self._marker = base, marker

    def __enter__(self) -> Self:
        with open(self._base / "complaint", "wb") as complaint:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", str(LAUNCHER)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaint,
                    bufsize=0,
                    cwd=self._base,
                    env=BARE,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"cannot start a process: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
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
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return False
        return code in (-signum, 128 + signum)

    def complaint(self) -> str:
        try:
            return (self._base / "complaint").read_text("utf-8", "replace").strip()[-500:] or "without a word"
        except OSError:
            return "without a word"

    def __exit__(self, *_: object) -> None:
        # The supervisor stops everything when its pipes close; the rest is for when it cannot.
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            kill_marked(self._marker)


def kill_marked(marker: str) -> None:
    """Kills every process whose environment carries the marker."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == marker:
                process.kill()
        except (psutil.Error, OSError):
            continue


def remove_tree(folder: Path) -> None:
    """Removes a working copy, whatever modes the program gave its folders."""

    def unlock(function: object, path: str, error: object) -> None:
        del function, error
        for one in (os.path.dirname(path), path):
            # Never what contains the working copy, nor what a link in it points to.
            if Path(one).is_relative_to(folder) and not os.path.islink(one):
                with contextlib.suppress(OSError):
                    os.chmod(one, 0o700)

    for _ in range(3):
        shutil.rmtree(folder, onerror=unlock)
        if not folder.exists():
            return
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)
