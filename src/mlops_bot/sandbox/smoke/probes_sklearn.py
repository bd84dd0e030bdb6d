"""scikit-learn, and what is built like it: what estimators answer right after each fit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .hooks import Hooks
from .probing import ask_estimator

if TYPE_CHECKING:
    from .probes import Probes

ROWS = 30
MAX_KNOWN = 50  # estimators
LAST = 3  # fits of one estimator that are kept
MAX_SECONDS = 20.0  # for all fits of a program together; the last ones are asked at the end


def install(hooks: Hooks, probes: Probes) -> None:
    recorder = Recorder(probes)
    hooks.after_fit.append(recorder.fitted)
    hooks.trace.finishers.append(recorder.finish)


class Recorder:
    """Asks after every outermost fit: the same estimator may be fitted again with other parameters."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._spent = 0.0
        self._kept: dict[int, tuple[Any, list[str]]] = {}
        self._late: list[tuple[Any, Any, str]] = []
        self._partial: tuple[Any, Any, str] | None = None

    def fitted(self, estimator: Any, data: Any, event: Any) -> None:
        fit = (estimator, _rows(data), str(event.get("digest")))
        if event.get("method") == "partial_fit":  # one step of a training: what counts is the last
            if self._partial is not None and self._partial[0] is not estimator:
                self._ask(*self._partial)
            self._partial = fit
        elif self._spent > MAX_SECONDS:
            self._late = [*self._late[-2:], fit]
        else:
            self._ask(*fit)

    def finish(self) -> None:
        for fit in [*self._late, *([self._partial] if self._partial is not None else [])]:
            self._ask(*fit)

    def _ask(self, estimator: Any, rows: Any, digest: str) -> None:
        started = time.monotonic()
        try:
            with self._probes.quiet():
                answers = ask_estimator(estimator, rows)
        finally:
            self._spent += time.monotonic() - started
        name = self._probes.keep("sklearn", estimator, rows, answers, digest=digest) if answers else None
        if name is not None:  # one that is fitted again and again is registered as it is in the end
            known = self._kept.get(id(estimator))
            names = known[1] if known is not None and known[0] is estimator else []
            self._kept[id(estimator)] = (estimator, [*names[-LAST + 1 :], name])
            if len(self._kept) > MAX_KNOWN:
                del self._kept[next(iter(self._kept))]
            for old in names[: -LAST + 1]:
                self._probes.forget(old)


def _rows(data: Any) -> Any:
    """Some rows of the data, spread over all of it; text and tables stay what they are."""
    import numpy
    from sklearn.utils import _safe_indexing

    count = data.shape[0] if hasattr(data, "shape") else len(data)
    return _safe_indexing(data, numpy.linspace(0, count - 1, min(count, ROWS)).astype(int))
