"""Branches, commits as people see them, and what changed between two."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from .git_routes import REPO, UNSIGNED, api, git_commit_body, html
from .routes import route
from .wire import Answer, ApiError, Request, not_found
from .world import Repo, Token, World, page

# Branches


@route(f"GET {REPO}/branches")
def list_branches(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    names = sorted(ref.removeprefix("refs/heads/") for ref in repo.refs if ref.startswith("refs/heads/"))
    shown, headers = page(world, request, names)
    body = [
        {
            "name": name,
            "commit": {"sha": repo.branch(name), "url": f"{api(world, repo)}/commits/{repo.branch(name)}"},
            "protected": False,
        }
        for name in shown
    ]
    return Answer(200, body, headers)


@route(f"GET {REPO}/branches/{{branch}}")
def get_branch(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    name = request.params["branch"]
    sha = repo.branch(name)
    if sha is None:
        raise ApiError(404, "Branch not found")
    url = f"{api(world, repo)}/branches/{name}"
    return Answer(
        200,
        {
            "name": name,
            "commit": commit_body(world, repo, sha, with_files=False),
            "_links": {"self": url, "html": f"{html(world, repo)}/tree/{name}"},
            "protected": False,
            "protection": {
                "enabled": False,
                "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
            },
            "protection_url": f"{url}/protection",
        },
    )


# Commits as people see them, and what changed


def file_body(world: World, repo: Repo, change: Any, commit: str) -> dict[str, Any]:
    path = quote(change.path)
    body = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{html(world, repo)}/blob/{commit}/{path}",
        "raw_url": f"{html(world, repo)}/raw/{commit}/{path}",
        "contents_url": f"{api(world, repo)}/contents/{path}?ref={commit}",
    }
    if change.patch is not None:
        body["patch"] = change.patch
    if change.previous is not None:
        body["previous_filename"] = change.previous
    return body


def commit_body(world: World, repo: Repo, sha: str, *, with_files: bool) -> dict[str, Any]:
    git = git_commit_body(world, repo, sha)

    def account(mail: str) -> dict[str, Any] | None:
        found = re.fullmatch(r"(?:\d+\+)?(.+)@(?:users\.noreply\.github\.com|example\.com)", mail)
        return world.user(found[1]) if found and world.known(found[1]) else None

    body: dict[str, Any] = {
        "url": f"{api(world, repo)}/commits/{sha}",
        "sha": sha,
        "node_id": git["node_id"],
        "html_url": git["html_url"],
        "comments_url": f"{api(world, repo)}/commits/{sha}/comments",
        "commit": {
            "url": git["url"],
            "author": git["author"],
            "committer": git["committer"],
            "message": git["message"],
            "comment_count": 0,
            "tree": git["tree"],
            "verification": UNSIGNED,
        },
        "author": account(git["author"]["email"]),
        "committer": account(git["committer"]["email"]),
        "parents": git["parents"],
    }
    if with_files:
        parents = world.commit(repo, sha).parents
        base = parents[0] if parents else "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        files = repo.network.diffs.files(base, sha)
        added, removed = sum(one.additions for one in files), sum(one.deletions for one in files)
        body["stats"] = {"additions": added, "deletions": removed, "total": added + removed}
        body["files"] = [file_body(world, repo, one, sha) for one in files[:300]]
    return body


@route(f"GET {REPO}/commits")
def list_commits(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    start = repo.resolve(request.query.get("sha", repo.default_branch))
    if not start:
        raise not_found()
    commits = repo.objects.ancestors(start)
    if "path" in request.query:
        path = request.query["path"]
        listed = repo.objects.git("rev-list", start, "--", path).stdout.decode().split()
        commits = [sha for sha in commits if sha in set(listed)]
    shown, headers = page(world, request, commits)
    return Answer(200, [commit_body(world, repo, sha, with_files=False) for sha in shown], headers)


@route(f"GET {REPO}/commits/{{ref}}")
def get_commit(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    sha = repo.resolve(request.params["ref"])
    if not sha:
        raise ApiError(422, f"No commit found for SHA: {request.params['ref']}")
    if request.accepts("sha"):
        return Answer(200, sha.encode(), {"Content-Type": "application/vnd.github.sha; charset=utf-8"})
    return Answer(200, commit_body(world, repo, sha, with_files=True))


@route(f"GET {REPO}/compare/{{basehead}}")
def compare(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    left, dots, right = request.params["basehead"].partition("...")

    def commit(name: str) -> str:
        owner, colon, branch = name.rpartition(":")
        where = repo
        if colon:
            others = [one for one in world.repos.values() if one.network is repo.network and one.owner == owner]
            if not others:
                raise not_found()
            where = others[0]
        sha = where.resolve(branch)
        if not sha:
            raise not_found()
        return sha

    if not dots:
        raise not_found()
    base, head = commit(left), commit(right)
    compared = repo.network.diffs.compare(base, head)
    if compared.merge_base is None:
        raise ApiError(404, "No common ancestor between the two commits")
    if request.accepts("diff"):
        text = repo.network.diffs.text(compared.merge_base, head)
        return Answer(200, text, {"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    ahead, behind = len(compared.ahead), compared.behind
    url = f"{api(world, repo)}/compare/{request.params['basehead']}"
    site = f"{html(world, repo)}/compare/{request.params['basehead']}"
    shown, headers = page(world, request, list(compared.ahead), most=250)
    body = {
        "url": url,
        "html_url": site,
        "permalink_url": site,
        "diff_url": f"{site}.diff",
        "patch_url": f"{site}.patch",
        "base_commit": commit_body(world, repo, base, with_files=False),
        "merge_base_commit": commit_body(world, repo, compared.merge_base, with_files=False),
        "status": "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical",
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [commit_body(world, repo, sha, with_files=False) for sha in shown],
    }
    if request.query.get("page", "1") == "1":
        files = repo.network.diffs.files(compared.merge_base, head)[:300]
        body["files"] = [file_body(world, repo, one, head) for one in files]
    return Answer(200, body, headers)
