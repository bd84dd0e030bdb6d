"""Where a program trains, with what framework, and whether running the file gets there."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mlops_bot.source import families
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import Framework

_KERAS_FIT_WORDS = frozenset(
    {"epochs", "batch_size", "validation_data", "validation_split", "steps_per_epoch", "validation_steps", "verbose",
     "callbacks", "initial_epoch"}
)  # fmt: skip
_PRECEDENCE: tuple[Framework, ...] = ("lightning", "keras", "pytorch", "sklearn", "other")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place that trains. `step`: one update of a hand-written loop; otherwise the call trains by itself."""

    framework: Framework
    node: ast.Call
    text: str
    step: bool = False
    library: str | None = None  # for "other"


@dataclass(slots=True)
class Training:
    evidence: list[Evidence] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)  # what looks like training but could not be resolved
    hints: list[str] = field(default_factory=list)  # what belongs to training without being it


def _keyword_names(call: ast.Call) -> set[str]:
    return {k.arg for k in call.keywords if k.arg}


def find(program: Program, resolver: Resolver) -> Training:
    found = Training()
    for call in program.calls:
        name = resolver.targets.get(call)
        scope = program.scope[call]
        if isinstance(call.func, ast.Attribute):
            _method(program, resolver, call, call.func, scope, found)
        if name in program.classes:
            cli = [r for r in resolver.roots(name) if families.last(r) == "LightningCLI"]
            if cli:
                _function(program, call, cli[0], found)
        elif name is not None and name not in program.functions:
            _function(program, call, families.canonical(name), found)
    _torch_steps_need_backward(program, found)
    return found


def _in_class_of(program: Program, resolver: Resolver, scope: str | None, *tests: str) -> bool:
    """Is `scope` a method of a class whose framework's trainer runs it (a LightningModule, a Keras model)?"""
    owner = program.class_of.get(scope or "")
    roots = resolver.roots(owner)
    return any(
        ("lightning" in tests and families.is_lightning_module(r)) or ("keras" in tests and families.is_keras_model(r))
        for r in roots
    )


def _method(
    program: Program, resolver: Resolver, call: ast.Call, func: ast.Attribute, scope: str | None, found: Training
) -> None:
    method = func.attr
    receiver = resolver.instance(func.value, scope)
    roots = resolver.roots(receiver)
    text = f"{program.source(func)}(...)" if call.args or call.keywords else f"{program.source(func)}()"
    if method == "backward" and "torch" in _tops(program):
        inside = _in_class_of(program, resolver, scope, "lightning", "keras")
        if not inside and scope_is_training(program, scope):
            found.evidence.append(Evidence("pytorch", call, text, step=True))
    elif method in ("fit", "fit_generator", "fit_transform", "fit_predict", "partial_fit", "train_on_batch", "train"):
        _fit(program, resolver, call, func, roots, receiver, text, found)
    elif method == "step" and any(families.is_torch_optimizer(r) for r in roots):
        if not _in_class_of(program, resolver, scope, "lightning"):
            found.evidence.append(Evidence("pytorch", call, text, step=True))
    elif method in ("apply_gradients", "minimize") and "tensorflow" in _tops(program) | {
        families.top(r) for r in roots
    }:
        if not _in_class_of(program, resolver, scope, "keras"):
            keras = any(families.is_keras_optimizer(r) for r in roots) or _uses_keras(program)
            found.evidence.append(
                Evidence("keras" if keras else "other", call, text, step=True, library=None if keras else "TensorFlow")
            )
    elif method == "learn" and any(families.top(r) == "stable_baselines3" for r in roots):
        found.evidence.append(Evidence("other", call, text, library="Stable-Baselines3"))


def scope_is_training(program: Program, scope: str | None) -> bool:
    """`forward`/`backward` of an autograd Function define a derivative; they train nothing."""
    owner = program.class_of.get(scope or "")
    if owner is None:
        return True
    bases = [ast.unparse(base) for base in program.classes[owner].bases]
    return not any(base.endswith("autograd.Function") or base == "Function" for base in bases)


def _tops(program: Program) -> set[str]:
    return {families.top(module) for module in program.modules if not module.startswith(".")}


def _uses_keras(program: Program) -> bool:
    return any(families.top(families.canonical(name)) == "keras" for name in program.imports.values()) or any(
        families.top(families.canonical(module)) == "keras" for module in program.modules
    )


def _fit(
    program: Program,
    resolver: Resolver,
    call: ast.Call,
    func: ast.Attribute,
    roots: frozenset[str],
    receiver: str | None,
    text: str,
    found: Training,
) -> None:
    method = func.attr
    target = resolver.targets.get(call)
    if target in program.functions:  # a local method called fit or train: what it does counts, not its name
        return
    line = call.lineno
    if method == "train":
        for root in roots:
            if families.top(root) in families.OTHER_TRAINERS and families.last(root).endswith(("Trainer", "YOLO")):
                found.evidence.append(Evidence("other", call, text, library=_library(root)))
        return
    if any(families.is_lightning_trainer(r) for r in roots):
        if method == "fit":
            found.evidence.append(Evidence("lightning", call, text))
        return
    if any(families.is_keras_model(r) for r in roots):
        found.evidence.append(Evidence("keras", call, text, step=method == "train_on_batch"))
        return
    estimators = [r for r in roots if families.is_sklearn_estimator(r)]
    if estimators:
        if all(families.is_sklearn_preparation(r) for r in estimators):
            found.hints.append(f"line {line}: {text} prepares data")
        else:
            found.evidence.append(Evidence("sklearn", call, text, step=method == "partial_fit"))
        return
    others = [r for r in roots if families.top(r) in families.OTHER_TRAINERS]
    if others:
        found.evidence.append(Evidence("other", call, text, library=_library(others[0])))
        return
    if receiver is not None and roots:  # known, but of no library that is known here to train
        if method in ("fit", "partial_fit", "train_on_batch"):
            found.hints.append(f"line {line}: {text} of {receiver}")
        return
    _unresolved_fit(program, call, func, text, found)


def _unresolved_fit(program: Program, call: ast.Call, func: ast.Attribute, text: str, found: Training) -> None:
    """The receiver is unknown: the imports and the keywords decide, and it is said that they did."""
    tops = _tops(program)
    note = f"line {call.lineno}: what `{program.source(func.value)}` is could not be told; taken for a "
    names = _keyword_names(call)
    if func.attr in ("fit", "fit_generator", "train_on_batch") and _uses_keras(program):
        if names & _KERAS_FIT_WORDS or func.attr != "fit" or not tops & {"sklearn", "lightning", "pytorch_lightning"}:
            found.evidence.append(Evidence("keras", call, text, step=func.attr == "train_on_batch"))
            found.weak.append(note + "Keras model")
            return
    if func.attr == "fit" and tops & {"lightning", "pytorch_lightning"} and "trainer" in program.source(func).lower():
        found.evidence.append(Evidence("lightning", call, text))
        found.weak.append(note + "Lightning trainer")
        return
    if func.attr in ("fit", "partial_fit", "fit_predict") and "sklearn" in tops and not names & _KERAS_FIT_WORDS:
        others = [_library(t) for t in sorted(tops) if t in families.OTHER_TRAINERS and t not in ("jax",)]
        if not others and not {"lightning", "pytorch_lightning"} & tops:
            found.evidence.append(Evidence("sklearn", call, text, step=func.attr == "partial_fit"))
            found.weak.append(note + "scikit-learn estimator")
            return
    if func.attr.startswith("fit"):
        found.hints.append(f"line {call.lineno}: {text} of an object that could not be resolved")


def _library(name: str) -> str:
    return families.OTHER_TRAINERS.get(families.top(name), families.top(name))


def _function(program: Program, call: ast.Call, name: str, found: Training) -> None:
    text = f"{program.source(call.func)}(...)"
    if families.last(name) == "LightningCLI" and name.startswith("lightning."):
        if not any(
            k.arg == "run" and isinstance(k.value, ast.Constant) and k.value.value is False for k in call.keywords
        ):
            found.evidence.append(Evidence("lightning", call, text))
    elif name in families.SKLEARN_TRAINING_FUNCTIONS:
        found.evidence.append(Evidence("sklearn", call, text))
    elif name in ("xgboost.train", "xgboost.cv", "lightgbm.train", "lightgbm.cv", "catboost.train", "catboost.cv"):
        found.evidence.append(Evidence("other", call, text, library=_library(name)))
    elif name in ("jax.grad", "jax.value_and_grad", "flax.nnx.grad", "flax.nnx.value_and_grad", "optax.apply_updates"):
        found.evidence.append(Evidence("other", call, text, step=True, library=_library(name)))
    elif name in ("torch.autograd.backward", "torch.distributed.autograd.backward"):
        found.evidence.append(Evidence("pytorch", call, text, step=True))


def _torch_steps_need_backward(program: Program, found: Training) -> None:
    """backward() without any optimizer may still train by hand (`p -= lr * p.grad`); step() without backward() does
    when a closure computes the gradient. What is dropped here: backward() that only serves a gradient's inspection."""
    torch = [e for e in found.evidence if e.framework == "pytorch" and e.step]
    if not torch:
        return
    updates = any(
        isinstance(node, ast.Attribute) and node.attr in ("step", "zero_grad") for node in program.nodes
    ) or any(
        isinstance(node, ast.Attribute) and node.attr in ("grad", "data") and _within_update(program, node)
        for node in program.nodes
    )
    if not updates:
        found.hints += [f"line {e.node.lineno}: {e.text}, but no step of an optimizer" for e in torch]
        found.evidence = [e for e in found.evidence if e not in torch]


def _within_update(program: Program, node: ast.AST) -> bool:
    return any(isinstance(a, ast.AugAssign) for a in program.ancestors(node))


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"...{text[-60:]}"


def choose(found: Training) -> tuple[Framework | None, list[str], list[str]]:
    """The framework of the program: by precedence among what trains. With reasons and what stays unsure."""
    present = [f for f in _PRECEDENCE if any(e.framework == f for e in found.evidence)]
    if not present:
        return None, [], []
    chosen = present[0]
    reasons = []
    for evidence in [e for e in found.evidence if e.framework == chosen][:4]:
        name = evidence.library or _TITLES[chosen]
        reasons.append(f"line {evidence.node.lineno}: {_short(evidence.text)} trains with {name}")
    unsure = []
    if len(present) > 1:
        names = ", ".join(
            sorted({e.library or _TITLES[e.framework] for e in found.evidence if e.framework in present[1:]})
        )
        unsure.append(f"the file also trains with {names}; {_TITLES[chosen]} is taken as its framework")
    return chosen, reasons, unsure


_TITLES: dict[Framework, str] = {
    "lightning": "Lightning",
    "keras": "Keras",
    "pytorch": "PyTorch",
    "sklearn": "scikit-learn",
    "other": "another library",
}
