"""Run inside the sandbox: write the public signatures of some modules as JSON.

usage: api_dump.py OUT.json MODULE ...
       -> {"schema": 1, "versions": {...}, "modules": [...], "names": {name: {...}}, "errors": [...]}

Only the standard library is used, and only what Python 3.9 has.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import sys
import types
import warnings
from typing import Any

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


def parameters(function: Any, drop_first: bool = False) -> list[list[Any]] | None:
    """[[name, kind, required], ...]; None where there is no signature to be had."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if drop_first:
        found = found[1:]
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [[p.name, KINDS[p.kind], p.default is inspect.Parameter.empty and p.kind not in optional] for p in found]


def is_method(function: Any) -> bool:
    """A module may offer methods of one object as functions, with a signature that still has `self`."""
    found = parameters(function)
    return bool(found) and found[0][0] == "self"


def describe_class(name: str, cls: type, names: dict[str, Any], seen: dict[int, str]) -> None:
    entry: dict[str, Any] = {"kind": "class", "parameters": parameters(cls)}
    names[name] = entry
    if id(cls) in seen:
        entry["target"] = seen[id(cls)]
        return
    seen[id(cls)] = name
    dynamic = any("__getattr__" in base.__dict__ or "__getattribute__" in base.__dict__ for base in cls.__mro__[:-1])
    for member in dir(cls):
        if member.startswith("_") or dynamic:
            continue
        try:
            raw = inspect.getattr_static(cls, member)
        except AttributeError:
            continue
        full = name + "." + member
        if isinstance(raw, (staticmethod, classmethod)):
            names[full] = {"kind": "function", "parameters": parameters(getattr(cls, member, None))}
        elif inspect.isfunction(raw):
            names[full] = {"kind": "function", "parameters": parameters(raw, drop_first=True)}
        else:
            names[full] = {"kind": "value", "parameters": None}


def is_lazy(value: Any) -> bool:
    return isinstance(value, types.ModuleType) and type(value) is not types.ModuleType


def describe(modules: list[str]) -> dict[str, Any]:
    """Import the modules and list what they have. A module that cannot be imported is an entry in `errors`."""
    result: dict[str, Any] = {"schema": 1, "versions": {}, "modules": [], "names": {}, "errors": []}
    names: dict[str, Any] = result["names"]
    seen: dict[int, str] = {}
    loaded = []
    for name in modules:
        try:
            loaded.append((name, importlib.import_module(name)))
        except Exception as problem:  # one missing integration must not cost the others
            result["errors"].append("{}: {}: {}".format(name, type(problem).__name__, problem)[:300])
            names[name] = {"kind": "module", "parameters": None}
    for name, module in loaded:
        names[name] = {"kind": "module", "parameters": None}
        root = name.partition(".")[0]
        result["versions"].setdefault(root, str(getattr(sys.modules.get(root), "__version__", "")) or "?")
        for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
            names.setdefault(name + "." + info.name, {"kind": "module", "parameters": None})
        for attribute in sorted(set(dir(module)) | set(vars(module))):
            if attribute.startswith("__") and attribute != "__version__":
                continue
            full = name + "." + attribute
            value = vars(module).get(attribute)
            if value is None:
                try:
                    value = getattr(module, attribute)
                except Exception:
                    names.setdefault(full, {"kind": "value", "parameters": None})
                    continue
            if is_lazy(value) or isinstance(value, types.ModuleType):
                names.setdefault(full, {"kind": "module", "parameters": None})
            elif inspect.isclass(value):
                describe_class(full, value, names, seen)
            elif inspect.isroutine(value):
                names[full] = {"kind": "function", "parameters": parameters(value, drop_first=is_method(value))}
            else:
                names.setdefault(full, {"kind": "value", "parameters": None})
        if "__getattr__" not in vars(module):
            result["modules"].append(name)
    return result


def choose_keras_backend() -> None:
    """Without TensorFlow, Keras (and every module that imports it) needs to be told of another backend."""
    if importlib.util.find_spec("tensorflow") is None and importlib.util.find_spec("torch") is not None:
        os.environ.setdefault("KERAS_BACKEND", "torch")


def main() -> int:
    warnings.simplefilter("ignore")
    choose_keras_backend()
    document = describe(sys.argv[2:])
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(document, stream, separators=(",", ":"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
