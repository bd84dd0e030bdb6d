"""No windows: pyplot.show and OpenCV's windows do nothing. (The backend is chosen by MPLBACKEND.)

What nobody will see is noted instead: texts with numbers that the program puts into its plots are shown by it, too.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable

from .hooks import Hooks, patch

_NUMBER = re.compile(r"\d\.\d|\d%|\de[-+]\d")
_TEXTS = ("set_title", "set_xlabel", "set_ylabel", "text", "annotate")


def install(hooks: Hooks) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")
    hooks.after_import("matplotlib.pyplot", _pyplot)
    hooks.after_import("matplotlib.axes", lambda module: _texts(hooks, module.Axes, _TEXTS))
    hooks.after_import("matplotlib.figure", lambda module: _texts(hooks, module.FigureBase, ("suptitle", "text")))
    hooks.after_import("matplotlib.artist", lambda module: _texts(hooks, module.Artist, ("set_label",)))
    hooks.after_import("cv2", _opencv)


def _texts(hooks: Hooks, owner: Any, names: tuple[str, ...]) -> None:
    for name in names:
        patch(owner, name, lambda original: _noting(hooks, original))


def _noting(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for value in (*args[1:], *kwargs.values()):
            if isinstance(value, str) and _NUMBER.search(value):
                hooks.trace.text(value)
        return original(*args, **kwargs)

    return wrapper


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
