"""The connection to a Docker engine: finding it, and what its failures are to us. The only door to the docker SDK."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from mlops_bot.errors import SandboxError

HINT = "start Docker, or pass --sandbox process for code that you trust"


def probe(timeout: float = 1.0, base_url: str | None = None) -> str | None:
    """The engine's version when one answers within `timeout` seconds, else None."""
    try:
        client = connect(timeout, base_url)
        try:
            return str(client.version()["Version"])
        finally:
            client.close()
    except Exception:  # noqa: BLE001 - whatever is wrong, there is no engine to be used
        return None


def connect(timeout: float, base_url: str | None) -> Any:
    import docker

    seconds: Any = timeout  # fractions work, whatever the SDK's annotation says
    if base_url is None:
        return docker.from_env(timeout=seconds)
    return docker.DockerClient(base_url=base_url, timeout=seconds)


@contextlib.contextmanager
def infrastructure(doing: str) -> Iterator[None]:
    """Turns what the SDK raises into SandboxError."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        explanation = getattr(error, "explanation", None) or error
        raise SandboxError(f"Docker failed while {doing}: {str(explanation)[:500]}", hint=HINT) from error


def image_id(client: Any, name: str) -> str:
    """ "" when there is no such image."""
    import docker.errors

    try:
        return str(client.images.get(name).id)
    except docker.errors.ImageNotFound:
        return ""


def remove(client: Any, container: str) -> None:
    """Leaves nothing behind; when the engine is gone the next run's sweep does."""
    import docker.errors
    import requests.exceptions

    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            client.api.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:
            time.sleep(0.1)  # "removal in progress"
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError):
            return
        else:
            return


def finished(client: Any, container: str) -> float:
    """Unix time at which a container exited; now, when that cannot be told (any more)."""
    from datetime import datetime

    with contextlib.suppress(Exception):
        text = str(client.api.inspect_container(container)["State"]["FinishedAt"])
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    return time.time()
