"""Limited calls keep the form in which they were made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mlops_bot.sandbox.smoke.limits_keras import _fit, _limited


def test_arguments_stay_by_position_or_by_name() -> None:
    """Comet patches `fit` below the limits, and adds `callbacks` by name: they must not come by position then."""
    seen: list[tuple[Any, ...]] = []

    def fit(self: Any, x: Any = None, y: Any = None, epochs: int = 1, callbacks: Any = None, **kwargs: Any) -> None:
        seen.append(((x, y, epochs), callbacks, kwargs))

    def patched(*args: Any, **kwargs: Any) -> None:
        fit(*args, **{**kwargs, "callbacks": [*(kwargs.get("callbacks") or ()), "comet's"]})

    patched.__wrapped__ = fit  # type: ignore[attr-defined]
    hooks: Any = SimpleNamespace(max_epochs=2, max_batches=3, note=lambda *_: None)
    limited = _limited(hooks, patched, _fit)
    limited("model", "x", "y", epochs=9, callbacks=["mine"], other=1)
    (given, callbacks, more), *_ = seen
    assert given == ("x", "y", 2)
    assert callbacks == ["mine", "comet's"]
    assert more["other"] == 1
