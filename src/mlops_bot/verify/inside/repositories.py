"""Run inside the sandbox, beside a collector: what Git repositories, DVC and Git LFS hold, as plain data.

    read(root) -> {"repositories": [...], "errors": [...]}

A repository: {"path", "bare", "head", "branches": {name: commit}, "tags": {name: commit}, "remotes": {name: address},
"commits": {id: {"parents", "message", "files": {path: {"how": "git" | "lfs" | "dvc", "md5", "size"}}}},
"tips": {branch: the default DVC remote that its .dvc/config names, or None},
"work": {path: {"md5", "size"}}, "lfs_work": [paths], "dvc": whether it is a DVC repository, "dvc_remote": address}.
`how` is "dvc" where a .dvc file (or a dvc.lock) of the commit stands for the data. `stored` says which md5 are in a DVC
cache, and which in other DVC storage. Standard library only; the `git` command reads the repositories.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import subprocess
from typing import Any, Dict, Iterator, List, Optional, Tuple

POINTER = re.compile(rb"\Aversion https://git-lfs[^\n]*\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")
MOST_COMMITS, MOST_FILES, MOST_BYTES, MOST_REPOSITORIES = 200, 2000, 64 * 1024 * 1024, 40
WORLD = os.path.join(".mlops-bot", "world")


def git(folder: str, *words: str) -> bytes:
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "-c", "safe.directory=*", "-C", folder, *words]
    return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120).stdout


def digest(content: bytes) -> Dict[str, Any]:
    return {"md5": hashlib.md5(content).hexdigest(), "size": len(content)}


def git_folders(root: str) -> Iterator[Tuple[str, bool]]:
    """(repository, whether it is bare) below root."""
    for folder, names, files in os.walk(root):
        names.sort()
        if folder.endswith((os.path.join(WORLD, "bin"), "seed.git")):
            names[:] = []
            continue
        if "HEAD" in files and "config" in files and ("objects" in names or "refs" in names):
            for name in ("refs", "objects"):  # empty folders do not come back from a sandbox
                os.makedirs(os.path.join(folder, name), exist_ok=True)
            bare = os.path.basename(folder) != ".git"
            yield (folder if bare else os.path.dirname(folder)), bare
            names[:] = []


class Store:
    """Data that is kept outside of Git: objects of DVC by md5, objects of Git LFS by sha256."""

    def __init__(self, root: str) -> None:
        self.cache: Dict[str, str] = {}
        self.remote: Dict[str, str] = {}
        self.lfs: Dict[str, str] = {}
        for folder, _names, files in os.walk(root):
            parts = folder.split(os.sep)
            if len(parts) > 3 and parts[-3:-1] == ["files", "md5"]:
                kind = self.cache if ".dvc" in parts else self.remote
                for name in files:
                    kind[parts[-1] + name] = os.path.join(folder, name)
            elif "lfs" in parts and len(parts[-1]) == 2:
                self.lfs.update({name: os.path.join(folder, name) for name in files})

    def content(self, md5: str) -> Optional[bytes]:
        path = self.remote.get(md5) or self.cache.get(md5)
        if path is None:
            return None
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)


def parse_yaml(text: str) -> Any:
    try:
        import yaml

        return yaml.safe_load(text)
    except ImportError:
        from ruamel.yaml import YAML  # DVC brings it

        return YAML(typ="safe").load(text)


def outs(path: str, content: bytes) -> List[Dict[str, Any]]:
    """What a .dvc file or a dvc.lock stands for: {"path", "md5", "size"} each, below the file's folder."""
    data = parse_yaml(content.decode("utf-8", "replace"))
    stages = [data]
    if os.path.basename(path) == "dvc.lock":
        stages = list((data or {}).get("stages", {}).values())
    base = os.path.dirname(path)
    found = []
    for stage in stages:
        for out in (stage or {}).get("outs", []):
            inner = os.path.join(base, str((stage or {}).get("wdir") or "."), str(out.get("path")))
            found.append({**out, "path": os.path.normpath(inner)})
    return found


class Reader:
    def __init__(self, root: str) -> None:
        self.root = root
        self.store = Store(root)
        self.errors: List[str] = []
        self.blobs: Dict[Tuple[str, str], Tuple[str, Any]] = {}

    def read(self) -> Dict[str, Any]:
        found = []
        for path, bare in list(git_folders(self.root))[:MOST_REPOSITORIES]:
            try:
                found.append(self.repository(path, bare))
            except Exception as problem:
                shown = getattr(problem, "stderr", b"") or str(problem)
                self.errors.append(
                    "{}: {}: {}".format(os.path.relpath(path, self.root), type(problem).__name__, shown)[:300]
                )
        return {
            "repositories": found,
            "stored": {
                "cache": sorted(self.store.cache)[:MOST_FILES],
                "remote": sorted(self.store.remote)[:MOST_FILES],
            },
            "errors": self.errors,
        }

    def repository(self, path: str, bare: bool) -> Dict[str, Any]:
        refs = git(path, "for-each-ref", "--format=%(refname)%09%(objectname)%09%(*objectname)").decode()
        branches, tags = {}, {}
        for row in refs.splitlines():
            name, commit, peeled = row.split("\t")
            if name.startswith("refs/heads/"):
                branches[name[11:]] = commit
            elif name.startswith("refs/tags/"):
                tags[name[10:]] = peeled or commit
        with open(os.path.join(path, "" if bare else ".git", "HEAD"), encoding="utf-8") as file:
            head = file.read().strip()
        entry: Dict[str, Any] = {
            "path": os.path.relpath(path, self.root).replace(os.sep, "/"),
            "bare": bare,
            "head": head.removeprefix("ref: refs/heads/"),
            "branches": branches,
            "tags": tags,
            "commits": self.commits(path),
            "tips": {name: self.committed_remote(path, commit) for name, commit in branches.items()},
        }
        if not bare:
            entry.update(self.work(path))
        return entry

    def commits(self, path: str) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        text = git(path, "log", "--all", "-n", str(MOST_COMMITS), "--format=%H%x00%P%x00%B%x01").decode(
            "utf-8", "replace"
        )
        for piece in text.split("\x01"):
            if piece.strip():
                commit, parents, message = piece.strip("\n").split("\0", 2)
                found[commit] = {
                    "parents": parents.split(),
                    "message": message.strip()[:500],
                    "files": self.tree(path, commit),
                }
        return found

    def tree(self, path: str, commit: str) -> Dict[str, Any]:
        files: Dict[str, Any] = {}
        for row in git(path, "ls-tree", "-r", "-z", commit).split(b"\0")[:MOST_FILES]:
            if not row:
                continue
            head, _, name = row.partition(b"\t")
            _, kind, blob = head.decode().split()
            shown = name.decode("utf-8", "replace")
            if kind != "blob":
                continue
            how, what = self.blob(path, blob, shown)
            if how == "dvc":
                files.update(what)
                what, how = self.blobs[path, blob + ":"][1], "git"
            files[shown] = {"how": how, **what}
        return files

    def blob(self, path: str, blob: str, name: str) -> Tuple[str, Any]:
        key = (path, blob + (name if name.endswith((".dvc", "dvc.lock")) else ""))
        if key not in self.blobs:
            content = git(path, "cat-file", "blob", blob)
            match = POINTER.match(content)
            if match:
                self.blobs[key] = ("lfs", self.lfs(match[1].decode(), int(match[2])))
            elif name.endswith(".dvc") or os.path.basename(name) == "dvc.lock":
                self.blobs[path, blob + ":"] = ("git", digest(content))
                self.blobs[key] = ("dvc", self.dvc(name, content))
            else:
                self.blobs[key] = ("git", digest(content))
        return self.blobs[key]

    def lfs(self, oid: str, size: int) -> Dict[str, Any]:
        try:
            with open(self.store.lfs[oid], "rb") as file:
                return digest(file.read())
        except (KeyError, OSError):
            return {"md5": None, "size": size}

    def dvc(self, name: str, content: bytes) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        try:
            for out in outs(name, content):
                md5 = str(out.get("md5"))
                if md5.endswith(".dir"):
                    for inner in json.loads(self.store.content(md5) or b"[]"):
                        found[out["path"] + "/" + inner["relpath"]] = {"how": "dvc", "md5": inner["md5"], "size": None}
                    found[out["path"] + "/"] = {"how": "dvc", "md5": md5, "size": out.get("size")}
                else:
                    found[out["path"]] = {"how": "dvc", "md5": md5, "size": out.get("size")}
        except Exception as problem:
            self.errors.append("{}: {}: {}".format(name, type(problem).__name__, problem)[:300])
        return found

    def work(self, path: str) -> Dict[str, Any]:
        """The working tree: what is in it, what Git LFS would take, whether it is a DVC repository."""
        files, count = {}, 0
        for folder, names, leaves in os.walk(path):
            names[:] = sorted(
                n for n in names if n not in (".git", ".dvc", "__pycache__") and not self.nested(path, folder, n)
            )
            for leaf in sorted(leaves):
                full = os.path.join(folder, leaf)
                count += 1
                if count <= MOST_FILES and os.path.isfile(full) and os.path.getsize(full) <= MOST_BYTES:
                    with open(full, "rb") as file:
                        files[os.path.relpath(full, path).replace(os.sep, "/")] = digest(file.read())
        lfs: List[str] = []
        if files:
            listed = "\0".join(files).encode()
            command = ["git", "-c", "safe.directory=*", "-C", path, "check-attr", "-z", "--stdin", "filter"]
            done = subprocess.run(command, input=listed, capture_output=True, check=True, timeout=60).stdout.split(
                b"\0"
            )
            lfs = [done[at].decode("utf-8", "replace") for at in range(0, len(done) - 2, 3) if done[at + 2] == b"lfs"]
        return {
            "work": files,
            "lfs_work": lfs,
            "dvc": os.path.isdir(os.path.join(path, ".dvc")),
            "dvc_remote": self.remote(path),
        }

    @staticmethod
    def nested(path: str, folder: str, name: str) -> bool:
        inner = os.path.join(folder, name)
        return (
            os.path.exists(os.path.join(inner, ".git"))
            or os.path.isdir(os.path.join(inner, "files", "md5"))
            or (os.path.isfile(os.path.join(inner, "HEAD")) and os.path.isdir(os.path.join(inner, "objects")))
        )

    @staticmethod
    def remote(path: str) -> Optional[str]:
        """The address of the default DVC remote."""
        texts = []
        for name in ("config", "config.local"):
            try:
                with open(os.path.join(path, ".dvc", name), encoding="utf-8") as file:
                    texts.append(file.read())
            except (OSError, UnicodeDecodeError):
                pass
        return default_remote("\n".join(texts))

    @staticmethod
    def committed_remote(path: str, commit: str) -> Optional[str]:
        """The same, as a clone of that commit knows it."""
        try:
            return default_remote(git(path, "cat-file", "blob", commit + ":.dvc/config").decode("utf-8", "replace"))
        except subprocess.CalledProcessError:
            return None


def default_remote(text: str) -> Optional[str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
        name = parser.get("core", "remote")
        for section in parser.sections():
            if section.strip("'\"").replace('"', "").split() == ["remote", name]:
                return parser.get(section, "url")
    except configparser.Error:
        pass
    return None


def read(root: str) -> Dict[str, Any]:
    """Everything below a job's root."""
    return Reader(os.path.abspath(root)).read()
