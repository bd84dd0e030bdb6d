"""The Python snippets of a guide, run one after the other in one process: importing a framework takes most of the time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_RUNNER = """
import json, os, sys
for number, text in enumerate(json.load(sys.stdin), 1):
    os.makedirs(f"snippet{number}")
    os.chdir(f"snippet{number}")
    print(f"--- snippet {number}", file=sys.stderr, flush=True)
    exec(compile(text, f"snippet{number}", "exec"), {"__name__": "__main__"})
    os.chdir("..")
"""


def snippets(guide: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)


def run_all(guide: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What went wrong, with the number of the snippet; empty when all of them ran."""
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER],
        input=json.dumps(snippets(guide)),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr[-2000:]
