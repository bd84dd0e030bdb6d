"""The git data API, contents, branches, commits and comparisons, from the objects themselves."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any

from .objects import DIRECTORY, SUBMODULE, SYMLINK, Commit, Entry, Person
from .routes import route
from .wire import Answer, ApiError, Request, not_found
from .world import Repo, Token, World, node_id, page, stamp

REPO = "/repos/{owner}/{repo}"
# Blobs past this size are not sent (the documented limit); contents past the first one come without content.
BLOB_LIMIT = 100_000_000
CONTENT_LIMIT = 1_000_000
_MODES = {"blob": {"100644", "100755", SYMLINK}, "tree": {DIRECTORY}, "commit": {SUBMODULE}}
_UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def api(world: World, repo: Repo) -> str:
    return f"{world.url}/repos/{repo.full_name}"


def html(world: World, repo: Repo) -> str:
    return f"{world.url}/{repo.full_name}"


# Blobs


@route(f"POST {REPO}/git/blobs")
def create_blob(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    content, encoding = request.body["content"], request.body.get("encoding", "utf-8")
    try:
        data = base64.b64decode(content, validate=False) if encoding == "base64" else content.encode()
    except binascii.Error:
        raise ApiError(422, "content is not valid Base64") from None
    if len(data) > BLOB_LIMIT:
        raise ApiError(422, "Sorry, your input was too large to process. Consider creating the blob in a local clone")
    sha = repo.objects.write("blob", data)
    return Answer(201, {"url": f"{api(world, repo)}/git/blobs/{sha}", "sha": sha})


@route(f"GET {REPO}/git/blobs/{{file_sha}}")
def get_blob(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    sha = request.params["file_sha"]
    data = repo.objects.blob(sha)
    if data is None:
        raise not_found()
    if request.accepts("raw"):
        return Answer(200, data, {"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    if len(data) > BLOB_LIMIT:
        raise ApiError(403, "The requested blob is too large to fetch via the API")
    encoded = base64.encodebytes(data).decode()
    return Answer(
        200,
        {
            "sha": sha,
            "node_id": node_id("Blob", sha),
            "size": len(data),
            "url": f"{api(world, repo)}/git/blobs/{sha}",
            "content": encoded,
            "encoding": "base64",
        },
    )


# Trees


def tree_body(world: World, repo: Repo, sha: str, entries: dict[str, Entry]) -> dict[str, Any]:
    def one(path: str, entry: Entry) -> dict[str, Any]:
        item = {"path": path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
        if entry.type == "blob":
            item["size"] = len(repo.objects.blob(entry.sha) or b"")
        if entry.type != "commit":
            item["url"] = f"{api(world, repo)}/git/{entry.type}s/{entry.sha}"
        return item

    return {
        "sha": sha,
        "url": f"{api(world, repo)}/git/trees/{sha}",
        "tree": [one(path, entry) for path, entry in entries.items()][:100_000],
        "truncated": len(entries) > 100_000,
    }


@route(f"GET {REPO}/git/trees/{{tree_sha}}")
def get_tree(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    sha = request.params["tree_sha"]
    if repo.objects.kind(sha) != "tree":
        found = repo.resolve(sha)
        if not found:
            raise not_found()
        sha = world.commit(repo, found).tree
    entries = repo.objects.walk(sha) if "recursive" in request.query else repo.objects.tree(sha) or {}
    return Answer(200, tree_body(world, repo, sha, entries))


@route(f"POST {REPO}/git/trees")
def create_tree(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    base = request.body.get("base_tree")
    if base is not None:
        kind = repo.objects.kind(base)
        if kind == "commit":
            base = world.commit(repo, base).tree
        elif kind != "tree":
            raise ApiError(422, "base_tree is not a valid tree oid")
    changes: dict[str, Entry | None] = {}
    for item in request.body["tree"]:
        path, kind = item.get("path", ""), item.get("type", "blob")
        if "content" in item and "sha" in item:
            raise ApiError(422, "tree.sha and tree.content are both given")
        if not path or path.startswith("/") or any(part in ("", ".", "..", ".git") for part in path.split("/")):
            raise ApiError(422, "tree.path contains a malformed path component")
        if item.get("mode") not in _MODES[kind]:
            raise ApiError(422, f"tree.mode {item.get('mode')} is not one of a {kind}")
        if "content" in item:
            changes[path] = Entry(item["mode"], repo.objects.write("blob", item["content"].encode()))
        elif item.get("sha", "") is None:
            changes[path] = None
        else:
            sha = item.get("sha", "")
            if kind != "commit" and repo.objects.kind(sha) != kind:
                raise ApiError(422, f"tree.sha {sha} is not a valid {kind}")
            changes[path] = Entry(item["mode"], sha)
    if not changes:
        raise ApiError(422, "Invalid tree info")
    try:
        sha = repo.objects.changed_tree(base, changes)
    except KeyError:
        raise ApiError(422, "GitRPC::BadObjectState") from None
    return Answer(201, tree_body(world, repo, sha, repo.objects.tree(sha) or {}))


# Commits


def git_commit_body(world: World, repo: Repo, sha: str) -> dict[str, Any]:
    commit = world.commit(repo, sha)

    def person(one: Person) -> dict[str, str]:
        return {"name": one.name, "email": one.email, "date": stamp(one.at)}

    return {
        "sha": sha,
        "node_id": node_id("Commit", sha),
        "url": f"{api(world, repo)}/git/commits/{sha}",
        "html_url": f"{html(world, repo)}/commit/{sha}",
        "author": person(commit.author),
        "committer": person(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api(world, repo)}/git/trees/{commit.tree}"},
        "parents": [
            {
                "sha": parent,
                "url": f"{api(world, repo)}/git/commits/{parent}",
                "html_url": f"{html(world, repo)}/commit/{parent}",
            }
            for parent in commit.parents
        ],
        "verification": _UNSIGNED,
    }


@route(f"GET {REPO}/git/commits/{{commit_sha}}")
def get_git_commit(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    return Answer(200, git_commit_body(world, repo, request.params["commit_sha"]))


@route(f"POST {REPO}/git/commits")
def create_commit(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    body = request.body
    if repo.objects.kind(body["tree"]) != "tree":
        raise ApiError(422, "Tree SHA does not exist")
    for parent in body.get("parents", []):
        if repo.objects.kind(parent) != "commit":
            raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    assert actor
    user = world.user(actor.login)
    name = actor.login if user["type"] == "Bot" else actor.login.title()
    mail = f"{user['id']}+{actor.login}@users.noreply.github.com"
    default = Person(name, mail, int(time.time()))

    def person(said: dict[str, Any] | None, otherwise: Person) -> Person:
        if not said:
            return otherwise
        try:
            return Person.dated(said["name"], said["email"], said.get("date") or stamp(int(time.time())))
        except ValueError:
            raise ApiError(422, f"{said['date']} is not a date") from None

    author = person(body.get("author"), default)
    committer = person(body.get("committer"), author)
    sha = repo.objects.write_commit(
        Commit(body["tree"], tuple(body.get("parents", [])), author, committer, body["message"])
    )
    return Answer(201, git_commit_body(world, repo, sha))


# Refs


def ref_body(world: World, repo: Repo, ref: str) -> dict[str, Any]:
    sha = repo.refs.get(ref) or repo.resolve(ref)
    return {
        "ref": ref,
        "node_id": node_id("Ref", f"{repo.full_name}:{ref}"),
        "url": f"{api(world, repo)}/git/{ref}",
        "object": {"sha": sha, "type": "commit", "url": f"{api(world, repo)}/git/commits/{sha}"},
    }


@route(f"GET {REPO}/git/ref/{{ref}}")
def get_ref(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    ref = f"refs/{request.params['ref']}"
    if ref not in repo.refs and not (ref.startswith("refs/pull/") and repo.resolve(ref)):
        raise not_found()
    return Answer(200, ref_body(world, repo, ref))


@route(f"GET {REPO}/git/matching-refs/{{ref}}")
def matching_refs(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    found = sorted(ref for ref in repo.refs if ref.startswith(f"refs/{request.params['ref']}"))
    return Answer(200, [ref_body(world, repo, ref) for ref in found])


@route(f"POST {REPO}/git/refs")
def create_ref(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    ref, sha = request.body["ref"], request.body["sha"]
    if not re.fullmatch(r"refs/(heads|tags)/[^\s~^:?*\[\\]+", ref) or ".." in ref or ref.endswith(("/", ".lock")):
        raise ApiError(422, f"{ref} is not a valid ref name.")
    if repo.objects.kind(sha) != "commit":
        raise ApiError(422, "Object does not exist")
    if ref in repo.refs:
        raise ApiError(422, "Reference already exists")
    if any(other.startswith(f"{ref}/") or ref.startswith(f"{other}/") for other in repo.refs):
        raise ApiError(422, "Reference update failed")  # a folder and a file of one name
    world.move(repo, ref, None, sha)
    return Answer(201, ref_body(world, repo, ref), {"Location": f"{api(world, repo)}/git/{ref}"})


@route(f"PATCH {REPO}/git/refs/{{ref}}")
def update_ref(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    ref, sha = f"refs/{request.params['ref']}", request.body["sha"]
    if ref not in repo.refs:
        raise ApiError(422, "Reference does not exist")
    if repo.objects.kind(sha) != "commit":
        raise ApiError(422, "Object does not exist")
    old = repo.refs[ref]
    if not request.body.get("force", False) and old not in repo.objects.ancestors(sha):
        raise ApiError(422, "Update is not a fast forward")
    world.move(repo, ref, old, sha)
    return Answer(200, ref_body(world, repo, ref))


@route(f"DELETE {REPO}/git/refs/{{ref}}")
def delete_ref(world: World, request: Request, actor: Token | None) -> Answer:
    repo = world.repo(request, actor)
    ref = f"refs/{request.params['ref']}"
    if ref not in repo.refs:
        raise ApiError(422, "Reference does not exist")
    if ref == f"refs/heads/{repo.default_branch}":
        raise ApiError(422, "Cannot delete the default branch")
    world.move(repo, ref, repo.refs[ref], None)
    return Answer(204)


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
    from urllib.parse import quote

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
            "verification": _UNSIGNED,
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


# Contents


@route(f"GET {REPO}/contents/{{path}}")
def get_contents(world: World, request: Request, actor: Token | None) -> Answer:
    from urllib.parse import quote

    repo = world.repo(request, actor)
    path = request.params["path"].strip("/")
    name = request.query.get("ref") or repo.default_branch
    sha = repo.resolve(name)
    if not sha:
        raise ApiError(404, f"No commit found for the ref {name}")
    entry = repo.objects.at(world.commit(repo, sha).tree, path)
    if entry is None:
        raise not_found()

    def item(at: str, one: Entry) -> dict[str, Any]:
        kind = {"tree": "dir", "commit": "submodule"}.get(one.type) or ("symlink" if one.mode == SYMLINK else "file")
        url = f"{api(world, repo)}/contents/{quote(at)}?ref={name}"
        git_url = f"{api(world, repo)}/git/{'trees' if kind == 'dir' else 'blobs'}/{one.sha}"
        page_url = f"{html(world, repo)}/{'tree' if kind == 'dir' else 'blob'}/{name}/{quote(at)}"
        return {
            "type": kind,
            "name": at.rpartition("/")[2],
            "path": at,
            "sha": one.sha,
            "size": len(repo.objects.blob(one.sha) or b"") if one.type == "blob" else 0,
            "url": url,
            "html_url": page_url,
            "git_url": git_url,
            "download_url": f"{html(world, repo)}/raw/{name}/{quote(at)}" if one.type == "blob" else None,
            "_links": {"self": url, "git": git_url, "html": page_url},
        }

    if entry.mode == DIRECTORY:
        inside = repo.objects.tree(entry.sha) or {}
        listed = [item(f"{path}/{one}".lstrip("/"), found) | {} for one, found in inside.items()]
        for one in listed:
            if one["type"] == "submodule":  # as GitHub lists them, for old clients' sake
                one["type"] = "file"
        return Answer(200, listed[:1000])
    body = item(path, entry)
    if entry.mode == SUBMODULE:
        return Answer(200, body | {"submodule_git_url": None, "git_url": None})
    data = repo.objects.blob(entry.sha) or b""
    if entry.mode == SYMLINK:
        return Answer(200, body | {"target": data.decode()})
    if request.accepts("raw"):
        return Answer(200, data, {"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    if len(data) > BLOB_LIMIT:
        raise ApiError(403, "This API returns blobs up to 100 MB in size")
    if len(data) > CONTENT_LIMIT:
        return Answer(200, body | {"content": "", "encoding": "none"})
    return Answer(200, body | {"content": base64.encodebytes(data).decode(), "encoding": "base64"})
