"""Run inside the sandbox, after the program ended: read every study that the program stored, and write the evidence.

usage: collect.py OUT.json [FUNCTIONALITY]     (the working directory is the job's root)

A study in memory leaves nothing to read: what was seen of it while it ran is in the trace (smoke.py). SQLite files are
read directly, journals with the installed Optuna. A store that cannot be read is an entry in `errors`. Python 3.9.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

MAX_STORES = 20
MAX_STUDIES = 50
MAX_TRIALS = 500  # of one study
MAX_TEXT = 500
SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"}
EXPECTED = {
    "studies": {"study_id", "study_name"},
    "trials": {"trial_id", "number", "study_id", "state"},
    "trial_params": {"trial_id", "param_name", "distribution_json"},
    "trial_values": {"trial_id", "objective", "value"},
}


def files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(str(root), followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            yield Path(folder) / name


def is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def is_journal(path: Path) -> bool:
    with path.open("rb") as stream:
        first = stream.readline(2000)
    return first.startswith(b"{") and b'"op_code"' in first


def sqlite_studies(path: Path) -> List[Dict[str, Any]]:
    """The studies of one SQLite file; none where it is no store of Optuna."""
    connection = sqlite3.connect("file:" + path.as_posix() + "?mode=ro", uri=True)
    try:
        for table, columns in EXPECTED.items():
            if not columns <= {row[1] for row in connection.execute("PRAGMA table_info(%s)" % table)}:
                return []
        found = []
        for study, name in connection.execute("SELECT study_id, study_name FROM studies LIMIT ?", (MAX_STUDIES,)):
            rows = connection.execute(
                "SELECT trial_id, number, state FROM trials WHERE study_id = ? ORDER BY number LIMIT ?",
                (study, MAX_TRIALS),
            )
            trials = [sqlite_trial(connection, *row) for row in rows]
            found.append({"name": str(name)[:MAX_TEXT], "trials": trials, "store": path.name})
        return found
    finally:
        connection.close()


def sqlite_trial(connection: Any, trial: int, number: int, state: Any) -> Dict[str, Any]:
    params = [
        str(row[0])[:MAX_TEXT]
        for row in connection.execute("SELECT param_name FROM trial_params WHERE trial_id = ? LIMIT 200", (trial,))
    ]
    values = connection.execute(
        "SELECT value FROM trial_values WHERE trial_id = ? ORDER BY objective LIMIT 20", (trial,)
    )
    return {"number": number, "state": str(state), "params": params, "values": [row[0] for row in values]}


def journal_studies(path: Path) -> List[Dict[str, Any]]:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(path)))
    found = []
    for study in storage.get_all_studies()[:MAX_STUDIES]:
        trials = [
            {
                "number": trial.number,
                "state": trial.state.name,
                "params": [str(name)[:MAX_TEXT] for name in trial.params],
                "values": trial.values,
            }
            for trial in storage.get_all_trials(study._study_id)[:MAX_TRIALS]
        ]
        found.append({"name": study.study_name[:MAX_TEXT], "trials": trials, "store": path.name})
    return found


def version() -> str:
    from importlib import metadata

    try:
        return metadata.version("optuna")
    except metadata.PackageNotFoundError:
        return "?"


def collect(root: Path) -> Dict[str, Any]:
    evidence: Dict[str, Any] = {
        "schema": 1, "component": "optuna", "version": version(), "stored": [], "stores": [], "errors": []
    }  # fmt: skip
    for path in files(root):
        if len(evidence["stores"]) >= MAX_STORES:
            evidence["errors"].append("more than %d stores; the rest was not read" % MAX_STORES)
            break
        try:
            if is_sqlite(path):
                studies = sqlite_studies(path)
            elif is_journal(path):
                studies = journal_studies(path)
            else:
                continue
        except Exception as error:
            evidence["errors"].append("%s: %s: %s" % (path.name, type(error).__name__, str(error)[:MAX_TEXT]))
            continue
        if studies:
            evidence["stores"].append(path.relative_to(root).as_posix())
            evidence["stored"] += studies
    return evidence


def main() -> None:
    evidence = collect(Path("project"))
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(evidence, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
