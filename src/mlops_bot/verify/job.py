"""The jobs of a verification: what is put into the sandbox, and where. Pure.

<job root>/project/            the project; the program starts in project/<workdir>
<job root>/.mlops-bot/         smoke hooks, their configuration, the trace they leave, collectors and evidence
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mlops_bot import components, notebook
from mlops_bot.cache import files_key
from mlops_bot.types import Component, Functionality, Job, Json, Limits, RunResult, Runtime

PROJECT = "project"
HOUSE = ".mlops-bot"
EVIDENCE = f"{HOUSE}/evidence.json"
TRACE = f"{HOUSE}/trace.json"
PROBES = f"{HOUSE}/probes"  # inputs of the trained models: what a collector asks a registered one
API = f"{HOUSE}/api.json"
WORLD = f"{HOUSE}/world"  # remotes of Git repositories (sandbox/smoke/repository.py)
_SMOKE_FOLDER = Path(__file__).parent.parent / "sandbox" / "smoke"
_INSIDE_FOLDER = Path(__file__).parent / "inside"
_HELPER_LIMITS = Limits(seconds=180.0, memory_mb=4096, disk_mb=4096)


@dataclass(frozen=True, slots=True)
class Smoke:
    """The limits of a smoke run; `full` turns limits and stand-ins off, seeds and tracing stay."""

    full: bool = False
    seed: int = 0
    max_epochs: int = 2
    max_batches: int = 4
    max_steps: int = 200  # turns of a training loop that counts neither epochs nor batches


MOST_EPOCHS, MOST_STEPS = 40, 2000  # of a longer run
QUICK_EPOCHS, START_SECONDS = (200, 100), 3.0  # of one that is quick; what importing a framework takes at least
_SHORTENED = re.compile(r"(\d+)(?:\.0)? -> \d+(?:\.0)?")


def longer(
    smoke: Smoke, notes: Sequence[Mapping[str, Json]], *, seconds: float = math.inf, within: float = 0.0
) -> Smoke | None:
    """The limits of a run in which schedules over epochs can end: all epochs, with one batch each.

    `notes` say what was shortened (sandbox/smoke/README.md), and `seconds` how long it took: of a quick program more
    epochs fit into `within` seconds. None where no epochs were shortened, or in a longer run.
    """
    counts: dict[bool, int] = {}
    for note in notes:
        match = _SHORTENED.fullmatch(str(note.get("detail"))) if note.get("kind") == "limit" else None
        if match:
            kind = "steps" in str(note.get("what"))
            counts[kind] = max(counts.get(kind, 0), int(match[1]))
    if smoke.full or smoke != Smoke(seed=smoke.seed) or not counts:
        return None
    epochs, steps = counts.get(False, smoke.max_epochs), counts.get(True, smoke.max_steps)
    each = max(seconds - START_SECONDS, 1.0) / (smoke.max_epochs * 2)  # an epoch of one batch, at most
    most = next((count for count in QUICK_EPOCHS if count * each <= within), MOST_EPOCHS)
    return replace(smoke, max_epochs=min(epochs, most), max_batches=1, max_steps=min(steps, MOST_STEPS))


def program(
    files: Mapping[str, bytes],
    argv: tuple[str, ...],
    *,
    workdir: str,
    runtime: Runtime,
    limits: Limits,
    smoke: Smoke,
    component: Component | None,
    functionality: Functionality | None = None,
    repository: Mapping[str, Json] | None = None,
) -> Job:
    """The training program under the smoke hooks. `component`: the one a candidate uses; None for the original.

    `functionality`: what a candidate adds; of models that are to be registered the hooks keep inputs and answers.
    `repository`: what the project is as a Git repository, where it has to be one (sandbox/smoke/repository.py).
    """
    hooks = dict(smoke_hooks())
    extra = []
    if component is not None and (hook := components.inside(component, "smoke")) is not None:
        name = f"component_{component.folder.name}"
        hooks[f"{name}.py"] = hook
        extra.append(name)
    configuration = {
        "schema": 1,
        "full": smoke.full,
        "seed": smoke.seed,
        "max_epochs": smoke.max_epochs,
        "max_batches": smoke.max_batches,
        "max_steps": smoke.max_steps,
        "max_seconds_hint": limits.seconds,
        "component_hooks": extra,
        "probes": functionality == "model-registration",
        **({"repository": dict(repository)} if repository is not None else {}),
    }
    own: dict[str, bytes] = {}
    if len(argv) > 1 and notebook.is_notebook(argv[1]):
        own[f"{HOUSE}/run_notebook.py"] = (_INSIDE_FOLDER / "run_notebook.py").read_bytes()
        argv = (argv[0], f"{{root}}/{HOUSE}/run_notebook.py", *argv[1:])
    return Job(
        argv=argv,
        files={
            **own,
            **{f"{PROJECT}/{path}": content for path, content in files.items()},
            **{f"{HOUSE}/smoke/{path}": content for path, content in hooks.items()},
            f"{HOUSE}/smoke.json": json.dumps(configuration).encode(),
        },
        runtime=runtime,
        workdir=f"{PROJECT}/{workdir}" if workdir != "." else PROJECT,
        environment={
            "PYTHONPATH": f"{{root}}/{HOUSE}/smoke",
            "MLOPS_SMOKE": f"{{root}}/{HOUSE}/smoke.json",
            "MLOPS_TRACE": f"{{root}}/{TRACE}",
            "PYTHONHASHSEED": "0",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "Agg",
            "CUDA_VISIBLE_DEVICES": "",
            **(component.environment if component is not None else {}),
        },
        limits=limits,
    )


def collector(
    component: Component,
    files: Mapping[str, bytes],
    result: RunResult,
    functionality: Functionality,
    runtime: Runtime,
    trained_with: Sequence[str] = (),
) -> Job:
    """The component's collect.py over a copy of what the program left; it gets none of the smoke hooks.

    Nor does it get the trace: what a registered model should answer is not known to the process that loads it.
    `trained_with`: the frameworks of the program.
    """
    scripts = components.collectors(component)
    if "collect.py" not in scripts:
        raise components.ComponentError(f"{component.folder}: collect.py is missing")
    left = {f"{PROJECT}/{path}": content for path, content in files.items()}
    # what it wrote beside the project may be a store too
    left.update({path: content for path, content in result.files.items() if _kept(path)})
    helpers = {**scripts, "probing.py": smoke_hooks()["probing.py"], **_readers()}
    return Job(
        argv=("python", f"{HOUSE}/collect.py", EVIDENCE, functionality),
        files={**left, **{f"{HOUSE}/{name}": content for name, content in helpers.items()}},
        runtime=runtime,
        environment={**component.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        limits=_HELPER_LIMITS,
        # It loads the models that the program registered. (Which backend Keras gets is decided before it is imported.)
        imports=(*component.imports, *(name for name in trained_with if name != "keras"))
        if functionality == "model-registration"
        else (),
    )


def _kept(path: str) -> bool:
    return not path.startswith(f"{HOUSE}/") or path.startswith((f"{WORLD}/", f"{PROBES}/"))


@cache
def _readers() -> Mapping[str, bytes]:
    """What collectors import: to ask models, to read files of torch.save, and repositories."""
    return {name: (_INSIDE_FOLDER / name).read_bytes() for name in ("asking.py", "torch_files.py", "repositories.py")}


def readers_key() -> str:
    """Changes whenever what collectors import does."""
    return files_key(_readers())


def api_dump(component: Component, runtime: Runtime) -> Job:
    """Prints the public signatures of the installed component into API."""
    return Job(
        argv=("python", f"{HOUSE}/api_dump.py", API, *component.api_modules),
        files={f"{HOUSE}/api_dump.py": (_INSIDE_FOLDER / "api_dump.py").read_bytes()},
        runtime=runtime,
        environment={**component.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        limits=_HELPER_LIMITS,
    )


def prepare(component: Component, script: bytes, runtime: Runtime) -> Job:
    """Runs the component's prepare.py in an empty project, so that what it leaves can be copied into later jobs."""
    return Job(
        argv=("python", f"{{root}}/{HOUSE}/prepare.py"),
        files={f"{HOUSE}/prepare.py": script, f"{PROJECT}/.keep": b""},
        runtime=runtime,
        workdir=PROJECT,
        environment={**component.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        limits=_HELPER_LIMITS,
    )


@cache
def smoke_hooks() -> Mapping[str, bytes]:
    """The hooks that are injected into a run, by path below their folder."""
    return {
        path.relative_to(_SMOKE_FOLDER).as_posix(): path.read_bytes() for path in sorted(_SMOKE_FOLDER.rglob("*.py"))
    }


@cache
def hooks_key() -> str:
    """Changes whenever a hook does: part of a baseline's cache key."""
    return files_key(smoke_hooks())
