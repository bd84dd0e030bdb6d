"""Run inside the sandbox, after the program ended: read Comet's offline experiments under project/, write the evidence.

usage: collect.py OUT.json [FUNCTIONALITY]     (the working directory is the job's root)

An experiment is an archive: experiment.json says what it is, messages.json has one message a line. Comet writes it
when the experiment ends, so that one which was never ended leaves none. What cannot be read is an entry in `errors`.
Only the standard library is needed, and only what Python 3.9 has. Nothing that is read is trusted.
"""

from __future__ import annotations

import json
import math
import os
import sys
import zipfile
from pathlib import Path
from typing import Any, Iterator

MAX_STORES = 200
MAX_LINE = 4 * 1024 * 1024
MAX_MESSAGES = 500_000
MAX_POINTS = 20_000  # of one metric
MAX_ENTRIES = 2_000  # params, metrics, files of one experiment
MAX_TEXT = 2_000  # characters of one value
SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"}
OWN = {"curr_step", "curr_epoch"}  # Comet's own counters, which it keeps as parameters
CONTEXTS = {"validate": "val"}
WORDS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def short(value: Any) -> str:
    return str(value)[:MAX_TEXT]


def number(value: Any) -> Any:
    """JSON has no nan and no infinity: they become words. None for what is no number."""
    if isinstance(value, str):
        if value in WORDS:
            return WORDS[value]
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    if math.isnan(result):
        return "nan"
    if math.isinf(result):
        return "inf" if result > 0 else "-inf"
    return result


def lines(stream: Any) -> Iterator[dict]:
    """The messages of a stream, (type, payload) each; a line that is none is left out."""
    for _ in range(MAX_MESSAGES):
        line = stream.readline(MAX_LINE)
        if not line:
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and isinstance(message.get("payload"), dict):
            yield message


def read(path: Path) -> Any:
    """The experiment of one archive; None where it is none of Comet's."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if not {"experiment.json", "messages.json"} <= names:
            return None
        with archive.open("experiment.json") as stream:
            about = json.loads(stream.read(MAX_LINE))
        experiment: dict = {
            "run_id": short(about.get("offline_id", "")),
            "name": short(about.get("offline_id", "")),
            "project": short(about.get("project_name") or ""),
            "status": "FINISHED",
            "start_time": about.get("start_time"),
            "end_time": about.get("stop_time"),
            "params": {},
            "metrics": {},
            "tags": {},
            "labels": [short(tag) for tag in (about.get("tags") or [])[:100]],
            "artifacts": [],
            "logged_files": [],
        }
        with archive.open("messages.json") as stream:
            for message in lines(stream):
                add(experiment, str(message.get("type")), message["payload"])
    return experiment


def add(experiment: dict, kind: str, payload: dict) -> None:
    if kind == "metric_msg" and isinstance(payload.get("metric"), dict):
        metric = payload["metric"]
        name, value = short(metric.get("metricName", "")), number(metric.get("metricValue"))
        if value is None or not name or name.startswith("sys."):
            return
        context = payload.get("context")
        if context:  # what is logged in `with experiment.test():`
            name = "{}_{}".format(CONTEXTS.get(context, context), name)
        if name in experiment["metrics"] or len(experiment["metrics"]) < MAX_ENTRIES:
            points = experiment["metrics"].setdefault(name, [])
            step = metric.get("step") if metric.get("epoch") is None else metric.get("epoch")
            if len(points) < MAX_POINTS:
                points.append([step if isinstance(step, int) else None, value])
    elif kind == "parameter_msg" and isinstance(payload.get("param"), dict):
        parameter = payload["param"]
        name = short(parameter.get("paramName", "")).replace("|", ".")
        if name and name not in OWN and len(experiment["params"]) < MAX_ENTRIES:
            experiment["params"][name] = short(parameter.get("paramValue"))
    elif kind == "log_other":
        key, value = short(payload.get("key", "")), short(payload.get("value", ""))
        if key == "Name":
            experiment["name"] = value
        elif len(experiment["tags"]) < MAX_ENTRIES:
            experiment["tags"][key] = value
    elif kind in ("file_upload", "remote_file") and len(experiment["artifacts"]) < MAX_ENTRIES:
        extra = payload.get("additional_params")
        name = extra.get("fileName") if isinstance(extra, dict) else None
        if name and payload.get("upload_type") != "source_code":
            experiment["artifacts"].append(short(name))
            experiment["logged_files"].append({"name": short(name), "kind": short(payload.get("upload_type", ""))})


# --- all together -----------------------------------------------------------------------------------------------


def archives(root: Path) -> list:
    found = []
    for folder, folders, files in os.walk(str(root), followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        found += [Path(folder) / name for name in sorted(files) if name.endswith(".zip")]
    return [path for path in found if path.is_file() and not path.is_symlink()][:MAX_STORES]


def version() -> Any:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("comet-ml")
    except PackageNotFoundError:
        return None


def collect(root: Path) -> dict:
    """The evidence document of everything under `root`."""
    evidence: dict = {
        "schema": 1,
        "component": "comet",
        "version": version(),
        "runs": [],
        "stores": [],
        "errors": [],
    }
    for path in archives(root):
        shown = path.relative_to(root).as_posix()
        try:
            experiment = read(path)
        except Exception as problem:  # one broken archive must not hide the others
            evidence["errors"].append("{}: {}: {}".format(shown, type(problem).__name__, problem)[:500])
            continue
        if experiment is not None:
            evidence["stores"].append(shown)
            evidence["runs"].append(experiment)
    return evidence


def main() -> int:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "evidence.json")
    project = Path("project")
    evidence = collect((project if project.is_dir() else Path.cwd()).resolve())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(evidence, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
