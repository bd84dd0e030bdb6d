"""Keras 3 without TensorFlow: use the backend that is installed, as its user's own keras.json or environment would."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from .hooks import Hooks

INSTEAD = ("torch", "jax")  # in this order, where TensorFlow (Keras's default) is not installed


def install(hooks: Hooks) -> None:
    if "KERAS_BACKEND" in os.environ or importlib.util.find_spec("tensorflow") is not None:
        return
    for name in INSTEAD:
        if importlib.util.find_spec(name) is not None:
            os.environ["KERAS_BACKEND"] = name

            def chosen(_module: Any, backend: str = name) -> None:
                hooks.note("device", "Keras backend", f"{backend}: TensorFlow is not installed")

            hooks.after_import("keras", chosen)
            return
