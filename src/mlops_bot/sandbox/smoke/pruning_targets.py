"""What a program calls the sparsity that it wants: `SPARSITY = 0.6`, `args.prune_ratio`, with the value it has.

Looked up in the code that is running when the first weights are masked; by the words of the names, as in names.py.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Callable, Iterator

from .hooks import Hooks, patch

WORDS = frozenset(["sparsity", "sparse", "prune", "pruned", "pruning"])
PERCENT = frozenset(["percent", "percentage", "pct", "perc"])
OTHERS = frozenset(
    [
        "initial", "init", "start", "begin", "first", "step", "steps", "increment", "delta", "min", "minimum",
        "tolerance", "tol", "eps", "every", "epoch", "epochs", "interval", "freq", "frequency", "warmup", "seed",
        "end", "last", "iterations", "iters", "rounds", "n", "num", "number", "count", "layers", "dim", "norm",
        "current", "cur", "measured", "achieved", "reached", "actual", "before", "after", "threshold", "lr",
        "weight", "weights", "decay", "lambda", "loss", "penalty", "coefficient", "coef", "alpha", "beta", "gamma",
        "temperature", "momentum", "dropout", "factor", "reg", "regularization",
    ]
)  # fmt: skip
MAX_NAMES = 20


class Targets:
    """Names that promise a share of zeros, with their values: `found`."""

    def __init__(self, hooks: Hooks) -> None:
        self.found: dict[str, float] = {}
        self._hooks = hooks
        self._options: list[Any] = []
        hooks.after_import("argparse", self._follow)

    def look(self) -> None:
        """In the main module, in parsed options, and in the variables of the program's functions that are running."""
        frame = sys._getframe(1)
        places: list[tuple[str, dict[str, Any]]] = [("", vars(sys.modules["__main__"]))]
        places += [(f"{type(item).__name__}.", _attributes(item)) for item in self._options]
        depth = 0
        while frame is not None and depth < 60:
            if self._hooks.is_project(frame.f_code.co_filename):
                places.append(("", frame.f_locals))
            frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
        for prefix, values in places:
            for name, value in list(values.items()):
                for word, number in _numbers(name, value):
                    share = as_share(word, number)
                    if share is not None and len(self.found) < MAX_NAMES:
                        self.found.setdefault(prefix + word, share)

    def _follow(self, module: Any) -> None:
        def parse(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(parser: Any, *args: Any, **kwargs: Any) -> Any:
                result = original(parser, *args, **kwargs)
                if isinstance(result, tuple) and len(self._options) < 8 and self._hooks.from_project_stack():
                    self._options.append(result[0])
                return result

            return wrapper

        patch(module.ArgumentParser, "parse_known_args", parse)


def _attributes(item: Any) -> dict[str, Any]:
    try:
        return dict(vars(item))
    except TypeError:
        return {}


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers behind a name: itself, or entries of a configuration (a dictionary or a plain object)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, float(value)
    elif isinstance(value, dict) and len(value) < 200:
        yield from ((key, float(entry)) for key, entry in list(value.items()) if _plain(key, entry))
    elif type(value).__module__ == "__main__" or "config" in name.lower() or "args" in name.lower():
        yield from ((key, float(entry)) for key, entry in _attributes(value).items() if _plain(key, entry))


def _plain(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, (int, float)) and not isinstance(value, bool)


def as_share(name: str, value: float) -> float | None:
    """The share of weights to prune that a name promises (`SPARSITY`, `prune_percent`); None for any other name."""
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    if not words & WORDS or words & OTHERS:
        return None
    if words & PERCENT and 1 <= value < 100:
        return value / 100
    return value if 0 < value < 1 else None
