"""The git data API: blobs, trees, commits and refs, from the objects themselves."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any

from .objects import DIRECTORY, SUBMODULE, SYMLINK, Commit, Entry, Person
from .routes import route
from .wire import Answer, ApiError, Request, not_found
from .world import Repo, Token, World, node_id, stamp

REPO = "/repos/{owner}/{repo}"
# Blobs past this size are not sent (the documented limit).
BLOB_LIMIT = 100_000_000
_MODES = {"blob": {"100644", "100755", SYMLINK}, "tree": {DIRECTORY}, "commit": {SUBMODULE}}
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


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
        item: dict[str, Any] = {"path": path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
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
        "verification": UNSIGNED,
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
