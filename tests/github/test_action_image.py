"""The Action as GitHub starts it: its own image, with the runner's command files and Docker socket mounted into it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.github.action import Action, _outputs
from tests.github.server.hub import Hub
from tests.test_cli_docker import TRAIN

ROOT = Path(__file__).parents[2]
IMAGE = "mlops-bot-action:test"
RUNNER = 1001  # the user that GitHub's runners work as

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def image() -> str:
    base = os.environ.get("MLOPS_BOT_BASE_IMAGE", "python:3.11-slim")
    network = os.environ.get("MLOPS_BOT_DOCKER_BUILD_NETWORK", "default")
    subprocess.run(
        ["docker", "build", "--network", network, "--build-arg", f"BASE_IMAGE={base}", "--tag", IMAGE, "."],
        cwd=ROOT, check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )  # fmt: skip
    return IMAGE


def test_the_image_is_small_and_starts_without_root(image: str) -> None:
    size = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", image], check=True, capture_output=True, text=True
    )
    assert int(size.stdout) < 600_000_000
    seen = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "sh", "--env", "GITHUB_WORKSPACE=/w", image, "-c",
         f"mkdir /w && chown {RUNNER}:{RUNNER} /w && printf '#!/bin/sh\\ngrep -E \"^(Uid|CapEff|NoNewPrivs)\" "
         "/proc/self/status' > /usr/local/sbin/mlops-bot && chmod 755 /usr/local/sbin/mlops-bot && "
         "PATH=/usr/local/sbin:$PATH action-entrypoint action"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    said = dict(line.split(":\t") for line in seen.stdout.splitlines())
    assert said["Uid"].split() == [str(RUNNER)] * 4
    assert int(said["CapEff"], 16) == 0 and said["NoNewPrivs"] == "1"


def test_a_comment_becomes_a_verified_pull_request(image: str, hub: Hub, action: Action) -> None:
    repo = hub.repository(
        "octo/boxed", files={".github/mlops-bot.yml": "engine: recipe\n", "requirements.txt": "scikit-learn>=1.6\n"}
    )
    pull = repo.pull(12, files={"train.py": TRAIN})
    payload = hub.comment(pull, "wendy", "/mlops add mlflow")
    variables, folder = action.environment("issue_comment", payload, hub.token(repository=repo), {})
    for path in (folder, *folder.rglob("*")):
        os.chown(path, RUNNER, RUNNER)
        path.chmod(0o755 if path.is_dir() else 0o644)
    passed = {name: value for name, value in variables.items() if name.startswith(("GITHUB_", "INPUT_", "RUNNER_"))}
    for name in ("MLOPS_BOT_BASE_IMAGE", "MLOPS_BOT_DOCKER_BUILD_NETWORK"):
        if name in os.environ:
            passed[name] = os.environ[name]
    environment = [word for name, value in passed.items() for word in ("--env", f"{name}={value}")]
    calls, started = len(hub.calls), time.monotonic()
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "host", "--volume", f"{folder}:{folder}",
         "--volume", "/var/run/docker.sock:/var/run/docker.sock", "--workdir", passed["GITHUB_WORKSPACE"],
         *environment, image, "action"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = _outputs((folder / "output").read_text())
    assert outputs["status"] == "verified"
    (made,) = [one for one in repo.pulls("open") if one["number"] != 12]
    assert str(made["number"]) == outputs["pull-request-number"]
    assert "mlflow.sklearn.autolog()" in repo.file(made["head"]["ref"], "train.py")
    assert "FINISHED" in made["body"] and (folder / "summary").read_text()
    print(f"the first API call came {hub.calls[calls].at - started:.1f} s after the container was started")
