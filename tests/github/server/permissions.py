"""Which permission of a token an operation needs, and what a person's role has to be."""

from __future__ import annotations

import re

from .wire import ApiError, Request, not_found
from .world import Token, World, at_least

# Of the path below /repos/{owner}/{repo}: permissions, any of which is enough.
_NEEDS = (
    (r"pulls/\{pull_number\}/merge", ("contents",)),
    (r"pulls/comments|pulls", ("pull_requests",)),
    (r"issues", ("issues", "pull_requests")),
    (r"labels", ("issues", "pull_requests")),
    (r"check-(runs|suites)|commits/\{ref\}/check-runs", ("checks",)),
    (r"git|contents|branches|commits|compare|merges|tarball|zipball|readme", ("contents",)),
    (r"collaborators|forks|$", ("metadata",)),
    (r"actions", ("actions",)),
)
_LEVEL = {"none": 0, "read": 1, "write": 2}
# What a person needs for a writing call; what is not named here needs to be allowed to read.
_ROLES = (
    (r"git|contents|merges|pulls/\{pull_number\}/merge|check-", "write"),
    (r"issues/\{issue_number\}/labels", "triage"),
    (r"labels|collaborators", "write"),
)


def needed(request: Request) -> tuple[tuple[str, ...], str]:
    """(permissions, any of which is enough; "read" or "write")."""
    below = request.template.removeprefix("/repos/{owner}/{repo}").lstrip("/")
    level = "read" if request.method in ("GET", "HEAD") else "write"
    for pattern, names in _NEEDS:
        if re.match(pattern, below):
            return names, level
    return ("metadata",), level


def check(world: World, request: Request, actor: Token | None) -> dict[str, str]:
    """The headers that say what was needed. Raises ApiError 401, 403, 404."""
    if not request.template.startswith("/repos/{owner}/{repo}"):
        return {}
    names, level = needed(request)
    headers = {"X-Accepted-GitHub-Permissions": "; ".join(f"{name}={level}" for name in names)}
    repo = world.repo(request, actor)
    if actor is None:
        if level == "write":
            raise ApiError(401, "Requires authentication")
        return headers
    if actor.permissions is not None:
        granted = max(_LEVEL[actor.permissions.get(name, "none")] for name in names)
        public = level == "read" and not repo.private
        if names != ("metadata",) and granted < _LEVEL[level] and not public:
            raise ApiError(403, "Resource not accessible by integration", headers=headers)
        if level == "write" and actor.repository not in (None, repo.full_name):
            raise ApiError(403, "Resource not accessible by integration", headers=headers)
        return headers
    role = repo.role(actor.login)
    if level == "write" and not at_least(role, _role(request)):
        if role == "none":
            raise not_found()
        raise ApiError(403, "Must have admin rights to Repository.", headers=headers)
    return headers


def _role(request: Request) -> str:
    below = request.template.removeprefix("/repos/{owner}/{repo}").lstrip("/")
    for pattern, role in _ROLES:
        if re.match(pattern, below):
            return role
    return "read"
