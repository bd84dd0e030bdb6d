"""Puts a supervisor into namespaces of its own, as far as this kernel lets us, and waits for it.

Tries, in this order, until one works: no network and a PID namespace; no network; nothing. What was possible goes into
the supervisor's hello. Each try is a process of its own, because unsharing cannot be undone.
With `--probe` it starts no supervisor, and writes what was possible as one line of JSON. With `--warm PYTHON` it starts
warm.py instead, by that Python and in the environment that it was itself given, or ends with NOT_POSSIBLE.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Any, Callable, Dict, Sequence

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, SIGKILL = 1, 9
NOT_POSSIBLE = 99  # exit code of a try: the next one shall be made


def libc_call(name: str, *arguments: Any) -> None:
    """Raises OSError when the call fails, or where there is no such call."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError("%s is not available" % name)
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes = b"") -> None:
    libc_call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def loopback_up() -> None:
    """Programs talk to themselves over 127.0.0.1 (distributed training with one process, trackers)."""
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(handle, siocgifflags, request))[1]
        fcntl.ioctl(handle, siocsifflags, struct.pack("16sh22x", b"lo", flags | iff_up))


def unshare(flags: int) -> bool:
    """True when a user namespace was needed for it."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        try:
            libc_call("unshare", ctypes.c_int(flags))
            return False
        except PermissionError:
            pass  # root of a container without CAP_SYS_ADMIN
    libc_call("unshare", ctypes.c_int(flags | CLONE_NEWUSER))
    maps = {"setgroups": "deny", "uid_map": "%d %d 1" % (user, user), "gid_map": "%d %d 1" % (group, group)}
    for name, text in maps.items():
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    return True


def supervise(place: Dict[str, Any]) -> None:
    if "--probe" in sys.argv:
        print(json.dumps(place), flush=True)
    elif "--warm" in sys.argv:
        python, warm = sys.argv[-1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "warm.py")
        os.execv(python, [python, warm])
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        try:
            import supervisor

            supervisor.main(place)
        except BaseException:
            os._exit(1)  # not a reason to try the next kind of isolation


def wait(pid: int) -> int:
    status = os.waitpid(pid, 0)[1]
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def unshared() -> bool:
    """New namespaces; the PID namespace is that of what is forked next. True when a user namespace was needed."""
    user_namespace = unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)
    loopback_up()
    mount(b"none", b"/", b"", MS_REC | MS_PRIVATE)
    return user_namespace


def own_filesystems() -> None:
    """For the first process of a PID namespace, which ends with its parent."""
    libc_call("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if os.path.isdir("/dev/shm"):  # what a killed program leaves there goes with the namespace
        mount(b"tmpfs", b"/dev/shm", b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=1777")


def isolated(place: Dict[str, Any]) -> int:
    """Supervisor as PID 1 of a new PID namespace, without network."""
    place["user_namespace"] = unshared()
    pid = os.fork()
    if pid:
        return wait(pid)
    try:
        own_filesystems()
    except OSError:
        os._exit(NOT_POSSIBLE)
    supervise({**place, "network": "none", "pid_namespace": True})
    os._exit(0)


def offline(place: Dict[str, Any]) -> int:
    place["user_namespace"] = unshare(CLONE_NEWNET)
    loopback_up()
    supervise({**place, "network": "none", "pid_namespace": False})
    return 0


def open_to_all(place: Dict[str, Any]) -> int:
    supervise({**place, "network": "open", "pid_namespace": False, "user_namespace": False})
    return 0


ATTEMPTS = (isolated, offline, open_to_all)


def main(attempts: Sequence[Callable[[Dict[str, Any]], int]] = ATTEMPTS) -> int:
    if "--warm" in sys.argv:
        attempts = [attempt for attempt in attempts if attempt is isolated]
    for attempt in attempts:
        pid = os.fork()
        if pid == 0:
            code = NOT_POSSIBLE
            try:
                libc_call("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
            except OSError:
                pass  # not Linux
            try:
                code = attempt({})
            except OSError:
                pass
            finally:
                os._exit(code)
        code = wait(pid)
        if code != NOT_POSSIBLE:
            return code
    return NOT_POSSIBLE


if __name__ == "__main__":
    sys.exit(main())
