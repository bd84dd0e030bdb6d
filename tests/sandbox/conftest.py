"""Every sandbox under one contract: Docker, the process sandbox at each level of what a kernel may allow, and the one
with warm workers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlops_bot.sandbox import process
from mlops_bot.sandbox.docker import DockerConfig, DockerSandbox
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.sandbox.process import ProcessSandbox
from mlops_bot.sandbox.warm import WarmSandbox, Workers
from mlops_bot.types import Job, Limits, RunResult, Sandbox

LIMITS = Limits(seconds=60, memory_mb=400, cpus=2, processes=120, disk_mb=64, output_kb=256)
LAUNCHER = """
import sys
sys.path.insert(0, {folder!r})
import launcher
sys.exit(launcher.main((launcher.{attempt},)))
"""


def docker_config(**changes: Any) -> DockerConfig:
    """The engine and base image that the machine's environment names, as settings.py would pass them on."""
    index = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
    values = {"base_image": os.environ.get("MLOPS_BOT_BASE_IMAGE"), "pip": PipOptions(index)}
    return DockerConfig(**{**values, **changes})


@pytest.fixture(scope="session")
def docker_sandbox() -> DockerSandbox:
    return DockerSandbox(docker_config(runtime=os.environ.get("MLOPS_BOT_DOCKER_RUNTIME")))


@pytest.fixture(scope="session")
def process_sandboxes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ProcessSandbox, Path]]:
    """By the kind of isolation that a kernel allows: a sandbox, and a launcher that tries no other."""
    found = {}
    for attempt in ("isolated", "offline", "open_to_all"):
        folder = tmp_path_factory.mktemp(attempt)
        script = folder / "launcher.py"
        script.write_text(LAUNCHER.format(folder=str(process.LAUNCHER.parent), attempt=attempt))
        found[attempt] = ProcessSandbox(cache_dir=folder), script
    return found


@pytest.fixture(scope="session")
def warm_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmSandbox]:
    with contextlib.closing(Workers()) as workers:
        yield WarmSandbox(workers, cache_dir=tmp_path_factory.mktemp("warm"))


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "isolated", "offline", "open_to_all", "warm"])
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    if request.param == "docker":
        docker: DockerSandbox = request.getfixturevalue("docker_sandbox")
        return docker
    if request.param == "warm":
        warm: WarmSandbox = request.getfixturevalue("warm_sandbox")
        return warm
    found, launcher = request.getfixturevalue("process_sandboxes")[request.param]
    monkeypatch.setattr(process, "LAUNCHER", launcher)
    return found  # type: ignore[no-any-return]


Run = Callable[..., RunResult]


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """run(source, files): the program main.py with that source. Keywords as Job has them."""

    def start(
        source: str,
        files: Mapping[str, bytes] | None = None,
        *,
        argv: tuple[str, ...] = ("python", "main.py"),
        **options: Any,
    ) -> RunResult:
        options.setdefault("limits", LIMITS)
        everything = {"main.py": source.encode(), **(files or {})}
        return sandbox.run(Job(argv=argv, files=everything, runtime=sandbox.prepare(()), **options))

    return start
