"""Repositories, people and their roles."""

from __future__ import annotations

from typing import Any

from .git_routes import REPO
from .pull_routes import repo_body
from .routes import route
from .wire import Answer, ApiError, Request
from .world import Token, World, at_least


@route(f"GET {REPO}")
def get_repo(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    body = repo_body(world, repo)
    role = repo.role(actor.login if actor else None) if not (actor and actor.is_app) else "none"
    body["permissions"] = {
        name: at_least(role, needed)
        for name, needed in {
            "admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read",
        }.items()
    }  # fmt: skip
    if repo.parent:
        parent = repo_body(world, repo.parent)
        body |= {"parent": parent, "source": parent}
    return Answer(200, body)


@route(f"GET {REPO}/collaborators/{{username}}/permission")
def get_permission(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    login = request.params["username"]
    if actor and not actor.is_app and not at_least(repo.role(actor.login), "write"):
        raise ApiError(403, "Must have push access to view collaborator permission.")
    user = world.user(login)
    role = repo.role(login)
    simple = {"maintain": "write", "triage": "read"}.get(role, role)
    rights = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    return Answer(
        200,
        {
            "permission": simple,
            "role_name": role,
            "user": user
            | {"permissions": {name: at_least(role, needed) for name, needed in rights.items()}, "role_name": role},
        },
    )


@route("GET /users/{username}")
def get_user(world: World, request: Request, actor: Token | None) -> Answer:
    user = world.user(request.params["username"])
    return Answer(200, _public(user))


@route("GET /user")
def get_me(world: World, request: Request, actor: Token | None) -> Answer:
    if actor is None:
        raise ApiError(401, "Requires authentication")
    if actor.is_app:
        raise ApiError(403, "Resource not accessible by integration")
    return Answer(200, _public(world.user(actor.login)))


def _public(user: dict[str, Any]) -> dict[str, Any]:
    nothing = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    dates = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return user | nothing | {"blog": None, "name": user["login"].title()} | counts | dates
