"""What only the sandbox with warm workers has to show: a forked program is like a fresh one, whatever ran before it.

Like the contract of the "isolated" process sandbox, these tests need a kernel that allows PID namespaces.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.sandbox.conftest import LIMITS

from mlops_bot import components
from mlops_bot.sandbox import preload
from mlops_bot.sandbox.process import ProcessSandbox
from mlops_bot.sandbox.warm import WarmSandbox, Workers
from mlops_bot.types import Job, Limits, RunResult
from mlops_bot.verify import job as jobs

ROOT = re.compile(r"/\S*?/mlops-bot-(run-\w+|warm-\w+/run)/")


class Warm:
    """A sandbox with workers of its own, what it said, and a fresh process to compare with."""

    def __init__(self, workers: Workers, folder: Path) -> None:
        self.said: list[str] = []
        self.workers = workers
        self.sandbox = WarmSandbox(workers, cache_dir=folder, progress=lambda _, message: self.said.append(message))
        self.fresh = ProcessSandbox(cache_dir=folder)
        self.runtime = self.sandbox.prepare(())

    def job(self, source: str, **options: Any) -> Job:
        files = {"main.py": textwrap.dedent(source).encode(), **options.pop("files", {})}
        options = {"limits": replace(LIMITS, memory_mb=1000), "argv": ("python", "main.py"), **options}
        environment = {"PYTHONDONTWRITEBYTECODE": "1", **options.pop("environment", {})}
        return Job(files=files, runtime=self.runtime, environment=environment, **options)

    def run(self, source: str, **options: Any) -> RunResult:
        return self.sandbox.run(self.job(source, **options))

    def both(self, source: str, **options: Any) -> tuple[RunResult, RunResult]:
        """(fresh, forked), their own folders named alike."""
        job = self.job(source, **options)
        return shown(self.fresh.run(job)), shown(self.sandbox.run(job))


def shown(result: RunResult) -> RunResult:
    texts = {"stdout": ROOT.sub("/ROOT/", result.stdout), "stderr": ROOT.sub("/ROOT/", result.stderr)}
    return replace(result, seconds=0.0, **texts)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    with contextlib.closing(Workers()) as workers:
        yield Warm(workers, tmp_path_factory.mktemp("warm"))


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    with contextlib.closing(Workers()) as workers:
        yield Warm(workers, tmp_path)


# --- like a fresh process ------------------------------------------------------------------------------------


def test_a_program_is_forked_from_a_worker_that_has_its_libraries(shared: Warm) -> None:
    result = shared.run(
        "import sys\nat_once = 'numpy' in sys.modules\nimport numpy\nprint(at_once, open('/proc/1/cmdline').read())"
    )
    assert result.ok, result.stderr
    assert result.stdout.startswith("True ") and "warm.py" in result.stdout
    assert [said for said in shared.said if said.startswith("a worker with numpy")]


@pytest.mark.parametrize(
    "source",
    [
        "import sys, os\nprint(__name__, __file__, __doc__, __spec__, __package__, sorted(globals()), type(__loader__))\n"
        "print(sys.argv, sys.path, sys.orig_argv[1:], sys.flags, os.getcwd(), sorted(os.environ))",
        "import os, signal\nprint({s.name: signal.getsignal(s) for s in signal.Signals if s not in (9, 19)})\n"
        "print(os.getpgrp() == os.getsid(0) == os.getpid(), os.getpid(), os.getppid(), os.umask(0))\n"
        "print([n for n in os.listdir('/proc/self/fd')], open('/proc/self/status').read().count('CapEff'))",
        "import resource\nprint({n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if 'RLIMIT' in n})",
        "import sys\nprint([type(s).__name__ + s.encoding + s.errors for s in (sys.stdin, sys.stdout, sys.stderr)])\n"
        "print(sys.stdin.read(), sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.seekable())",
        "def f(): return 1 / 0\nf()",
        "class Odd(Exception):\n    __module__ = 'elsewhere'\ntry:\n    {}['a']\nexcept KeyError as e:\n    raise Odd('x')",
        "this is no Python",
        "import sys\nsys.exit(3)",
        "import sys\nsys.exit('some words')",
        "import sys\nsys.exit()",
        "raise SystemExit(None)",
        "raise KeyboardInterrupt",
        "import os\nprint('lost')\nos._exit(4)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
        "import os, signal\nprint('kept', flush=True)\nos.kill(os.getpid(), signal.SIGINT)",
        "import os\nos.abort()",
        "import sys\nsys.excepthook = lambda *a: print('own', a[0], a[2].tb_lineno)\n1 / 0",
        "import atexit, threading, time\natexit.register(print, 'last')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\nprint('end')",
        "kept = open('kept.txt', 'w')\nkept.write('not closed')",
        "class Loud:\n    def __del__(self): print('gone')\nloud = Loud()\nloop = [loud]\nloop.append(loop)",
        "import multiprocessing as m, sys\ndef f(x): return x, __name__\nif __name__ == '__main__':\n"
        "    with m.get_context('spawn').Pool(1) as pool: print(pool.map(f, [1, 2]))",
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.path)'],"
        " capture_output=True, text=True).stdout)",
        "import pickle, __main__\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A, __main__.A is A)",
        "import files, numpy\nprint(files.who)",  # not the supervisor's module of that name
        "import logging, warnings\nlogging.warning('w')\nwarnings.warn('u')\nprint(hash('a'), id is id)",
    ],
)
def test_it_is_like_a_fresh_process(shared: Warm, source: str) -> None:
    environment = {"PYTHONHASHSEED": "0"}
    files = {"files.py": b"who = 'the program'"}
    fresh, forked = shared.both(source, environment=environment, argv=("python", "main.py", "-x"), files=files)
    assert forked == fresh


def test_a_main_in_a_folder_beside_its_modules(shared: Warm) -> None:
    files = {"src/go.py": b"import helper, sys\nprint(helper.x, sys.path[0])", "src/helper.py": b"x = 1"}
    fresh, forked = shared.both("", files=files, argv=("python", "src/go.py"))
    assert forked == fresh and forked.stdout.startswith("1 /ROOT/job/src")


def test_random_numbers_are_not_the_workers(shared: Warm) -> None:
    source = "import random, numpy\nprint(random.random(), numpy.random.rand())"
    numbers = {word for _ in range(3) for word in shared.run(source).stdout.split()}
    assert len(numbers) == 6


def test_what_imports_print_and_leave_at_home_is_in_every_program(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preload.PACKAGES, "talks", ("talks",))  # type: ignore[index]
    talks = b"""
import os, pathlib, sys, tempfile
print('out'); print('err', file=sys.stderr)
folder = tempfile.mkdtemp()
(pathlib.Path.home() / '.talks').mkdir(exist_ok=True)
(pathlib.Path.home() / '.talks' / 'rc').write_text('made')
where = os.getcwd(), os.environ['MODE']
"""
    source = """
    import talks, pathlib, os
    print((pathlib.Path.home() / '.talks' / 'rc').read_text(), talks.where == (os.getcwd(), 'x'), flush=True)
    (pathlib.Path.home() / '.talks' / 'rc').write_text('changed')
    (pathlib.Path(talks.folder) / 'a').write_text('x')
    """
    options = {"files": {"lib/talks.py": talks}, "environment": {"PYTHONPATH": "{root}/lib", "MODE": "x"}}
    for _ in range(2):
        fresh, forked = warm.both(source, **options)
        assert forked == fresh
        assert (forked.stdout, forked.stderr) == ("out\nmade True\n", "err\n")
    assert [said.partition(",")[0] for said in warm.said] == ["a worker with talks"]
    # Another environment is another worker: what is decided while importing is right there, too.
    again = warm.run("import talks\nprint(talks.where[1])", **{**options, "environment": {
        "PYTHONPATH": "{root}/lib", "MODE": "y"}})  # fmt: skip
    assert again.stdout == "out\ny\n"
    assert len(warm.said) == 2


# --- nothing is carried over ---------------------------------------------------------------------------------


def test_nothing_that_a_program_does_reaches_the_next(shared: Warm) -> None:
    spoil = """
    import builtins, gc, os, pathlib, random, signal, sys, threading, time
    import numpy
    numpy.random.seed(1); random.seed(1)
    numpy.mean = numpy.array = None
    builtins.print = None
    sys.modules['json'] = None
    sys.path.insert(0, '/tmp')
    sys.setrecursionlimit(100)
    os.environ['SPOILT'] = '1'
    os.environ['HOME'] = '/nowhere'
    (pathlib.Path('~').expanduser()).exists()
    home = pathlib.Path(os.environ['TMPDIR']).parent / 'home'
    (home / 'left').write_text('x'); (home.parent / 'tmp' / 'left').write_text('x')
    open('left', 'w').write('x')
    open('/dev/shm/left', 'w').write('x')
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.disable(); os.nice(5); os.umask(0)
    threading.Thread(target=time.sleep, args=(50,), daemon=True).start()
    """
    look = """
    import gc, os, pathlib, signal, sys, threading
    import json
    import numpy
    print(numpy.mean(numpy.array([1, 3])), os.environ.get('SPOILT'), sys.getrecursionlimit(), gc.isenabled())
    print(list(pathlib.Path.home().rglob('*')), os.listdir(os.environ['TMPDIR']), os.listdir('.'))
    print(os.listdir('/dev/shm'), signal.getsignal(signal.SIGTERM), os.nice(0), oct(os.umask(0)))
    print(threading.enumerate(), sys.path[0] == os.getcwd())
    """
    before = shared.run(look)
    spoilt = shared.run(spoil)
    assert before.ok and spoilt.ok, (before.stderr, spoilt.stderr)
    after = shared.run(look)
    number = re.compile(r"(MainThread, started) \d+")
    assert number.sub(r"\1", after.stdout) == number.sub(r"\1", before.stdout)
    assert "2.0 None 1000 True" in after.stdout


def test_a_hostile_program_cannot_end_or_change_its_worker(warm: Warm) -> None:
    hostile = """
    import ctypes, os, signal
    import numpy
    print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))
    for handle in range(3, 100):
        try: os.write(handle, b'x')
        except OSError: pass
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.getcwd().rpartition('/')[0]
    libc.umount2(here.encode(), 2)  # as root: what lies below is the worker's own folder
    try: open(os.path.join(here, 'scratch', 'home', 'planted'), 'w').write('x')
    except OSError: pass
    for victim in (os.getppid(), 1, -1):
        try: os.kill(victim, signal.SIGKILL)
        except OSError: pass
    """
    look = "import numpy, os, pathlib\nprint(list(pathlib.Path.home().iterdir()), numpy.pi > 3)"
    assert warm.run(look).stdout == "[] True\n"
    pids = re.findall(r"\d+", warm.run(hostile).stdout)
    assert pids == ["1", "2"]  # itself and its supervisor: the worker cannot be seen
    assert warm.run(look).stdout == "[] True\n"
    assert len(warm.said) == 1  # the same worker


def test_a_worker_that_was_killed_is_replaced(warm: Warm) -> None:
    others = psutil.Process().children()
    assert warm.run("import numpy\nprint('a')").ok
    (worker,) = (child for child in psutil.Process().children() if child not in others)
    for process in [*worker.children(recursive=True), worker]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    worker.wait(10)
    assert warm.run("import numpy\nprint('b')").stdout == "b\n"
    assert len(warm.said) == 2


def test_no_worker_outlives_the_process_that_keeps_it(tmp_path: Path) -> None:
    """SIGKILL cannot be handled, so the inner side has to notice."""
    host = tmp_path / "host.py"
    host.write_text(
        textwrap.dedent(f"""
        import os, tempfile, time
        from pathlib import Path
        from mlops_bot.sandbox.warm import WarmSandbox, Workers
        from mlops_bot.types import Job
        tempfile.tempdir = {str(tmp_path)!r}
        sandbox = WarmSandbox(Workers(), cache_dir=Path({str(tmp_path)!r}))
        program = b"import time; open('started', 'w'); time.sleep(300)"
        sandbox.run(Job(("python", "p.py"), {{"p.py": program}}, sandbox.prepare(())))
        """)
    )
    source = str(Path(preload.__file__).parents[2])
    with subprocess.Popen([sys.executable, str(host)], env={"PYTHONPATH": source, "PATH": ""}) as process:
        _until(lambda: list(tmp_path.glob("mlops-bot-run-*/job/started")))
        inside = psutil.Process(process.pid).children(recursive=True)
        assert len(inside) > 3
        process.send_signal(signal.SIGKILL)
    _until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in inside))
    _until(lambda: not list(tmp_path.glob("mlops-bot-*")))


def test_a_worker_whose_keeper_dies_while_it_imports_ends_and_cleans_up(tmp_path: Path) -> None:
    host = tmp_path / "host.py"
    host.write_text(
        textwrap.dedent(f"""
        import tempfile
        from pathlib import Path
        from mlops_bot.sandbox import preload
        from mlops_bot.sandbox.warm import WarmSandbox, Workers
        from mlops_bot.types import Job
        tempfile.tempdir = {str(tmp_path)!r}
        preload.PACKAGES["slow"] = ("slow",)
        sandbox = WarmSandbox(Workers(), cache_dir=Path({str(tmp_path)!r}))
        slow = b"import time; open({str(tmp_path / "importing")!r}, 'w'); time.sleep(1)"
        sandbox.run(Job(("python", "p.py"), {{"p.py": b"import slow", "lib/slow.py": slow}}, sandbox.prepare(()),
                        environment={{"PYTHONPATH": "{{root}}/lib", "PYTHONDONTWRITEBYTECODE": "1"}}))
        """)
    )
    source = str(Path(preload.__file__).parents[2])
    with subprocess.Popen([sys.executable, str(host)], env={"PYTHONPATH": source, "PATH": ""}) as process:
        _until((tmp_path / "importing").exists)
        inside = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    _until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in inside))
    _until(lambda: not list(tmp_path.glob("mlops-bot-*")))


def test_workers_end_with_their_sandbox(tmp_path: Path) -> None:
    others = psutil.Process().children(recursive=True)
    with contextlib.closing(Workers()) as workers:
        assert Warm(workers, tmp_path).run("print(1)").ok
        inside = [child for child in psutil.Process().children(recursive=True) if child not in others]
        assert inside
    assert not any(child.is_running() for child in inside)


def _until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


# --- where a fork would not be as good -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()", "threads"),
        ("import mmap\nshared = mmap.mmap(-1, 4096)", "shares memory"),
        ("import socket\nheld = socket.socketpair()", "keeps files open"),
        ("open('in_the_working_copy', 'w').close()", "left files in the working copy"),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("import os\nos._exit(3)", "ended at once"),
    ],
)
def test_what_cannot_be_forked_runs_fresh_and_says_why(
    warm: Warm, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setitem(preload.PACKAGES, "odd", ("odd",))  # type: ignore[index]
    options: dict[str, Any] = {"files": {"lib/odd.py": text.encode()}, "environment": {"PYTHONPATH": "{root}/lib"}}
    for _ in range(2):
        fresh, result = warm.both("import odd\nprint('ran')", **options)
        assert result == fresh
    (said,) = warm.said  # tried once
    assert said.startswith("no worker with odd, fresh processes instead") and why in said


# --- with the smoke hooks ------------------------------------------------------------------------------------

PROGRAM = b"""
import random
import mlflow
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score

x = np.random.rand(200, 3)
y = (x.sum(axis=1) + np.random.rand(200) > 2).astype(int)
model = SGDClassifier()
with mlflow.start_run():
    mlflow.log_params({"alpha": model.alpha, "seed": random.randrange(1000)})
    for epoch in range(20):
        model.partial_fit(x, y, classes=[0, 1])
        mlflow.log_metric("accuracy", accuracy_score(y, model.predict(x)), step=epoch)
print("accuracy", accuracy_score(y, model.predict(x)), set("abc"))
"""


@pytest.mark.slow
def test_what_only_the_worker_imported_is_not_noted(shared: Warm) -> None:
    """A worker imports MLflow's store; the hooks note a store when the program uses it."""
    noted = []
    for use in (b"", b"mlflow.set_experiment('a')\n"):
        job = jobs.program(
            {"train.py": b"import mlflow\n" + use}, ("python", "train.py"), workdir=".", runtime=shared.runtime,
            limits=Limits(seconds=200), smoke=jobs.Smoke(), component=components.load_all()["mlflow"],
            functionality="experiment-tracking",
        )  # fmt: skip
        result = shared.sandbox.run(job)
        noted.append("hooked" in json.loads(result.files[jobs.TRACE])["component"])
    assert noted == [False, True]


@pytest.mark.slow
def test_the_evidence_is_that_of_a_fresh_process(shared: Warm) -> None:
    mlflow = components.load_all()["mlflow"]
    job = jobs.program(
        {"train.py": PROGRAM}, ("python", "train.py"), workdir=".", runtime=shared.runtime, limits=Limits(seconds=200),
        smoke=jobs.Smoke(), component=mlflow, functionality="experiment-tracking",
    )  # fmt: skip
    found = []
    for sandbox in (shared.fresh, shared.sandbox, shared.sandbox):
        result = sandbox.run(job)
        assert result.ok, result.stderr
        trace = json.loads(result.files[jobs.TRACE])
        collector = jobs.collector(mlflow, {}, result, "experiment-tracking", shared.runtime)
        evidence = json.loads(sandbox.run(collector).files[jobs.EVIDENCE])
        seen = re.sub(r'"run \w{32}"', '"run"', json.dumps({**trace, "seconds": 0}))
        runs = [{key: run[key] for key in ("params", "metrics") if key in run} for run in evidence["runs"]]
        found.append((result.stdout, ROOT.sub("/ROOT/", seen), len(runs), json.dumps(runs)))
    fresh, first, second = found
    assert trace["exit"]["kind"] == "normal" and trace["training"] and not trace["errors"]
    assert first[:3] == fresh[:3] and second[:3] == fresh[:3]
    stamp = re.compile(r'"timestamp": \d+')
    assert stamp.sub("", first[3]) == stamp.sub("", fresh[3]) == stamp.sub("", second[3])
