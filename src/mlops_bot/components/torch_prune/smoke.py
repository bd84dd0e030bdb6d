"""Smoke-run hooks for torch.nn.utils.prune; runs INSIDE the sandbox (sandbox/smoke/README.md, trace_pruning.py).

It records what is masked and what was asked for. It changes nothing.
"""

from __future__ import annotations

from typing import Any, Callable

SHORTCUTS = (
    "random_unstructured", "l1_unstructured", "random_structured", "ln_structured", "global_unstructured",
)  # fmt: skip


def install(hooks: Any) -> None:
    from .hooks import patch
    from .trace_pruning import recorder

    following = recorder(hooks)
    hooks.after_import("torch.nn.utils.prune", lambda module: _follow(following, module, patch))


def _follow(recorder: Any, module: Any, patch: Any) -> None:
    asked: list[Any] = []  # the amounts of the shortcuts that are running

    def shortcut(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            amount = kwargs.get("amount", args[2] if len(args) > 2 else None)
            recorder.asked(original.__name__, amount)
            asked.append(amount)
            try:
                return original(*args, **kwargs)
            finally:
                asked.pop()

        return wrapper

    for name in SHORTCUTS:
        patch(module, name, shortcut)

    def removing(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, owner: Any) -> None:
            original(self, owner)
            recorder.finalized()

        return wrapper

    patch(module.BasePruningMethod, "remove", removing)
    apply = module.BasePruningMethod.__dict__["apply"].__func__

    def wrapper(cls: Any, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        method = apply(cls, owner, name, *args, **kwargs)
        amount = asked[-1] if asked else next((item for item in args if isinstance(item, (int, float))), None)
        if not asked:
            recorder.asked(cls.__name__, amount)
        parameter = owner._parameters[f"{name}_orig"]
        recorder.masked(owner, name, "torch", parameter, lambda: owner._buffers.get(f"{name}_mask"), amount)
        return method

    module.BasePruningMethod.apply = classmethod(wrapper)
