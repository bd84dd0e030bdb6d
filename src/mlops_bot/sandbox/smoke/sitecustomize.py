"""Bootstrap of the smoke hooks: does nothing unless MLOPS_SMOKE names a configuration file.

The folder leaves `sys.path` at once, so that no file of it can shadow a module of the program (`trace`, `device`), and
the hooks live under a private package name. A `sitecustomize` that was there before still runs.

`resumed()` is called in a process that was forked, for a program, from one that started before there was a program.
"""

import os
import sys


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    config = os.environ.get("MLOPS_SMOKE")
    if config:
        import importlib
        import types

        package = types.ModuleType("_mlops_smoke")
        package.__path__ = [here]
        sys.modules["_mlops_smoke"] = package
        try:
            importlib.import_module("_mlops_smoke.start").start(config)
        except Exception as error:  # a program without hooks is better than no program
            sys.stderr.write(f"smoke hooks are off: {type(error).__name__}: {error}\n")
    _chain(here)


def resumed() -> None:
    start = sys.modules.get("_mlops_smoke.start")
    if start is not None:
        start.resumed()


def _chain(here: str) -> None:
    import importlib.util
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None or not spec.origin:
        return
    if os.path.dirname(os.path.abspath(spec.origin)) != here:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_start()
