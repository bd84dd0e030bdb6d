"""Cells of a notebook are the program's own code: found as such, and their loops shortened like a script's."""

from __future__ import annotations

import os
from typing import Any, Callable

from .hooks import Hooks, patch
from .loops import transform


def install(hooks: Hooks) -> None:
    hooks.after_import("IPython.core.interactiveshell", lambda module: _shell(hooks, module))


class _Cells:
    """What IPython asks to change the tree of every cell."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def visit(self, tree: Any) -> Any:
        try:
            return transform(tree, self._hooks, "cell.ipynb")
        except (ValueError, TypeError, RecursionError) as error:
            self._hooks.trace.error("changing a cell", error)
            return tree


def _shell(hooks: Hooks, module: Any) -> None:
    import tempfile  # not above: it imports random, which has to come after the hook that seeds it

    # ipykernel names the code of cells after files in this folder.
    hooks.roots.append(os.path.realpath(os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}")))

    def shells(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            if not hooks.full:
                self.ast_transformers.append(_Cells(hooks))

        return __init__

    patch(module.InteractiveShell, "__init__", shells)
