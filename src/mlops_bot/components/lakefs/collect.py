"""Reads what a program put into lakeFS and Git; runs INSIDE the sandbox: collect.py OUT.json FUNCTIONALITY.

`lake`: repositories as the stand-in server kept them (smoke.py), each object with the md5 of the bytes that are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any, Dict, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def lake(folder: str, errors: List[str]) -> List[Dict[str, Any]]:
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".json"):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                kept = json.load(file)
            for commit in kept["commits"].values():
                commit["files"] = {
                    path: {"how": "lakefs", "md5": md5_of(folder, entry["md5"]), "size": entry["size"]}
                    for path, entry in commit["files"].items()
                }
            staged = {branch: sorted(paths) for branch, paths in kept["staged"].items() if paths}
            keys = ("id", "default_branch", "branches", "tags", "commits")
            found.append({**{key: kept[key] for key in keys}, "staged": staged})
        except (OSError, ValueError, KeyError, TypeError) as problem:
            errors.append("{}: {}: {}".format(name, type(problem).__name__, problem)[:300])
    return found


def md5_of(folder: str, name: str) -> Any:
    try:
        with open(os.path.join(folder, "objects", os.path.basename(name)), "rb") as file:
            return hashlib.md5(file.read()).hexdigest()
    except OSError:
        return None


def main() -> int:
    import repositories

    try:
        from importlib.metadata import version

        known = version("lakefs")
    except Exception:
        known = None
    read = repositories.read(".")
    held = lake(os.path.join(".mlops-bot", "world", "lakefs"), read["errors"])
    document = {"schema": 1, "component": "lakefs", "version": known, **read, "lake": held}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(document, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
