"""Reads what a program put under DVC, and brings it back; runs INSIDE the sandbox: collect.py OUT.json FUNCTIONALITY.

Bringing back is done for real: a fresh clone, `git checkout` of each revision, then DVC's own pull (or checkout, where
nothing was pushed) into it, and the bytes are compared with what the revision stands for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from typing import Any, Dict, Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
MOST_REVISIONS = 12


def bring_back(root: str, repository: Dict[str, Any], world: Optional[str], errors: list) -> Dict[str, Any]:
    """{commit: {"from": "remote" | "cache", "wrong": {path: md5 found, or None}, "files": how many}}"""
    import repositories
    from dvc.repo import Repo

    path = os.path.join(root, repository["path"])
    remote = storage(root, repository.get("dvc_remote"), world)
    folder = tempfile.mkdtemp()
    clone = os.path.join(folder, "clone")
    found: Dict[str, Any] = {}
    states = set()
    try:
        repositories.git(folder, "clone", "--quiet", "--no-checkout", path, clone)
        for commit, known in repository["commits"].items():
            wanted = {n: f["md5"] for n, f in known["files"].items() if f["how"] == "dvc" and not n.endswith("/")}
            state = json.dumps(sorted(wanted.items()))
            if not wanted or state in states or len(found) >= MOST_REVISIONS:
                continue
            states.add(state)
            repositories.git(clone, "checkout", "--quiet", "--force", commit)
            if not os.path.isdir(os.path.join(clone, ".dvc")):
                shutil.copytree(
                    os.path.join(path, ".dvc"),
                    os.path.join(clone, ".dvc"),
                    ignore=shutil.ignore_patterns("cache", "tmp"),
                )
            how = "remote" if remote else "cache"
            with open(os.path.join(clone, ".dvc", "config.local"), "w", encoding="utf-8") as file:
                if remote:
                    file.write(
                        "[core]\n    remote = collected\n['remote \"collected\"']\n    url = {}\n".format(remote)
                    )
                else:
                    file.write("[cache]\n    dir = {}\n".format(os.path.join(path, ".dvc", "cache")))
            try:
                with Repo(clone) as repo:
                    (repo.pull if remote else repo.checkout)(force=True)
            except Exception as problem:
                errors.append("{}: {}: {}".format(commit[:10], type(problem).__name__, problem)[:300])
            wrong = {name: got for name, md5 in wanted.items() if (got := md5_of(os.path.join(clone, name))) != md5}
            found[commit] = {"from": how, "wrong": wrong, "files": len(wanted)}
    except Exception as problem:
        errors.append("{}: {}".format(type(problem).__name__, getattr(problem, "stderr", None) or problem)[:300])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def storage(root: str, address: Optional[str], world: Optional[str]) -> Optional[str]:
    """The folder that a DVC remote's address meant where the program ran, in this copy of it."""
    if not address:
        return None
    path = address.removeprefix("file://")
    if world and path.startswith(world + os.sep):
        path = os.path.join(root, path[len(world) + 1 :])
    return path if os.path.isdir(os.path.join(path, "files", "md5")) else None


def md5_of(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            return hashlib.md5(file.read()).hexdigest()
    except OSError:
        return None


def main() -> int:
    import repositories

    os.environ["DVC_NO_ANALYTICS"] = "true"
    root = os.path.abspath(".")
    read = repositories.read(root)
    try:
        with open(os.path.join(root, ".mlops-bot", "world", "root"), encoding="utf-8") as file:
            world = file.read().strip()
    except OSError:
        world = None
    for repository in read["repositories"]:
        if not repository["bare"] and repository.get("dvc"):
            repository["brought_back"] = bring_back(root, repository, world, read["errors"])
    import dvc

    document = {"schema": 1, "component": "dvc", "version": getattr(dvc, "__version__", None), **read}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(document, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
