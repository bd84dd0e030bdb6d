"""Runs one program inside a sandbox: files in, program watched, everything killed, changed files out.

Started with nothing but a pipe on either side; `mlops_bot.sandbox.wire` holds the other end. What it reads on
standard input: 4 bytes length (big endian), a JSON request of that length, then the contents of the request's files
one after another. What it writes on standard output are frames, one byte kind, 4 bytes length, payload:

    h  JSON, what this place is like        o, e  a piece of the program's stdout, stderr
    r  JSON, how the program ended          F  JSON, a file that is new or changed, then d  pieces of its content
    z  the end                              x  JSON, this supervisor's own failure

Where it is PID 1 of its PID namespace nothing can outlive it. Elsewhere it adopts orphans and walks its descendants.
The other side going away (end of file on standard input) stops everything, so nothing is left behind.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import shutil
import signal
import struct
import time
from typing import Any, Callable, Dict, Optional, Tuple

from files import Disk, send_files, write_files
from pipe import receive, send, send_json
from processes import PR_SET_DUMPABLE, Processes, prctl

PIECE = 1 << 16
NO_SPACE = tuple(os.strerror(code).encode() for code in (errno.ENOSPC, errno.EFBIG))


# --- the program -------------------------------------------------------------------------------------------


def limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        pass


class Program(BaseException):
    """Raised in the process that is to be the program, where it is not replaced by one (warm.py)."""

    def __init__(self, request: Dict[str, Any]) -> None:
        super().__init__("the program begins")
        self.request = request


Begin = Callable[[Dict[str, Any]], Optional[Program]]


def execute(request: Dict[str, Any]) -> None:
    os.execvpe(request["argv"][0], request["argv"], request["environment"])


def become_program(request: Dict[str, Any], cwd: str, out: int, err: int, begin: Begin) -> None:
    """The child's side of the fork; does not return."""
    try:
        os.setsid()
        prctl(PR_SET_DUMPABLE, 1)
        try:
            with open("/proc/self/oom_score_adj", "w") as score:
                score.write("1000")  # the kernel shall choose the program, not its supervisor
        except OSError:
            pass
        for signum in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.umask(0o022)
        os.chdir(cwd)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_FSIZE, request["disk"])
        limit(resource.RLIMIT_NOFILE, 4096)
        limit(resource.RLIMIT_CPU, int(request["cpu_seconds"]))
        if request.get("limit_user_processes"):
            limit(resource.RLIMIT_NPROC, request["processes"])
        program = begin(request)
        if isinstance(program, Program):
            raise program
    except Program:
        raise
    except BaseException as error:
        message = "%s: %s\n" % (request["argv"][0], getattr(error, "strerror", None) or error)
        try:
            os.write(2, message.encode("utf-8", "replace"))
        finally:
            os._exit(127)


class Stopped(Exception):
    """The program has to end now: how it ended, and a line for the person who reads its stderr."""

    def __init__(self, ended: str, line: str = "") -> None:
        super().__init__(ended)
        self.ended, self.line = ended, line


class Watch:
    """One program under watch, from its start to its end."""

    def __init__(self, request: Dict[str, Any], processes: Processes, begin: Begin) -> None:
        self.request, self.processes, self.begin = request, processes, begin
        self.disk = Disk(request["root"], request["disk"], request["own_filesystem"])
        self.output_left = request["output"]
        self.status: Optional[int] = None
        self.space_error = False
        self.stderr_tail = b""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        self.wake = wake_read
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> Tuple[str, Optional[int], float, str]:
        """(ended, exit code, seconds, note)"""
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        self.pipes = {out_read: b"o", err_read: b"e"}
        kills = self.processes.kernel_kills()
        start = time.monotonic()
        self.program = os.fork()
        if self.program == 0:
            cwd = os.path.join(self.request["root"], self.request["workdir"])
            become_program(self.request, cwd, out_write, err_write, self.begin)
        os.close(out_write)
        os.close(err_write)
        ended, line = "exited", ""
        try:
            self.watch(start + self.request["seconds"])
            seconds = time.monotonic() - start
            self.processes.kill()
            self.drain(1.0)
        except Stopped as stopped:
            ended, line = stopped.ended, stopped.line
            seconds = time.monotonic() - start
            self.processes.kill()
            try:
                self.drain(0.2)
            except Stopped:
                pass
        code = None
        if ended == "exited":
            code = -1 if self.status is None else exit_code(self.status)
            if code and self.processes.kernel_kills() > kills:
                ended, code = "memory", None
            elif code and (self.full() or code == 128 + signal.SIGXFSZ):
                ended, code = "disk", None
            elif code == 128 + signal.SIGXCPU:
                ended, code = "timeout", None
        return ended, code, seconds, line

    def full(self) -> bool:
        self.disk.exceeded()
        return self.disk.was_full or self.space_error

    def watch(self, deadline: float) -> None:
        """Returns when the program has ended; raises Stopped when it must be."""
        next_look = 0.0
        while self.status is None:
            now = time.monotonic()
            if now >= deadline:
                raise Stopped("timeout")
            if now >= next_look:
                self.look()
                next_look = time.monotonic() + max(0.1, 5 * (time.monotonic() - now))
            ready, _, _ = select.select([0, self.wake, *self.pipes], [], [], min(0.1, deadline - now))
            for handle in ready:
                if handle == 0:
                    if not os.read(0, PIECE):
                        raise EOFError
                elif handle == self.wake:
                    os.read(handle, 512)
                else:
                    self.forward(handle)
            self.reap()

    def look(self) -> None:
        count = len(self.processes.pids())
        if count > self.request["processes"]:
            # Where the kernel does not refuse them itself. An ordinary end: no limit of its own in RunResult.
            self.status = signal.SIGKILL
            message = "mlops-bot: killed: %d processes, the limit is %d\n" % (count, self.request["processes"])
            send(b"e", message.encode())
            return
        if self.processes.exceed(self.request["memory"]):
            raise Stopped("memory")
        if self.disk.exceeded():
            raise Stopped("disk")

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.program:
                self.status = status

    def forward(self, handle: int) -> None:
        piece = os.read(handle, PIECE)
        if not piece:
            os.close(handle)
            del self.pipes[handle]
            return
        kind = self.pipes[handle]
        if kind == b"e" and not self.space_error:
            self.stderr_tail = self.stderr_tail[-64:] + piece
            self.space_error = any(words in self.stderr_tail for words in NO_SPACE)
        if len(piece) > self.output_left:
            send(kind, piece[: self.output_left])
            self.output_left = 0
            raise Stopped("output")
        self.output_left -= len(piece)
        send(kind, piece)

    def drain(self, seconds: float) -> None:
        """The rest of the output. Every writer is dead, so it ends by itself; the time is for where one is not."""
        end = time.monotonic() + seconds
        while self.pipes and time.monotonic() < end:
            for handle in select.select(list(self.pipes), [], [], 0.05)[0]:
                self.forward(handle)


def exit_code(status: int) -> int:
    """As a shell gives it: 128 + signal for a program that a signal ended."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main(place: Dict[str, Any], begin: Begin = execute) -> None:
    """Serves one request. `place` says what the launcher could do; it is told to the other side.

    `begin` is called in the program's process, with all limits set: it replaces that process, or returns a Program,
    which is raised there.
    """
    prctl(PR_SET_DUMPABLE, 0)  # the program may not attach to us, nor use our descriptors through /proc
    processes = Processes(bool(place.get("container")))
    request: Dict[str, Any] = {}
    try:
        send_json(b"h", place)
        request = json.loads(receive(struct.unpack(">I", receive(4))[0]))
        request.update(limit_user_processes=place.get("user_namespace", False))
        # Whatever happens to the other side, this does not stay: the kernel ends us.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.alarm(int(request["seconds"]) + 900)
        for folder in (request["root"], request["environment"]["HOME"], request["environment"]["TMPDIR"]):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        os.makedirs(os.path.join(request["root"], request["workdir"]), exist_ok=True)
        known = write_files(request["root"], request["files"])
        if request.get("cpus") and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: request["cpus"]])
        ended, code, seconds, line = Watch(request, processes, begin).run()
        send_json(b"r", {"ended": ended, "exit_code": code, "seconds": seconds, "note": line})
        dropped = send_files(request["root"], known, request["keep"])
        send_json(b"z", {"dropped": dropped})
    except Program:
        raise
    except (EOFError, BrokenPipeError):
        processes.kill()
        if request.get("remove"):
            shutil.rmtree(request["remove"], ignore_errors=True)
    except BaseException as error:
        processes.kill()
        send_json(b"x", {"error": "%s: %s" % (type(error).__name__, error)})
