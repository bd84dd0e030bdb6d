"""Registered models, as the collector sees them: each version is loaded in a process of its own, and asked.

usage: collect_registration.py PLAN.json OUT.jsonl     (started by `collect`; it loads what the program left)

The inputs are those that the trained models were really given (sandbox/smoke/probes.py). What the models should answer
is not known here. Python 3.9 syntax.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator

import asking
import probing
from collect import columns, connect, local, short

MAX_VERSIONS = 40
PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def collect(databases: list, errors: list) -> dict:
    """Every registered version of these databases: what it is and whether it loads; and in `raw` what it answers."""
    found: list = []
    for count, database in enumerate(databases):
        try:
            copy = moved(database, asking.HOUSE / "registry-{}.db".format(count))
            listed = latest(list(registered(copy)))
        except Exception as problem:
            errors.append("{}: {}".format(database.name, asking.said(problem)))
            continue
        if listed:
            uri = "sqlite:///" + str(copy.resolve())
            environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri}
            found += asking.asked(str(Path(__file__).resolve()), {"versions": listed}, environment)
    return asking.evidence(found)


def moved(database: Path, copy: Path) -> Path:
    """A copy of a store that knows its artifacts where they are now."""
    with closing(connect(database)) as source, closing(sqlite3.connect(str(copy))) as target:
        source.backup(target)
    with closing(sqlite3.connect(str(copy))) as connection, connection:
        for table, names in PLACES.items():
            for name in columns(connection, table).intersection(names):
                query = "SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL".format(name, table)
                for (before,) in connection.execute(query).fetchall():
                    after = local(str(before))
                    if after is not None and str(after) != before:
                        update = "UPDATE {1} SET {0} = ? WHERE {0} = ?".format(name, table)
                        connection.execute(update, (str(after.resolve()), before))
    return copy


def registered(database: Path) -> Iterator[dict]:
    with closing(connect(database)) as connection:
        known = columns(connection, "model_versions")
        wanted = [name for name in ("name", "version", "status", "run_id", "source", "creation_time") if name in known]
        if "name" not in wanted:
            return
        query = "SELECT {} FROM model_versions ORDER BY name, version".format(", ".join(wanted))
        for row in connection.execute(query):
            entry = dict(zip(wanted, row))  # noqa: B905 - Python 3.9
            yield {key: value if isinstance(value, int) else short(value or "") for key, value in entry.items()}


def latest(listed: list) -> list:
    """The last versions of every name, when there are many."""
    names: dict = {}
    if not listed:
        return []
    for entry in listed:
        names.setdefault(entry["name"], []).append(entry)
    most = max(2, MAX_VERSIONS // len(names))
    return [entry for entries in names.values() for entry in entries[-most:]][-MAX_VERSIONS:]


# --- the process that loads -------------------------------------------------------------------------------------


def version(entry: dict, inputs: dict) -> dict:
    import mlflow
    from mlflow.models import Model

    uri = "models:/{}/{}".format(entry["name"], entry["version"])
    found: dict = {"loaded": False}
    try:
        folder = mlflow.artifacts.download_artifacts(uri)
        about = Model.load(folder)
        found["flavors"] = sorted(str(name) for name in about.flavors)[:20]
        found["signature"] = signature(about)
        backend = about.flavors.get("keras", {}).get("keras_backend")
        if backend:
            os.environ["KERAS_BACKEND"] = str(backend)
        model, kind = loaded(uri, about.flavors)
        own = inner(model) if kind == "pyfunc" else model
        found.update({"loaded": True, "class": type(own).__name__, "weights": probing.weights(own)})
    except BaseException as problem:
        found["error"] = asking.said(problem)
        return found
    found["answers"] = {name: asking.answers(model, kind, given) for name, given in inputs.items()}
    found["served"] = {}
    if "python_function" in about.flavors:
        try:
            service = model if kind == "pyfunc" else mlflow.pyfunc.load_model(uri)
            found["served"] = {name: served(service, given) for name, given in inputs.items()}
        except BaseException as problem:
            found["served_error"] = asking.said(problem)
    return found


def inner(service: Any) -> Any:
    """The network that a Python model of the program's own holds; the service itself where it holds none."""
    try:
        held = vars(service.unwrap_python_model()).values()
    except Exception:
        return service
    return next((each for each in held if probing.weights(each) is not None), service)


def signature(about: Any) -> Any:
    """{"inputs", "outputs"}: the columns or tensors of each as MLflow writes them; None where there is none."""
    if about.signature is None:
        return None
    given = about.signature.to_dict()
    return {key: json.loads(given[key]) if given.get(key) else None for key in ("inputs", "outputs")}


def loaded(uri: str, flavors: Any) -> tuple:
    """(the model itself, how it is asked)."""
    import mlflow

    for name, kind in (("pytorch", "module"), ("keras", "keras"), ("tensorflow", "keras"), ("sklearn", "estimator")):
        if name in flavors:
            return getattr(mlflow, name).load_model(uri), kind
    for name in ("xgboost", "lightgbm", "catboost"):
        if name in flavors:
            return getattr(mlflow, name).load_model(uri), "estimator"
    return mlflow.pyfunc.load_model(uri), "pyfunc"


def served(service: Any, given: Any) -> Any:
    """What the model's service answers, which enforces the signature; the problem where it does not."""
    data = given[0][0] if isinstance(given, tuple) and len(given) == 2 and len(given[0]) == 1 else given
    data = data.numpy() if hasattr(data, "numpy") and not hasattr(data, "to_numpy") else data
    try:
        with probing.steady():
            return probing.figures(service.predict(data))
    except Exception as problem:
        return asking.said(problem, 300)


if __name__ == "__main__":
    sys.exit(asking.main(version))
