"""Which sandbox `auto` means on this machine."""

from __future__ import annotations

from typing import Literal


def choose(wanted: Literal["auto", "docker", "process"], *, timeout: float = 1.0) -> Literal["docker", "process"]:
    """`auto` is docker when an engine answers within `timeout` seconds, else process; anything else is itself.

    Whether the process sandbox may be used for the code at hand is the caller's decision (`Sandbox.isolates`).
    """
    if wanted != "auto":
        return wanted
    from mlops_bot.sandbox import docker

    return "docker" if docker.probe(timeout) else "process"
