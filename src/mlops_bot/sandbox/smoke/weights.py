"""Pretrained weights that are not on this machine: the model keeps its own (seeded) initial weights."""

from __future__ import annotations

import os
from typing import Any, Callable
from urllib.parse import urlparse

from .hooks import Hooks, patch


class Weights(dict):  # type: ignore[type-arg]
    """Stands for a state dictionary that could not be downloaded; loading it changes nothing."""

    def __missing__(self, key: object) -> Weights:
        return self


def install(hooks: Hooks) -> None:
    hooks.after_import("torch", lambda module: _torch(hooks, module))
    hooks.after_import("torchvision.models._api", lambda module: _torchvision(hooks, module))


def _torch(hooks: Hooks, torch: Any) -> None:
    patch(torch.hub, "load_state_dict_from_url", lambda original: _download(hooks, torch, original))

    def loading(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(state_dict, Weights):
                return original(self, self.state_dict(), *args, **kwargs)
            return original(self, state_dict, *args, **kwargs)

        return wrapper

    patch(torch.nn.Module, "load_state_dict", loading)


def _download(hooks: Hooks, torch: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(url: str, model_dir: Any = None, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("file_name") or os.path.basename(urlparse(url).path)
        folder = model_dir or os.path.join(torch.hub.get_dir(), "checkpoints")
        if os.path.exists(os.path.join(folder, name)):
            return original(url, model_dir, *args, **kwargs)
        hooks.note("stand-in", f"weights {name}", "initial weights instead of the pretrained ones")
        return Weights()

    return wrapper


def _torchvision(hooks: Hooks, module: Any) -> None:
    import torch  # imported by the program long before

    if hasattr(module, "load_state_dict_from_url"):
        module.load_state_dict_from_url = torch.hub.load_state_dict_from_url
