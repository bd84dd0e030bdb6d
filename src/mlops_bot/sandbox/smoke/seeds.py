"""Fixed seeds for the global random streams, and for generators made without a seed."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from typing import Any, Callable

from .hooks import Hooks, patch


def install(hooks: Hooks) -> None:
    seed = hooks.seed
    hooks.after_import("random", lambda module: _random(module, seed))
    hooks.after_import("numpy.random", lambda module: _numpy(module, hooks))
    hooks.after_import("torch", lambda module: _torch(module, seed))
    hooks.after_import("tensorflow", lambda module: module.random.set_seed(seed))
    hooks.after_import("keras", lambda module: _keras(module, seed))


def _default(seed: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def seeded(value: Any = None, *args: Any, **kwargs: Any) -> Any:
            return original(seed if value is None else value, *args, **kwargs)

        return seeded

    return make


def _random(module: Any, seed: int) -> None:
    module.seed(seed)
    patch(module, "seed", _default(seed))


def _numpy(module: Any, hooks: Hooks) -> None:
    module.seed(hooks.seed)
    patch(module, "seed", _default(hooks.seed))
    counts: Counter[str] = Counter()

    def randbits(bits: int) -> int:
        # Numbered by the calling module, so that a library's generators do not shift the program's own.
        frame = sys._getframe(1)
        caller = "program" if hooks.is_project(frame.f_code.co_filename) else str(frame.f_globals.get("__name__"))
        counts[caller] += 1
        text = f"{hooks.seed}:{caller}:{counts[caller]}".encode()
        return int.from_bytes(hashlib.sha512(text).digest(), "big") % (1 << bits)

    source = getattr(module, "bit_generator", None)
    if source is not None and hasattr(source, "randbits"):
        source.randbits = randbits


def _torch(module: Any, seed: int) -> None:
    module.manual_seed(seed)
    module.set_num_threads(1)

    def fixed(_original: Callable[..., Any]) -> Callable[..., Any]:
        def seeded() -> int:
            module.manual_seed(seed)
            return seed

        return seeded

    patch(module, "seed", fixed)


def _keras(module: Any, seed: int) -> None:
    utils = getattr(module, "utils", None)
    if utils is not None and hasattr(utils, "set_random_seed"):
        utils.set_random_seed(seed)
