"""Check runs: the emulator's, with GitHub's limits, made by apps only."""

from __future__ import annotations

from typing import Any

from .git_routes import REPO
from .routes import route
from .wire import Answer, ApiError, Request, invalid, not_found
from .world import Repo, Token, World, node_id, page, stamp

ANNOTATIONS_LIMIT = 50
TEXT_LIMIT = 65_535


def app_body(world: World, slug: str) -> dict[str, Any]:
    return {
        "id": 15368,
        "slug": slug,
        "node_id": node_id("App", slug),
        "client_id": "Iv1.0000000000000000",
        "owner": world.user("octo"),
        "name": slug,
        "description": None,
        "external_url": "https://example.com",
        "html_url": f"{world.url}/apps/{slug}",
        "created_at": stamp(0),
        "updated_at": stamp(0),
        "permissions": {"checks": "write"},
        "events": [],
    }


def check_body(world: World, repo: Repo, run: dict[str, Any]) -> dict[str, Any]:
    suite = run.get("check_suite") or {}
    return run | {
        "app": app_body(world, repo.check_apps.get(run["id"], "github-actions")),
        "check_suite": {"id": suite["id"]} if suite else None,
        "details_url": run["details_url"] or "https://docs.github.com",
        "output": run["output"]
        | {"annotations_url": f"{world.url}/repos/{repo.full_name}/check-runs/{run['id']}/annotations"},
    }


def _check(request: Request, actor: Token | None) -> None:
    if actor is None or not actor.is_app:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    output = request.body.get("output") or {}
    if len(output.get("annotations") or []) > ANNOTATIONS_LIMIT:
        raise ApiError(422, "Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied.")
    for name in ("summary", "text"):
        if len((output.get(name) or "").encode()) > TEXT_LIMIT:
            raise invalid("CheckRun", f"output.{name} exceeds a maximum bytesize of {TEXT_LIMIT}", name)


@route(f"POST {REPO}/check-runs")
def create_check_run(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _check(request, actor)
    assert actor
    sha = request.body["head_sha"]
    if repo.objects.kind(sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {sha}")
    run = world.answer(world.forward(request, actor)).body
    repo.check_runs.setdefault(sha, []).append(run["id"])
    repo.check_apps[run["id"]] = actor.login.removesuffix("[bot]")
    return Answer(201, check_body(world, repo, run))


@route(f"PATCH {REPO}/check-runs/{{check_run_id}}")
def update_check_run(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _check(request, actor)
    assert actor
    number = int(request.params["check_run_id"])
    if repo.check_apps.get(number, actor.login.removesuffix("[bot]")) != actor.login.removesuffix("[bot]"):
        raise ApiError(403, f"Invalid app_id `{number}` - check run can only be modified by the app that created it.")
    body = dict(request.body)
    if "conclusion" in body and "status" not in body:
        body["status"] = "completed"
    return Answer(200, check_body(world, repo, world.answer(world.forward(request, actor, body=body)).body))


@route(f"GET {REPO}/check-runs/{{check_run_id}}")
def get_check_run(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    return Answer(200, check_body(world, repo, world.answer(world.forward(request, actor)).body))


@route(f"GET {REPO}/commits/{{ref}}/check-runs")
def list_check_runs(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    sha = repo.resolve(request.params["ref"])
    if not sha:
        raise not_found()
    wanted = {key: request.query.get(key) for key in ("status", "check_name")}
    runs = [
        run
        for run in runs_of(world, repo, sha)
        if wanted["status"] in (None, run["status"]) and wanted["check_name"] in (None, run["name"])
    ]
    if request.query.get("filter", "latest") == "latest":
        runs = list({run["name"]: run for run in runs}.values())
    shown, headers = page(world, request, runs[::-1])
    return Answer(200, {"total_count": len(runs), "check_runs": shown}, headers)


def runs_of(world: World, repo: Repo, sha: str) -> list[dict[str, Any]]:
    """The check runs of a commit, oldest first."""
    paths = [f"/repos/{repo.full_name}/check-runs/{number}" for number in repo.check_runs.get(sha, [])]
    return [check_body(world, repo, world.as_owner("GET", path, repo.owner)) for path in paths]
