"""What of GitHub's GraphQL the REST API lacks: who asks, and moving branches only if they are where one thinks.

https://docs.github.com/graphql/reference/mutations#updaterefs. Understood are the documents below, with any variables.
"""

from __future__ import annotations

import re
from typing import Any

from .routes import route
from .wire import Answer, ApiError, Request
from .world import Repo, Token, World, at_least

PATH = "/graphql"
_VIEWER = "query { viewer { login } }"
_UPDATE_REFS = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"
_OPERATIONS = {_VIEWER: "graphql/viewer", _UPDATE_REFS: "graphql/update-refs"}
_NOBODY = "0" * 40


def operation(request: Request) -> str:
    body = request.body if request.path == PATH and isinstance(request.body, dict) else {}
    return _OPERATIONS.get(body.get("query", ""), "")


def wrong(body: Any) -> str:
    """What GitHub's schema does not allow; "" where it does."""
    if not isinstance(body, dict) or body.get("query") not in _OPERATIONS or body.keys() - {"query", "variables"}:
        return "a GraphQL document that the local GitHub does not know"
    if body["query"] == _VIEWER:
        return ""
    given = body.get("variables", {}).get("input", {})
    if given.keys() - {"clientMutationId"} != {"repositoryId", "refUpdates"} or not given["refUpdates"]:
        return "UpdateRefsInput takes repositoryId and refUpdates"
    for update in given["refUpdates"]:
        if update.keys() - {"beforeOid", "force"} != {"name", "afterOid"}:
            return "RefUpdate takes name and afterOid, and beforeOid and force"
        if not all(re.fullmatch(r"[0-9a-f]{40}", update[name]) for name in ("afterOid", "beforeOid") if name in update):
            return "a GitObjectID is a whole SHA"
        if not update["name"].startswith("refs/"):
            return "a GitRefname is fully qualified"
    return ""


def _errors(kind: str, message: str, path: str = "updateRefs") -> Answer:
    """GraphQL's errors come with status 200."""
    return Answer(200, {"data": {path: None}, "errors": [{"type": kind, "path": [path], "message": message}]})


@route(f"POST {PATH}")
def graphql(world: World, request: Request, actor: Token | None) -> Answer:
    if actor is None:
        raise ApiError(401, "This endpoint requires you to be authenticated.")
    if request.body["query"] == _VIEWER:
        return Answer(200, {"data": {"viewer": {"login": actor.login}}})
    given = request.body["variables"]["input"]
    repo = _repository(world, given["repositoryId"])
    if repo is None or not world.sees(repo, actor):
        return _errors("NOT_FOUND", f"Could not resolve to a node with the global id of '{given['repositoryId']}'")
    if not _may_write(repo, actor):
        return _errors("FORBIDDEN", "Resource not accessible by integration")
    for update in given["refUpdates"]:  # all of them, or none
        refused = _refused(repo, update)
        if refused:
            return _errors("UNPROCESSABLE", refused)
    for update in given["refUpdates"]:
        after = None if update["afterOid"] == _NOBODY else update["afterOid"]
        world.move(repo, update["name"], repo.refs.get(update["name"]), after)
    return Answer(200, {"data": {"updateRefs": {"clientMutationId": given.get("clientMutationId")}}})


def _repository(world: World, node: str) -> Repo | None:
    for repo in world.repos.values():
        if world.as_owner("GET", f"/repos/{repo.full_name}", repo.owner)["node_id"] == node:
            return repo
    return None


def _may_write(repo: Repo, actor: Token) -> bool:
    if actor.permissions is not None:
        return actor.permissions.get("contents") == "write" and actor.repository in (None, repo.full_name)
    return at_least(repo.role(actor.login), "write")


def _refused(repo: Repo, update: dict[str, Any]) -> str:
    name, after = update["name"], update["afterOid"]
    there = repo.refs.get(name, _NOBODY)
    if update.get("beforeOid", there) != there:
        return f"Expected {name} to be at {update['beforeOid']}, but it is not"
    if after != _NOBODY and repo.objects.kind(after) != "commit":
        return f"{after} is no commit"
    if _NOBODY not in (there, after) and not update.get("force") and there not in repo.objects.ancestors(after):
        return f"{name}: the update is not a fast-forward"
    return ""
