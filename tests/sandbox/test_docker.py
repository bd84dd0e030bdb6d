"""What only the Docker sandbox does: its container's limits, its images, and an engine that goes away."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.sandbox.conftest import LIMITS, docker_config
from tests.sandbox.wheels import index, make_wheel

from mlops_bot.errors import SandboxError
from mlops_bot.sandbox import choose, docker, docker_engine
from mlops_bot.sandbox.docker import DockerConfig, DockerSandbox
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.types import Job, RunResult, Sandbox

needs_engine = pytest.mark.docker


def program(source: str, sandbox: DockerSandbox, **options: Any) -> RunResult:
    options.setdefault("limits", LIMITS)
    return sandbox.run(Job(("python", "-c", textwrap.dedent(source)), {}, sandbox.prepare(()), **options))


def engine(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


# --- without an engine --------------------------------------------------------------------------------------


def test_an_absent_engine_is_infrastructure_with_a_hint(tmp_path: Path) -> None:
    sandbox = DockerSandbox(DockerConfig(base_url=f"unix://{tmp_path}/none.sock"))
    assert isinstance(sandbox, Sandbox)
    assert (sandbox.name, sandbox.isolates) == ("docker", True)
    with pytest.raises(SandboxError, match="connecting") as caught:
        sandbox.prepare(())
    assert caught.value.hint is not None and "start Docker" in caught.value.hint


def test_the_probe_is_quick_and_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as silent:  # accepts, never answers
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        start = time.monotonic()
        assert docker_engine.probe(0.5, f"unix://{tmp_path}/s") is None
        assert time.monotonic() - start < 3
    assert docker_engine.probe(0.5, f"unix://{tmp_path}/none") is None
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert choose.available() == "process"


@needs_engine
def test_docker_is_chosen_when_an_engine_answers() -> None:
    assert choose.available(10) == "docker"


# --- the container ------------------------------------------------------------------------------------------


@needs_engine
def test_every_limit_is_seen_from_inside(docker_sandbox: DockerSandbox) -> None:
    source = """
    import json, os, resource, socket
    status = dict(line.rstrip().split(':\\t', 1) for line in open('/proc/self/status') if ':\\t' in line)
    def writable(path):
        try:
            open(path + '/probe', 'w').close()
            return True
        except OSError:
            return False
    print(json.dumps({
        'ids': [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()],
        'capabilities': [status['CapEff'], status['CapPrm'], status['CapBnd'], status['CapInh']],
        'no_new_privileges': status['NoNewPrivs'], 'seccomp': status['Seccomp'],
        'writable': [path for path in ('/', '/etc', '/usr', '/opt/runtime', '/var/tmp', '/home', '/tmp', '/work')
                     if writable(path)],
        'interfaces': [name for _, name in socket.if_nameindex()],
        'socket': os.path.exists('/var/run/docker.sock'),
        'core': resource.getrlimit(resource.RLIMIT_CORE), 'fsize': resource.getrlimit(resource.RLIMIT_FSIZE),
        'nofile': resource.getrlimit(resource.RLIMIT_NOFILE),
        'supervisor': [os.access('/proc/1/' + name, os.R_OK) for name in ('environ', 'mem', 'fd')],
        'disk': os.statvfs('/work').f_blocks * os.statvfs('/work').f_frsize,
    }))
    """
    seen = json.loads(program(source, docker_sandbox).stdout)
    assert seen["ids"] == [65534, 65534, 65534, seen["ids"][3]]
    assert 0 not in seen["ids"][3]
    assert {int(value, 16) for value in seen["capabilities"]} == {0}
    assert (seen["no_new_privileges"], seen["seccomp"]) == ("1", "2")
    assert seen["writable"] == ["/tmp", "/work"]
    assert seen["interfaces"] == ["lo"]
    assert not seen["socket"]
    assert seen["core"] == [0, 0]
    assert seen["fsize"] == [LIMITS.disk_mb << 20] * 2
    assert seen["nofile"] == [4096, 4096]
    assert seen["supervisor"] == [False, False, False]
    assert seen["disk"] == LIMITS.disk_mb << 20


@needs_engine
def test_every_limit_is_asked_of_the_engine(docker_sandbox: DockerSandbox) -> None:
    client = docker_sandbox._connect()
    job = Job(("python",), {}, docker_sandbox.prepare(()), limits=LIMITS)
    options = docker_sandbox._options(client, job)
    host = options["host_config"]
    memory = (LIMITS.memory_mb + LIMITS.disk_mb) << 20
    assert (host["Memory"], host["MemorySwap"]) == (memory, memory)
    assert host["NetworkMode"] == "none" and host["IpcMode"] == "private"
    assert host["ReadonlyRootfs"] is True and host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] == LIMITS.processes and 0 < host["NanoCpus"] <= 2e9
    assert not host.get("Binds") and not host.get("Mounts") and not host.get("Privileged")
    assert options["user"] == "65534:65534"
    assert options["labels"][docker.LABEL] == "run"


@needs_engine
def test_the_kernels_own_out_of_memory_is_memory(docker_sandbox: DockerSandbox) -> None:
    """Shared memory is not in the supervisor's sum: the control group's limit ends it."""
    source = """
    import mmap
    held = []
    while True:
        held.append(mmap.mmap(-1, 32 << 20)); held[-1].write(bytes(32 << 20))
    """
    result = program(source, docker_sandbox, limits=dataclasses.replace(LIMITS, memory_mb=100, disk_mb=32))
    assert (result.ended, result.exit_code) == ("memory", None)


@needs_engine
def test_another_oci_runtime_is_passed_on(docker_sandbox: DockerSandbox) -> None:
    other = DockerSandbox(docker_config(runtime="no-such-runtime"))
    with pytest.raises(SandboxError, match="no-such-runtime"):
        program("print(1)", other)


@needs_engine
def test_an_image_that_is_gone_is_infrastructure(docker_sandbox: DockerSandbox) -> None:
    runtime = dataclasses.replace(docker_sandbox.prepare(()), id="sha256:" + "0" * 64)
    with pytest.raises(SandboxError, match="creating the container"):
        docker_sandbox.run(Job(("python",), {}, runtime))


# --- images -------------------------------------------------------------------------------------------------


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[PipOptions]:
    """An index on this machine with the package `madeup`."""
    make_wheel(tmp_path / "simple" / "madeup", "madeup", f"1.{time.time_ns()}")
    (tmp_path / "simple" / "sourceonly").mkdir()
    (tmp_path / "simple" / "sourceonly" / "sourceonly-1.0.tar.gz").write_bytes(b"")
    with index(tmp_path / "simple") as address:
        yield PipOptions({"PIP_INDEX_URL": address})


@needs_engine
@pytest.mark.slow
def test_an_image_is_built_once_for_its_requirements(wheels: PipOptions) -> None:
    said: list[str] = []
    sandboxes = [
        DockerSandbox(docker_config(pip=wheels), progress=lambda _, message: said.append(message)) for _ in range(3)
    ]
    runtimes: list[Any] = []
    threads = [threading.Thread(target=lambda one=one: runtimes.append(one.prepare(("madeup",)))) for one in sandboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(runtimes) == 3 and len(set(runtimes)) == 1
        assert len([one for one in said if one.startswith("building")]) == 1
        assert runtimes[0].id.startswith("sha256:")
        assert runtimes[0].id != sandboxes[0].prepare(()).id
        job = Job(("python", "-c", "import madeup; print(madeup.version)"), {}, runtimes[0], limits=LIMITS)
        assert sandboxes[0].run(job).stdout.startswith("1.")
        assert engine("image", "inspect", "-f", '{{index .Config.Labels "mlops-bot"}}', runtimes[0].id) == "image"
    finally:
        engine("image", "rm", "-f", runtimes[0].id)


def building() -> set[str]:
    """All containers but those of runs, which may come and go at any time."""
    listed = engine("ps", "-a", "--format", '{{.ID}} {{.Label "mlops-bot"}}')
    return {words[0] for line in listed.splitlines() if (words := line.split())[1:] != ["run"]}


@needs_engine
@pytest.mark.slow
@pytest.mark.parametrize("requirement", ["madeup==99", "sourceonly"])
def test_what_has_no_wheel_is_named(wheels: PipOptions, requirement: str) -> None:
    before = building()
    with pytest.raises(SandboxError, match=f"could not install {requirement}") as caught:
        DockerSandbox(docker_config(pip=wheels)).prepare((requirement,))
    assert caught.value.hint is not None and "only wheels" in caught.value.hint
    assert building() <= before  # no container of the failed build


@needs_engine
def test_a_base_image_that_cannot_be_had(docker_sandbox: DockerSandbox) -> None:
    with pytest.raises(SandboxError, match=r"pulling the base image 127\.0\.0\.1:1/none") as caught:
        DockerSandbox(docker_config(base_image="127.0.0.1:1/none:1")).prepare(())
    assert caught.value.hint is not None and "base image" in caught.value.hint


# --- ends that nobody planned -----------------------------------------------------------------------------------


def _engine_socket() -> socket.socket:
    """A connection to the engine that the environment names."""
    address = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    if address.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address.path)
        return connection
    return socket.create_connection((address.hostname or "localhost", address.port or 2375))


class Relay:
    """A Unix socket in front of the real engine, that can be cut."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._server.accept()
                there = _engine_socket()
                self._open += [here, there]
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        for one in (self._server, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def runs() -> set[str]:
    return set(engine("ps", "-q", "--filter", f"label={docker.LABEL}=run").split())


def until_gone(containers: set[str]) -> None:
    """A container without a host ends by itself."""
    end = time.monotonic() + 30
    while runs() & containers:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="relay-"))  # a Unix socket's path is at most 107 bytes
    yield folder
    shutil.rmtree(folder)


@needs_engine
def test_an_engine_that_dies_in_the_middle_is_infrastructure(socket_folder: Path) -> None:
    relay = Relay(socket_folder / "s")
    sandbox = DockerSandbox(docker_config(base_url=relay.address))
    sandbox.prepare(())
    before = runs()
    started = threading.Timer(2.0, relay.cut)
    started.start()
    with pytest.raises(SandboxError, match="Docker failed while running the program"):
        program("import time; time.sleep(60)", sandbox)
    started.join()
    until_gone(runs() - before)


@needs_engine
def test_killing_the_host_ends_the_container_and_the_next_run_sweeps(
    docker_sandbox: DockerSandbox, tmp_path: Path
) -> None:
    base = os.environ.get("MLOPS_BOT_BASE_IMAGE")
    docker_sandbox.prepare(())
    before = runs()
    host = tmp_path / "host.py"
    host.write_text(
        textwrap.dedent(f"""
        from mlops_bot.sandbox.docker import DockerConfig, DockerSandbox
        from mlops_bot.types import Job
        sandbox = DockerSandbox(DockerConfig(base_image={base!r}))
        sandbox.run(Job(("python", "-c", "import time; time.sleep(300)"), {{}}, sandbox.prepare(())))
        """)
    )
    source = str(Path(docker.__file__).parents[2])
    with subprocess.Popen([sys.executable, str(host)], env={**os.environ, "PYTHONPATH": source}) as process:
        end = time.monotonic() + 30
        while not (started := runs() - before):
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
    until_gone(started)
    docker_sandbox.LEFTOVER_SECONDS = 0.0
    try:
        docker_sandbox._sweep(docker_sandbox._connect())
    finally:
        del docker_sandbox.LEFTOVER_SECONDS
    left = set(engine("ps", "-aq", "--filter", f"label={docker.LABEL}=run").split())
    assert not left & started
