"""Many machines: the workers of a Dask cluster judge, this process keeps the records. The only door to `distributed`.

Every worker needs this checkout, its environment and its own sandbox; programs travel with the work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

from mlops_bot.errors import MlopsBotError
from mlops_bot.types import Json

if TYPE_CHECKING:
    from benchmark.execute import Todo
    from mlops_bot.commands.judging import Running

_OWN: dict[tuple[str | None, bool], Running] = {}


class ClusterError(MlopsBotError):
    """The cluster cannot be reached."""


@contextlib.contextmanager
def executor(address: str) -> Iterator[Executor]:
    """The cluster as an executor. Raises ClusterError where no scheduler answers."""
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError("--cluster needs the package distributed", hint="pip install 'mlops-bot[cluster]'") from None
    try:
        client = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"--cluster {address}: no scheduler answers ({error})",
            hint="start one: dask scheduler; dask worker ADDRESS",
        ) from None
    with client:
        yield client.get_executor(pure=False, retries=2)  # type: ignore[no-untyped-call]


def judge(sandbox: str | None, warm: bool) -> Callable[[Todo], dict[str, Json]]:
    """What is sent to a worker: a function that can be pickled."""
    return partial(_judge, sandbox, warm)


def _judge(sandbox: str | None, warm: bool, item: Todo) -> dict[str, Json]:
    from benchmark import execute, run

    key = sandbox, warm
    if key not in _OWN:
        _OWN[key] = run.judging(sandbox, warm)
    return execute.attempt(item, _OWN[key])
