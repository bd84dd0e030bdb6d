"""The processes of the program under watch: which they are, what memory they hold, and their end."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from typing import List, Optional

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # not Linux


class Processes:
    """Every process of the program: those of our PID namespace, or our descendants where we have none."""

    def __init__(self, container: bool) -> None:
        self.container = container
        self.all_ours = os.getpid() == 1
        if not self.all_ours:
            prctl(PR_SET_CHILD_SUBREAPER, 1)

    def pids(self) -> List[int]:
        if self.all_ours:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        import psutil  # only where mlops-bot's own interpreter runs this

        return [child.pid for child in psutil.Process().children(recursive=True)]

    def exceed(self, limit: int) -> bool:
        """Whether they hold more than `limit` bytes of memory together."""
        if self.container:
            found = container_memory()
            if found is not None:
                return found > limit
        pids = self.pids()
        # Cheap, and too much where forked workers still share pages with their parent: then look closely.
        return sum(map(self._memory, pids)) > limit and sum(map(self._share, pids)) > limit

    def _share(self, pid: int) -> int:
        """Bytes of anonymous memory, shared pages divided among those who share them."""
        try:
            with open("/proc/%d/smaps_rollup" % pid) as lines:
                found = dict(line.split()[:2] for line in lines if line.startswith("Pss_Anon:"))
            return int(found["Pss_Anon:"]) * 1024
        except (OSError, KeyError, ValueError):
            return self._memory(pid)  # it ended, or this kernel does not tell

    def _memory(self, pid: int) -> int:
        """Bytes resident, without what is shared with files."""
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

    def kernel_kills(self) -> int:
        """How many of them the kernel has killed for want of memory, as far as that can be seen."""
        return container_kills() if self.container else 0

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


def container_memory() -> Optional[int]:
    """Bytes of anonymous memory of this container, when its control group can be seen (version 2, version 1)."""
    found = read_number("/sys/fs/cgroup/memory.stat", "anon")
    return found if found is not None else read_number("/sys/fs/cgroup/memory/memory.stat", "total_rss")


def container_kills() -> int:
    """How many processes of this container the kernel has killed for want of memory."""
    found = read_number("/sys/fs/cgroup/memory.events", "oom_kill")
    if found is None:
        found = read_number("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill")
    return found or 0
