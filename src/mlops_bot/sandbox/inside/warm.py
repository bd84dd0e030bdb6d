"""A worker that has imported libraries once, and forks a process for each program that needs them.

Runs as the runtime's own Python in the environment of its programs, inside namespaces of its own (launcher.py --warm),
so that what libraries do while they are imported is what they would do in a fresh process: same variables, same hash
seed, same paths, the smoke hooks installed first. `mlops_bot.sandbox.warm` holds the other end of its control socket:

    here -> there   JSON, once: {"ready": true} or {"refused": why}
    there -> here   JSON {"base": folder} with the four descriptors of a program: standard input, output and error of
                    its supervisor, and a pipe for the status with which it ended; or {"kill": number}

Each program has the namespaces, the supervisor and the limits of a fresh one. Its folder is bound over this worker's
`run` folder, whose path is therefore the same in every program. What is forked has one thread, no descriptor but its
three, and nothing that an earlier program did: those were forked from here, too.
"""

from __future__ import annotations

import json
import os
import sys

MLOPS_WARM = "MLOPS_SANDBOX_WARM"  # {"run", "imports", "cpus"}; the hooks take it as: the program comes later
QUIET_THREADS = ("jemalloc_bg_thd", "polars-ooc-clea")  # native, with nothing to do, made anew or not missed in a fork
CONTROL = 3
PRIVATE = ("warm", "launcher", "supervisor", "processes", "files", "pipe")


class Refused(Exception):
    """Why programs cannot be forked from this process as from a fresh one."""


# --- the worker ----------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, given):
        self.run = given["run"]
        self.cpus = given["cpus"]
        self.imports = given["imports"]
        self.path = sys.path[1:]  # as a fresh process has it before the folder of its script is put in front
        self.children = {}  # pid -> descriptors: of the process, and of the pipe for its status
        self.scratch = {}  # what the imports left in HOME and TMPDIR
        self.folders = []  # those, too, with nothing in them
        self.random = None

    def prepare(self):
        """Imports, and makes sure that a fork of this process is as good as a fresh one. Raises Refused."""
        import importlib

        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: self.cpus])
        job = os.path.join(self.run, "job")
        before = set(below(job))
        sys.path[:] = self.path
        sys.argv = [""]
        for name in self.imports:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                continue  # it is not installed, or not in this release; a program that needs it will say so
            except BaseException as error:
                raise Refused("importing %s failed: %s: %s" % (name, type(error).__name__, error)) from None
        left = sorted(set(below(job)) - before)
        if left:
            raise Refused("importing left files in the working copy: " + ", ".join(left[:3]))
        sys.stdout.flush()
        sys.stderr.flush()
        self.alone()
        for place, _, names in os.walk(os.path.join(self.run, "scratch")):
            self.folders.append(os.path.relpath(place, self.run))
            for name in names:
                with open(os.path.join(place, name), "rb") as stream:
                    self.scratch[os.path.join(self.folders[-1], name)] = stream.read()
        if "random" in sys.modules:
            self.random = sys.modules["random"].getstate()
        import gc

        gc.collect()
        gc.freeze()  # what is here stays: collections in a program need not look at it, nor copy its pages

    def alone(self):
        """Raises Refused where a fork would lack a thread, or share more than pages that are copied on writing."""
        import threading
        import time

        python = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
        if python:
            raise Refused("importing started threads: " + ", ".join(python[:3]))
        # Libraries of linear algebra end their threads before a fork, and start new ones when there is work.
        if fork() == 0:
            os._exit(0)
        os.wait()
        time.sleep(0.05)
        tasks = [task for task in os.listdir("/proc/self/task") if task != str(os.getpid())]
        names = [read("/proc/self/task/%s/comm" % task) for task in tasks]
        native = [name for name in names if name not in QUIET_THREADS]
        if native:
            raise Refused("importing started native threads: " + ", ".join(native[:3]))
        for line in read("/proc/self/maps").splitlines():
            words = line.split()
            if words[1][3] == "s" and "w" in words[1]:
                raise Refused("importing shares memory with others: " + words[-1])
        numbers = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > CONTROL]
        held = [read_link(number) for number in numbers]
        held = [name for name in held if name and not name.startswith("/proc/")]
        if held:
            raise Refused("importing keeps files open: " + ", ".join(held[:3]))

    def answer(self, control, message):
        try:
            control.send(json.dumps(message).encode())
        except OSError:
            self.leave()

    def serve(self, control):
        """Forks for each program, until the other side goes away. Returns only in a program: its request."""
        import array
        import select
        import socket

        while True:
            waiting = [handle for handle, _ in self.children.values()]
            ready = select.select([control.fileno(), *waiting], [], [])[0]
            self.reap()
            if control.fileno() not in ready:
                continue
            descriptors = array.array("i")
            text, extra, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(4 * descriptors.itemsize))
            for level, kind, data in extra:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            if not text:
                self.leave()
            message = json.loads(text)
            if "kill" in message:
                self.kill(message["kill"])
                continue
            pid = fork()
            if pid == 0:
                return self.become(message["base"], list(descriptors))
            for handle in list(descriptors)[:3]:
                os.close(handle)
            self.children[pid] = (os.pidfd_open(pid), descriptors[3])
            tell(descriptors[3], pid)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self.children:
                handle, pipe = self.children.pop(pid)
                os.close(handle)
                code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                tell(pipe, code)
                os.close(pipe)

    def kill(self, pid):
        if pid in self.children:
            os.kill(pid, 9)

    def leave(self):
        """The other side is gone: programs end by themselves, as their own pipes are closed, and clean up."""
        import shutil
        import time

        end = time.monotonic() + 15
        while self.children and time.monotonic() < end:
            self.reap()
            time.sleep(0.02)
        shutil.rmtree(os.path.dirname(self.run), ignore_errors=True)
        os._exit(0)

    # --- a program, between the fork and its first line ---

    def become(self, base, descriptors):
        """What launcher and supervisor do for a fresh process. Returns the request, in the program's own process."""
        import launcher
        import supervisor

        for number, handle in enumerate(descriptors[:3]):
            os.dup2(handle, number)
        os.closerange(3, 4096)
        os.setsid()
        place = {"network": "none", "pid_namespace": True}
        try:
            place["user_namespace"] = launcher.unshared()
            pid = os.fork()
            if pid:
                os._exit(launcher.wait(pid))
            launcher.own_filesystems()
            self.fill(base)
            launcher.mount(base.encode(), self.run.encode(), b"", launcher.MS_BIND)
            supervisor.main(place, supervisor.Program)
        except supervisor.Program as program:
            return program.request
        except BaseException as error:
            os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode("utf-8", "replace"))
            os._exit(1)
        os._exit(0)

    def fill(self, base):
        """HOME and TMPDIR as they are after a fresh process has imported the same."""
        for folder in self.folders:
            os.makedirs(os.path.join(base, folder), mode=0o700, exist_ok=True)
        for path, content in self.scratch.items():
            with open(os.path.join(base, path), "wb") as stream:
                stream.write(content)

    def settle(self, request):
        """Puts right what differs from a process that was started for this program."""
        import importlib
        import signal

        signal.set_wakeup_fd(-1)
        os.closerange(3, 4096)  # the supervisor's
        for signum in (signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM):
            signal.signal(signum, signal.SIG_DFL)
        for signum in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(signum, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, value in request["environment"].items():
            if name.startswith("MLOPS_SANDBOX"):  # which program it is; all else the worker was started with
                os.environ[name] = value
        for name in PRIVATE:
            sys.modules.pop(name, None)
        for path in [path for path in sys.path_importer_cache if path.startswith(self.run)]:
            del sys.path_importer_cache[path]
        importlib.invalidate_caches()
        sys.argv = list(request["argv"][1:])
        sys.orig_argv = list(request["argv"])
        sys.path[:] = self.path
        resumed = getattr(sys.modules.get("sitecustomize"), "resumed", None)
        numpy = sys.modules.get("numpy.random")
        if resumed is not None:
            if self.random is not None:
                sys.modules["random"].setstate(self.random)  # a fork seeds it anew
            resumed()
        elif numpy is not None:
            numpy.seed()


def fork():
    """What Python 3.12 warns of, threads that a fork does not have, has been looked into."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def tell(pipe, number):
    try:
        os.write(pipe, b"%d\n" % number)
    except OSError:
        pass  # nobody wants to know


def below(folder):
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def read_link(number):
    try:
        return os.readlink("/proc/self/fd/%d" % number)
    except OSError:
        return ""


# --- the program ---------------------------------------------------------------------------------------------


def execute(path):
    """`python FILE`: what Python's own start does with a script. Raises whatever the script raises."""
    import types

    filename = os.path.abspath(path)
    module = types.ModuleType("__main__")
    module.__dict__.update(__annotations__={}, __builtins__=sys.modules["builtins"])
    sys.modules["__main__"] = module
    for hook in sys.path_hooks:
        try:
            sys.path_importer_cache[filename] = hook(filename)
        except ImportError:
            continue
        import runpy

        sys.path.insert(0, filename)
        runpy._run_module_as_main("__main__", False)
        return
    try:
        with open(filename, "rb") as stream:
            source = stream.read()
    except OSError as error:
        os.write(2, ("%s: can't open file %r: %s\n" % (sys.executable, filename, error)).encode())
        raise SystemExit(2) from None
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(filename)))
    from importlib.machinery import SourceFileLoader

    module.__dict__.update(__file__=filename, __cached__=None, __loader__=SourceFileLoader("__main__", filename))
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)


def run(path):
    """The script from its first line to its end, and Python's answer to how it ended: the exit code."""
    try:
        execute(path)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        code = shown()
    else:
        return 0
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    sys.stderr.write("%s\n" % (code,))
    return 1


def shown():
    """Shows the exception that the program did not catch, and returns the exit code."""
    kind, value, traceback = sys.exc_info()
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.last_type, sys.last_value, sys.last_traceback = kind, value, traceback
    try:
        sys.excepthook(kind, value.with_traceback(traceback), traceback)
    except SystemExit as ended:
        return ended.code
    except BaseException as error:
        sys.stderr.write("Error in sys.excepthook: %s\n" % error)
    return 130 if issubclass(kind, KeyboardInterrupt) else 1


def end(code, own):
    """The end of a Python process, but for clearing away the libraries: they were here before the program, their
    objects fill most of the memory, and to touch each of them takes longer than a small program does.

    `own`: the folder of the program's modules, whose objects are cleared away.
    """
    import atexit
    import ctypes
    import gc
    import io
    import threading

    try:
        threading._shutdown()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    try:
        sys.last_type = sys.last_value = sys.last_traceback = None
        for name, module in list(sys.modules.items()):
            if name == "__main__" or str(getattr(module, "__file__", None)).startswith(own):
                del sys.modules[name]
        module = None
        gc.collect()
        for item in gc.get_objects():  # files that libraries hold open for the program
            if issubclass(type(item), (io.TextIOWrapper, io.BufferedWriter)) and not item.closed:
                try:
                    item.flush()
                except (OSError, ValueError):
                    pass
    except BaseException as error:
        os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode("utf-8", "replace"))
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            code = 120  # as Python says that output was lost
    ctypes.CDLL(None).fflush(None)
    os._exit(code)


def begin():
    """The worker's life. Returns in a program, ready for its first line: its script's path, and where its files are."""
    import socket

    control = socket.socket(fileno=CONTROL)
    worker = Worker(json.loads(os.environ.pop(MLOPS_WARM)))
    os.set_inheritable(CONTROL, False)
    import launcher  # noqa: F401, what a program needs is here before anything that could stand in its way
    import supervisor  # noqa: F401

    try:
        worker.prepare()
    except Refused as why:
        worker.answer(control, {"refused": str(why)})
        os._exit(0)
    worker.answer(control, {"ready": True})
    request = worker.serve(control)
    control.detach()
    worker.settle(request)
    return request["argv"][1], os.path.join(worker.run, "")


if __name__ == "__main__":
    SCRIPT, OWN = begin()
    end(run(SCRIPT), OWN)
