"""GitHub's own example payloads (npm @octokit/webhooks-examples, installed by `make test`), as events of the tests."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com"


@cache
def _examples() -> dict[str, list[dict[str, Any]]]:
    events = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return {event["name"]: event["examples"] for event in events}


def examples(event: str) -> list[dict[str, Any]]:
    """All example payloads of one event."""
    return copy.deepcopy(_examples()[event])


def events() -> list[str]:
    return sorted(_examples())


def example(event: str, action: str) -> dict[str, Any]:
    """The first example of an action."""
    return next(payload for payload in examples(event) if payload["action"] == action)


def comment(body: str, *, login: str | None = None, number: int | None = None) -> dict[str, Any]:
    """A new comment on a pull request. The examples have comments on issues only: what makes an issue a pull request
    is taken from an example of another event that has it."""
    payload = example("issue_comment", "created")
    pull = next(p["issue"] for p in examples("issues") if p["issue"].get("pull_request"))
    payload["issue"]["pull_request"] = pull["pull_request"]
    payload["issue"]["number"] = pull["number"] if number is None else number
    payload["comment"]["body"] = body
    if login is not None:
        payload["comment"]["user"]["login"] = payload["sender"]["login"] = login
    return payload


def label(name: str, *, login: str | None = None) -> dict[str, Any]:
    """A label set on a pull request."""
    payload = example("pull_request", "labeled")
    payload["label"]["name"] = name
    if login is not None:
        payload["sender"]["login"] = login
    return payload
