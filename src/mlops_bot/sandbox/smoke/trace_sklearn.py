"""scikit-learn: outermost fits (class, parameters, data) and the values of scores and metrics."""

from __future__ import annotations

import functools
import hashlib
import inspect
import threading
from typing import Any, Callable

from .hooks import Hooks

FITS = ("fit", "fit_transform", "fit_predict", "partial_fit")
ANSWERS = ("predict", "predict_proba", "decision_function")
FITTED = ("inertia_", "kl_divergence_", "lower_bound_", "reconstruction_err_")
MAX_PARAMS = 100


class Depth(threading.local):
    fits = 0
    scores = 0
    answers = 0


def install(hooks: Hooks) -> None:
    hooks.after_import("sklearn.base", lambda module: _base(hooks, module))
    hooks.after_import("sklearn.metrics", lambda module: _metrics(hooks, module))
    hooks.after_import("sklearn.model_selection", lambda module: _cross_validation(hooks, module))


DEPTH = Depth()


def _base(hooks: Hooks, module: Any) -> None:
    base = module.BaseEstimator

    def __init_subclass__(cls: Any, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)
        _follow(hooks, cls)

    base.__init_subclass__ = classmethod(__init_subclass__)
    for mixin in ("ClassifierMixin", "RegressorMixin"):
        if hasattr(module, mixin):
            _follow(hooks, getattr(module, mixin))


def _follow(hooks: Hooks, cls: Any) -> None:
    """Wrap in place the fitting and scoring methods that the class itself defines."""
    for name in (*FITS, "score", *ANSWERS):
        own = cls.__dict__.get(name)
        make = _scoring if name == "score" else _answering if name in ANSWERS else _fitting
        if inspect.isfunction(own):
            setattr(cls, name, make(hooks, own))
        elif inspect.isfunction(getattr(own, "fn", None)):  # available_if
            own.fn = make(hooks, own.fn)  # type: ignore[union-attr]


def _fitting(hooks: Hooks, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        event = None
        if DEPTH.fits == 0 and DEPTH.scores == 0 and not hooks.trace.muted:
            try:
                event = _record(hooks, self, method.__name__, args, kwargs)
            except Exception as error:
                hooks.trace.error("sklearn.fit", error)
        DEPTH.fits += 1
        try:
            result = method(self, *args, **kwargs)
        finally:
            DEPTH.fits -= 1
        if DEPTH.fits == 0 and DEPTH.scores == 0:
            try:
                _found(hooks, self)
                if event is not None:
                    for after in hooks.after_fit:
                        after(self, _data(args, kwargs), event)
            except Exception as error:
                hooks.trace.error("sklearn.fit", error)
        return result

    return wrapper


def _found(hooks: Hooks, estimator: Any) -> None:
    """What an estimator computes inside its fit: the mean scores of a search, how far an unsupervised one came."""
    for part in (estimator, getattr(estimator, "_final_estimator", None)):
        for name in FITTED:
            value = getattr(part, name, None)
            if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
                hooks.trace.scalar("sklearn.fitted", name.rstrip("_"), value)
    results = getattr(estimator, "cv_results_", None)
    if isinstance(results, dict):
        for name in results:
            if str(name).startswith("mean_test_") or str(name).startswith("mean_train_"):
                _values(hooks, str(name), results[name])  # one a candidate: their mean would mean nothing


def _values(hooks: Hooks, name: str, values: Any) -> Any:
    import numpy

    array = numpy.asarray(values)
    if array.dtype.kind not in "fiu":
        return None
    for value in array.ravel()[:2000]:
        hooks.trace.scalar("sklearn.cross_validation", name, value)
    return array


def _scores(hooks: Hooks, name: str, values: Any) -> None:
    """Scores of folds, and what is made of them: their mean."""
    array = _values(hooks, name, values)
    if array is None:
        return
    if array.ndim == 2:
        for value in array.mean(axis=1)[:2000]:
            hooks.trace.scalar("sklearn.cross_validation", f"mean_{name}", value)
    elif array.ndim == 1 and array.size > 1:
        hooks.trace.scalar("sklearn.cross_validation", f"mean_{name}", array.mean())


def _cross_validation(hooks: Hooks, module: Any) -> None:
    for name, read in CROSS.items():
        function = getattr(module, name, None)
        if inspect.isfunction(function):
            setattr(module, name, _crossing(hooks, name, function, read))


def _crossing(hooks: Hooks, name: str, function: Callable[..., Any], read: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if DEPTH.fits == 0:
            try:
                for key, values in read(result):
                    _scores(hooks, key, values)
            except Exception as error:
                hooks.trace.error(f"sklearn.{name}", error)
        return result

    wrapper.__module__ = "sklearn.model_selection"
    return wrapper


CROSS: dict[str, Callable[..., Any]] = {
    "cross_val_score": lambda result: [("test_score", result)],
    "cross_validate": lambda result: [
        (key, values) for key, values in result.items() if key.startswith(("test_", "train_"))
    ],
    "learning_curve": lambda result: [("train_score", result[1]), ("test_score", result[2])],
    "validation_curve": lambda result: [("train_score", result[0]), ("test_score", result[1])],
    "permutation_test_score": lambda result: [("score", result[0]), ("pvalue", result[2])],
}


def _scoring(hooks: Hooks, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        DEPTH.scores += 1
        try:
            value = method(self, *args, **kwargs)
        finally:
            DEPTH.scores -= 1
        if DEPTH.scores == 0 and DEPTH.fits == 0:
            hooks.watched("score", "sklearn.score", args[0] if args else kwargs.get("X"))
            hooks.watched("score", "sklearn.score.y", args[1] if len(args) > 1 else kwargs.get("y"))
            hooks.trace.scalar("sklearn.score", "score", value)
        return value

    return wrapper


def _answering(hooks: Hooks, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if DEPTH.answers == DEPTH.fits == DEPTH.scores == 0:
            hooks.watched("predict", "sklearn.predict", args[0] if args else kwargs.get("X"))
        DEPTH.answers += 1
        try:
            return method(self, *args, **kwargs)
        finally:
            DEPTH.answers -= 1

    return wrapper


def _record(hooks: Hooks, estimator: Any, method: str, args: Any, kwargs: Any) -> dict[str, Any]:
    data = _data(args, kwargs)
    target = args[1] if len(args) > 1 else kwargs.get("y")
    if method == "partial_fit":  # one event for all steps
        for event in hooks.trace.training[-20:]:
            if event.get("class") == type(estimator).__name__ and event.get("method") == method:
                return event
    hooks.watched("fit", "sklearn.score", data)  # as what is scored would be given
    hooks.watched("fit", "sklearn.metric", target)
    params = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    shape = list(getattr(data, "shape", ())) or ([len(data)] if hasattr(data, "__len__") else [])
    return hooks.trace.event(
        {
            "event": "sklearn.fit",
            "class": type(estimator).__name__,
            "method": method,
            "params": {key: _text(value) for key, value in list(params.items())[:MAX_PARAMS]},
            "shape": shape,
            "supervised": target is not None and hasattr(estimator, "score"),  # has a score that could be logged
            "digest": digest(data, target),
        }
    )


def _data(args: Any, kwargs: Any) -> Any:
    return args[0] if args else kwargs.get("X", kwargs.get("raw_documents"))


def _text(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return _item(value) if getattr(value, "shape", None) == () else repr(value)[:300]


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else repr(value)


def digest(*parts: Any) -> str:
    """An order-independent digest of data: the same rows in another order give the same text."""
    import numpy

    result = hashlib.sha256()
    for part in parts:
        if part is None:
            result.update(b"none")
            continue
        if hasattr(part, "tocsr") and hasattr(part, "data"):
            part = part.data
        array = numpy.asarray(part)
        result.update(f"{array.shape}".encode())
        if array.dtype.kind in "fiub":
            values = numpy.sort(array.astype(numpy.float64), axis=None)
            result.update(numpy.round(values, 6).tobytes() if values.size < 2_000_000 else _summary(numpy, values))
        else:
            flat = sorted(str(value) for value in array.ravel()[:100_000])
            result.update("\n".join(flat).encode("utf-8", "replace"))
    return result.hexdigest()


def _summary(numpy: Any, values: Any) -> bytes:
    summary: bytes = numpy.round(values[:: max(1, values.size // 100_000)], 6).tobytes()
    return summary


def _metrics(hooks: Hooks, module: Any) -> None:
    for name in getattr(module, "__all__", ()):
        function = getattr(module, name, None)
        if inspect.isfunction(function) and not name.startswith(("make_", "get_", "check_")):
            setattr(module, name, _metric(hooks, name, function))


def _metric(hooks: Hooks, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        DEPTH.scores += 1
        try:
            value = function(*args, **kwargs)
        finally:
            DEPTH.scores -= 1
        if DEPTH.scores == 0 and DEPTH.fits == 0 and getattr(value, "ndim", 0) == 0 and not isinstance(value, str):
            hooks.watched("score", f"sklearn.{name}", args[0] if args else next(iter(kwargs.values()), None))
            hooks.trace.scalar("sklearn.metric", name, value)
        return value

    # Pickled by reference: the name has to lead back to this object, here and where there are no hooks.
    wrapper.__module__ = "sklearn.metrics"
    wrapper.__qualname__ = name
    return wrapper
