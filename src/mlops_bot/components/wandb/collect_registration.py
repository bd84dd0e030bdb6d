"""Model artifacts, as the collector sees them: each one's files are loaded in a process of its own, and asked.

usage: collect_registration.py PLAN.json OUT.jsonl     (started by `collect`; it loads what the program left)

Offline, the run's log names the files of an artifact with their digests, and where they wait to be sent. What the
registry on a server would make of it cannot be seen here. Python 3.9 syntax.
"""

from __future__ import annotations

import base64
import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any, Optional

import asking
import probing
from collect import MAX_BYTES, logs, records, short

MAX_ARTIFACTS = 40
MAX_FILES = 50
TORCH = (".pt", ".pth", ".ckpt", ".bin", ".pt2", ".tar")
PICKLES = (".joblib", ".pkl", ".pickle", ".sav", ".model")


def collect(root: Path) -> dict:
    """The model artifacts of all runs: what they hold and whether it loads; and in `raw` what it answers."""
    listed: list = []
    for path in logs(root):
        try:
            listed += artifacts(path)
        except Exception:  # noted in `errors` where the run itself is read
            continue
    listed = listed[-MAX_ARTIFACTS:]
    return asking.evidence(asking.asked(str(Path(__file__).resolve()), {"versions": listed}, {}) if listed else [])


def artifacts(path: Path) -> list:
    """Artifacts of type "model" that one run logged, with the files that it left for them."""
    from wandb.proto import wandb_internal_pb2

    found = []
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES)
    for content in records(data):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") != "artifact" or "model" not in record.artifact.type.lower():
            continue
        files = [
            {"path": short(entry.path), "digest": short(entry.digest), "place": local(entry.local_path)}
            for entry in list(record.artifact.manifest.contents)[:MAX_FILES]
        ]
        found.append({"name": short(record.artifact.name), "version": "", "files": files})
    return found


def local(text: str) -> Optional[str]:
    """Where a file is now; what was written under another root is looked for under this one."""
    path = Path(text)
    if not text or path.is_file():
        return text or None
    parts = path.parts
    for index in range(len(parts)):
        if parts[index] == "project" and Path.cwd().joinpath(*parts[index:]).is_file():
            return str(Path.cwd().joinpath(*parts[index:]))
    return None


# --- the process that loads -------------------------------------------------------------------------------------


def version(entry: dict, inputs: dict) -> dict:
    files = entry["files"]
    entry["files"] = [file["path"] for file in files]
    found: dict = {"loaded": False, "files": [file["path"] for file in files]}
    problems = []
    for file in sorted(files, key=likely):
        try:
            model, kind = loaded(verified(file), file["path"])
        except BaseException as problem:
            problems.append("{}: {}".format(file["path"], asking.said(problem, 300)))
            continue
        if model is None:
            continue
        weights = probing.digests(model) if kind == "state" else probing.weights(model)
        found.update({"loaded": True, "kind": kind, "weights": weights})
        found["class"] = "weights" if kind == "state" else type(model).__name__
        if kind != "state":
            found["answers"] = {name: asking.answers(model, kind, given) for name, given in inputs.items()}
        return found
    found["error"] = problems[0] if problems else "it holds no file of a model"
    return found


def likely(file: dict) -> int:
    known = (*TORCH, *PICKLES, ".keras", ".h5")
    return 0 if file["path"].lower().endswith(known) else 1


def verified(file: dict) -> Path:
    """The file, if it is what the artifact says. Raises FileNotFoundError or ValueError."""
    if file["place"] is None:
        raise FileNotFoundError("the file was not kept")
    path = Path(file["place"])
    digest = base64.b64encode(hashlib.md5(path.read_bytes()).digest()).decode("ascii")
    if digest != file["digest"]:
        raise ValueError("the file is not the one that was logged")
    return path


def loaded(path: Path, name: str) -> tuple:
    """(the model and how it is asked), (its arrays, "state") of a file that only holds weights, or (None, "")."""
    lower = name.lower()
    if lower.endswith(".pt2"):
        import torch

        return torch.export.load(str(path)).module(), "module"
    if lower.endswith(TORCH):
        return of_torch(path)
    if lower.endswith((".keras", ".h5")):
        return of_keras(path, lower)
    if lower.endswith(PICKLES):
        return of_pickle(path)
    return None, ""


def of_torch(path: Path) -> tuple:
    import torch

    try:
        found = torch.load(str(path), map_location="cpu", weights_only=False)
    except RuntimeError:
        found = torch.jit.load(str(path), map_location="cpu")
    if isinstance(found, torch.nn.Module):
        return found, "module"
    arrays = max(states(torch, found), key=len, default=[])
    return ([probing.as_array(item) for item in arrays], "state") if arrays else (None, "")


def states(torch: Any, found: Any) -> list:
    """The tensors of every state dictionary, wherever in the object it is."""
    if isinstance(found, torch.nn.Module):
        return [list(found.state_dict().values())]
    if not isinstance(found, dict):
        return []
    tensors = [item for item in found.values() if isinstance(item, torch.Tensor)]
    if tensors and len(tensors) == len(found):
        return [tensors]
    return [state for item in found.values() for state in states(torch, item)]


def of_keras(path: Path, name: str) -> tuple:
    import shutil

    copy = asking.HOUSE / ("model" + (".weights.h5" if name.endswith(".weights.h5") else Path(name).suffix))
    shutil.copyfile(str(path), str(copy))  # Keras goes by the name
    if not name.endswith(".weights.h5"):
        import keras

        return keras.saving.load_model(str(copy), compile=False), "keras"
    import h5py

    arrays: list = []
    with h5py.File(str(copy), "r") as file:
        file.visititems(lambda where, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return arrays, "state"


def of_pickle(path: Path) -> tuple:
    try:
        import joblib

        found = joblib.load(str(path))
    except ImportError:
        with path.open("rb") as stream:
            found = pickle.load(stream)
    if hasattr(found, "parameters") and hasattr(found, "state_dict"):
        return found, "module"
    return found, "estimator"


if __name__ == "__main__":
    sys.exit(asking.main(version))
