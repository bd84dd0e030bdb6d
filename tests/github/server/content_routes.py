"""Files and folders at a branch or commit, as the contents API shows them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from .git_routes import BLOB_LIMIT, REPO, api, html
from .objects import DIRECTORY, SUBMODULE, SYMLINK, Entry
from .routes import route
from .wire import Answer, ApiError, Request, not_found
from .world import Token, World

# Past this size contents come without content.
CONTENT_LIMIT = 1_000_000


@route(f"GET {REPO}/contents/{{path}}")
def get_contents(world: World, request: Request, actor: Token | None) -> Answer:
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
        listed = [item(f"{path}/{one}".lstrip("/"), found) for one, found in inside.items()]
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
