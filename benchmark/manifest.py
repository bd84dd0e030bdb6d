"""What a run was made with, so that two can be compared and one can be repeated."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_bot import __version__
from mlops_bot.types import Json
from mlops_bot.verify import job
from mlops_bot.verify.pipeline import CHECKS_VERSION

PACKAGES = ("torch", "torchvision", "lightning", "keras", "scikit-learn", "numpy", "mlflow", "wandb", "optuna", "nncf",
            "dvc", "gitpython", "comet-ml")  # fmt: skip
# Where two manifests differ in one of these, their runs were made with something else.
MADE_WITH = ("revision", "dirty", "checks", "hooks", "packages", "sandbox", "base_image", "documentation")


def manifest(
    options: Mapping[str, Json],
    *,
    sandbox: str,
    documentation: str | None = None,
    image: str | None = None,
    packages: Sequence[str] = PACKAGES,
) -> dict[str, Json]:
    """The manifest of a run on this machine. `options`: what the command line said; `documentation`: what identifies
    the content of the index that prompts were made with; `image`: the base image of what programs ran in."""
    return {
        "schema": "mlops-bot/benchmark/1",
        "version": __version__,
        **_revision(),
        "checks": CHECKS_VERSION,
        "hooks": job.hooks_key()[:16],
        "options": dict(options),
        "sandbox": sandbox,
        "base_image": image,
        "documentation": documentation,
        "packages": {name: found for name in packages if (found := _installed(name)) is not None},
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
        },
    }


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> dict[str, Json]:
    """The commit of this checkout, and whether something in it is not committed."""
    here = Path(__file__).parent

    def git(*words: str) -> str | None:
        done = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=False)  # noqa: S607
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"revision": git("rev-parse", "HEAD"), "dirty": bool(status) if status is not None else None}
