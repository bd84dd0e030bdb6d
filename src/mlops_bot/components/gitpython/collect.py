"""Reads what a program put into Git and Git LFS; runs INSIDE the sandbox: collect.py OUT.json FUNCTIONALITY."""

from __future__ import annotations

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main() -> int:
    import repositories

    try:
        from importlib.metadata import version

        known = version("gitpython")
    except Exception:
        known = None
    document = {"schema": 1, "component": "gitpython", "version": known, **repositories.read(".")}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(document, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
