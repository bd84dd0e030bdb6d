"""Run inside the sandbox, after the program ended: read every MLflow store under project/ and write the evidence.

usage: collect.py OUT.json [FUNCTIONALITY]     (the working directory is the job's root)

Stores are read directly (sqlite3, the file store's small files), because importing MLflow takes seconds; a store whose
tables are not as expected is read with the installed MLflow instead. A store that cannot be read is an entry in
`errors`. Only the standard library is needed, and only what Python 3.9 has. Nothing that is read is trusted.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any, Iterator, Optional

MAX_STORES = 20
MAX_RUNS = 200
MAX_POINTS = 20_000  # of one metric
MAX_ENTRIES = 2_000  # params, tags, metrics, artifacts of one run
MAX_TEXT = 2_000  # characters of one value
STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"}
EXPECTED = {
    "runs": {"run_uuid", "name", "status", "start_time", "end_time", "artifact_uri", "experiment_id"},
    "metrics": {"key", "value", "step", "is_nan", "run_uuid", "timestamp"},
    "params": {"key", "value", "run_uuid"},
    "tags": {"key", "value", "run_uuid"},
    "experiments": {"experiment_id", "name"},
}


def short(value: Any) -> str:
    return str(value)[:MAX_TEXT]


def number(value: Any) -> Any:
    """JSON has no nan and no infinity: they become words."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    if math.isnan(result):
        return "nan"
    if math.isinf(result):
        return "inf" if result > 0 else "-inf"
    return result


def walk(root: Path) -> Iterator[tuple]:
    for folder, folders, files in os.walk(str(root), followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        yield Path(folder), folders, sorted(files)


def stores(root: Path) -> tuple:
    """(sqlite files, file store folders) under `root`."""
    databases, folders = [], []
    for folder, inside, files in walk(root):
        for name in files:
            path = folder / name
            try:
                if path.is_symlink() or path.stat().st_size < 1024:
                    continue
                with path.open("rb") as stream:
                    if stream.read(16) != b"SQLite format 3\0":
                        continue
            except OSError:
                continue
            databases.append(path)
        if any((folder / name / "meta.yaml").is_file() for name in inside):
            metas = [folder / name / "meta.yaml" for name in inside if (folder / name / "meta.yaml").is_file()]
            if any("experiment_id" in read_meta(meta) and "run_id" not in read_meta(meta) for meta in metas):
                folders.append(folder)
                inside[:] = [name for name in inside if not (folder / name / "meta.yaml").is_file()]
    return databases[:MAX_STORES], folders[:MAX_STORES]


# --- sqlite ---------------------------------------------------------------------------------------------------


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True, timeout=5)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def tables(connection: sqlite3.Connection) -> set:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> set:
    return {row[1] for row in connection.execute("PRAGMA table_info(" + table + ")")}


def is_store(connection: sqlite3.Connection) -> bool:
    return {"runs", "experiments", "metrics", "params"} <= tables(connection)


def as_expected(connection: sqlite3.Connection) -> bool:
    return all(wanted <= columns(connection, table) for table, wanted in EXPECTED.items())


def read_database(path: Path, root: Path) -> tuple:
    """(runs, registered models) of one database, or None where it is no MLflow store."""
    connection = connect(path)
    try:
        if not is_store(connection):
            return None, None
        if not as_expected(connection):
            raise LookupError("the tables are not as expected")
        return list(database_runs(connection, path, root)), database_models(connection)
    finally:
        connection.close()


def database_runs(connection: sqlite3.Connection, path: Path, root: Path) -> Iterator[dict]:
    active = " WHERE r.lifecycle_stage = 'active'" if "lifecycle_stage" in columns(connection, "runs") else ""
    rows = connection.execute(
        "SELECT r.run_uuid, e.name, r.name, r.status, r.start_time, r.end_time, r.artifact_uri FROM runs r "
        "LEFT JOIN experiments e ON e.experiment_id = r.experiment_id"
        + active
        + " ORDER BY r.start_time, r.run_uuid LIMIT ?",
        (MAX_RUNS,),
    ).fetchall()
    for run_id, experiment, name, status, start, end, artifact_uri in rows:
        metrics: dict = {}
        for key, value, step, is_nan in connection.execute(
            "SELECT key, value, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, step LIMIT ?",
            (run_id, MAX_POINTS * 5),
        ):
            points = metrics.setdefault(short(key), [])
            if len(points) < MAX_POINTS and len(metrics) <= MAX_ENTRIES:
                points.append([step, "nan" if is_nan else number(value)])
        for points in metrics.values():
            points.sort(
                key=lambda point: point[0] if isinstance(point[0], (int, float)) else 0
            )  # stable: time within a step
        yield {
            "run_id": short(run_id),
            "experiment": short(experiment),
            "name": short(name),
            "status": short(status),
            "params": pairs(connection, "params", run_id),
            "metrics": metrics,
            "tags": pairs(connection, "tags", run_id),
            "artifacts": artifacts(artifact_uri, root),
            "models": run_models(connection, run_id),
            "start_time": start,
            "end_time": end,
        }


def pairs(connection: sqlite3.Connection, table: str, run_id: str) -> dict:
    rows = connection.execute(
        "SELECT key, value FROM " + table + " WHERE run_uuid = ? ORDER BY key LIMIT ?", (run_id, MAX_ENTRIES)
    )
    return {short(key): short(value) for key, value in rows}


def run_models(connection: sqlite3.Connection, run_id: str) -> list:
    if not {"model_id", "name", "source_run_id", "artifact_location"} <= columns(connection, "logged_models"):
        return []
    rows = connection.execute(
        "SELECT name, model_id, artifact_location FROM logged_models WHERE source_run_id = ? LIMIT 50", (run_id,)
    )
    return [
        {"name": short(name), "model_id": short(model), "flavors": flavors(local(where))} for name, model, where in rows
    ]


def database_models(connection: sqlite3.Connection) -> list:
    if not {"name"} <= columns(connection, "registered_models") or not {
        "name",
        "version",
        "run_id",
        "source",
    } <= columns(connection, "model_versions"):
        return []
    found = []
    for (name,) in connection.execute("SELECT name FROM registered_models ORDER BY name LIMIT 100").fetchall():
        versions = connection.execute(
            "SELECT version, run_id, source FROM model_versions WHERE name = ? ORDER BY version LIMIT 100", (name,)
        )
        listed = [
            {"version": str(version), "run_id": short(run or ""), "source": short(source)}
            for version, run, source in versions
        ]
        found.append({"name": short(name), "versions": listed})
    return found


# --- artifacts ------------------------------------------------------------------------------------------------


def local(uri: Optional[str]) -> Optional[Path]:
    """The folder of a local artifact location. One that was written under another root is looked for under this one."""
    if not uri:
        return None
    text = uri.removeprefix("file://")
    if "://" in text or text.startswith("mlflow-artifacts:"):
        return None
    path = Path(text)
    if path.is_dir():
        return path
    parts = path.parts
    for index in range(
        len(parts)
    ):  # the files may have been moved since: .../job-1/project/mlruns/... -> ./project/...
        if parts[index] == "project":
            moved = Path.cwd().joinpath(*parts[index:])
            if moved.is_dir():
                return moved
    return None


def artifacts(uri: Optional[str], root: Path) -> list:
    folder = local(uri)
    if folder is None:
        return []
    found: list = []
    for where, _, files in walk(folder):
        for name in files:
            found.append((where / name).relative_to(folder).as_posix()[:MAX_TEXT])
            if len(found) >= MAX_ENTRIES:
                return found
    return found


def flavors(folder: Optional[Path]) -> list:
    """The flavours that an MLmodel file lists: the keys directly below `flavors:`."""
    if folder is None:
        return []
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8", errors="replace")[:100_000]
    except OSError:
        return []
    found, inside = [], False
    for line in text.splitlines():
        if line.rstrip() == "flavors:":
            inside = True
        elif inside and line[:1] not in (" ", ""):
            break
        elif inside and line.startswith("  ") and line[2:3] != " " and line.rstrip().endswith(":"):
            found.append(line.strip()[:-1])
    return found


# --- the file store -------------------------------------------------------------------------------------------


def read_meta(path: Path) -> dict:
    """A flat meta.yaml: `key: value` lines."""
    found: dict = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:100_000]
    except OSError:
        return found
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key and not key.startswith((" ", "-")):
            found[key.strip()] = value.strip().strip("'\"")
    return found


def texts(folder: Path) -> dict:
    found = {}
    if folder.is_dir():
        for where, _, files in walk(folder):
            for name in files[:MAX_ENTRIES]:
                path = where / name
                found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8", errors="replace")[
                    : MAX_POINTS * 60
                ]
    return found


def file_runs(store: Path, root: Path) -> Iterator[dict]:
    for experiment in sorted(store.iterdir()):
        meta = experiment / "meta.yaml"
        if not meta.is_file() or experiment.name == ".trash":
            continue
        title = read_meta(meta).get("name", experiment.name)
        for folder in sorted(experiment.iterdir())[:MAX_RUNS]:
            about = read_meta(folder / "meta.yaml") if (folder / "meta.yaml").is_file() else {}
            if not ("run_id" in about or "run_uuid" in about) or about.get("lifecycle_stage") == "deleted":
                continue
            metrics: dict = {}
            for key, text in texts(folder / "metrics").items():
                points = [line.split() for line in text.splitlines()]
                metrics[short(key)] = [[int(p[2]) if len(p) > 2 else 0, number(p[1])] for p in points if len(p) >= 2][
                    :MAX_POINTS
                ]
            status = about.get("status", "")
            tags = texts(folder / "tags")
            yield {
                "run_id": about.get("run_id") or about.get("run_uuid", ""),
                "experiment": short(title),
                "name": about.get("run_name") or tags.get("mlflow.runName", ""),
                "status": STATUS.get(int(status), status) if status.isdigit() else status,
                "params": {short(k): short(v) for k, v in texts(folder / "params").items()},
                "metrics": metrics,
                "tags": {short(k): short(v) for k, v in tags.items()},
                "artifacts": artifacts(str(folder / "artifacts"), root),
                "models": file_models(experiment, about.get("run_id", "")),
                "start_time": as_int(about.get("start_time")),
                "end_time": as_int(about.get("end_time")),
            }


def as_int(value: Any) -> Optional[int]:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def file_models(experiment: Path, run_id: str) -> list:
    found = []
    folder = experiment / "models"
    for model in sorted(folder.iterdir())[:50] if folder.is_dir() else []:
        about = read_meta(model / "meta.yaml")
        if about.get("source_run_id") == run_id:
            found.append(
                {"name": about.get("name", ""), "model_id": model.name, "flavors": flavors(model / "artifacts")}
            )
    return found


def file_registry(store: Path) -> list:
    found = []
    folder = store / "models"
    for model in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not (model / "meta.yaml").is_file():
            continue
        versions = []
        for version in sorted(model.glob("version-*")):
            about = read_meta(version / "meta.yaml")
            versions.append(
                {
                    "version": about.get("version", version.name[8:]),
                    "run_id": about.get("run_id", ""),
                    "source": about.get("source", ""),
                }
            )
        found.append({"name": model.name, "versions": versions})
    return found


# --- the client, for stores that look different ---------------------------------------------------------------


def client_runs(uri: str, root: Path) -> tuple:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiments = {entry.experiment_id: entry.name for entry in client.search_experiments()}
    runs = []
    for run in client.search_runs(list(experiments), max_results=MAX_RUNS):
        metrics = {
            key: [[point.step, number(point.value)] for point in client.get_metric_history(run.info.run_id, key)][
                :MAX_POINTS
            ]
            for key in list(run.data.metrics)[:MAX_ENTRIES]
        }
        runs.append(
            {
                "run_id": run.info.run_id,
                "experiment": experiments.get(run.info.experiment_id, ""),
                "name": run.info.run_name or "",
                "status": run.info.status,
                "params": {short(k): short(v) for k, v in run.data.params.items()},
                "metrics": metrics,
                "tags": {short(k): short(v) for k, v in run.data.tags.items()},
                "artifacts": artifacts(run.info.artifact_uri, root),
                "models": [],
                "start_time": run.info.start_time,
                "end_time": run.info.end_time,
            }
        )
    models = [
        {
            "name": model.name,
            "versions": [
                {"version": str(v.version), "run_id": v.run_id or "", "source": v.source}
                for v in client.search_model_versions("name='{}'".format(model.name.replace("'", "")))
            ],
        }
        for model in client.search_registered_models()
    ]
    return runs, models


# --- all together ---------------------------------------------------------------------------------------------


def version() -> Optional[str]:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    for name in ("mlflow", "mlflow-skinny"):
        try:
            return installed(name)
        except PackageNotFoundError:
            continue
    return None


def collect(root: Path) -> dict:
    """The evidence document of everything under `root`."""
    evidence: dict = {
        "schema": 1,
        "component": "mlflow",
        "version": version(),
        "runs": [],
        "registered_models": [],
        "stores": [],
        "errors": [],
    }
    databases, folders = stores(root)
    here = Path.cwd()
    for path in databases:
        shown = path.relative_to(here).as_posix() if here in path.parents else path.as_posix()
        try:
            try:
                runs, models = read_database(path, root)
            except (LookupError, sqlite3.OperationalError):
                runs, models = client_runs("sqlite:///" + str(path.resolve()), root)
        except Exception as problem:  # one broken store must not hide the others
            evidence["errors"].append("{}: {}: {}".format(shown, type(problem).__name__, problem)[:500])
            continue
        if runs is None:
            continue
        evidence["stores"].append("sqlite:///" + shown)
        evidence["runs"] += runs
        evidence["registered_models"] += models
    for folder in folders:
        shown = folder.relative_to(here).as_posix() if here in folder.parents else folder.as_posix()
        try:
            runs, models = list(file_runs(folder, root)), file_registry(folder)
        except Exception as problem:
            evidence["errors"].append("{}: {}: {}".format(shown, type(problem).__name__, problem)[:500])
            continue
        evidence["stores"].append(shown)
        evidence["runs"] += runs
        evidence["registered_models"] += models
    evidence["runs"] = evidence["runs"][:MAX_RUNS]
    return evidence


def main() -> int:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "evidence.json")
    project = Path("project")
    root = (project if project.is_dir() else Path.cwd()).resolve()
    evidence = collect(root)
    if sys.argv[2:] == ["model-registration"]:
        import collect_registration

        evidence.update(collect_registration.collect(stores(root)[0], evidence["errors"]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(evidence, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
