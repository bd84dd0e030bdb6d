"""Smoke-run hooks for MLflow; runs INSIDE the sandbox beside the program (sandbox/smoke/README.md).

It makes a verification run quick and local, keeps MLflow out of the training's random streams, and notes which runs
MLflow really opened: what else is in the store was not written by it. It never creates a run, a parameter or a metric.
Python 3.9+, standard library only; imports nothing that the program did not import.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import sqlite3
import sys
from typing import Any, Callable, Iterator

REMOTE = ("http:", "https:", "databricks", "azureml:", "uc:")
TRACKING = "mlflow.tracking._tracking_service.utils"
REGISTRY = "mlflow.tracking._model_registry.utils"
REGISTRIES = ("mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.model_registry.file_store")
NOTED = ("create_registered_model", "create_model_version", "delete_registered_model", "delete_model_version")
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
PLOTTED = 2  # classifiers whose plots autologging may draw
USERS_OF_RANDOM = (
    "mlflow.utils.name_utils",
    "mlflow.utils.rest_utils",
    "mlflow.utils.request_utils",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.db.trace_rollups",
    "mlflow.telemetry.client",
    "mlflow.tracing.provider",
)


def install(hooks: Any) -> None:
    hooks.at_begin(lambda: _here("mlflow.db"))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    for name in USERS_OF_RANDOM:
        hooks.after_import(name, _own_random)
    hooks.after_import("mlflow.utils.environment", lambda module: _requirements(hooks, module))
    hooks.after_import("mlflow.utils.requirements_utils", _unwarned)
    hooks.after_import(TRACKING, lambda module: _tracking(hooks, module))
    hooks.after_import(REGISTRY, lambda module: _registry(hooks, module))
    hooks.after_import("mlflow.models.model", _logging_models)
    hooks.after_import("mlflow.store.db.utils", _unsynced)
    hooks.after_import("mlflow.store.tracking.sqlalchemy_store", lambda module: _opened(hooks, module.SqlAlchemyStore))
    hooks.after_import("mlflow.store.tracking.file_store", lambda module: _opened(hooks, module.FileStore))
    hooks.after_import("mlflow.sklearn.utils", lambda module: _quiet(hooks, module))
    if hooks.probes is not None:
        for name in REGISTRIES:
            hooks.after_import(name, lambda module: _noting(hooks, module))
        hooks.after_import("mlflow.utils.autologging_utils", lambda module: _looking_away(hooks, module))


def _here(name: str) -> None:
    """A store that was made elsewhere would send artifacts there: its folders are those of this working directory."""
    if not os.path.isfile(name):
        return
    here = os.path.join(os.getcwd(), "mlruns")
    with contextlib.closing(sqlite3.connect(name)) as connection, connection, contextlib.suppress(sqlite3.Error):
        for table, column in PLACES:
            query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE '%/mlruns/%'"
            for (place,) in connection.execute(query).fetchall():
                moved = os.path.join(here, place.partition("/mlruns/")[2])
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (moved, place))


def _own_random(module: Any) -> None:
    """Run names and retry delays come from a generator of MLflow's own, not from the program's global one."""
    if hasattr(module, "random"):
        module.random = random.Random()


def _requirements(hooks: Any, module: Any) -> None:
    """Do not load the model again in another process just to list what it imports."""
    original = module.infer_pip_requirements

    @functools.wraps(original)
    def infer(model_uri: Any, flavor: Any, fallback: Any = None, *_: Any, **__: Any) -> list[str]:
        hooks.note("limit", "MLflow requirement inference", "skipped: the model's default requirements are recorded")
        if fallback:
            return [str(item) for item in fallback]
        version = getattr(sys.modules.get("mlflow.version"), "VERSION", None)
        return [f"mlflow=={version}" if version else "mlflow"]

    module.infer_pip_requirements = infer


def _unwarned(module: Any) -> None:
    """Whether a model's requirements are installed here is a warning only, and looks through every package."""
    module.warn_dependency_requirement_mismatches = lambda *_, **__: None


def _is_remote(uri: Any) -> bool:
    return str(uri or "").lower().startswith(REMOTE)


def _local(hooks: Any, what: str, uri: Any) -> None:
    hooks.note("stand-in", what, f"{str(uri)[:200]} -> the default local store (no server in a verification run)")


def _tracking(hooks: Any, module: Any) -> None:
    _setter(hooks, module, "set_tracking_uri")
    getting, resolving = module.get_tracking_uri, module._resolve_tracking_uri

    def forget() -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if _is_remote(uri):
            del os.environ["MLFLOW_TRACKING_URI"]
            _local(hooks, "MLFLOW_TRACKING_URI", uri)

    @functools.wraps(getting)
    def get_tracking_uri() -> Any:
        forget()
        return getting()

    @functools.wraps(resolving)
    def _resolve_tracking_uri(tracking_uri: Any = None) -> Any:
        if _is_remote(tracking_uri):
            _local(hooks, "MLflow tracking server", tracking_uri)
            tracking_uri = None
        return resolving(tracking_uri)

    module.get_tracking_uri = get_tracking_uri
    module._resolve_tracking_uri = _resolve_tracking_uri


def _registry(hooks: Any, module: Any) -> None:
    if _is_remote(os.environ.get("MLFLOW_REGISTRY_URI")):
        _local(hooks, "MLFLOW_REGISTRY_URI", os.environ.pop("MLFLOW_REGISTRY_URI"))
    _setter(hooks, module, "set_registry_uri")


def _setter(hooks: Any, module: Any, name: str) -> None:
    original = getattr(module, name)

    @functools.wraps(original)
    def setter(uri: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_remote(uri):
            _local(hooks, f"mlflow.{name}", uri)
            return None
        return original(uri, *args, **kwargs)

    setattr(module, name, setter)


def _logging_models(module: Any) -> None:
    """Saving a model may run it (for its signature): the random streams go on as if it had not."""
    original: Callable[..., Any] = module.Model.__dict__["log"].__func__

    @functools.wraps(original)
    def log(cls: Any, *args: Any, **kwargs: Any) -> Any:
        restore = streams()
        try:
            return original(cls, *args, **kwargs)
        finally:
            restore()

    module.Model.log = classmethod(log)


def streams() -> Callable[[], None]:
    """Remember the global random streams of what is imported; returns what puts them back."""
    state = random.getstate()
    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    numpy_state = numpy.get_state() if numpy is not None else None
    torch_state = torch.get_rng_state() if torch is not None and hasattr(torch, "get_rng_state") else None

    def restore() -> None:
        random.setstate(state)
        if numpy is not None:
            numpy.set_state(numpy_state)
        if torch is not None and torch_state is not None:
            torch.set_rng_state(torch_state)

    return restore


def _opened(hooks: Any, store: Any) -> None:
    original, begin = store.create_run, store.__init__

    @functools.wraps(begin)
    def using(self: Any, *args: Any, **kwargs: Any) -> None:
        hooks.trace.component["hooked"] = True  # this process uses a store; a warm worker imports it in any case
        begin(self, *args, **kwargs)

    @functools.wraps(original)
    def create_run(*args: Any, **kwargs: Any) -> Any:
        run = original(*args, **kwargs)
        hooks.trace.component[f"run {run.info.run_id}"] = True
        return run

    store.__init__ = using
    store.create_run = create_run


def _unsynced(module: Any) -> None:
    """The store lives as long as the verification: it need not survive a power cut, and nothing waits for the disk."""
    original = module.create_sqlalchemy_engine

    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        engine = original(*args, **kwargs)
        if engine.dialect.name == "sqlite":
            sys.modules["sqlalchemy"].event.listen(
                engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF")
            )
        return engine

    module.create_sqlalchemy_engine = create


def _quiet(hooks: Any, module: Any) -> None:
    """What autologging scores for its own metrics is not what the program computed."""
    original = getattr(module, "_log_estimator_content", None)
    if original is None:
        return

    @functools.wraps(original)
    def content(*args: Any, **kwargs: Any) -> Any:
        before = hooks.trace.muted
        hooks.trace.muted = True
        try:
            return original(*args, **kwargs)
        finally:
            hooks.trace.muted = before

    module._log_estimator_content = content
    if not hooks.full:
        _few_plots(hooks, module)


def _few_plots(hooks: Any, module: Any) -> None:
    """Autologging draws plots of every classifier, which takes longer than most fits: of the first few only."""
    original = getattr(module, "_get_classifier_artifacts", None)
    if original is None:
        return
    fits = 0

    @functools.wraps(original)
    def artifacts(*args: Any, **kwargs: Any) -> Any:
        nonlocal fits
        fits += 1
        if fits <= PLOTTED:
            return original(*args, **kwargs)
        hooks.note("limit", "MLflow plots of classifiers", f"drawn for the first {PLOTTED} fits only")
        return []

    module._get_classifier_artifacts = artifacts


def _noting(hooks: Any, module: Any) -> None:
    """What the program does to the registry, and whether by MLflow's own function, which copes with a second run."""
    for owner in (getattr(module, "SqlAlchemyStore", None), getattr(module, "FileStore", None)):
        for name in NOTED if owner is not None else ():
            original = getattr(owner, name)
            setattr(owner, name, _noted(hooks, name, original))


def _noted(hooks: Any, action: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        notes = hooks.probes.noted("registry")
        if len(notes) < 200:
            name = str(kwargs.get("name", args[0] if args else ""))[:200]
            version = str(getattr(result, "version", ""))
            by = "mlflow" if _registering() else "program"
            notes.append({"action": action, "name": name, "version": version, "by": by})
        return result

    return wrapper


def _registering() -> bool:
    """Is mlflow.register_model (or log_model(registered_model_name=...), which calls it) among the callers?"""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") == "mlflow.tracking._model_registry.fluent":
            return True
        frame = frame.f_back
    return False


def _looking_away(hooks: Any, module: Any) -> None:
    """What a probe asks a model is no prediction of the program's."""
    name = "_AUTOLOGGING_GLOBALLY_DISABLED"

    @contextlib.contextmanager
    def away() -> Iterator[None]:
        before = getattr(module, name, False)
        setattr(module, name, True)
        try:
            yield
        finally:
            setattr(module, name, before)

    hooks.probes.quieting.append(away)
