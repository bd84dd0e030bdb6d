"""Registered models, as the collector sees them: each version is loaded in a process of its own, and asked.

usage: collect_registration.py PLAN.json OUT.jsonl     (started by `versions`; it loads what the program left)

The inputs are those that the trained models were really given (sandbox/smoke/probes.py). What the models should answer
is not known here. Python 3.9 syntax.
"""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator

import probing
from collect import columns, connect, local, short

HOUSE = Path(".mlops-bot")
MAX_VERSIONS = 40
MAX_PROBES = 40
MAX_SECONDS = 150
PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


RAW = ("weights", "answers", "served")  # what is compared with the trained models, and shown to nobody


def collect(databases: list, errors: list) -> dict:
    """Every registered version of these databases: what it is and whether it loads; and in `raw` what it answers."""
    found = versions(databases, errors)
    raw = [{key: version.pop(key) for key in RAW if key in version} for version in found]
    return {"versions": found, "raw": {"versions": raw}}


def versions(databases: list, errors: list) -> list:
    found: list = []
    for count, database in enumerate(databases):
        try:
            copy = moved(database, HOUSE / "registry-{}.db".format(count))
            listed = list(registered(copy))
        except Exception as problem:
            errors.append("{}: {}: {}".format(database.name, type(problem).__name__, problem)[:500])
            continue
        if listed:
            found += asked(copy, latest(listed))
    return found


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
    for entry in listed:
        names.setdefault(entry["name"], []).append(entry)
    most = max(2, MAX_VERSIONS // len(names))
    return [entry for entries in names.values() for entry in entries[-most:]][-MAX_VERSIONS:]


def asked(database: Path, listed: list) -> list:
    """The versions with what a process of their own found out about them."""
    plan, out = HOUSE / "plan.json", HOUSE / "answers.jsonl"
    uri = "sqlite:///" + str(database.resolve())
    plan.write_text(json.dumps({"uri": uri, "versions": listed}), encoding="utf-8")
    out.write_text("", encoding="utf-8")
    command = [sys.executable, str(Path(__file__).resolve()), str(plan), str(out)]
    environment = dict(os.environ, MLFLOW_TRACKING_URI=uri, MLFLOW_REGISTRY_URI=uri)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=MAX_SECONDS, check=False)
        ended = "loading ended the process: " + done.stderr.decode("utf-8", "replace")[-300:].strip()
    except subprocess.TimeoutExpired:
        ended = "loading took more than {} seconds".format(MAX_SECONDS)
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    missing = {"loaded": False, "error": ended}
    return [{**entry, **(answers[at] if at < len(answers) else missing)} for at, entry in enumerate(listed)]


# --- the process that loads -------------------------------------------------------------------------------------


def main() -> int:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    if find_spec("tensorflow") is None and find_spec("torch") is not None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    inputs = dict(read_inputs())
    with open(sys.argv[2], "a", encoding="utf-8") as stream:
        for entry in plan["versions"]:
            stream.write(json.dumps(version(entry, inputs)) + "\n")
            stream.flush()
    return 0


def read_inputs() -> Iterator[tuple]:
    paths = sorted((HOUSE / "probes").glob("*.pickle"), key=lambda path: path.stat().st_mtime)
    for path in paths[-MAX_PROBES:]:
        try:
            with path.open("rb") as stream:
                yield path.name, pickle.load(stream)
        except Exception:  # of a class that is not installed here
            continue


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
        found.update({"loaded": True, "class": type(model).__name__, "weights": probing.weights(model)})
    except BaseException as problem:  # SystemExit as well: what is loaded is the program's own code
        found["error"] = "{}: {}".format(type(problem).__name__, problem)[:500]
        return found
    found["answers"] = {name: answers(model, kind, given) for name, given in inputs.items()}
    found["served"] = {}
    if "python_function" in about.flavors:
        try:
            service = model if kind == "pyfunc" else mlflow.pyfunc.load_model(uri)
            found["served"] = {name: served(service, given) for name, given in inputs.items()}
        except BaseException as problem:
            found["served_error"] = "{}: {}".format(type(problem).__name__, problem)[:500]
    return found


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


def answers(model: Any, kind: str, given: Any) -> dict:
    """What the model answers to one input, by method; what it cannot be asked is left out."""
    if kind == "estimator":
        return probing.ask_estimator(model, given)
    if kind == "pyfunc" or not isinstance(given, tuple):
        return {}
    ask = probing.ask_module if kind == "module" else probing.ask_keras
    found: dict = {}
    try:
        found["call"] = ask(model, probing.detached(given))
    except Exception as problem:
        found["error"] = "{}: {}".format(type(problem).__name__, problem)[:200]
    for name, part in parts(model):
        try:
            found["part " + name] = ask(part, probing.detached(given))
        except Exception:
            continue
    return found


def parts(model: Any) -> list:
    """Networks that a model is made of, which may be called one by one."""
    children = getattr(model, "named_children", None)
    if not callable(children):
        return []
    return [(name, part) for name, part in children() if next(iter(part.parameters()), None) is not None][:20]


def served(service: Any, given: Any) -> Any:
    """What the model's service answers, which enforces the signature; the problem where it does not."""
    data = given[0][0] if isinstance(given, tuple) and len(given) == 2 and len(given[0]) == 1 else given
    data = data.numpy() if hasattr(data, "numpy") and not hasattr(data, "to_numpy") else data
    try:
        with probing.steady():
            return probing.figures(service.predict(data))
    except Exception as problem:
        return "{}: {}".format(type(problem).__name__, problem)[:300]


if __name__ == "__main__":
    sys.exit(main())
