"""Smoke-run hooks for NNCF's pruning; runs INSIDE the sandbox (sandbox/smoke/README.md, trace_pruning.py).

It records what is masked and what was asked for. It changes nothing.
"""

from __future__ import annotations

from typing import Any, Callable

BASE = "nncf.torch.function_hook.pruning"


def install(hooks: Any) -> None:
    from .hooks import patch
    from .trace_pruning import recorder

    following = recorder(hooks)
    hooks.after_import(f"{BASE}.prune_model", lambda module: patch(module, "prune", _pruning(following)))
    hooks.after_import(
        f"{BASE}.magnitude.algo", lambda module: patch(module, "update_pruning_ratio", _raising(following))
    )
    hooks.after_import(f"{BASE}.magnitude.schedulers", lambda module: _schedulers(following, module, patch))
    hooks.after_import(f"{BASE}.rb.losses", lambda module: _regularization(following, module, patch))
    hooks.after_import("nncf.torch.function_hook.strip", lambda module: patch(module, "strip_model", _strip(following)))


def _pruning(recorder: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(model: Any, mode: Any, ratio: Any = None, *args: Any, **kwargs: Any) -> Any:
            result = original(model, mode, ratio, *args, **kwargs)
            recorder.asked(str(getattr(mode, "name", mode)), ratio)
            _masked(recorder, result, ratio)
            return result

        return wrapper

    return make


def _raising(recorder: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`update_pruning_ratio`, which every step of a schedule ends in."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(model: Any, mode: Any, ratio: Any) -> Any:
            result = original(model, mode, ratio)
            if recorder.tensors:  # the first masks are noted by `prune`
                recorder.asked(str(getattr(mode, "name", mode)), ratio)
                _masked(recorder, model, ratio)
            return result

        return wrapper

    return make


def _masked(recorder: Any, model: Any, ratio: Any) -> None:
    from nncf.torch.function_hook.hook_storage import decode_hook_name  # imported by the program's own call
    from nncf.torch.function_hook.wrapper import get_hook_storage

    storage = get_hook_storage(model)
    for hook_name, hook in list(storage.named_hooks()):
        if type(hook).__name__ not in ("UnstructuredPruningMask", "RBPruningMask"):
            continue
        _, weight_name, _ = decode_hook_name(hook_name)
        path, _, name = weight_name.rpartition(".")
        module = model.get_submodule(path)
        parameter = getattr(module, name)
        recorder.masked(module, name, "nncf", parameter, _mask_of(storage, hook_name, hook), ratio)


def _mask_of(storage: Any, hook_name: str, hook: Any) -> Callable[[], Any]:
    def mask() -> Any:
        if dict(storage.named_hooks()).get(hook_name) is not hook:
            return None  # stripped
        return hook.binary_mask if hasattr(hook, "binary_mask") else hook.mask.detach() > 0  # sigmoid over one half

    return mask


def _strip(recorder: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Only the format IN_PLACE writes the masks into the weights."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(model: Any, example_input: Any = None, strip_format: Any = None, **kwargs: Any) -> Any:
            more = {} if strip_format is None else {"strip_format": strip_format}
            result = original(model, example_input, **more, **kwargs)
            if getattr(strip_format, "name", "") == "IN_PLACE":
                recorder.finalized()
            return result

        return wrapper

    return make


def _schedulers(recorder: Any, module: Any, patch: Any) -> None:
    """The sparsity that a schedule leads to."""

    def init(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            recorder.ended.append(lambda: {"how": "schedule", "target": _target(self)})

        return wrapper

    patch(module._BaseMagnitudePruningScheduler, "__init__", init)


def _target(scheduler: Any) -> Any:
    steps = getattr(scheduler, "steps", None)
    return steps[max(steps)] if steps else getattr(scheduler, "target_ratio", None)


def _regularization(recorder: Any, module: Any, patch: Any) -> None:
    """RBLoss: its target, whether it is a part of what is backpropagated, and whether the masks follow."""
    used: dict[int, bool] = {}

    def init(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, model: Any, target_ratio: Any, *args: Any, **kwargs: Any) -> None:
            original(self, model, target_ratio, *args, **kwargs)
            masks = [hook for hook in model.modules() if type(hook).__name__ == "RBPruningMask"]
            first = [hook.mask.detach().clone() for hook in masks]

            def ended() -> dict[str, Any]:
                moved = any(bool((hook.mask != before).any()) for hook, before in zip(masks, first))  # noqa: B905 - Python 3.9
                return {
                    "how": "RBLoss",
                    "target": self.target_ratio,
                    "in_loss": used.get(id(self), False),
                    "moved": moved,
                }

            recorder.ended.append(ended)

        return wrapper

    def forward(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> Any:
            loss = original(self)
            if loss.requires_grad:
                loss.register_hook(lambda _gradient: used.update({id(self): True}))
            return loss

        return wrapper

    patch(module.RBLoss, "__init__", init)
    patch(module.RBLoss, "forward", forward)
