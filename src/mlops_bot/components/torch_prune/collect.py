"""Evidence of pruning: what is in the files that the program saved. Runs INSIDE the sandbox, alone.

usage: python collect.py OUT.json FUNCTIONALITY
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version

import torch_files


def main() -> int:
    try:
        release = version("torch")
    except PackageNotFoundError:
        release = ""
    saved, errors = torch_files.saved("project")
    document = {
        "schema": 1,
        "component": "torch-prune",
        "version": release,
        "saved": saved,
        "errors": errors,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(document, stream, allow_nan=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
