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

import ctypes
import errno
import hashlib
import json
import os
import resource
import select
import shutil
import signal
import stat
import struct
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

PIECE = 1 << 16
MIB = 1 << 20
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def send(kind: bytes, payload: bytes = b"") -> None:
    data = memoryview(kind + struct.pack(">I", len(payload)) + payload)
    while data:
        data = data[os.write(1, data) :]


def send_json(kind: bytes, value: Any) -> None:
    send(kind, json.dumps(value).encode("ascii"))


def receive(size: int) -> bytes:
    pieces: List[bytes] = []
    while size:
        piece = os.read(0, min(size, MIB))
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # not Linux


# --- the processes -----------------------------------------------------------------------------------------


class Processes:
    """Every process of the program: those of our PID namespace, or our descendants where we have none."""

    def __init__(self) -> None:
        self.all_ours = os.getpid() == 1
        if not self.all_ours:
            prctl(PR_SET_CHILD_SUBREAPER, 1)

    def pids(self) -> List[int]:
        if self.all_ours:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        import psutil  # only where mlops-bot's own interpreter runs this

        return [child.pid for child in psutil.Process().children(recursive=True)]

    def memory(self) -> int:
        """Bytes that the processes hold for themselves (resident, without what is shared with files)."""
        return container_memory() or sum(self._memory(pid) for pid in self.pids())

    def _memory(self, pid: int) -> int:
        try:
            with open("/proc/%d/statm" % pid) as statm:
                fields = statm.read().split()
            return (int(fields[1]) - int(fields[2])) * resource.getpagesize()
        except FileNotFoundError:
            if os.path.exists("/proc/self/statm"):
                return 0  # it ended
            import psutil

            try:
                return int(psutil.Process(pid).memory_info().rss)
            except psutil.Error:
                return 0
        except (OSError, IndexError, ValueError):
            return 0

    def kill(self) -> None:
        """Kills them all and waits until they are gone (a few seconds, unless one hangs in the kernel)."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.all_ours:
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            else:
                for pid in self.pids():
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except (ProcessLookupError, PermissionError):
                        pass
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                if not self.pids():
                    return
            time.sleep(0.002)


def read_number(path: str, key: str) -> Optional[int]:
    try:
        with open(path) as lines:
            for line in lines:
                words = line.split()
                if len(words) == 2 and words[0] == key:
                    return int(words[1])
    except (OSError, ValueError):
        pass
    return None


IN_CONTAINER = os.getpid() == 1 and os.environ.get("MLOPS_CONTAINER") == "1"


def container_memory() -> Optional[int]:
    """Bytes of anonymous memory of this container, when its control group can be seen (version 2, version 1)."""
    if not IN_CONTAINER:
        return None
    found = read_number("/sys/fs/cgroup/memory.stat", "anon")
    return found if found is not None else read_number("/sys/fs/cgroup/memory/memory.stat", "total_rss")


def kernel_kills() -> int:
    """How many processes of this container the kernel has killed for want of memory."""
    if not IN_CONTAINER:
        return 0
    found = read_number("/sys/fs/cgroup/memory.events", "oom_kill")
    if found is None:
        found = read_number("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill")
    return found or 0


# --- the files ---------------------------------------------------------------------------------------------

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
    """(size, path relative to root, absolute path) of what is new or differs from what was sent in; small ones first."""
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


# --- the program -------------------------------------------------------------------------------------------


def limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        pass


def become_program(request: Dict[str, Any], cwd: str, out: int, err: int) -> None:
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
        os.execvpe(request["argv"][0], request["argv"], request["environment"])
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

    def __init__(self, request: Dict[str, Any], processes: Processes) -> None:
        self.request, self.processes = request, processes
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
        kills = kernel_kills()
        start = time.monotonic()
        self.program = os.fork()
        if self.program == 0:
            become_program(self.request, os.path.join(self.request["root"], self.request["workdir"]), out_write, err_write)
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
            if code and kernel_kills() > kills:
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
        if self.processes.memory() > self.request["memory"]:
            raise Stopped("memory")
        if self.disk.exceeded():
            raise Stopped("disk")
        count = len(self.processes.pids())
        if count > self.request["processes"]:
            # Where the kernel does not refuse them itself. An ordinary end: no limit of its own in RunResult.
            self.status = signal.SIGKILL
            message = "mlops-bot: killed: %d processes, the limit is %d\n" % (count, self.request["processes"])
            send(b"e", message.encode())

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
            self.space_error = any(os.strerror(code).encode() in self.stderr_tail for code in (errno.ENOSPC, errno.EFBIG))
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


def main(place: Dict[str, Any]) -> None:
    """Serves one request. `place` says what the launcher could do; it is told to the other side."""
    prctl(PR_SET_DUMPABLE, 0)  # the program may not attach to us, nor use our descriptors through /proc
    processes = Processes()
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
        ended, code, seconds, line = Watch(request, processes).run()
        send_json(b"r", {"ended": ended, "exit_code": code, "seconds": seconds, "note": line})
        dropped = send_files(request["root"], known, request["keep"])
        send_json(b"z", {"dropped": dropped})
    except (EOFError, BrokenPipeError):
        processes.kill()
        if request.get("remove"):
            shutil.rmtree(request["remove"], ignore_errors=True)
    except BaseException as error:
        processes.kill()
        send_json(b"x", {"error": "%s: %s" % (type(error).__name__, error)})


if __name__ == "__main__":
    main({"network": "none", "pid_namespace": True} if IN_CONTAINER else json.loads(sys.argv[1]))
