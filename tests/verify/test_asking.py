"""The process that loads registered models: started anew, or forked where the libraries have been imported already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_bot.sandbox.smoke
import mlops_bot.verify.pipeline

INSIDE = Path(mlops_bot.verify.pipeline.__file__).parent / "inside"
PROBING = Path(mlops_bot.sandbox.smoke.__file__).parent / "probing.py"
LOADER = """
import os, sys, time
import asking

def about(entry, inputs):
    if entry["do"] == "end":
        sys.stderr.write("broken file")
        sys.stderr.flush()
        os._exit(7)
    if entry["do"] == "hang":
        time.sleep(60)
    if entry["do"] == "leave":
        sys.exit("leaving")
    sys.modules["taken"] = None
    return {"variable": os.environ.get("ASKED"), "there": "mlflow" in sys.modules, "main": __name__}

if __name__ == "__main__":
    sys.exit(asking.main(about))
"""
ASKER = """
import json, os, sys, types
if {ahead}:
    sys.modules["mlflow"] = types.ModuleType("mlflow")
import asking
asking.MAX_SECONDS = 3
versions = [{{"do": word}} for word in {todo!r}]
found = asking.asked(os.path.abspath("loader.py"), {{"versions": versions}}, {{"ASKED": "yes"}})
print(json.dumps([found, "ASKED" in os.environ, "taken" in sys.modules]))
"""


@pytest.mark.parametrize("ahead", [False, True], ids=["started", "forked"])
@pytest.mark.parametrize(
    ("todo", "last"),
    [
        (["look"], {"variable": "yes", "main": "__main__"}),
        (["look", "leave"], {"loaded": False, "error": "SystemExit: leaving"}),
        (["look", "end", "look"], {"loaded": False, "error": "loading ended the process: broken file"}),
        (["look", "hang"], {"loaded": False, "error": "loading took more than 3 seconds"}),
    ],
)
def test_what_is_loaded_is_asked_in_a_process_of_its_own(
    tmp_path: Path, ahead: bool, todo: list[str], last: dict[str, object]
) -> None:
    for source in (INSIDE / "asking.py", PROBING):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "loader.py").write_text(LOADER)
    (tmp_path / "asker.py").write_text(ASKER.format(ahead=ahead, todo=todo))
    (tmp_path / ".mlops-bot").mkdir()
    done = subprocess.run([sys.executable, "asker.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, *touched = json.loads(done.stdout)
    assert touched == [False, False]
    assert found[0]["there"] is ahead
    assert {name: found[-1][name] for name in last} == last
