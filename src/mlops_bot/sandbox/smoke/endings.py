"""How the program ended: normally, by sys.exit, or by an exception, and what it lacked if it lacked something."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from .hooks import Hooks


def install(hooks: Hooks) -> None:
    trace = hooks.trace
    show, leave = sys.excepthook, sys.exit

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> Any:
        trace.exit = {"kind": "exception", "type": kind.__name__, "message": str(error)[:1000]}
        try:
            explain(hooks, error)
        except Exception as other:
            trace.error("explaining the exception", other)
        return show(kind, error, traceback)

    def exit_(code: Any = None) -> Any:
        trace.exit = {"kind": "systemexit", "type": "SystemExit", "message": "" if code is None else str(code)[:1000]}
        leave(code)

    sys.excepthook = excepthook
    sys.exit = exit_


def explain(hooks: Hooks, error: BaseException) -> None:
    """Note as `unavailable` what an uncaught exception shows to be missing: a file, a module, the network."""
    known = any(note["kind"] == "unavailable" for note in hooks.trace.notes)
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain and len(chain) < 10:
        chain.append(current)
        current = current.__cause__ or current.__context__
    for item in chain:
        name = type(item).__name__
        if isinstance(item, ModuleNotFoundError):
            hooks.note("unavailable", f"module {item.name or item}", "add it to the project's requirements")
            return
        if isinstance(item, (FileNotFoundError, NotADirectoryError)):
            path = item.filename or str(item)
            hooks.note("unavailable", f"file {path}", "pass the data with --data DIR, or how to start it with --run")
            return
        if known:
            continue
        if isinstance(item, ConnectionError) or name in ("URLError", "gaierror", "ConnectTimeout", "MaxRetryError"):
            hooks.note("unavailable", f"the network: {str(item)[:300]}", "pass what it would download with --data DIR")
            return
