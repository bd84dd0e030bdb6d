"""Run inside the sandbox, beside a collector: what the files hold that torch.save wrote, without running their code.

Weights come as [name, shape, share of zeros]; a file that holds a whole module is read with every class but tensors
replaced by a stub, so that nothing of the program runs. Python 3.9 syntax.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from typing import Any, Iterator

MAX_FILES = 60
MAX_BYTES = 512 * 1024 * 1024
MAX_TENSORS = 600
ALLOWED = {
    "torch._utils": ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"),
    "torch": ("Size", "device"),
    "collections": ("OrderedDict", "defaultdict", "Counter"),
    "builtins": ("set", "frozenset", "slice", "complex", "bytearray", "range", "int", "float", "str", "list", "dict"),
}


class Stub:
    """Stands for an object of any other class: its state is kept, its code is not run."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        return Stub()

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update({str(key): value for key, value in part.items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in ALLOWED.get(module, ()) or (module == "torch" and name.endswith(("Storage", "float32", "int64"))):
            return super().find_class(module, name)
        return type(name.rpartition(".")[2] or "Stub", (Stub,), {})


class Safe:
    """What torch.load takes as its pickle module."""

    __name__ = "safe"
    Unpickler = Unpickler
    load = staticmethod(pickle.load)
    UnpicklingError = pickle.UnpicklingError


def saved(folder: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The torch files below a folder, with their paths relative to it, and what could not be read."""
    found: list[dict[str, Any]] = []
    errors: list[str] = []
    total = 0
    for path in _files(folder):
        total += os.path.getsize(path)
        if len(found) >= MAX_FILES or total > MAX_BYTES:
            errors.append("more files of torch.save than are read")
            break
        name = os.path.relpath(path, folder)
        try:
            found.append({"path": name, **_content(path)})
        except Exception as error:
            errors.append(f"{name}: {type(error).__name__}: {error}"[:300])
    return found, errors


def _files(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path) and _is_saved(path):
                yield path


def _is_saved(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist()[:200])
    except (OSError, zipfile.BadZipFile):
        return False


def _content(path: str) -> dict[str, Any]:
    import torch

    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        whole = False
    except Exception:
        data = torch.load(path, map_location="cpu", weights_only=False, pickle_module=Safe)
        whole = True
    names: list[str] = []
    tensors: list[list[Any]] = []
    for name, value in _tensors(data, ""):
        names.append(name)
        if value.dim() > 1 and value.is_floating_point() and len(tensors) < MAX_TENSORS:
            tensors.append([name, list(value.shape), round(float((value == 0).double().mean()), 6)])
    there = set(names)
    masks = [name for name in names if name.endswith("_mask") and f"{name[:-5]}_orig" in there]
    masks += [name for name in names if "__nncf_hooks" in name]
    return {"whole": whole, "training": _is_checkpoint(data), "tensors": tensors, "masks": masks[:20]}


def _tensors(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every tensor with its name: keys of dictionaries, and paths through stubs of modules."""
    if hasattr(value, "is_floating_point"):
        yield path, value
    elif depth < 12 and isinstance(value, dict):
        for key, item in value.items():
            if key not in ("optimizer", "optimizer_state_dict", "optim"):
                yield from _tensors(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif depth < 12 and isinstance(value, Stub):
        state = value.__dict__
        for part in ("_parameters", "_buffers", "_modules"):
            yield from _tensors(state.get(part) or {}, path, depth + 1)
    elif depth < 3 and isinstance(value, (list, tuple)):
        for index, item in enumerate(value[:50]):
            yield from _tensors(item, f"{path}.{index}" if path else str(index), depth + 1)


def _is_checkpoint(data: Any) -> bool:
    """Whether training is to go on from it: it holds an optimizer's state."""
    if not isinstance(data, dict):
        return False
    return any(isinstance(item, dict) and {"state", "param_groups"} <= set(item) for item in data.values())
