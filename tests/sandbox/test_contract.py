"""What every sandbox promises. Each test runs on each implementation."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from tests.sandbox.conftest import LIMITS, Run

from mlops_bot.errors import UserError
from mlops_bot.types import Job, Sandbox


def limits(**changes: float) -> object:
    return dataclasses.replace(LIMITS, **changes)  # type: ignore[arg-type]


# --- a program that behaves ---------------------------------------------------------------------------------


def test_streams_are_kept_apart_and_the_exit_code_comes_back(run: Run) -> None:
    result = run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")
    assert (result.stdout, result.stderr, result.exit_code, result.ended) == ("out\n", "err\n", 3, "exited")
    assert not result.ok


def test_a_signal_is_128_and_its_number(run: Run) -> None:
    result = run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (result.exit_code, result.ended) == (139, "exited")


def test_only_new_and_changed_files_come_back(run: Run) -> None:
    source = """
import pathlib
assert pathlib.Path('data/same.bin').read_bytes() == bytes(range(256))
pathlib.Path('data/same.bin').write_bytes(bytes(range(256)))
pathlib.Path('data/other.txt').write_text('B')
pathlib.Path('out/deep').mkdir(parents=True)
pathlib.Path('out/deep/new.bin').write_bytes(b'\\x00\\xff')
pathlib.Path('empty').touch()
"""
    result = run(source, {"data/same.bin": bytes(range(256)), "data/other.txt": b"A", "untouched": b"u"})
    assert result.ok, result.stderr
    assert result.files == {"data/other.txt": b"B", "out/deep/new.bin": b"\x00\xff", "empty": b""}
    assert result.dropped == ()


def test_a_change_that_hides_its_time_is_seen(run: Run) -> None:
    source = "import os\ni = os.stat('a')\nopen('a', 'w').write('2')\nos.utime('a', ns=(i.st_atime_ns, i.st_mtime_ns))"
    assert run(source, {"a": b"1"}).files == {"a": b"2"}


def test_working_directory_and_root(run: Run) -> None:
    source = (
        "import os, sys\nprint(os.getcwd() == os.path.join(sys.argv[1], 'a', 'b'), os.environ['WHERE'] == sys.argv[1])"
    )
    result = run(
        "",
        {"a/b/x.py": source.encode()},
        argv=("python", "x.py", "{root}"),
        workdir="a/b",
        environment={"WHERE": "{root}"},
    )
    assert result.stdout == "True True\n", result.stderr


def test_the_environment_is_ours_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted-secret")
    result = run("import os\nfor name in os.environ: print(name)", environment={"MINE": "1"})
    allowed = {"PATH", "HOME", "TMPDIR", "LANG", "OMP_NUM_THREADS", "MLOPS_SANDBOX", "MINE", "LC_CTYPE"}
    assert set(result.stdout.split()) <= allowed
    assert {"PATH", "HOME", "TMPDIR", "MINE"} <= set(result.stdout.split())


def test_home_and_temporary_folder_are_private_and_writable(run: Run) -> None:
    source = """
import pathlib, tempfile
(pathlib.Path.home() / '.config').mkdir(parents=True)
(pathlib.Path.home() / '.config' / 'x').write_text('x')
print(tempfile.mkstemp()[1].startswith(str(pathlib.Path.home().parent)))
"""
    result = run(source)
    assert result.stdout == "True\n", result.stderr
    assert result.files == {}  # neither belongs to the project


def test_standard_input_is_empty(run: Run) -> None:
    assert run("import sys\nprint(repr(sys.stdin.read()))").stdout == "''\n"


def test_binary_output_does_not_break_it(run: Run) -> None:
    result = run("import sys\nsys.stdout.buffer.write(b'a\\xff\\x00b')")
    assert result.ok and result.stdout == "a\ufffd\0b"


def test_unicode_everywhere(run: Run) -> None:
    result = run(
        "import sys\nprint('größe 模型')\nopen('結果 ü.txt', 'w').write(open(sys.argv[1]).read())",
        {"dätä/模.txt": "é".encode()},
        argv=("python", "main.py", "dätä/模.txt"),
    )
    assert result.ok, result.stderr
    assert result.stdout == "größe 模型\n"
    assert result.files == {"結果 ü.txt": "é".encode()}


def test_a_file_name_that_is_not_text_is_reported_not_returned(run: Run) -> None:
    result = run("open(b'bad\\xff', 'w').write('x')\nopen('good', 'w').write('x')")
    assert set(result.files) == {"good"}
    assert result.dropped == ("bad\ufffd",)


def test_many_files(run: Run) -> None:
    result = run("import os\nos.mkdir('d')\nfor i in range(2000): open(f'd/{i}', 'w').write(str(i))")
    assert result.ok, result.stderr
    assert len(result.files) == 2000 and result.files["d/1999"] == b"1999"


def test_what_is_too_much_to_bring_back_is_named(run: Run) -> None:
    source = "open('big', 'wb').write(bytes(3 << 20))\nopen('small', 'w').write('s')"
    result = run(source, keep_mb=1)
    assert result.files == {"small": b"s"}
    assert result.dropped == ("big",)


def test_links_are_not_followed_out(run: Run) -> None:
    source = """
import os
os.symlink('/etc/passwd', 'link')
os.symlink('/etc', 'folder')
os.mkfifo('pipe')
os.mkdir('real')
open('real/kept', 'w').write('k')
os.symlink('real', 'inside')
"""
    result = run(source)
    assert result.ok, result.stderr
    assert result.files == {"real/kept": b"k"}


def test_a_program_that_does_not_exist(run: Run) -> None:
    result = run("", argv=("no-such-program",))
    assert (result.exit_code, result.ended) == (127, "exited")
    assert "no-such-program" in result.stderr


def test_threads_and_workers_work(run: Run) -> None:
    source = """
import multiprocessing
def square(x): return x * x
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool: print(sum(pool.map(square, range(10))))
"""
    result = run(source)
    assert result.stdout == "285\n", result.stderr


# --- a program that does not -------------------------------------------------------------------------------


def test_time_is_limited(run: Run) -> None:
    start = time.monotonic()
    result = run("import time\nprint('begun', flush=True)\ntime.sleep(60)", limits=limits(seconds=1.5))
    assert (result.ended, result.exit_code, result.stdout) == ("timeout", None, "begun\n")
    assert 1.4 < result.seconds < 5
    assert time.monotonic() - start < 15


def test_a_program_that_ignores_signals_is_stopped(run: Run) -> None:
    ignore = "for s in set(signal.Signals) - {9, 19}: signal.signal(s, signal.SIG_IGN)"
    source = f"import signal, time\n{ignore}\nwhile 1: time.sleep(1)"
    assert run(source, limits=limits(seconds=1)).ended == "timeout"


def test_files_written_before_a_timeout_come_back(run: Run) -> None:
    result = run("import time\nopen('log', 'w').write('x')\ntime.sleep(60)", limits=limits(seconds=1))
    assert result.ended == "timeout" and result.files == {"log": b"x"}


def test_memory_is_limited(run: Run) -> None:
    source = "held = []\nwhile True: held.append(bytearray(b'x') * (8 << 20))"
    result = run(source, limits=limits(memory_mb=200))
    assert (result.ended, result.exit_code) == ("memory", None)


def test_memory_of_children_counts(run: Run) -> None:
    source = """
import multiprocessing, time
def hold():
    x = bytearray(b'x') * (90 << 20)
    time.sleep(30)
if __name__ == '__main__':
    for _ in range(4): multiprocessing.Process(target=hold).start()
"""
    assert run(source, limits=limits(memory_mb=250, seconds=30)).ended == "memory"


def test_disk_is_limited(run: Run) -> None:
    source = "i = 0\nwhile True:\n    open(f'f{i}', 'wb').write(bytes(4 << 20)); i += 1"
    result = run(source, limits=limits(disk_mb=32), keep_mb=1)
    assert (result.ended, result.exit_code) == ("disk", None)


def test_one_large_file_is_limited(run: Run) -> None:
    source = "f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))"
    assert run(source, limits=limits(disk_mb=32), keep_mb=1).ended == "disk"


def test_files_that_do_not_fit_are_the_callers_mistake(run: Run) -> None:
    with pytest.raises(UserError, match="64 MB"):
        run("", {"data.bin": bytes(65 << 20)})


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a//b", "./a"])
def test_paths_outside_are_refused(run: Run, path: str) -> None:
    with pytest.raises(UserError, match="not a path inside"):
        run("", {path: b""})


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_limited(run: Run, stream: str) -> None:
    result = run(f"import sys\nwhile True: print('y' * 99, file=sys.{stream})")
    assert (result.ended, result.exit_code) == ("output", None)
    assert 200 * 1024 < len(getattr(result, stream)) <= LIMITS.output_kb * 1024


def test_one_endless_line_is_limited(run: Run) -> None:
    result = run("import sys\nwhile True: sys.stdout.write('y' * 65536)")
    assert result.ended == "output" and len(result.stdout) <= LIMITS.output_kb * 1024


def test_one_huge_line_below_the_limit_is_whole(run: Run) -> None:
    result = run("print('y' * 200000)")
    assert result.ok and len(result.stdout) == 200001


def test_processes_are_limited(run: Run) -> None:
    source = """
import os, time
for _ in range(400):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
    result = run(source, limits=limits(processes=100, seconds=20))
    assert result.ended == "exited" and result.exit_code not in (0, None), (result, "the bomb went off")
    assert result.seconds < 15


def test_what_outlives_the_program_is_killed(run: Run) -> None:
    marker = f"{time.time_ns()}"
    source = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(300)', '{marker}'])
    os._exit(0)
time.sleep(0.5)
print('done')
"""
    start = time.monotonic()
    result = run(source)
    assert result.ok and result.stdout == "done\n"
    assert time.monotonic() - start < 20
    assert not [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or ())]


# --- what it cannot see, and what it leaves --------------------------------------------------------------------


def test_nothing_is_left_behind(run: Run, sandbox: Sandbox) -> None:
    def state() -> tuple[set[str], set[int], str]:
        containers = ""
        if sandbox.name == "docker":
            for kind in (["ps", "-aq", "--filter", "label=mlops-bot=run"], ["volume", "ls", "-q"]):
                containers += subprocess.run(["docker", *kind], capture_output=True, text=True, check=True).stdout
        folders = {path.name for path in Path(tempfile.gettempdir()).glob("mlops-bot-run-*")}
        return folders, {child.pid for child in psutil.Process().children(recursive=True)}, containers

    run("")  # a sandbox may keep what serves the next program
    before = state()
    run("import os\nos.mkdir('x', 0o700)\nopen('x/f', 'w').write('1')\nos.chmod('x', 0)")
    run("while True: pass", limits=limits(seconds=0.5))
    run("while True: print('x' * 1000)")
    assert state() == before


def test_interrupting_ends_the_program_at_once(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C does: KeyboardInterrupt while waiting for the program."""
    from mlops_bot.sandbox import wire

    marker = f"{time.time_ns()}"
    original = wire.Answer._frame

    def interrupted(answer: wire.Answer) -> bool:
        if b"ready" in answer.partial.stdout:
            raise KeyboardInterrupt
        return original(answer)

    monkeypatch.setattr(wire.Answer, "_frame", interrupted)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run("import time\nprint('ready', flush=True)\ntime.sleep(100)", argv=("python", "main.py", marker))
    assert time.monotonic() - start < 15
    assert not [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or ())]


def test_runs_at_the_same_time_do_not_meet(sandbox: Sandbox) -> None:
    runtime = sandbox.prepare(())
    results = {}

    def one(number: int) -> None:
        source = f"import os, time\nopen('mine', 'w').write('{number}')\ntime.sleep(0.3)\nprint(os.listdir())".encode()
        results[number] = sandbox.run(
            Job(argv=("python", "m.py"), files={"m.py": source}, runtime=runtime, limits=LIMITS)
        )

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number].files for number in range(3)] == [{"mine": str(number).encode()} for number in range(3)]


def test_there_is_no_network(run: Run, sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"""
import socket
def reach(address):
    try:
        socket.create_connection(address, timeout=2).close()
        return 'open'
    except OSError:
        return 'shut'
print(reach(('127.0.0.1', {port})))
with socket.create_server(('127.0.0.1', 0)) as own: print(reach(own.getsockname()))
print(reach(('192.0.2.1', 80)))
"""
        result = run(source)
    host, own, outside = result.stdout.split()
    assert (own, outside) == ("open", "shut"), result.stderr
    # On a kernel that cannot shut it off, the runtime says so.
    assert host == ("open" if "network is open" in sandbox.prepare(()).description else "shut")
    assert (host == "open") == ("open_to_all" in request.node.name)


def test_memory_that_forked_workers_share_counts_once(run: Run) -> None:
    source = """
import os, time
held = bytearray(b'x') * (100 << 20)
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        time.sleep(1)
        os._exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
print('well')
"""
    result = run(source, limits=limits(memory_mb=250))
    assert result.stdout == "well\n", result
