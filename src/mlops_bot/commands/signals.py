"""Last words that are not cut off."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def undisturbed(*, for_good: bool = False) -> Iterator[None]:
    """No signal ends what is inside: a cancelled job gets a second one soon after the first. `for_good`: nothing but
    the end comes after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, signal.SIG_IGN) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True) if not for_good else ():
            signal.signal(name, handler)
