"""What every test gets: no key, no network beyond this machine, its own cache; and Docker tests only with an engine.

Marks are registered in pyproject.toml: `slow` (more than five seconds) and `docker` (needs an engine).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.github.fixtures import _verdicts, action, github_server, hub, unjudged  # noqa: F401  (fixtures of every test)

ROOT = Path(__file__).parents[1]
# Whatever could reach a real account, or change what the bot does, from outside the test.
_PRIVATE = ("OPENAI_", "HF_", "HUGGING_FACE_", "MLFLOW_", "NO_COLOR", "FORCE_COLOR")
# Where the machine's Docker engine is unlike others.
_KEPT = (
    "MLOPS_BOT_BASE_IMAGE",
    "MLOPS_BOT_DOCKER_BUILD_NETWORK",
    "MLOPS_BOT_DOCKER_RUNTIME",
    "MLOPS_BOT_REQUIRE_DOCKER",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the Docker tests where no engine answers; refuses to start where they are required (.ci/run)."""
    docker = [item for item in items if item.get_closest_marker("docker")]
    if not docker or _docker_answers():
        return
    if os.environ.get("MLOPS_BOT_REQUIRE_DOCKER"):
        raise pytest.UsageError(
            "MLOPS_BOT_REQUIRE_DOCKER is set, but no Docker engine answers: run scripts/docker-engine"
        )
    config.hook.pytest_deselected(items=docker)
    items[:] = [item for item in items if item not in docker]
    config.stash[_NO_DOCKER] = len(docker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what was left out, and how to get it."""
    left_out = config.stash.get(_NO_DOCKER, 0)
    if left_out:
        terminalreporter.write_line(
            f"No Docker engine answers: {left_out} tests left out; `scripts/docker-engine` brings one"
        )


_NO_DOCKER = pytest.StashKey[int]()


def _docker_answers() -> bool:
    try:
        answer = subprocess.run(["docker", "version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Connections of this process to other machines fail at once, with the address in the message."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_remote(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_remote(self, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


def _refuse_remote(connection: socket.socket, address: Any) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6) or address[0] == "localhost":
        return
    try:
        local = ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise OSError(f"tests reach no other machine: {address[0]}:{address[1]}")


@pytest.fixture(scope="session", autouse=True)
def _private_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key of the person who runs the tests is visible, and their cache is not touched."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith((*_PRIVATE, "MLOPS_BOT_")) and name not in _KEPT:
                patch.delenv(name)
        patch.setenv("MLOPS_BOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def examples() -> Path:
    """The example training scripts that ship with the repository, one folder a framework."""
    return ROOT / "examples"
