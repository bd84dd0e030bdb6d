"""The scheduled workflow: its commands are real ones, its endpoint is paused in all cases, its money is capped."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers.tgi_server import TGIServer

from benchmark import cli
from mlops_bot.errors import EngineError

FILE = Path(__file__).parents[2] / ".github" / "workflows" / "benchmark.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
VALUES = {"ENGINE": "recipe", "TABLES": "1,translation", "SHARD": "2/8", "COST": "2.5", "ENDPOINT": "me/coder"}


def scripts() -> list[str]:
    return [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def commands() -> list[list[str]]:
    """Every call of the benchmark in a step, as a shell would pass it."""
    found = []
    for line in "\n".join(scripts()).splitlines():
        match = re.search(r"-m benchmark (.*)", line)
        if match:
            text = re.split(r"\s(?:>|\|\||&&)\s", match[1])[0].replace('"${merge[@]}"', "--merge shards/1")
            text = re.sub(r"\$(\w+)", lambda name: VALUES[name[1]], text)
            found.append(shlex.split(text))
    return found


def test_every_command_exists_and_takes_these_options() -> None:
    parsed = [cli.parser().parse_args(words) for words in commands()]
    names = {words[0] for words in commands()}
    assert names == {"fetch", "plan", "endpoint", "run", "verdicts", "report", "compare"}
    (run,) = [options for words, options in zip(commands(), parsed, strict=True) if words[0] == "run"]
    assert run.max_cost == 2.5 and run.shard.count == 8 and run.sandbox == "docker"


@pytest.mark.parametrize("script", scripts())
def test_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", "-c", script], check=True)


def test_the_endpoint_is_resumed_before_and_paused_after_in_all_cases() -> None:
    assert "always()" in JOBS["pause"]["if"] and {"resume", "shard"} <= set(JOBS["pause"]["needs"])
    assert "resume" in JOBS["shard"]["needs"]
    for name in ("resume", "pause"):
        assert ["endpoint", name, VALUES["ENDPOINT"]] in commands()
        assert JOBS[name]["environment"] == JOBS["shard"]["environment"] == "benchmark"


def test_only_what_asks_a_model_has_a_secret() -> None:
    with_secrets = {name for name, job in JOBS.items() if "secrets." in str(job)}
    assert with_secrets == {"resume", "shard", "pause"}
    writing = {name for name, job in JOBS.items() if "write" in job["permissions"].values()}
    assert writing == {"pages", "issue"}


def test_it_runs_weekly_and_by_hand() -> None:
    on = WORKFLOW[True]  # YAML 1.1 reads `on` so
    assert len(on["schedule"]) == 1 and on["schedule"][0]["cron"].endswith(" * * 0")
    assert set(on["workflow_dispatch"]["inputs"]) == {"engine", "tables", "shards", "max-cost"}


@pytest.mark.parametrize(("state", "actions"), [("running", ["pause"]), ("paused", []), ("initializing", ["pause"])])
def test_an_endpoint_is_paused_whatever_it_does(
    monkeypatch: pytest.MonkeyPatch, state: str, actions: list[str]
) -> None:
    with TGIServer("x", token="hf_test") as server:
        monkeypatch.setattr("huggingface_hub.constants.INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        server.endpoint_state = state
        assert cli.run(["endpoint", "pause", "me/coder"]) == 0
        assert server.endpoint_actions == actions and server.endpoint_state == "paused"
        assert cli.run(["endpoint", "resume", "me/coder"]) == 0
        assert server.endpoint_state == "running"


def test_an_endpoint_that_may_still_run_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with TGIServer("x", token="another") as server:
        monkeypatch.setattr("huggingface_hub.constants.INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        with pytest.raises(EngineError, match="may still be running"):
            cli.run(["endpoint", "pause", "me/coder"])
