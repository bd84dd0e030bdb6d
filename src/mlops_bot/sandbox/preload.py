"""What a worker may have imported before a program begins: told from the program's own text. Pure.

A package is imported ahead only where the program itself imports it at its beginning, so that a library that looks for
another one (`"torch" in sys.modules`) finds what it would find in a fresh process. Of such a package everything is
imported that programs commonly use, so that many programs share one worker.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mlops_bot.types import Job

# In the order in which they are imported. A name that is not installed, or not in this release, is left out.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "matplotlib": ("matplotlib.pyplot",),
    "sklearn": tuple(
        f"sklearn.{part}"
        for part in (
            "calibration", "cluster", "compose", "cross_decomposition", "datasets", "decomposition", "ensemble",
            "feature_extraction.text", "feature_selection", "gaussian_process", "impute", "linear_model", "manifold",
            "metrics", "mixture", "model_selection", "naive_bayes", "neighbors", "neural_network", "pipeline",
            "preprocessing", "svm", "tree",
        )
    ),
    "torch": ("torch", "torch._dynamo", "torch.utils.data"),
    "torchvision": ("torchvision",),
    "lightning": ("lightning", "lightning.pytorch"),
    "pytorch_lightning": ("pytorch_lightning",),
    "keras": ("keras",),
    "optuna": ("optuna",),
    "mlflow": (
        "mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_workspace_store",
        "git", "IPython",  # which it looks for as a run begins
    ),
    "wandb": ("wandb",),
    "nncf": ("nncf", "nncf.torch"),
    "git": ("git",),
    "dvc": ("dvc.repo", "dvc.api"),
}  # fmt: skip
LAZY: Mapping[str, Mapping[str, str]] = {  # parts that are imported when they are first used: by whom, for whom
    "mlflow": {"sklearn": "sklearn", "pytorch": "torch", "keras": "keras"},
}
AUTO: Mapping[str, tuple[str, ...]] = {  # what their autolog() imports, then and during the first training
    "mlflow.sklearn": (  # it imports every module of scikit-learn, those for other libraries and for tests, too
        "sklearn.externals.array_api_compat.torch",
        "sklearn.externals.array_api_compat.dask.array",
        "sklearn.utils._testing",
        "matplotlib.pyplot",
    ),
    "mlflow.pytorch": ("torch.utils.tensorboard.writer",),
}
NEVER: Mapping[str, str] = {  # with these programs nothing is imported ahead
    "comet_ml": "comet_ml has to be imported before the libraries that it watches",
    "tensorflow": "tensorflow starts threads, which a fork does not have",
    "jax": "jax starts threads, which a fork does not have",
}
ROOT = "{root}/"  # the job's root, in arguments and variables (sandbox/wire.py)
MAX_FILES = 200  # of the program's own, that are looked through


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker has to have been started with for a job."""

    imports: tuple[str, ...]
    files: Mapping[str, bytes]  # of the job: what its environment names (PYTHONPATH, the hooks' configuration)


def plan(job: Job) -> Plan | str:
    """The worker that a job needs, or why it needs a fresh process."""
    if len(job.argv) < 2 or job.argv[0] not in ("python", "python3") or job.argv[1].startswith("-"):
        return "it is not started as `python FILE`"
    beside = posixpath.join(job.workdir, job.argv[1])
    script = posixpath.normpath(job.argv[1].removeprefix(ROOT) if job.argv[1].startswith(ROOT) else beside)
    if script not in job.files:
        return f"{job.argv[1]} is not one of its files"
    imported = set(_imported(script, job.files))
    packages = {name.partition(".")[0] for name in (*imported, *job.imports)}
    for name, why in NEVER.items():
        if name in packages:
            return why
    # Where the backend is chosen before pyplot is imported, it has to be.
    if "matplotlib" in packages and ("matplotlib.pyplot" not in imported or "matplotlib" in imported):
        packages.discard("matplotlib")
    found = [module for package, modules in PACKAGES.items() if package in packages for module in modules]
    found += _lazy(packages, {name.partition(".")[0] for name in imported}, _used(job.files[script]))
    return Plan(tuple(dict.fromkeys(found)), _named(job))


def _lazy(packages: AbstractSet[str], imported: AbstractSet[str], used: AbstractSet[str]) -> Iterator[str]:
    for package, parts in LAZY.items():
        for part, other in parts.items():
            name = f"{package}.{part}"
            automatic = bool(used & {f"{package}.autolog", f"{name}.autolog"})
            if {package, other} <= packages and (name in used or automatic):
                yield name
                # A program that imports matplotlib may choose its backend first.
                own = "matplotlib" in imported
                yield from (extra for extra in AUTO.get(name, ()) if automatic and not (own and "matplotlib" in extra))


def _used(content: bytes) -> set[str]:
    """`name.attribute.attribute`, wherever it is written, and the beginnings of it."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return set()
    return {name for node in ast.walk(tree) if isinstance(node, ast.Attribute) and (name := _dotted(node))}


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else None
    return node.id if isinstance(node, ast.Name) else None


def _named(job: Job) -> Mapping[str, bytes]:
    """The files that the environment's values name, and those below folders that they name."""
    places = [
        word.removeprefix(ROOT)
        for value in job.environment.values()
        for word in value.split(":")
        if word.startswith(ROOT)
    ]
    return {
        path: content
        for path, content in job.files.items()
        if any(path == place or path.startswith(f"{place}/") for place in places)
    }


def _imported(script: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Modules that are imported when a script begins, by itself or by files of its folder that it imports."""
    folder = posixpath.dirname(script)
    todo, seen = [script], {script}
    while todo and len(seen) < MAX_FILES:
        for name in _at_module_level(files[todo.pop()]):
            yield name
            for path in _own(name, folder, files):
                if path not in seen:
                    seen.add(path)
                    todo.append(path)


def _own(name: str, folder: str, files: Collection[str]) -> Iterator[str]:
    """The files of a module that is the program's own, its packages first."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        stem = posixpath.join(folder, *parts[:length])
        yield from (path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in files)


def _at_module_level(content: bytes) -> Iterator[str]:
    """Absolute names of what surely is imported: not in functions, nor under conditions."""
    try:
        body = list(ast.parse(content).body)
    except (SyntaxError, ValueError):
        return
    while body:
        node = body.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Try):
            body[:0] = node.body
