"""Runs the Action's entry point as GitHub does: the event in a file, inputs as INPUT_*, outputs and summary in files.

    ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"))
    assert ended.outputs["status"] == "verified"

Runs are in this process where possible: half a second less each. `action.start` is a process of its own, for signals.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from tests.github.server.hub import Hub

ROOT = Path(__file__).parents[2]
# What a runner's container has of its machine; everything else of this process is kept from the action.
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "MLOPS_BOT_CACHE_DIR", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    code: int
    log: str  # standard output and standard error
    outputs: dict[str, str]  # GITHUB_OUTPUT
    summary: str  # GITHUB_STEP_SUMMARY
    workspace: Path
    seconds: float

    @property
    def said(self) -> str:
        """Every text that it left where somebody else may read it: log, outputs, summary, files in the workspace."""
        files = [path for path in sorted(self.workspace.rglob("*")) if path.is_file()]
        kept = [path.read_bytes().decode(errors="replace") for path in files]
        return "\n".join([self.log, self.summary, *self.outputs.values(), *kept])


class Action:
    """The action in one repository's workflows. Each run has a workspace of its own."""

    def __init__(self, hub: Hub, folder: Path, cache: Path) -> None:
        """`cache`: verdicts by content, shared by the runs of a session, so that nothing is trained twice."""
        self._hub, self._folder, self._cache = hub, folder, cache
        self._numbers = itertools.count(1)
        self.variables: dict[str, str] = {}  # of every run, beside GitHub's

    def environment(
        self, event: str, payload: Mapping[str, Any], token: str, inputs: Mapping[str, str]
    ) -> tuple[dict[str, str], Path]:
        """(all variables of a run, its folder)."""
        number = next(self._numbers)
        folder = self._folder / f"run-{number}"
        workspace = folder / "workspace"
        workspace.mkdir(parents=True)
        for name in ("output", "summary", "env", "path", "state"):
            (folder / name).touch()
        (folder / "event.json").write_text(json.dumps(payload))
        values = {name: default for name, default in _defaults().items() if "${{" not in default}
        values |= {"token": token} | dict(inputs)
        repository = payload["repository"]["full_name"]
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
        variables |= {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__self",
            "GITHUB_ACTOR": payload["sender"]["login"],
            "GITHUB_API_URL": self._hub.url,
            "GITHUB_ENV": str(folder / "env"),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_GRAPHQL_URL": f"{self._hub.url}/graphql",
            "GITHUB_JOB": "mlops-bot",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": repository,
            "GITHUB_REPOSITORY_OWNER": repository.split("/")[0],
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(9_000_000_000 + number),
            "GITHUB_RUN_NUMBER": str(number),
            "GITHUB_SERVER_URL": self._hub.url,
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_TRIGGERING_ACTOR": payload["sender"]["login"],
            "GITHUB_WORKFLOW": "mlops-bot",
            "GITHUB_WORKSPACE": str(workspace),
            "MLOPS_BOT_CACHE_DIR": str(self._cache),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(folder),
        }
        variables |= {f"INPUT_{name.upper().replace(' ', '_')}": value for name, value in values.items()}
        return variables | self.variables, folder

    def __call__(self, event: str, payload: Mapping[str, Any], *, token: str | None = None, **inputs: str) -> Ended:
        """One run, to its end. `inputs` with `_` for `-`; `token`: the workflow's own, if not given."""
        from mlops_bot.__main__ import main

        variables, folder = self.environment(event, payload, token or self._hub.token(), _named(inputs))
        log, started = io.StringIO(), time.monotonic()
        with (
            mock.patch.dict(os.environ, variables, clear=True),
            contextlib.chdir(folder / "workspace"),
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            try:
                code = main(["action"])
            except SystemExit as stop:  # argparse
                code = int(stop.code or 0)
        return self._ended(folder, code, log.getvalue(), started)

    def start(self, event: str, payload: Mapping[str, Any], *, token: str | None = None, **inputs: str) -> Running:
        """A run in a process of its own."""
        variables, folder = self.environment(event, payload, token or self._hub.token(), _named(inputs))
        variables["PYTHONPATH"] = str(ROOT / "src")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlops_bot", "action"],
                env=variables, cwd=folder / "workspace", stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return Running(self, process, folder, time.monotonic())

    def _ended(self, folder: Path, code: int, log: str, started: float) -> Ended:
        return Ended(
            code,
            log,
            _outputs((folder / "output").read_text()),
            (folder / "summary").read_text(),
            folder / "workspace",
            time.monotonic() - started,
        )


@dataclass(frozen=True)
class Running:
    """A run that goes on."""

    action: Action
    process: subprocess.Popen[bytes]
    folder: Path
    started: float

    def wait(self, seconds: float = 120) -> Ended:
        """Its end; killed, and TimeoutExpired raised, where that takes longer."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return self.action._ended(self.folder, code, (self.folder / "log").read_text(), self.started)


@functools.cache
def _defaults() -> dict[str, str]:
    described = yaml.safe_load((ROOT / "action.yml").read_text())
    return {name: str(one.get("default", "")) for name, one in described["inputs"].items()}


def _named(inputs: Mapping[str, str]) -> dict[str, str]:
    known = _defaults()
    named = {name.replace("_", "-"): value for name, value in inputs.items()}
    unknown = named.keys() - known.keys()
    assert not unknown, f"action.yml has no such input: {', '.join(unknown)}"
    return named


def _outputs(text: str) -> dict[str, str]:
    """name=value, and name<<END ... END."""
    found = re.finditer(
        r"^(?P<name>[\w-]+)(?:=(?P<value>.*)|<<(?P<end>.+)\n(?P<text>(?:.*\n)*?)(?P=end))$", text, re.MULTILINE
    )
    return {one["name"]: one["value"] if one["value"] is not None else one["text"].removesuffix("\n") for one in found}
