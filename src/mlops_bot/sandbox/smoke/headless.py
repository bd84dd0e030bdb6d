"""No windows: pyplot.show and OpenCV's windows do nothing. (The backend is chosen by MPLBACKEND.)"""

from __future__ import annotations

import os
from typing import Any

from .hooks import Hooks


def install(hooks: Hooks) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")
    hooks.after_import("matplotlib.pyplot", _pyplot)
    hooks.after_import("cv2", _opencv)


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _pyplot(module: Any) -> None:
    module.show = _nothing
    module.pause = _nothing


def _opencv(module: Any) -> None:
    for name in ("imshow", "namedWindow", "destroyAllWindows", "destroyWindow", "moveWindow"):
        if hasattr(module, name):
            setattr(module, name, _nothing)
    if hasattr(module, "waitKey"):
        module.waitKey = lambda *_args, **_kwargs: -1
