"""Issues, comments, labels and reactions: the emulator's, with GitHub's limits and the reactions that it lacks."""

from __future__ import annotations

import time
import urllib.parse
from typing import Any

from .git_routes import REPO
from .pull_routes import change_record, record_of, records
from .routes import route
from .wire import Answer, ApiError, Request, invalid, not_found
from .world import Repo, Token, World, at_least, node_id, page, stamp

ISSUE = f"{REPO}/issues/{{issue_number}}"
COMMENT = f"{REPO}/issues/comments/{{comment_id}}"
REVIEW_COMMENT = f"{REPO}/pulls/comments/{{comment_id}}"
# Characters, as GitHub counts them for comments and for bodies of issues and pull requests.
BODY_LIMIT = 65_536
CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def association(repo: Repo, login: str) -> str:
    if login == repo.owner:
        return "OWNER"
    if login in repo.roles and repo.roles[login] != "none":
        return "COLLABORATOR"
    return "CONTRIBUTOR" if login.endswith("[bot]") else "NONE"


def rollup(world: World, repo: Repo, subject: str, url: str) -> dict[str, Any]:
    """How many reactions of each kind a subject has."""
    given = [one["content"] for one in repo.reactions.get(subject, [])]
    counts = {content: given.count(content) for content in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(given)} | counts


def comment_body(world: World, repo: Repo, comment: dict[str, Any]) -> dict[str, Any]:
    login = comment["user"]["login"]
    return comment | {
        "user": world.user(login),
        "author_association": association(repo, login),
        "performed_via_github_app": None,
        "reactions": rollup(world, repo, f"comments/{comment['id']}", comment["url"]),
        "html_url": comment["html_url"].replace("/issues/", "/pull/"),
    }


def issue_body(world: World, repo: Repo, issue: dict[str, Any]) -> dict[str, Any]:
    login = issue["user"]["login"]
    return issue | {
        "user": world.user(login),
        "author_association": association(repo, login),
        "performed_via_github_app": None,
        "reactions": rollup(world, repo, f"issues/{issue['number']}", issue["url"]),
    }


def issue_of(world: World, repo: Repo, number: str | int) -> dict[str, Any]:
    """An issue, or a pull request as one: the emulator's issues leave those out. Raises ApiError 404."""
    token = world.emulate.token(repo.owner)
    found = world.emulate.ask("GET", f"/repos/{repo.full_name}/issues/{number}", token=token)
    if found.status == 200:
        return issue_body(world, repo, found.json)
    return pull_as_issue(world, repo, record_of(world, repo, number))


def pull_as_issue(world: World, repo: Repo, record: dict[str, Any]) -> dict[str, Any]:
    url = f"{world.url}/repos/{repo.full_name}/issues/{record['number']}"
    same = (
        "html_url", "number", "state", "title", "body", "user", "labels", "assignee", "assignees", "milestone", "locked",
        "comments", "created_at", "updated_at", "closed_at", "draft",
    )  # fmt: skip
    issue = {
        "url": url,
        "repository_url": f"{world.url}/repos/{repo.full_name}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "id": 1_000_000 + record["id"],
        "node_id": record["node_id"],
        "state_reason": None,
        "active_lock_reason": None,
        "closed_by": None,
        "pull_request": {name: record[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")},
    }
    return issue_body(world, repo, issue | {name: record[name] for name in same})


def _body_fits(body: Any, resource: str) -> None:
    if len((body or {}).get("body") or "") > BODY_LIMIT:
        raise invalid(resource, f"body is too long (maximum is {BODY_LIMIT} characters)", "body")


@route(f"GET {ISSUE}")
def get_issue(world: World, request: Request, actor: Token | None) -> Answer:
    return Answer(200, issue_of(world, world.repo(request, actor), request.params["issue_number"]))


@route(f"POST {REPO}/issues")
def create_issue(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _body_fits(request.body, "Issue")
    return Answer(201, issue_body(world, repo, world.answer(world.forward(request, actor)).body))


@route(f"PATCH {ISSUE}")
def update_issue(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _body_fits(request.body, "Issue")
    number = request.params["issue_number"]
    if "pull_request" in issue_of(world, repo, number):
        record = record_of(world, repo, number)
        change_record(
            world, repo, record, {key: request.body[key] for key in ("title", "body", "state") if key in request.body}
        )
    else:
        world.answer(world.forward(request, actor))
    return Answer(200, issue_of(world, repo, number))


@route(f"GET {REPO}/issues")
def list_issues(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    state = request.query.get("state", "open")
    found = world.as_owner("GET", f"/repos/{repo.full_name}/issues?state={state}&per_page=100", repo.owner)
    issues = [issue_body(world, repo, one) for one in found]
    issues += [pull_as_issue(world, repo, one) for one in records(world, repo, state)]
    wanted = set(filter(None, request.query.get("labels", "").split(",")))
    issues = [one for one in issues if wanted <= {label["name"] for label in one["labels"]}]
    issues.sort(key=lambda one: -one["number"])
    shown, headers = page(world, request, issues)
    return Answer(200, shown, headers)


# Comments


@route(f"POST {ISSUE}/comments")
def create_comment(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    if not request.body["body"].strip():
        raise invalid("IssueComment", "body can't be blank", "body", "unprocessable")
    _body_fits(request.body, "IssueComment")
    return Answer(201, comment_body(world, repo, world.answer(world.forward(request, actor)).body))


@route(f"GET {ISSUE}/comments", f"GET {REPO}/issues/comments")
def list_comments(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    answer = world.answer(world.forward(request, actor, host=world.url.removeprefix("http://")))
    answer.body = [comment_body(world, repo, one) for one in answer.body]
    return answer


@route(f"GET {COMMENT}")
def get_comment(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    return Answer(200, comment_body(world, repo, world.answer(world.forward(request, actor)).body))


def _may_change(world: World, repo: Repo, request: Request, actor: Token | None) -> None:
    """Whoever wrote a comment, and whoever may write to the repository. Raises ApiError 403, 404."""
    comment = world.emulate.ask("GET", request.path, token=world.emulate.token(repo.owner))
    if comment.status != 200:
        raise not_found()
    if actor and not actor.is_app and comment.json["user"]["login"] != actor.login:
        if not at_least(repo.role(actor.login), "write"):
            raise ApiError(403, "Must have admin rights to Repository.")


@route(f"PATCH {COMMENT}")
def update_comment(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    if not request.body["body"].strip():
        raise invalid("IssueComment", "body can't be blank", "body", "unprocessable")
    _body_fits(request.body, "IssueComment")
    _may_change(world, repo, request, actor)
    body = world.as_owner("PATCH", request.path, repo.owner, request.body)
    return Answer(200, comment_body(world, repo, body))


@route(f"DELETE {COMMENT}")
def delete_comment(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _may_change(world, repo, request, actor)
    world.as_owner("DELETE", request.path, repo.owner)
    return Answer(204)


# Reactions


def _subject(world: World, repo: Repo, request: Request) -> str:
    """Which thing is reacted to. Raises ApiError 404 where it is not there."""
    subject = request.path.split(f"/repos/{repo.full_name}/", 1)[1].split("/reactions")[0]
    if subject.startswith("issues/comments/"):
        token = world.emulate.token(repo.owner)
        if world.emulate.ask("GET", f"/repos/{repo.full_name}/{subject}", token=token).status != 200:
            raise not_found()
        return subject.removeprefix("issues/")
    if subject.startswith("issues/"):
        issue_of(world, repo, subject.removeprefix("issues/"))
    return subject


@route(*(f"GET {one}/reactions" for one in (ISSUE, COMMENT, REVIEW_COMMENT)))
def list_reactions(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    given = repo.reactions.get(_subject(world, repo, request), [])
    wanted = request.query.get("content")
    shown, headers = page(world, request, [one for one in given if wanted in (None, one["content"])])
    return Answer(200, shown, headers)


@route(*(f"POST {one}/reactions" for one in (ISSUE, COMMENT, REVIEW_COMMENT)))
def create_reaction(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    assert actor
    given = repo.reactions.setdefault(_subject(world, repo, request), [])
    for one in given:
        if one["content"] == request.body["content"] and one["user"]["login"] == actor.login:
            return Answer(200, one)
    number = next(world.numbers)
    given.append(
        {
            "id": number,
            "node_id": node_id("Reaction", number),
            "user": world.user(actor.login),
            "content": request.body["content"],
            "created_at": stamp(int(time.time())),
        }
    )
    return Answer(201, given[-1])


@route(*(f"DELETE {one}/reactions/{{reaction_id}}" for one in (ISSUE, COMMENT, REVIEW_COMMENT)))
def delete_reaction(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    given = repo.reactions.get(_subject(world, repo, request), [])
    for one in given:
        if str(one["id"]) == request.params["reaction_id"]:
            if actor and one["user"]["login"] != actor.login:
                raise ApiError(403, "Resource not accessible by integration")
            given.remove(one)
            return Answer(204)
    raise not_found()


# Labels


@route(f"POST {ISSUE}/labels", f"PUT {ISSUE}/labels")
def add_labels(world: World, request: Request, actor: Token | None) -> Answer:
    """As the owner: the emulator makes a label that is not there only for those who may make labels."""
    repo = world.repo(request, actor)
    body = request.body if isinstance(request.body, dict) else {"labels": request.body or []}
    names = [one if isinstance(one, str) else one["name"] for one in body.get("labels", [])]
    for name in names:
        made = {"name": name, "color": "ededed"}
        world.emulate.ask("POST", f"/repos/{repo.full_name}/labels", token=world.emulate.token(repo.owner), body=made)
    return Answer(200, world.as_owner(request.method, request.path, repo.owner, {"labels": names}))


@route(f"DELETE {ISSUE}/labels/{{name}}")
def remove_label(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    held = world.as_owner("GET", f"/repos/{repo.full_name}/issues/{request.params['issue_number']}/labels", repo.owner)
    if request.params["name"] not in [one["name"] for one in held]:
        raise ApiError(404, "Label does not exist")
    path = f"/repos/{repo.full_name}/issues/{request.params['issue_number']}/labels"
    left = world.as_owner("DELETE", f"{path}/{urllib.parse.quote(request.params['name'], safe='')}", repo.owner)
    return Answer(200, left if left is not None else [])
