"""However a run comes to its end, in one go, killed again and again, in shards, on a cluster: the report is the same."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmark.results import results

from benchmark import cli

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WORDS = ["--engine", "recipe", "--tables", "translation", "--programs", "gitpython/[lt]*", "--sandbox", "process"]
KILLS = 5


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of results: what one run judged is not run again by the shards and the cluster, whose ways are what is tested."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def uninterrupted(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "uninterrupted"
    assert start(place, cache).wait(timeout=600) == 0
    return place


def start(place: Path, cache: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmark", "run", "--quiet", *WORDS, "--out", str(place), *more]
    return subprocess.Popen(command, env=environment(cache), start_new_session=True)


def environment(cache: Path) -> dict[str, str]:
    paths = os.pathsep.join(map(str, (ROOT / "src", ROOT)))
    return {**os.environ, "MLOPS_BOT_CACHE_DIR": str(cache), "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": paths}


def shown(place: Path, *merge: Path) -> str:
    """The report without what a clock said."""
    words = [word for other in merge for word in ("--merge", str(other))]
    assert cli.run(["report", str(place), *words]) == 0
    text = (place / "report" / "report.md").read_text(encoding="utf-8")
    return re.sub(r"(?m)^(\| recipe .*\|) +[\d.]+ +\| +[\d.]+ +\|$", r"\1 - | - |", text)


def test_the_run_itself_verifies(uninterrupted: Path) -> None:
    (line,) = results(uninterrupted).lines
    assert line.verified.pass_any.value == 1.0 and line.verified.pass_any.programs >= 4


def test_a_run_that_is_killed_again_and_again_ends_like_another(uninterrupted: Path, tmp_path: Path) -> None:
    place, draw = tmp_path / "run", random.Random(6)
    for number in range(KILLS):
        run = start(place, tmp_path / "cache")
        time.sleep(draw.uniform(1.0, 6.0))
        try:
            os.killpg(run.pid, signal.SIGKILL)
        except ProcessLookupError:
            assert number > 0  # it came to its end, and has nothing left to do
        run.wait(timeout=60)
    assert start(place, tmp_path / "cache").wait(timeout=600) == 0
    assert shown(place) == shown(uninterrupted)


def test_shards_that_are_merged_are_the_whole(uninterrupted: Path, cache: Path, tmp_path: Path) -> None:
    shards = [tmp_path / "1", tmp_path / "2"]
    for number, place in enumerate(shards, 1):
        assert start(place, cache, "--shard", f"{number}/2").wait(timeout=600) == 0
    sizes = [len(results(place).attempts) for place in shards]
    assert sum(sizes) == len(results(uninterrupted).attempts) and max(sizes) - min(sizes) <= 1
    assert shown(*shards) == shown(uninterrupted)
    assert shown(*shards) == shown(uninterrupted)  # once more changes nothing


def test_a_cluster_gives_what_one_process_gives(uninterrupted: Path, cluster: str, cache: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    assert start(place, cache, "--cluster", cluster).wait(timeout=600) == 0
    assert shown(place) == shown(uninterrupted)


@pytest.fixture
def cluster(cache: Path, tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers on the loopback interface, as on any machines: only their address is known."""
    address = tmp_path / "scheduler.json"
    options = ["--scheduler-file", str(address), "--no-dashboard"]
    commands = [
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *options, "--host", "127.0.0.1", "--port", "0"],
        *(
            [sys.executable, "-m", "distributed.cli.dask_worker", *options, "--nthreads", "1", "--host", "127.0.0.1",
             "--local-directory", str(tmp_path / f"worker-{number}")]
            for number in (1, 2)
        ),
    ]  # fmt: skip
    log = (tmp_path / "cluster.log").open("wb")
    started = [
        subprocess.Popen(command, env=environment(cache), stdout=log, stderr=log, start_new_session=True)
        for command in commands
    ]
    try:
        yield _address(address)
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)
        log.close()


def _address(file: Path) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if file.is_file() and file.stat().st_size:
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.2)
    raise AssertionError("no scheduler came up")
