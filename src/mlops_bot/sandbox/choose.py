"""Which sandbox `auto` means on this machine."""

from __future__ import annotations

from typing import Literal


def available(timeout: float = 1.0) -> Literal["docker", "process"]:
    """Docker when an engine answers within `timeout` seconds, else process.

    Whether the process sandbox may be used for the code at hand is the caller's decision (`Sandbox.isolates`).
    """
    from mlops_bot.sandbox import docker_engine

    return "docker" if docker_engine.probe(timeout) else "process"
