from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.smoke.support import Run, Smoke

import mlops_bot.sandbox.smoke

HOOKS = Path(mlops_bot.sandbox.smoke.__file__).parent
COMPONENTS = HOOKS.parents[1] / "components"


@pytest.fixture
def smoke(tmp_path: Path) -> Smoke:
    """Run a program the way a verification job does: `smoke(source, "--option", files={...}, full=..., env={...})`."""

    def run(
        source: str,
        *args: str,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        on: bool = True,
        component: str | None = None,
        **config: Any,
    ) -> Run:
        root = tmp_path / f"job{len(list(tmp_path.iterdir()))}"
        project, own = root / "project", root / ".mlops-bot"
        project.mkdir(parents=True)
        shutil.copytree(HOOKS, own / "smoke", ignore=shutil.ignore_patterns("__pycache__"))
        if component:
            shutil.copy(COMPONENTS / component / "smoke.py", own / "smoke" / f"component_{component}.py")
            config["component_hooks"] = [f"component_{component}"]
        for path, text in {**(files or {}), "main.py": source}.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text, encoding="utf-8")
        settings = {"schema": 1, "trace": "{root}/.mlops-bot/trace.json", **config}
        (own / "smoke.json").write_text(json.dumps(settings), encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(own / "smoke"),
            **({"MLOPS_SMOKE": str(own / "smoke.json")} if on else {}),
            **(env or {}),
        }
        command = [sys.executable, "main.py", *args]
        result = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        written = own / "trace.json"
        trace = json.loads(written.read_text(encoding="utf-8")) if written.exists() else None
        return Run(result.returncode, result.stdout, result.stderr, trace, root)

    return run
