"""Stretches of a run, such as the trials of a search: what was trained, computed and scored between two moments.

Not installed by itself: the hook of a component that needs it makes one `Stretches`. Data are known by a short digest
of their content, so that "the data of the final test" can be told from "held-out data" without looking into them.
"""

from __future__ import annotations

import hashlib
import weakref
from typing import Any, Callable

from .hooks import Hooks, patch

MAX_PASSES = 2000
MAX_TABLES = 40  # of one stretch, whose rows are told
ROWS = 48  # told of one table: those with the smallest digests, so that two tables can be compared by them
MAX_CELLS = 50_000_000
WITH_ROWS = ("sklearn.score", "sklearn.predict", "keras", "keras.validation", "keras.evaluate")
SAMPLED = 4  # parameters of an optimizer whose values tell one state of a model from another


class Stretches:
    """Marks begin, ends tell. Overlapping stretches share nothing: what came before the last end is that one's."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._passes: list[dict[str, Any]] = []
        self._rows: dict[str, list[int]] = {}  # of tables, by the digest of their content
        self._drawn: dict[str, Any] = {}  # the pass of the loader that gave the latest batch
        self._steps = 0
        self._started: dict[int, Any] = {}  # optimizers that stepped in this stretch, by id
        self._ended: dict[int, tuple[Any, float]] = {}  # tensors and models, by id: their state when a stretch ended
        self._continued = ""
        self._last = self.mark()
        hooks.watchers.append(self._seen)
        hooks.after_import("torch.optim.optimizer", self._torch)
        hooks.after_import("torch.utils.data.dataloader", self._loader)
        hooks.after_import("keras", self._keras)

    def mark(self) -> dict[str, int]:
        trace = self._hooks.trace
        return {
            "training": len(trace.training),
            "scalars": len(trace.scalars),
            "passes": len(self._passes),
            "steps": self._steps,
        }

    def end(self, mark: dict[str, int]) -> dict[str, Any]:
        """What happened since `mark`, or since the last end. Spans are [first, after the last) of the trace's lists."""
        now = self.mark()
        begin = {key: max(value, self._last[key]) for key, value in mark.items()}
        self._remember()
        told = {
            "training": [begin["training"], now["training"]],
            "scalars": [begin["scalars"], now["scalars"]],
            **self._told(begin["passes"]),
            "steps": now["steps"] - begin["steps"],
            "continued": self._continued,
        }
        self._last, self._continued = now, ""
        return told

    def outside(self) -> dict[str, Any]:
        """The same for what comes after the last end; nothing is closed by it."""
        mark = self._last
        return {
            "training": [mark["training"], len(self._hooks.trace.training)],
            "scalars": [mark["scalars"], len(self._hooks.trace.scalars)],
            **self._told(mark["passes"]),
            "steps": self._steps - mark["steps"],
            "continued": self._continued,
        }

    # --- data ---

    def _told(self, first: int) -> dict[str, Any]:
        passes = _counted(self._passes[first:])
        known = [item["data"] for item in passes if item["data"] in self._rows]
        return {"passes": passes, "rows": {data: self._rows[data] for data in known[:MAX_TABLES]}}

    def _seen(self, kind: str, what: str, data: Any) -> None:
        """`kind`: "fit" for data that are learned from, "score" for those measured on, "predict" for those answered."""
        self._pass(kind, what, data)

    def _pass(self, kind: str, what: str, data: Any) -> dict[str, Any]:
        found = {"kind": kind, "what": what, "data": digest(data)}
        if len(self._passes) < MAX_PASSES:
            self._passes.append(found)
            if what in WITH_ROWS and found["data"] not in self._rows:
                self._rows[found["data"]] = rows(data)
        return found

    def _loader(self, module: Any) -> None:
        seen = self

        def start(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(self: Any, loader: Any, *args: Any, **kwargs: Any) -> None:
                original(self, loader, *args, **kwargs)
                try:
                    self._smoke_pass = seen._pass("score", "torch", _Dataset(getattr(loader, "dataset", None)))
                except Exception as error:
                    seen._hooks.trace.error("data of a loader", error)

            return wrapper

        def following(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(self: Any) -> Any:
                seen._drawn = getattr(self, "_smoke_pass", {})
                return original(self)

            return wrapper

        patch(module._BaseDataLoaderIter, "__init__", start)
        patch(module._BaseDataLoaderIter, "__next__", following)

    # --- training that goes on ---

    def _torch(self, module: Any) -> None:
        def before(optimizer: Any, *_: Any) -> None:
            if id(optimizer) not in self._started:
                self._started[id(optimizer)] = optimizer
                if any(self._unchanged(item, _sum(item)) for item in _sampled(optimizer)):
                    self._continued = self._continued or type(optimizer).__name__

        def after(*_: Any) -> None:
            self._steps += 1
            if self._drawn:
                self._drawn["kind"] = "fit"

        module.register_optimizer_step_pre_hook(before)
        module.register_optimizer_step_post_hook(after)

    def _keras(self, module: Any) -> None:
        def fit(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(model: Any, *args: Any, **kwargs: Any) -> Any:
                if self._unchanged(model, _weights(model)):
                    self._continued = self._continued or type(model).__name__
                self._started[id(model)] = model
                return original(model, *args, **kwargs)

            return wrapper

        patch(module.Model, "fit", fit)

    def _unchanged(self, item: Any, state: float) -> bool:
        """Whether an earlier stretch trained this very object, and nothing has touched it since."""
        known = self._ended.get(id(item))
        return known is not None and known[0]() is item and known[1] == state

    def _remember(self) -> None:
        for item in self._started.values():
            parts = _sampled(item) if hasattr(item, "param_groups") else [item]
            for part in parts:
                state = _sum(part) if hasattr(item, "param_groups") else _weights(part)
                self._ended[id(part)] = (weakref.ref(part), state)
        self._started.clear()


def _counted(passes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal passes once, with their number."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for item in passes:
        entry = found.setdefault((item["kind"], item["what"], item["data"]), {**item, "count": 0})
        entry["count"] += 1
    return list(found.values())


def _sampled(optimizer: Any) -> list[Any]:
    return [item for group in optimizer.param_groups for item in group["params"] if item.grad is not None][:SAMPLED]


def _sum(item: Any) -> float:
    values = item.detach().double()
    return float(values.sum() + values.abs().sum())


def _weights(model: Any) -> float:
    total = 0.0
    for weight in model.get_weights():
        total += float(weight.astype("float64").sum()) + float(abs(weight).sum())
    return total


# --- digests ----------------------------------------------------------------------------------------------------


_KEPT: list[Any] = []  # datasets, so that no other object gets the identity of one that is gone


class _Dataset:
    """A torch dataset: known by its content where that is at hand, else by the object itself."""

    def __init__(self, dataset: Any) -> None:
        self.text = self._text(dataset)

    def _text(self, dataset: Any) -> str:
        name = type(dataset).__name__
        indices, inner = getattr(dataset, "indices", None), getattr(dataset, "dataset", None)
        if indices is not None and inner is not None:  # Subset
            return f"{name} of {self._text(inner)}: {digest(list(indices))}"
        for parts in (getattr(dataset, "tensors", None), (getattr(dataset, "data", None),)):
            if parts and all(hasattr(part, "shape") for part in parts):
                return f"{name}: {' '.join(digest(part) for part in parts)}"
        if hasattr(dataset, "shape") or isinstance(dataset, (list, tuple)):
            return f"{name}: {digest(dataset)}"
        if not any(dataset is known for known in _KEPT):
            _KEPT.append(dataset)
        return f"{name} at {next(at for at, known in enumerate(_KEPT) if known is dataset)}"


def digest(data: Any) -> str:
    """A short digest of data in their order: shape and content, of large arrays a sample of it."""
    if isinstance(data, _Dataset):
        text = data.text.encode()
    else:
        text = _content(data)
    return hashlib.sha256(text).hexdigest()[:16]


def rows(data: Any) -> list[int]:
    """The smallest digests of a numeric table's rows, at most ROWS; two tables that share rows share digests."""
    try:
        import numpy

        array = numpy.asarray(data.detach().cpu() if hasattr(data, "detach") else data)
        if array.dtype.kind not in "fiub" or array.ndim < 2 or not 0 < array.size <= MAX_CELLS:
            return []
        table = array.reshape(len(array), -1)
        if table.shape[1] < 2:
            return []  # a single number occurs in many tables
        weights = numpy.sin(numpy.arange(1, table.shape[1] + 1, dtype="float64")) + 2.0
        found: set[int] = set()
        for first in range(0, len(table), 4096):
            # By way of float32: estimators hand such copies of what they are given to their parts.
            part = numpy.ascontiguousarray(table[first : first + 4096], dtype="float32").astype("float64")
            sums = numpy.ascontiguousarray((part * weights).sum(axis=1))
            mixed = (sums.view("uint64") * numpy.uint64(0x9E3779B97F4A7C15)) >> numpy.uint64(20)
            found.update(numpy.sort(mixed)[:ROWS].tolist())
        return sorted(found)[:ROWS]
    except Exception:
        return []


def _content(data: Any) -> bytes:
    try:
        import numpy

        if hasattr(data, "detach"):
            data = data.detach().cpu()
        array = numpy.asarray(data)
        if array.dtype.kind in "fiub":
            flat = array.ravel()
            picked = flat[:: max(1, flat.size // 50_000)]
            return f"{array.shape}".encode() + numpy.ascontiguousarray(picked, dtype="float64").tobytes()
        return f"{array.shape} {array.ravel()[:2000].tolist()!r}".encode()
    except Exception:
        return f"{type(data).__name__} at {id(data)}".encode()
