"""Run inside the sandbox, after the program ended: read every offline run of W&B under project/ and write the evidence.

usage: collect.py OUT.json [FUNCTIONALITY]     (the working directory is the job's root)

A run is one file, `run-ID.wandb`: a log of records in the format of LevelDB's logs (blocks of 32 KiB, records with
CRC-32, length and type), each a `Record` of wandb's own protocol buffers. A log that breaks off is read as far as it
goes: the run was not finished. What cannot be read is an entry in `errors`. Python 3.9+, standard library and
wandb.proto; nothing that is read is trusted.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, Iterator

MAX_STORES = 200
MAX_BYTES = 256 * 1024 * 1024  # of one log
MAX_POINTS = 20_000  # of one metric
MAX_ENTRIES = 2_000  # params, metrics, files of one run
MAX_TEXT = 2_000  # characters of one value
MAX_DEPTH = 6  # of nested parameters
SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"}
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def short(value: Any) -> str:
    return str(value)[:MAX_TEXT]


def number(value: Any) -> Any:
    """JSON has no nan and no infinity: they become words. None for what is no number."""
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


def loaded(text: str) -> Any:
    try:
        return json.loads(text[: 4 * 1024 * 1024])
    except (ValueError, RecursionError):
        return None


# --- the log ----------------------------------------------------------------------------------------------------


class Broken(Exception):
    """The log goes on after a place that no writer of W&B leaves behind."""


def records(data: bytes) -> Iterator[bytes]:
    """The records of a log, joined where they cross blocks. A log that breaks off just ends; Broken where damaged."""
    if not data.startswith(HEADER):
        raise Broken("it does not begin like a log of W&B")
    position, parts = len(HEADER), []
    while True:
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
        if position + 7 > len(data):
            return
        checksum, length, kind = struct.unpack("<IHB", data[position : position + 7])
        if not (checksum or length or kind):
            return  # a block that was set aside and not written
        content = data[position + 7 : position + 7 + length]
        if len(content) < length:
            return
        if kind not in (FULL, FIRST, MIDDLE, LAST) or zlib.crc32(content, zlib.crc32(bytes([kind]))) != checksum:
            raise Broken("a record's checksum is wrong")
        position += 7 + length
        if kind in (FULL, FIRST):
            parts = []
        parts.append(content)
        if kind in (FULL, LAST):
            yield b"".join(parts)


# --- one run ----------------------------------------------------------------------------------------------------


class Run:
    """What the records of one run add up to."""

    def __init__(self) -> None:
        self.about: dict = {"run_id": "", "name": "", "project": "", "status": "RUNNING", "exit_code": None}
        self.config: dict = {}
        self.metrics: dict = {}
        self.summary: dict = {}
        self.media: dict = {}
        self.artifacts: list = []
        self.files: list = []
        self.step = 0

    def add(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        part = getattr(record, kind) if kind else None
        if kind == "run":
            self.about["run_id"] = short(part.run_id)
            self.about["name"] = short(part.display_name or part.run_id)
            self.about["project"] = short(part.project)
            self.about["labels"] = [short(tag) for tag in list(part.tags)[:100]]
            self.about["start_time"] = part.start_time.seconds
            self.configure(part.config)
        elif kind == "config":
            self.configure(part)
        elif kind == "history":
            self.row(part)
        elif kind == "summary":
            for item in part.update:
                self.summary[".".join(item.nested_key) or item.key] = item.value_json
            for item in part.remove:
                self.summary.pop(".".join(item.nested_key) or item.key, None)
        elif kind == "exit":
            self.about["exit_code"] = part.exit_code
            self.about["status"] = "FAILED" if part.exit_code else "FINISHED"
        elif kind == "artifact" and len(self.artifacts) < MAX_ENTRIES:
            contents = [short(entry.path) for entry in list(part.manifest.contents)[:100]]
            self.artifacts.append({"name": short(part.name), "type": short(part.type), "files": contents})
        elif kind == "files":
            for item in part.files:
                if len(self.files) < MAX_ENTRIES:
                    self.files.append(short(item.path))

    def configure(self, part: Any) -> None:
        for item in part.update:
            self.config[".".join(item.nested_key) or item.key] = loaded(item.value_json)
        for item in part.remove:
            self.config.pop(".".join(item.nested_key) or item.key, None)

    def row(self, part: Any) -> None:
        values = {".".join(item.nested_key) or item.key: loaded(item.value_json) for item in part.item}
        step = values.get("_step", part.step.num)
        self.step = int(step) if isinstance(step, (int, float)) and math.isfinite(step) else part.step.num
        for key, value in values.items():
            if key.endswith("._type") and len(self.media) < MAX_ENTRIES:
                self.media[short(key[: -len("._type")])] = short(value)
        for key, value in values.items():
            owner = key.rpartition(".")[0]
            if key.startswith("_") or owner in self.media or number(value) is None:
                continue
            if len(self.metrics) < MAX_ENTRIES or short(key) in self.metrics:
                points = self.metrics.setdefault(short(key), [])
                if len(points) < MAX_POINTS:
                    points.append([self.step, number(value)])

    def document(self) -> dict:
        for key, text in list(self.summary.items())[:MAX_ENTRIES]:
            value = number(loaded(text))
            if value is None or key.startswith("_") or key.rpartition(".")[0] in self.media:
                continue
            self.metrics.setdefault(short(key), [[self.step, value]])  # set in the summary only
        params: dict = {}
        for key, value in self.config.items():
            if key.partition(".")[0] != "_wandb":
                flatten(key, value, params, 0)
        own = {"requirements.txt", "output.log", "wandb-metadata.json", "config.yaml", "wandb-summary.json"}
        return {
            **self.about,
            "params": params,
            "metrics": self.metrics,
            "media": self.media,
            "artifacts": [
                *(short(entry["name"]) for entry in self.artifacts),
                *(name for name in dict.fromkeys(self.files) if name not in own),
            ],
            "logged_artifacts": self.artifacts,
        }


def flatten(key: str, value: Any, into: dict, depth: int) -> None:
    """Nested parameters as `model.lr`, and every value as text."""
    if len(into) >= MAX_ENTRIES:
        return
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for name, entry in value.items():
            flatten(key + "." + str(name), entry, into, depth + 1)
        return
    into[short(key)] = short(value)


def read(path: Path, record_class: Any) -> tuple:
    """(run or None, problem or None) of one log."""
    run, problem = Run(), None
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES)
    try:
        for content in records(data):
            record = record_class()
            record.ParseFromString(content)
            run.add(record)
    except Exception as error:  # one broken log must not hide the others
        problem = "{}: {}".format(type(error).__name__, error)
        run.about["status"] = "DAMAGED"
    if not run.about["run_id"]:
        if problem:
            return None, problem
        name = path.stem.partition("-")[2] or path.stem  # a run that was opened, and whose log was never written
        run.about.update(run_id=short(name), name=short(name))
    return run.document(), problem


# --- all together -----------------------------------------------------------------------------------------------


def logs(root: Path) -> list:
    found = []
    for folder, folders, files in os.walk(str(root), followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        found += [Path(folder) / name for name in sorted(files) if name.endswith(".wandb")]
    return [path for path in found if path.is_file() and not path.is_symlink()][:MAX_STORES]


def version() -> Any:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("wandb")
    except PackageNotFoundError:
        return None


def collect(root: Path) -> dict:
    """The evidence document of everything under `root`."""
    evidence: dict = {
        "schema": 1,
        "component": "wandb",
        "version": version(),
        "runs": [],
        "stores": [],
        "errors": [],
    }
    paths = logs(root)
    if not paths:
        return evidence
    from wandb.proto import wandb_internal_pb2

    for path in paths:
        shown = path.relative_to(root).as_posix()
        evidence["stores"].append(shown)
        try:
            run, problem = read(path, wandb_internal_pb2.Record)
        except OSError as error:
            run, problem = None, str(error)
        if problem:
            evidence["errors"].append("{}: {}".format(shown, problem)[:500])
        if run is not None:
            evidence["runs"].append(run)
    return evidence


def main() -> int:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "evidence.json")
    project = Path("project")
    root = (project if project.is_dir() else Path.cwd()).resolve()
    evidence = collect(root)
    if sys.argv[2:] == ["model-registration"]:
        import collect_registration

        evidence.update(collect_registration.collect(root))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(evidence, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
