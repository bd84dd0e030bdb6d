"""Pull requests: the emulator keeps the record, the proxy says where head and base stand and what differs."""

from __future__ import annotations

import time
from typing import Any

from .commit_routes import commit_body, file_body
from .git_routes import REPO
from .objects import Commit, Person
from .routes import route
from .wire import Answer, ApiError, Request, invalid, not_found
from .world import Repo, Token, World, at_least, page, stamp

PULL = f"{REPO}/pulls/{{pull_number}}"
FILES_LIMIT = 3000  # documented: responses include a maximum of 3000 files
# A list of pull requests leaves these out.
_DETAILS = (
    "additions", "auto_merge_details", "changed_files", "comments", "commits", "deletions", "maintainer_can_modify",
    "mergeable", "mergeable_state", "merged", "merged_by", "rebaseable", "review_comments",
)  # fmt: skip


def ends(world: World, repo: Repo, record: dict[str, Any]) -> tuple[Repo | None, str, str, str]:
    """(head's repository or None, head's branch, head commit, base commit) of a record, as they stand."""
    head_repo = world.repos.get((record["head"]["repo"] or {}).get("full_name", ""))
    number = record["number"]
    if head_repo:
        repo.heads[number] = head_repo.owner
    if record["state"] != "open" and number in repo.stood:
        return head_repo, record["head"]["ref"], *repo.stood[number]
    head = head_repo.branch(record["head"]["ref"]) if head_repo else None
    base = repo.branch(record["base"]["ref"])
    last = repo.stood.get(number, ("", ""))
    stands = (head or last[0], base or last[1])
    repo.stood[number] = stands
    return head_repo, record["head"]["ref"], *stands


def pull_body(world: World, repo: Repo, record: dict[str, Any], *, details: bool = True) -> dict[str, Any]:
    """The emulator's record with the git side put right."""
    head_repo, _, head, base = ends(world, repo, record)
    body = dict(record)
    owner = repo.heads[record["number"]]
    body["head"] = record["head"] | {
        "label": f"{owner}:{record['head']['ref']}",
        "sha": head,
        "user": world.user(owner),
        "repo": repo_body(world, head_repo) if head_repo else None,
    }
    body["base"] = record["base"] | {"sha": base, "repo": repo_body(world, repo)}
    statuses = f"{world.url}/repos/{repo.full_name}/statuses/{head}"
    body["statuses_url"] = statuses
    body["_links"] = record["_links"] | {"statuses": {"href": statuses}}
    merged = record["number"] in repo.merged
    compared = repo.network.diffs.compare(base, head)
    mergeable: bool | None = None
    if record["state"] == "open":
        mergeable = repo.network.diffs.merge(base, head) is not None
    body["merge_commit_sha"] = repo.merged.get(record["number"]) or (head if mergeable else None)
    body["auto_merge"] = None
    body["active_lock_reason"] = None
    for label in body["labels"]:
        label.setdefault("description", None)
    if not details:
        return {key: value for key, value in body.items() if key not in _DETAILS}
    files = repo.network.diffs.files(compared.merge_base or base, head)
    return body | {
        "merged": merged,
        "mergeable": mergeable,
        "mergeable_state": "unknown" if mergeable is None else "clean" if mergeable else "dirty",
        "rebaseable": mergeable,
        "commits": len(compared.ahead),
        "additions": sum(one.additions for one in files),
        "deletions": sum(one.deletions for one in files),
        "changed_files": len(files),
        "maintainer_can_modify": head_repo is not repo,
    }


def repo_body(world: World, repo: Repo) -> dict[str, Any]:
    """The emulator's repository, whole enough for GitHub's description."""
    body: dict[str, Any] = world.as_owner("GET", f"/repos/{repo.full_name}", repo.owner)
    url = f"{world.url}/repos/{repo.full_name}"
    owner = world.user(repo.owner)
    return body | {
        "owner": owner,
        "teams_url": f"{url}/teams",
        "git_refs_url": f"{url}/git/refs{{/sha}}",
        "pushed_at": stamp(int(repo.pushed)),
        "web_commit_signoff_required": False,
        "has_pull_requests": True,
        "pull_request_creation_policy": "all",
        "network_count": 0,
        "subscribers_count": 0,
        "default_branch": repo.default_branch,
        "private": repo.private,
        "visibility": "private" if repo.private else "public",
    }


def record_of(world: World, repo: Repo, number: str | int) -> dict[str, Any]:
    """The emulator's record. Raises ApiError 404."""
    found = world.emulate.ask("GET", f"/repos/{repo.full_name}/pulls/{number}", token=world.emulate.token(repo.owner))
    if found.status != 200:
        raise not_found()
    record: dict[str, Any] = found.json
    return _with_head(world, repo, record)


def _with_head(world: World, repo: Repo, record: dict[str, Any]) -> dict[str, Any]:
    """The emulator knows heads in forks only; one in the fork's parent is put right."""
    if record["number"] in repo.upstream and repo.parent:
        parent = world.as_owner("GET", f"/repos/{repo.parent.full_name}", repo.parent.owner)
        label = f"{repo.parent.owner}:{record['head']['ref']}"
        record["head"] |= {"repo": parent, "label": label, "user": world.user(repo.parent.owner)}
    return record


def records(world: World, repo: Repo, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    number = 1
    while True:
        one = world.as_owner(
            "GET", f"/repos/{repo.full_name}/pulls?state={state}&per_page=100&page={number}", repo.owner
        )
        found += [_with_head(world, repo, record) for record in one]
        number += 1
        if len(one) < 100:
            return found


@route(f"GET {REPO}/pulls")
def list_pulls(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    found = records(world, repo, request.query.get("state", "open"))
    if "base" in request.query:
        found = [one for one in found if one["base"]["ref"] == request.query["base"]]
    if ":" in request.query.get("head", ""):  # without an owner GitHub ignores the filter
        found = [one for one in found if one["head"]["label"] == request.query["head"]]
    newest = request.query.get("direction", "desc" if request.query.get("sort", "created") == "created" else "asc")
    key = {"updated": "updated_at"}.get(request.query.get("sort", ""), "number")
    found.sort(key=lambda one: (one[key], one["number"]), reverse=newest == "desc")
    shown, headers = page(world, request, found)
    return Answer(200, [pull_body(world, repo, one, details=False) for one in shown], headers)


@route(f"GET {PULL}")
def get_pull(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    record = record_of(world, repo, request.params["pull_number"])
    if request.accepts("diff"):
        _, _, head, base = ends(world, repo, record)
        compared = repo.network.diffs.compare(base, head)
        files = repo.network.diffs.files(compared.merge_base or base, head)
        if len(files) > 300:
            message = "Sorry, the diff exceeded the maximum number of files (300). Consider using 'List pull requests files' API or locally cloning the repository instead."
            raise ApiError(406, message, [{"resource": "PullRequest", "field": "diff", "code": "too_large"}])
        text = repo.network.diffs.text(compared.merge_base or base, head)
        if text.count(b"\n") > 20_000:
            message = "Sorry, the diff exceeded the maximum number of lines (20000)"
            raise ApiError(406, message, [{"resource": "PullRequest", "field": "diff", "code": "too_large"}])
        return Answer(200, text, {"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    return Answer(200, pull_body(world, repo, record))


@route(f"GET {PULL}/files")
def list_files(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _, _, head, base = ends(world, repo, record_of(world, repo, request.params["pull_number"]))
    compared = repo.network.diffs.compare(base, head)
    files = repo.network.diffs.files(compared.merge_base or base, head)[:FILES_LIMIT]
    shown, headers = page(world, request, files)
    return Answer(200, [file_body(world, repo, one, head) for one in shown], headers)


@route(f"GET {PULL}/commits")
def list_pull_commits(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    _, _, head, base = ends(world, repo, record_of(world, repo, request.params["pull_number"]))
    shown, headers = page(world, request, list(repo.network.diffs.compare(base, head).ahead)[:250])
    return Answer(200, [commit_body(world, repo, sha, with_files=False) for sha in shown], headers)


@route(f"GET {PULL}/merge")
def is_merged(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    record_of(world, repo, request.params["pull_number"])
    if int(request.params["pull_number"]) not in repo.merged:
        raise not_found()
    return Answer(204)


@route(f"POST {REPO}/pulls")
def create_pull(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    assert actor
    if actor.login == "github-actions[bot]" and not repo.pulls_by_actions:
        raise ApiError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    body = request.body
    owner, _, name = body["head"].rpartition(":")
    heads = [
        one
        for one in world.repos.values()
        if one.network is repo.network and one.owner == (owner or repo.owner) and (owner or one is repo)
    ]
    head_repo = heads[0] if heads else None
    head = head_repo.branch(name) if head_repo else None
    base = repo.branch(body["base"])
    errors = []
    if base is None:
        errors.append({"resource": "PullRequest", "field": "base", "code": "invalid"})
    if head is None or head_repo is None:
        errors.append({"resource": "PullRequest", "field": "head", "code": "invalid"})
    if errors or head_repo is None or head is None or base is None:
        raise ApiError(422, "Validation Failed", errors)
    if not actor.is_app and not at_least(head_repo.role(actor.login), "write"):
        raise not_found()
    label = f"{head_repo.owner}:{name}"
    for one in records(world, repo):
        if one["head"]["label"] == label and one["base"]["ref"] == body["base"]:
            raise invalid("PullRequest", f"A pull request already exists for {label}.")
    if not repo.network.diffs.compare(base, head).ahead:
        raise invalid("PullRequest", f"No commits between {body['base']} and {name}")
    if len(body.get("body") or "") > 65536:
        raise invalid("Issue", "body is too long (maximum is 65536 characters)", "body")
    record = open_record(world, repo, head_repo, request, actor)
    return Answer(201, pull_body(world, repo, record), {"Location": record["url"]})


def open_record(world: World, repo: Repo, head_repo: Repo, request: Request, actor: Token) -> dict[str, Any]:
    """Makes the emulator's record. It needs branches of its own, which hold nothing."""
    name = request.body["head"].rpartition(":")[2]
    placeholder(world, head_repo, name)
    placeholder(world, repo, request.body["base"])
    if head_repo is repo.parent:
        placeholder(world, repo, name)
        body = request.body | {"head": name}
        made: dict[str, Any] = world.answer(world.forward(request, actor, body=body)).body
        repo.upstream.add(made["number"])
        return _with_head(world, repo, made)
    record: dict[str, Any] = world.answer(world.forward(request, actor)).body
    return record


def placeholder(world: World, repo: Repo, branch: str) -> None:
    """A branch of that name in the emulator, for its record's sake."""
    names = world.as_owner("GET", f"/repos/{repo.full_name}/branches?per_page=1", repo.owner)
    ref = {"ref": f"refs/heads/{branch}", "sha": names[0]["commit"]["sha"]}
    world.emulate.ask("POST", f"/repos/{repo.full_name}/git/refs", token=world.emulate.token(repo.owner), body=ref)


@route(f"PATCH {PULL}")
def update_pull(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    record = record_of(world, repo, request.params["pull_number"])
    body = request.body or {}
    may_write(repo, actor, record)
    if record["number"] in repo.merged and body.get("state") == "open":
        raise invalid("PullRequest", "state cannot be changed. The pull request is already merged.", "state")
    if "base" in body and body["base"] != record["base"]["ref"]:
        if record["state"] != "open":
            raise invalid("PullRequest", "Cannot change the base branch of a closed pull request.", "base")
        if repo.branch(body["base"]) is None:
            raise invalid("PullRequest", "Proposed base branch does not exist", "base", "invalid")
        head = ends(world, repo, record)[2]
        if not repo.network.diffs.compare(repo.refs[f"refs/heads/{body['base']}"], head).ahead:
            raise invalid("PullRequest", f"There are no new commits between base branch '{body['base']}' and head")
        placeholder(world, repo, body["base"])
    if body.get("state") == "open" and record["state"] == "closed":
        head_repo = world.repos.get((record["head"]["repo"] or {}).get("full_name", ""))
        if head_repo is None or head_repo.branch(record["head"]["ref"]) is None:
            raise invalid("PullRequest", "state cannot be changed. The head branch was deleted.", "state")
    if len(body.get("body") or "") > 65536:
        raise invalid("Issue", "body is too long (maximum is 65536 characters)", "body")
    change_record(world, repo, record, body)
    return Answer(200, pull_body(world, repo, record_of(world, repo, record["number"])))


def may_write(repo: Repo, actor: Token | None, record: dict[str, Any]) -> None:
    if actor and not actor.is_app and actor.login != record["user"]["login"]:
        if not at_least(repo.role(actor.login), "triage"):
            raise ApiError(403, "Must have admin rights to Repository.")


def change_record(world: World, repo: Repo, record: dict[str, Any], change: dict[str, Any]) -> None:
    """Changes the emulator's record, once where it stood is known."""
    ends(world, repo, record)
    world.as_owner("PATCH", f"/repos/{repo.full_name}/pulls/{record['number']}", repo.owner, change)


@route(f"PUT {PULL}/merge")
def merge_pull(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    assert actor
    body = request.body or {}
    record = record_of(world, repo, request.params["pull_number"])
    if record["state"] != "open" or record["draft"]:
        raise ApiError(405, "Pull Request is not mergeable")
    _, _, head, _ = ends(world, repo, record)
    if body.get("sha", head) != head:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    sha = merge(world, repo, record, actor.login, body.get("merge_method", "merge"))
    if sha is None:
        raise ApiError(405, "Pull Request is not mergeable")
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def merge(world: World, repo: Repo, record: dict[str, Any], login: str, method: str = "merge") -> str | None:
    """Merges; the id of the new commit, or None where it conflicts."""
    _, _, head, base = ends(world, repo, record)
    tree = repo.network.diffs.merge(base, head)
    if tree is None:
        return None
    person = Person(login, f"{login}@users.noreply.github.com", int(time.time()))
    if method == "merge":
        message = f"Merge pull request #{record['number']} from {record['head']['label'].replace(':', '/')}"
        parents: tuple[str, ...] = (base, head)
    else:
        message, parents = f"{record['title']} (#{record['number']})", (base,)
    sha = repo.objects.write_commit(Commit(tree, parents, person, person, message))
    number = record["number"]
    repo.merged[number] = sha
    # The record first: once the base has moved the head is an ancestor of it, and there is nothing to compare.
    world.as_owner("PUT", f"/repos/{repo.full_name}/pulls/{number}/merge", repo.owner, {})
    world.move(repo, f"refs/heads/{record['base']['ref']}", base, sha)
    return sha
