"""The Python snippets of a guide, each in a process of its own that starts with everything imported: that takes longest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_RUNNER = """
import importlib, json, os, sys
given = json.load(sys.stdin)
for name in given["modules"]:
    try:
        importlib.import_module(name)
    except ImportError:  # a part of a library that is not installed, or no module but a name
        pass
for number, text in enumerate(given["snippets"], 1):
    child = os.fork()
    if not child:
        os.makedirs(f"snippet{number}")
        os.chdir(f"snippet{number}")
        print(f"--- snippet {number}", file=sys.stderr, flush=True)
        exec(compile(text, f"snippet{number}", "exec"), {"__name__": "__main__"})
        sys.exit()  # and not os._exit: what a library does when a program ends belongs to it
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""
_SLOW = ("torch", "lightning", "keras", "sklearn")


def snippets(guide: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)


def run_all(guide: str, folder: Path, environment: Mapping[str, str], first: Sequence[str] = ()) -> str:
    """What went wrong, with the number of the snippet; empty when all of them ran, in folder/snippet1 and so on.

    `first`: modules that are imported before the frameworks.
    """
    texts = snippets(guide)
    used = [name for name in _SLOW if any(re.search(rf"^(import|from) {name}\b", text, re.MULTILINE) for text in texts)]
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER],
        input=json.dumps({"modules": [*first, *used], "snippets": texts}),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr[-2000:] or f"exit code {done.returncode}"
