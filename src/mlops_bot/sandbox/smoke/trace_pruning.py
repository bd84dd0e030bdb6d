"""Pruning: which weights were masked, when, and how sparse they are in training and at the end (README.md).

A component's hook tells the recorder of every mask (`masked`) and of every target (`asked`). What the weights do then
is followed here, whatever the library. Shares of zeros are those of the weights the model computes with, masked.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from typing import Any, Callable

from .hooks import Hooks, patch
from .pruning_targets import Targets

SAMPLE = 256  # masked weights of a tensor that are looked at before every step
MAX_TENSORS = 400
MAX_REQUESTS = 60  # of one tensor
MAX_SAVES = 200
HELD = 0.98  # of the masked weights: the rest may be rounding


class Tensor:
    """One weight that was masked: `module.name`, and what happened to it."""

    def __init__(self, module: Any, name: str, library: str) -> None:
        self.module, self.name, self.library = module, name, library
        self.mask: Callable[[], Any] = lambda: None
        self.parameter: Any = None  # what the optimizer has
        self.trainable = True
        self.requests: list[dict[str, Any]] = []
        self.zeros: Any = None  # where to look, before every step
        self.others: Any = None  # weights that were kept, and their values when the first mask was made
        self.values: Any = None
        self.steps = 0  # of its optimizer, after the first mask
        self.held = 0  # of these, with the masked weights at zero

    def weight(self) -> Any:
        """The weight as the model uses it, detached."""
        mask = self.mask()
        weight = self.parameter.detach()
        return weight if mask is None else weight * mask.to(weight.dtype)

    def follow(self) -> None:
        """One more step of the training: are the masked weights (still) zero in it?"""
        self.steps += 1
        if not len(self.zeros) or _share(self.weight().flatten()[self.zeros] == 0) >= HELD:
            self.held += 1


class Recorder:
    """Everything about pruning in one process; written to the trace when it ends."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.steps = 0
        self.by_hand = False  # no optimizer has stepped so far
        self.tensors: dict[tuple[int, str], Tensor] = {}
        self.targets: list[dict[str, Any]] = []  # what the program asked of the library, in order
        self.schedules: list[dict[str, Any]] = []  # where schedules and regularization lead to
        self.ended: list[Callable[[], dict[str, Any]]] = []  # give these at the end
        self.named = Targets(hooks)
        self.saves: list[dict[str, Any]] = []
        self.permanent: list[int] = []  # optimizer steps that were made when masks were made permanent
        self._optimizers: dict[int, tuple[Any, int, frozenset[int]]] = {}
        self._roots: dict[int, Any] = {}  # models that were trained
        self._inputs: dict[int, tuple[Any, ...]] = {}

    # --- what the hooks of components tell --------------------------------------------------------------------

    def masked(
        self, module: Any, name: str, library: str, parameter: Any, mask: Callable[[], Any], amount: Any = None
    ) -> None:
        """A mask was made or changed. `mask()` gives it as it is then, None once it is gone."""
        key = (id(module), name)
        tensor = self.tensors.get(key)
        if tensor is None:
            if len(self.tensors) >= MAX_TENSORS:
                return
            tensor = self.tensors[key] = Tensor(module, name, library)
            tensor.trainable = bool(parameter.requires_grad)
            self.named.look()
        tensor.parameter, tensor.mask = parameter, mask
        weight = tensor.weight()
        zero = (weight == 0).flatten()
        entry = {"step": self.steps, "zeros": _share(zero)}
        if isinstance(amount, (int, float)) and not isinstance(amount, bool):
            entry["amount"] = amount
        if len(tensor.requests) < MAX_REQUESTS:
            tensor.requests.append(entry)
        else:
            tensor.requests[-1] = entry
        tensor.zeros = _spread(zero.nonzero().flatten())
        if tensor.others is None:
            tensor.others = _spread((~zero).nonzero().flatten())
            tensor.values = weight.flatten()[tensor.others].clone()

    def asked(self, how: str, value: Any) -> None:
        """What the program asked for: a ratio or an amount; None where the library was told none."""
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        entry = {"how": how, "value": number, "step": self.steps}
        if entry not in self.targets[-MAX_REQUESTS:] and len(self.targets) < MAX_REQUESTS:
            self.targets.append(entry)

    def finalized(self) -> None:
        """Masks were written into the weights and taken away, of the model or of a copy of it."""
        if self.steps not in self.permanent[-1:]:
            self.permanent.append(self.steps)

    # --- what is followed -------------------------------------------------------------------------------------

    def before_step(self, optimizer: Any, *_: Any) -> None:
        if not self.tensors or self.by_hand:
            return
        owned = self._owned(optimizer)
        for tensor in list(self.tensors.values()):
            if id(tensor.parameter) in owned and tensor.zeros is not None:
                tensor.follow()

    def after_step(self, optimizer: Any, *_: Any) -> None:
        if self.by_hand:  # its gradients came before its first step
            self.by_hand, self.steps = False, 0
            self._optimizers.clear()
            self._roots.clear()
            for tensor in self.tensors.values():
                tensor.steps, tensor.held = min(1, tensor.steps), min(1, tensor.held)
        self.steps += 1
        self._owned(optimizer)

    def after_backward(self) -> None:
        """Where no optimizer steps (`p.data.add_(p.grad, alpha=-lr)`), every backward pass is a step."""
        if self.steps and not self.by_hand:
            return
        if not self.by_hand:
            self.by_hand = True
            kind = sys.modules["torch"].nn.Module
            modules = [
                item for item in gc.get_objects() if isinstance(type(item), type) and issubclass(type(item), kind)
            ]
            parameters = [p for item in modules for p in item.__dict__.get("_parameters", {}).values() if p is not None]
            trained = frozenset(id(item) for item in parameters if item.grad is not None)
            self._optimizers[0] = (None, len(trained), trained)
            self._find_models(trained)
        self.steps += 1
        for tensor in list(self.tensors.values()):
            if tensor.zeros is not None and tensor.parameter.grad is not None:
                tensor.follow()

    def _owned(self, optimizer: Any) -> frozenset[int]:
        """The parameters of an optimizer, by id; new ones make their model known."""
        count = sum(len(group["params"]) for group in optimizer.param_groups)
        known = self._optimizers.get(id(optimizer))
        if known is None or known[0] is not optimizer or known[1] != count:
            parameters = [item for group in optimizer.param_groups for item in group["params"]]
            known = (optimizer, count, frozenset(map(id, parameters)))
            self._optimizers[id(optimizer)] = known
            if len(self._roots) < 32:
                self._find_models(known[2])
        return known[2]

    def _find_models(self, wanted: frozenset[int]) -> None:
        kind_of_module = sys.modules["torch"].nn.Module
        owners = []
        for item in gc.get_objects():
            kind = type(item)
            if isinstance(kind, type) and issubclass(kind, kind_of_module) and "_parameters" in item.__dict__:
                if any(id(value) in wanted for value in item.parameters()):
                    owners.append(item)
        inner = {id(part) for owner in owners for part in owner.modules() if part is not owner}
        for owner in owners:
            if id(owner) not in inner and id(owner) not in self._roots:
                self._roots[id(owner)] = owner
                self._watch_inputs()

    def _watch_inputs(self) -> None:
        """What the models are called with, once: at the end they have to answer the same call."""

        def called(module: Any, inputs: Any) -> None:
            if id(module) in self._roots and id(module) not in self._inputs:
                self._inputs[id(module)] = inputs
                if set(self._roots) <= set(self._inputs):
                    handle.remove()

        modules = sys.modules["torch.nn.modules.module"]
        handle = modules.register_module_forward_pre_hook(called)

    def saved(self, target: Any) -> None:
        path = getattr(target, "name", target)
        if isinstance(path, (str, os.PathLike)) and len(self.saves) < MAX_SAVES:
            project = self.hooks.roots[0]
            self.saves.append({"path": os.path.relpath(os.path.realpath(path), project), "step": self.steps})

    # --- what is written --------------------------------------------------------------------------------------

    def finish(self) -> None:
        if not self.tensors and not self.targets:
            return
        torch = sys.modules["torch"]
        for end in self.ended[:MAX_REQUESTS]:
            with contextlib.suppress(Exception):
                self.schedules.append(end())
        paths = {id(part): path for root in self._roots.values() for path, part in root.named_modules()}
        with torch.no_grad():
            tensors = [self._described(tensor, paths) for tensor in self.tensors.values()]
            models = [self._model(root) for root in list(self._roots.values())]
        self.hooks.trace.component["pruning"] = {
            "steps": self.steps,
            "tensors": tensors,
            "targets": self.targets,
            "schedules": self.schedules,
            "names": self.named.found,
            "models": models,
            "saves": self.saves,
            "permanent": self.permanent[-MAX_REQUESTS:],
        }

    def _described(self, tensor: Tensor, paths: dict[int, str]) -> dict[str, Any]:
        trained = any(id(tensor.parameter) in owned for _, _, owned in self._optimizers.values())
        weight = tensor.weight()
        changed = None
        if tensor.others is not None and len(tensor.others):
            changed = _share(weight.flatten()[tensor.others] != tensor.values)
        return {
            "name": f"{paths.get(id(tensor.module)) or type(tensor.module).__name__}.{tensor.name}",
            "library": tensor.library,
            "shape": list(weight.shape),
            "size": weight.numel(),
            "zeros": _share(weight == 0),
            "masked": tensor.mask() is not None,
            "requests": tensor.requests,
            "trained": trained,
            "trainable": tensor.trainable,
            "steps": tensor.steps,
            "held": tensor.held,
            "changed": changed,
        }

    def _model(self, root: Any) -> dict[str, Any]:
        """A trained model: its layers that could be pruned, and which of them were."""
        owned = frozenset().union(*(ids for _, _, ids in self._optimizers.values()))
        places = {key: index for index, key in enumerate(self.tensors)}
        layers = []
        for path, module in root.named_modules():
            for name in sorted({n.removesuffix("_orig") if n.endswith("_orig") else n for n in module._parameters}):
                index = places.get((id(module), name))
                weight = module._parameters.get(name)
                weight = module._parameters.get(name + "_orig") if weight is None else weight
                layer = name == "weight" and _is_layer(module)
                if weight is not None and (index is not None or (layer and id(weight) in owned)):
                    trained = id(weight) in owned and (index is None or self.tensors[(id(module), name)].trainable)
                    if index is None and not weight.requires_grad:
                        continue
                    layers.append(
                        {
                            "name": f"{path}.{name}" if path else name,
                            "kind": type(module).__name__,
                            "size": weight.numel(),
                            "shape": list(weight.shape),
                            "tensor": index,
                            "layer": layer,
                            "trained": trained,
                        }
                    )
        entry = {"class": type(root).__name__, "layers": layers[:MAX_TENSORS]}
        if any(layer["tensor"] is not None for layer in layers):
            entry["callable"] = self._answers(root)
        return entry

    def _answers(self, root: Any) -> str | None:
        """Whether the model can still be called as it was: "" when it can, the error when not, None when unknown."""
        inputs = self._inputs.get(id(root))
        if not inputs:
            return None
        training = [(module, module.training) for module in root.modules()]
        try:
            root.eval()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                root(*inputs)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
        finally:
            for module, mode in training:
                module.training = mode
        return ""


def recorder(hooks: Hooks) -> Recorder:
    """The recorder of this process: the components' hooks share it."""
    found = getattr(hooks, "pruning", None)
    if found is None:
        found = hooks.pruning = Recorder(hooks)  # type: ignore[attr-defined]
        hooks.after_import("torch", lambda torch: _follow(found, torch))
        hooks.trace.finishers.append(found.finish)
    return found  # type: ignore[no-any-return]


def _follow(recorder: Recorder, torch: Any) -> None:
    optimizer = sys.modules["torch.optim.optimizer"]
    optimizer.register_optimizer_step_pre_hook(recorder.before_step)
    optimizer.register_optimizer_step_post_hook(recorder.after_step)

    def saving(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(obj: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(obj, f, *args, **kwargs)
            recorder.saved(f)
            return result

        return wrapper

    def backward(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            recorder.after_backward()
            return result

        return wrapper

    patch(torch.Tensor, "backward", backward)
    patch(torch.serialization, "save", saving)
    torch.save = torch.serialization.save


def _share(flags: Any) -> float:
    return round(float(flags.double().mean()), 6) if flags.numel() else 0.0


def _spread(indices: Any) -> Any:
    """At most SAMPLE of the indices, from all over."""
    return indices[:: max(1, len(indices) // SAMPLE)][:SAMPLE]


def _is_layer(module: Any) -> bool:
    """A layer that pruning is expected of: convolutions and linear layers."""
    kinds = {kind.__name__ for kind in type(module).__mro__}
    return bool(kinds & {"_ConvNd", "Linear"}) and "NonDynamicallyQuantizableLinear" not in kinds
