"""Runs programs in Docker containers: for code that nobody trusts. The SDK's door is docker_engine.py.

No bind mounts, so that it works from inside a container that holds the engine's socket: files go in and out through
the container's standard streams, into a size-limited tmpfs. One container for each run, removed after it.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_bot.errors import SandboxError
from mlops_bot.sandbox import wire
from mlops_bot.sandbox.docker_engine import connect, finished, image_id, infrastructure, remove
from mlops_bot.sandbox.docker_image import PYTHON, Recipe
from mlops_bot.sandbox.docker_stream import AttachedStream
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.sandbox.requirements import install_error
from mlops_bot.types import Job, Progress, RunResult, Runtime

INSIDE = Path(__file__).parent / "inside"
LABEL = "mlops-bot"  # on everything we create; value "run" or "image"
LABEL_UNTIL = "mlops-bot.until"  # Unix time after which a container is a leftover of a process that died
ROOT, SCRATCH = "/work/job", "/work"
DEFAULT_BASE_IMAGE = "python:3.11-slim"
USER = "65534:65534"
TMP_MB = 512
SHM_MB = 1024

_build_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """`base_image` must have python3 or apt-get. `runtime`: the engine's OCI runtime ("runsc"), None for its default.
    `build_network`: the network mode of image builds; the host's, as a default bridge often reaches nothing (nested
    engines, engines without packet filter). `base_url` names another engine than the environment does."""

    base_image: str | None = None
    runtime: str | None = None
    build_network: str | None = "host"
    pip: PipOptions = field(default_factory=PipOptions)
    base_url: str | None = None


class DockerSandbox:
    """`progress` hears of slow steps (pulling, building). No engine is looked for before the first use."""

    name = "docker"
    isolates = True
    LEFTOVER_SECONDS = 60.0  # after its end, a container that is still there belongs to nobody

    def __init__(self, config: DockerConfig | None = None, *, progress: Progress | None = None) -> None:
        self._config = config or DockerConfig()
        self._base_image = self._config.base_image or DEFAULT_BASE_IMAGE
        self._progress = progress
        self._engine: Any = None
        self._engine_cpus: int | None = None

    # --- images --------------------------------------------------------------------------------------------

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        """Raises UserError for a malformed requirement, SandboxError when the image cannot be built."""
        base = self.base()
        client = self._connect()
        recipe = Recipe.of(requirements, self._base_image, base, self._config.pip)
        with infrastructure("looking at images"):
            image = image_id(client, recipe.tag)
        if not image:
            with _build_lock, _file_lock(recipe.tag):
                with infrastructure("looking at images"):
                    image = image_id(client, recipe.tag)
                image = image or self._build(client, recipe)
        count = len(recipe.requirements)
        return Runtime(
            id=image,
            description=f"image {recipe.tag} (from {self._base_image}, {count} requirement{'' if count == 1 else 's'})",
            python=PYTHON,
        )

    def base(self) -> str:
        """The id of the base image, pulled where it is not here yet. Raises SandboxError when it cannot be had."""
        client = self._connect()
        with infrastructure("looking at images"):
            found = image_id(client, self._base_image)
        return found or self._pull(client)

    def _pull(self, client: Any) -> str:
        self._say(f"pulling the base image {self._base_image}")
        try:
            with infrastructure(f"pulling the base image {self._base_image}"):
                return str(client.images.pull(self._base_image).id)
        except SandboxError as error:
            raise SandboxError(
                str(error),
                hint="check the network, or set MLOPS_BOT_BASE_IMAGE to a base image that is present "
                "(it needs python3 or apt-get)",
            ) from error

    def _build(self, client: Any, recipe: Recipe) -> str:
        self._say(f"building the image {recipe.tag} for {', '.join(recipe.requirements) or 'no requirements'}")
        log: list[str] = []
        with infrastructure("building the image"):
            events = client.api.build(
                fileobj=io.BytesIO(recipe.context()),
                custom_context=True,
                tag=recipe.tag,
                buildargs=recipe.arguments,
                network_mode=self._config.build_network,
                labels={LABEL: "image"},
                rm=True,
                forcerm=True,
                decode=True,
                timeout=1800,
            )
            for event in events:
                text = str(event.get("stream") or event.get("status") or "").strip()
                if text:
                    log.append(text)
                    if text.startswith(("Collecting ", "Downloading ", "Installing ")):
                        self._say(text.splitlines()[0][:120])
                if error := event.get("error"):
                    if "pip install" in str(error):
                        raise install_error(recipe.requirements, "\n".join(log))
                    tail = "\n".join(log[-8:])
                    raise SandboxError(f"could not build the sandbox image: {str(error)[:500]}\n{tail}")
            return image_id(client, recipe.tag)

    # --- runs ----------------------------------------------------------------------------------------------

    def run(self, job: Job) -> RunResult:
        head = wire.request(job, root=ROOT, scratch=SCRATCH, own_filesystem=True, environment={})
        client = self._connect()
        self._sweep(client)
        with infrastructure("creating the container"):
            container = client.api.create_container(**self._options(client, job))["Id"]
        try:
            with infrastructure("running the container"):
                stream = AttachedStream(client.api, container)
            try:
                with infrastructure("starting the container"):
                    client.api.start(container)
                return wire.converse(stream, job, head).result()
            except wire.Lost as lost:
                with infrastructure("running the program"):
                    state = client.api.inspect_container(container)["State"]
                if state.get("OOMKilled"):
                    return lost.partial.result("memory")
                complaint = bytes(stream.complaint).decode("utf-8", "replace").strip()[-500:]
                raise SandboxError(
                    f"the container ended by itself (exit code {state.get('ExitCode')}): "
                    f"{complaint or state.get('Error') or 'without a word'}"
                ) from None
            finally:
                stream.close()
        finally:
            remove(client, container)

    def _options(self, client: Any, job: Job) -> dict[str, Any]:
        """Every limit of the container; what is not listed is refused to it."""
        limits = job.limits
        memory = limits.memory_mb + limits.disk_mb  # the files in its tmpfs count as its memory
        tmpfs = "rw,exec,nosuid,nodev,uid=65534,gid=65534,mode=0700"
        host_config = client.api.create_host_config(
            network_mode="none",
            read_only=True,
            tmpfs={"/work": f"{tmpfs},size={limits.disk_mb}m", "/tmp": f"{tmpfs},size={min(TMP_MB, limits.disk_mb)}m"},
            shm_size=min(SHM_MB, limits.memory_mb) * wire.MIB,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=memory * wire.MIB,
            memswap_limit=memory * wire.MIB,
            nano_cpus=int(min(limits.cpus, self._cpus(client)) * 1e9),
            pids_limit=limits.processes,
            ulimits=[
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "fsize", "Soft": limits.disk_mb * wire.MIB, "Hard": limits.disk_mb * wire.MIB},
                {"Name": "nofile", "Soft": 4096, "Hard": 4096},
            ],
            ipc_mode="private",
            privileged=False,
            runtime=self._config.runtime,
            log_config={"Type": "none", "Config": {}},  # an endless print must not fill the host's disk
            restart_policy={"Name": "no"},
        )
        return {
            "image": job.runtime.id,
            "command": [PYTHON, "-I", "-S", "-c", _bundle()],
            "entrypoint": [],
            "user": USER,
            "working_dir": "/",
            "hostname": "sandbox",
            "environment": {"LANG": "C.UTF-8"},
            "stdin_open": True,
            "tty": False,
            "labels": {LABEL: "run", LABEL_UNTIL: str(int(time.time() + limits.seconds + 1800))},
            "host_config": host_config,
        }

    def _cpus(self, client: Any) -> int:
        """The engine refuses a limit above what it has."""
        if self._engine_cpus is None:
            with infrastructure("asking what it has"):
                self._engine_cpus = int(client.info().get("NCPU") or 1)
        return self._engine_cpus

    def _sweep(self, client: Any) -> None:
        """Removes containers of runs whose process died before it could."""
        with infrastructure("looking for leftovers"):
            found = client.api.containers(all=True, filters={"label": f"{LABEL}=run"})
        for entry in found:
            until = str(entry.get("Labels", {}).get(LABEL_UNTIL, ""))
            # A supervisor ends when its host does, so most leftovers have exited. Not at once: another run may be
            # just about to look at its own.
            over = (
                entry.get("State") in ("exited", "dead")
                and time.time() - finished(client, entry["Id"]) >= self.LEFTOVER_SECONDS
            )
            if over or (until.isdigit() and int(until) < time.time()):
                remove(client, entry["Id"])

    # --- small things --------------------------------------------------------------------------------------

    def _connect(self) -> Any:
        if self._engine is None:
            with infrastructure("connecting to its engine"):
                client = connect(60, self._config.base_url)
                client.ping()
            self._engine = client
        return self._engine

    def _say(self, message: str) -> None:
        if self._progress is not None:
            self._progress("prepare", message)


def _bundle() -> str:
    """The supervisor as one program text, so that no image has to contain it and a change of it rebuilds none."""
    names = ("pipe", "processes", "files", "supervisor")  # each imports only those before it
    sources = [(name, (INSIDE / f"{name}.py").read_text("utf-8")) for name in names]
    return (
        "import sys, types\n"
        f"for name, source in {sources!r}:\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    exec(compile(source, name + '.py', 'exec'), sys.modules[name].__dict__)\n"
        "sys.modules['supervisor'].main({'container': True, 'network': 'none', 'pid_namespace': True})\n"
    )


@contextlib.contextmanager
def _file_lock(tag: str) -> Iterator[None]:
    """One build of a tag at a time on this machine. Elsewhere a double build is only wasted time."""
    import fcntl

    path = os.path.join(tempfile.gettempdir(), f"{tag.replace(':', '-')}-{os.getuid()}.lock")
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
