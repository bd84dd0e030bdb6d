"""What every test gets: no key, no network beyond this machine, its own cache; and Docker tests only with an engine.

Marks are registered in pyproject.toml: `slow` (more than five seconds), `docker` (needs an engine) and `browser`
(needs Chromium).
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.github.fixtures import _verdicts, action, github_server, hub, unjudged  # noqa: F401  (fixtures of every test)

from mlops_bot.settings import DEFAULT_BASE_IMAGE

ROOT = Path(__file__).parents[1]
# Whatever could reach a real account, or change what the bot does, from outside the test.
_PRIVATE = ("OPENAI_", "HF_", "HUGGING_FACE_", "MLFLOW_", "NO_COLOR", "FORCE_COLOR", "GIT_")  # GIT_DIR: of a hook
# Where the machine's Docker engine is unlike others.
_KEPT = (
    "MLOPS_BOT_BASE_IMAGE",
    "MLOPS_BOT_DOCKER_BUILD_NETWORK",
    "MLOPS_BOT_DOCKER_RUNTIME",
    "MLOPS_BOT_REQUIRE_DOCKER",
    "MLOPS_BOT_REQUIRE_BROWSER",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests of what is not here; refuses to start where it is required (.ci/run)."""
    for mark, (found, required, advice) in _NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(mark)]
        if not marked or found():
            continue
        if os.environ.get(required):
            raise pytest.UsageError(f"{required} is set, but there is none: {advice}")
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
        config.stash.setdefault(_LEFT_OUT, {})[mark] = len(marked)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what was left out, and how to get it."""
    for mark, count in config.stash.get(_LEFT_OUT, {}).items():
        terminalreporter.write_line(f"No {mark}: {count} tests left out; {_NEEDS[mark][2]}")


_LEFT_OUT = pytest.StashKey[dict[str, int]]()


def _browser_is_there() -> bool:
    return shutil.which("chromedriver") is not None and any(map(shutil.which, ("chromium", "google-chrome")))


def _docker_is_there() -> bool:
    """An engine answers, and has a base image: the one that is named, the default, or what scripts/docker-engine made."""
    if not _docker("version"):
        return False
    named = os.environ.get("MLOPS_BOT_BASE_IMAGE")
    if named or _docker("image", "inspect", DEFAULT_BASE_IMAGE):
        return True
    if _docker("image", "inspect", _HOME_MADE):
        os.environ["MLOPS_BOT_BASE_IMAGE"] = _HOME_MADE
        os.environ.setdefault("MLOPS_BOT_DOCKER_BUILD_NETWORK", "host")  # such an engine may have no bridge
        return True
    return _docker("pull", DEFAULT_BASE_IMAGE, seconds=300)


_HOME_MADE = "mlops-bot-base:bookworm"


def _docker(*words: str, seconds: float = 30) -> bool:
    try:
        return subprocess.run(["docker", *words], capture_output=True, timeout=seconds, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


_NEEDS: dict[str, tuple[Callable[[], bool], str, str]] = {
    "docker": (_docker_is_there, "MLOPS_BOT_REQUIRE_DOCKER", "`scripts/docker-engine` brings an engine and an image"),
    "browser": (_browser_is_there, "MLOPS_BOT_REQUIRE_BROWSER", "`apt-get install chromium chromium-driver` brings it"),
}


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
def _interruptible() -> None:
    """A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C; nohup a hang-up."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _private_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key of the person who runs the tests is visible, and their cache is not touched."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith((*_PRIVATE, "MLOPS_BOT_")) and name not in _KEPT:
                patch.delenv(name)
        patch.setenv("MLOPS_BOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _engine_stays_known(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that loses what tells others where the machine's Docker engine differs is named; the others have it again."""
    known = {name: os.environ[name] for name in _KEPT if name in os.environ}
    yield
    if lost := known.keys() - os.environ.keys():
        os.environ.update(known)
        warnings.warn(f"{request.node.nodeid} lost {', '.join(sorted(lost))}", stacklevel=1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def examples() -> Path:
    """The example training scripts that ship with the repository, one folder a framework."""
    return ROOT / "examples"
