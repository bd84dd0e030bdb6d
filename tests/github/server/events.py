"""Webhook payloads, as GitHub sends them: the shape of a real one, with what is so in the local GitHub."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

from . import issue_routes, pull_routes
from .emulate import MODULES
from .world import Repo, World

EXAMPLES = MODULES / "@octokit/webhooks-examples/api.github.com/index.json"


@functools.cache
def _all() -> dict[str, list[dict[str, Any]]]:
    return {one["name"]: one["examples"] for one in json.loads(EXAMPLES.read_bytes())}


def examples(event: str, action: str | None = None) -> list[dict[str, Any]]:
    """The real payloads of an event that the package holds."""
    found = _all().get(event, [])
    return [copy.deepcopy(one) for one in found if action is None or one.get("action") == action]


def issue_comment(
    world: World, repo: Repo, number: int, comment: int, login: str, action: str = "created"
) -> dict[str, Any]:
    path = f"/repos/{repo.full_name}/issues"
    found = world.as_owner("GET", f"{path}/comments/{comment}", repo.owner)
    return {
        "action": action,
        "issue": issue_routes.issue_of(world, repo, number),
        "comment": issue_routes.comment_body(world, repo, found),
        "repository": pull_routes.repo_body(world, repo),
        "sender": world.user(login),
    }


def pull_request(
    world: World, repo: Repo, number: int, login: str, action: str, *, label: str | None = None
) -> dict[str, Any]:
    record = pull_routes.record_of(world, repo, number)
    payload: dict[str, Any] = {
        "action": action,
        "number": number,
        "pull_request": pull_routes.pull_body(world, repo, record),
        "repository": pull_routes.repo_body(world, repo),
        "sender": world.user(login),
    }
    if label:
        payload["label"] = next(one for one in payload["pull_request"]["labels"] if one["name"] == label)
    return payload


def unlike(payload: Any, example: Any, where: str = "") -> list[str]:
    """Where a payload has not the shape of a real one: a key that is not there, or another JSON type.

    Null goes with everything: which fields are null differs from one real payload to the next.
    """
    if payload is None or example is None:
        return []
    if isinstance(example, bool) or isinstance(payload, bool):
        return [] if isinstance(payload, bool) and isinstance(example, bool) else [f"{where}: {payload!r}"]
    if isinstance(example, dict):
        if not isinstance(payload, dict):
            return [f"{where}: {type(payload).__name__}, not an object"]
        wrong = [f"{where}/{key}: missing" for key in example if key not in payload]
        for key in example.keys() & payload.keys():
            wrong += unlike(payload[key], example[key], f"{where}/{key}")
        return wrong
    if isinstance(example, list):
        if not isinstance(payload, list):
            return [f"{where}: {type(payload).__name__}, not a list"]
        return unlike(payload[0], example[0], f"{where}/0") if payload and example else []
    return [] if isinstance(payload, type(example)) else [f"{where}: {payload!r} is not like {example!r}"]
