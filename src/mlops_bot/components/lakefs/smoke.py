"""A lakeFS server for smoke runs; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

It speaks the part of lakeFS's REST API that its Python SDK uses for repositories, branches, objects, commits, tags,
differences and merges, and keeps everything as files in <job root>/.mlops-bot/world/lakefs, which the collector reads:

    NAME.json        {"branches", "tags", "staged", "commits": {id: {"parents", "message", "files"}}}
                     files: {path: {"md5", "size"}}
    objects/MD5      the bytes

Whatever address the program names, it gets this server. Python 3.9+, standard library only.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Optional, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/v1"
TIME = 1704110400  # every run has the same clock
LOCK = threading.RLock()


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def install(hooks: Any) -> None:
    started: Dict[str, str] = {}

    def address() -> str:
        """The server's, started when the first client is made: the SDK may be imported long before the program is."""
        if not started:
            started["url"] = serve(os.path.join(os.environ["MLOPS_WORLD"], "lakefs"))
            os.environ["LAKECTL_SERVER_ENDPOINT_URL"] = started["url"]
            hooks.note("stand-in", "lakeFS", "a local server that speaks its REST API")
        return started["url"] + API

    def configured(module: Any) -> None:
        original = module.Configuration.__init__

        @functools.wraps(original)
        def made(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            if os.environ.get("MLOPS_WORLD"):
                self.host = address()

        module.Configuration.__init__ = made

    hooks.after_import("lakefs_sdk.configuration", configured)


def serve(folder: str) -> str:
    """Starts a server over a folder, in a thread that ends with the process; returns its address."""
    os.makedirs(os.path.join(folder, "objects"), exist_ok=True)
    methods = {"do_" + name: Handler.answer for name in ("GET", "POST", "PUT", "DELETE", "HEAD")}
    handler = type("Handler", (Handler,), {"store": Store(folder), **methods})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:{}".format(server.server_address[1])


class Store:
    """Repositories as files; read again for each request, so that several processes may share them."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def names(self) -> list:
        return sorted(name[:-5] for name in os.listdir(self.folder) if name.endswith(".json"))

    def load(self, name: str) -> Dict[str, Any]:
        if name not in self.names():
            raise Refused(404, "repository not found")
        with open(os.path.join(self.folder, name + ".json"), encoding="utf-8") as file:
            found: Dict[str, Any] = json.load(file)
        return found

    def save(self, repository: Dict[str, Any]) -> None:
        path = os.path.join(self.folder, repository["id"] + ".json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(repository, file)
        os.replace(path + ".new", path)

    def put(self, content: bytes) -> Dict[str, Any]:
        md5 = hashlib.md5(content).hexdigest()
        with open(os.path.join(self.folder, "objects", md5), "wb") as file:
            file.write(content)
        return {"md5": md5, "size": len(content)}

    def get(self, md5: str) -> bytes:
        with open(os.path.join(self.folder, "objects", md5), "rb") as file:
            return file.read()


def commit(repository: Dict[str, Any], branch: str, message: str, files: Any, parents: list, metadata: Any) -> str:
    text = json.dumps([message, sorted(files), [files[p]["md5"] for p in sorted(files)], parents, metadata])
    name = hashlib.sha256(text.encode()).hexdigest()
    repository["commits"][name] = {"parents": parents, "message": message, "files": files, "metadata": metadata or {}}
    repository["branches"][branch] = name
    repository["staged"].pop(branch, None)
    return name


def resolve(repository: Dict[str, Any], ref: str) -> str:
    """The commit of a branch, a tag, an id or its beginning; `ref~2`, `ref^`, `branch@`."""
    match = re.fullmatch(r"(.+?)((?:~\d*|\^|@)*)", ref)
    name, steps = (match[1], match[2]) if match else (ref, "")
    found = repository["branches"].get(name) or repository["tags"].get(name)
    if found is None:
        starts = [one for one in repository["commits"] if len(name) > 5 and one.startswith(name)]
        if len(starts) != 1:
            raise Refused(404, "ref {!r} not found".format(ref))
        found = starts[0]
    for step in re.findall(r"~\d*|\^", steps):
        for _ in range(int(step[1:] or 1)):
            parents = repository["commits"][found]["parents"]
            if not parents:
                raise Refused(404, "ref {!r} not found".format(ref))
            found = parents[0]
    return str(found)


def files_of(repository: Dict[str, Any], ref: str) -> Dict[str, Any]:
    """Path -> object; of a branch with what is not committed yet."""
    files = dict(repository["commits"][resolve(repository, ref)]["files"])
    for path, entry in repository["staged"].get(ref, {}).items():
        if entry is None:
            files.pop(path, None)
        else:
            files[path] = entry
    return files


def differences(before: Dict[str, Any], after: Dict[str, Any]) -> list:
    found = []
    for path in sorted({*before, *after}):
        if before.get(path, {}).get("md5") != after.get(path, {}).get("md5"):
            kind = "added" if path not in before else "removed" if path not in after else "changed"
            size = (after.get(path) or before[path])["size"]
            found.append({"type": kind, "path": path, "path_type": "object", "size_bytes": size})
    return found


class Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: Any) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunks()
        split = urlsplit(self.path)
        parts = [unquote(part) for part in split.path[len(API) :].strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        try:
            with LOCK:
                status, answer = self._answer(parts, query, body)
        except Refused as refused:
            status, answer = refused.status, {"message": str(refused)}
        except (KeyError, ValueError) as problem:
            status, answer = 400, {"message": repr(problem)}
        self._send(status, answer)

    def _chunks(self) -> bytes:
        found = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            found += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return found

    def _send(self, status: int, answer: Any) -> None:
        raw = isinstance(answer, bytes)
        content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if raw else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # --- the API ------------------------------------------------------------------------------------------------

    def _answer(self, parts: list, query: Dict[str, str], body: bytes) -> Tuple[int, Any]:
        method = self.command
        if parts[0] in ("healthcheck", "config", "user", "setup_lakefs"):
            return (204, None) if parts[0] == "healthcheck" else (200, CONFIGURATION if parts[0] == "config" else USER)
        if parts[0] != "repositories":
            raise Refused(501, "{} is not part of this stand-in for lakeFS".format("/".join(parts)))
        if len(parts) == 1:
            if method == "GET":
                return 200, page([shown(self.store.load(name)) for name in self.store.names()], query)
            return 201, self._create(json.loads(body))
        repository = self.store.load(parts[1])
        if len(parts) == 2:
            if method == "DELETE":
                os.remove(os.path.join(self.store.folder, parts[1] + ".json"))
                return 204, None
            return 200, shown(repository)
        what, rest = parts[2], parts[3:]
        if what == "metadata":
            return 200, {}
        found = {"branches": self._branches, "tags": self._tags, "refs": self._refs, "commits": self._commits}
        if what not in found:
            raise Refused(501, "{} is not part of this stand-in for lakeFS".format(what))
        status, answer = found[what](method, repository, rest, query, body)
        if method != "GET":
            self.store.save(repository)
        return status, answer

    def _create(self, wanted: Any) -> Any:
        if wanted["name"] in self.store.names():
            raise Refused(409, "repository already exists")
        branch = wanted.get("default_branch") or "main"
        repository = {"id": wanted["name"], "default_branch": branch, "storage_namespace": wanted["storage_namespace"],
                      "branches": {}, "tags": {}, "commits": {}, "staged": {}}  # fmt: skip
        commit(repository, branch, "Repository created", {}, [], None)
        self.store.save(repository)
        return shown(repository)

    def _branches(self, method: str, repository: Any, rest: list, query: Any, body: bytes) -> Tuple[int, Any]:
        branches = repository["branches"]
        if not rest:
            if method == "GET":
                return 200, page([{"id": name, "commit_id": branches[name]} for name in sorted(branches)], query)
            wanted = json.loads(body)
            if wanted["name"] in branches:
                raise Refused(409, "branch already exists")
            branches[wanted["name"]] = resolve(repository, wanted["source"])
            return 201, branches[wanted["name"]].encode()
        name, below = rest[0], rest[1:]
        if name not in branches:
            raise Refused(404, "branch not found")
        staged = repository["staged"].setdefault(name, {})
        if not below:
            if method == "GET":
                return 200, {"id": name, "commit_id": branches[name]}
            if method == "DELETE":
                del branches[name]
            repository["staged"].pop(name, None)  # a reset, or gone
            return 204, None
        if below == ["objects"] and method == "POST":
            staged[query["path"]] = self.store.put(self._content(body))
            return 201, stat(query["path"], staged[query["path"]])
        if below == ["objects"] and method == "DELETE":
            staged[query["path"]] = None
            return 204, None
        if below == ["objects", "delete"]:
            staged.update(dict.fromkeys(json.loads(body)["paths"]))
            return 200, {"errors": []}
        if below == ["diff"]:
            before = repository["commits"][branches[name]]["files"]
            return 200, page(differences(before, files_of(repository, name)), query)
        if below == ["commits"] and method == "POST":
            wanted, files = json.loads(body), files_of(repository, name)
            if not differences(repository["commits"][branches[name]]["files"], files):
                raise Refused(400, "commit: no changes")
            made = commit(repository, name, wanted["message"], files, [branches[name]], wanted.get("metadata"))
            return 201, told(repository, made)
        raise Refused(501, "{} is not part of this stand-in for lakeFS".format("/".join(below)))

    def _content(self, body: bytes) -> bytes:
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return body
        boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
        return body.split(boundary)[1].partition(b"\r\n\r\n")[2][:-2]

    def _tags(self, method: str, repository: Any, rest: list, query: Any, body: bytes) -> Tuple[int, Any]:
        tags = repository["tags"]
        if not rest and method == "GET":
            return 200, page([{"id": name, "commit_id": tags[name]} for name in sorted(tags)], query)
        if not rest:
            wanted = json.loads(body)
            if wanted["id"] in tags:
                raise Refused(409, "tag already exists")
            tags[wanted["id"]] = resolve(repository, wanted["ref"])
            return 201, {"id": wanted["id"], "commit_id": tags[wanted["id"]]}
        if rest[0] not in tags:
            raise Refused(404, "tag not found")
        if method == "DELETE":
            del tags[rest[0]]
            return 204, None
        return 200, {"id": rest[0], "commit_id": tags[rest[0]]}

    def _commits(self, method: str, repository: Any, rest: list, query: Any, body: bytes) -> Tuple[int, Any]:
        return 200, told(repository, resolve(repository, rest[0]))

    def _refs(self, method: str, repository: Any, rest: list, query: Any, body: bytes) -> Tuple[int, Any]:
        ref, below = rest[0], rest[1:]
        if below == ["commits"]:
            found, waiting = [], [resolve(repository, ref)]
            while waiting:
                name = waiting.pop(0)
                if name not in found:
                    found.append(name)
                    waiting += repository["commits"][name]["parents"]
            return 200, page([told(repository, name) for name in found], query)
        if below[:1] == ["diff"]:
            return 200, page(differences(files_of(repository, ref), files_of(repository, below[1])), query)
        if below[:1] == ["merge"]:
            return 200, {"reference": merge(repository, ref, below[1], json.loads(body or b"{}"))}
        files = files_of(repository, ref)
        if below == ["objects", "ls"]:
            paths = [path for path in sorted(files) if path.startswith(query.get("prefix", ""))]
            return 200, page([stat(path, files[path]) for path in paths], query)
        if query.get("path") not in files:
            raise Refused(404, "object not found")
        if below == ["objects", "stat"]:
            return 200, stat(query["path"], files[query["path"]])
        if below == ["objects"]:
            return self._part(self.store.get(files[query["path"]]["md5"]))
        raise Refused(501, "{} is not part of this stand-in for lakeFS".format("/".join(below)))

    def _part(self, content: bytes) -> Tuple[int, bytes]:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not match:
            return 200, content
        start, end = int(match[1]), int(match[2]) + 1 if match[2] else len(content)
        if start >= len(content):
            raise Refused(416, "range not satisfiable")
        return 206, content[start:end]


def merge(repository: Any, source: str, target: str, wanted: Any) -> str:
    """Three ways, from the newest common commit; the same path changed on both sides is a conflict."""
    ours, theirs = repository["branches"][target], resolve(repository, source)
    line, waiting = [], [ours]
    while waiting:
        line.append(waiting.pop(0))
        waiting += [one for one in repository["commits"][line[-1]]["parents"] if one not in line]
    at, waiting = theirs, [theirs]
    while waiting:
        at = waiting.pop(0)
        if at in line:
            break
        waiting += repository["commits"][at]["parents"]
    base, mine, other = (repository["commits"][one]["files"] for one in (at, ours, theirs))
    files = dict(mine)
    for entry in differences(base, other):
        path = entry["path"]
        if mine.get(path) != base.get(path) and mine.get(path) != other.get(path):
            if wanted.get("strategy") not in ("source-wins", "dest-wins"):
                raise Refused(409, "conflict")
            if wanted["strategy"] == "dest-wins":
                continue
        if path in other:
            files[path] = other[path]
        else:
            files.pop(path, None)
    message = wanted.get("message") or "Merge '{}' into '{}'".format(source, target)
    return commit(repository, target, message, files, [ours, theirs], wanted.get("metadata"))


def page(entries: list, query: Dict[str, str]) -> Dict[str, Any]:
    """One page of a listing: all that comes after `after`."""
    name = "path" if entries and "path" in entries[0] else "id"
    after, amount = query.get("after", ""), int(query.get("amount") or 100)
    names = [entry[name] for entry in entries]
    start = names.index(after) + 1 if after in names else 0
    shown_, more = entries[start : start + amount], start + amount < len(entries)
    pagination = {"has_more": more, "next_offset": shown_[-1][name] if more else "", "results": len(shown_),
                  "max_per_page": 1000}  # fmt: skip
    return {"pagination": pagination, "results": shown_}


def shown(repository: Dict[str, Any]) -> Dict[str, Any]:
    return {"creation_date": TIME, **{key: repository[key] for key in ("id", "default_branch", "storage_namespace")}}


def told(repository: Dict[str, Any], name: str) -> Dict[str, Any]:
    known = repository["commits"][name]
    return {"id": name, "parents": known["parents"], "committer": "smoke", "message": known["message"],
            "creation_date": TIME, "meta_range_id": name, "metadata": known["metadata"]}  # fmt: skip


def stat(path: str, entry: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    assert entry is not None
    return {"path": path, "path_type": "object", "physical_address": "mem://" + entry["md5"], "checksum": entry["md5"],
            "size_bytes": entry["size"], "mtime": TIME}  # fmt: skip


USER = {"user": {"id": "smoke", "creation_date": TIME}}
CONFIGURATION = {
    "version_config": {"version": "1.88.0"},
    "storage_config": {
        "blockstore_type": "local", "blockstore_namespace_example": "local://", "import_support": False,
        "blockstore_namespace_ValidityRegex": ".*", "pre_sign_support": False, "pre_sign_support_ui": False,
        "import_validity_regex": ".*",
    },
}  # fmt: skip
