"""What is known of one trained model, and what it is called."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.tracking.projects import project

Kind = Literal["sklearn", "keras", "torch"]


@dataclass(frozen=True)
class Signature:
    """Source text of what a model is given and answers, as arrays that are at hand where it is registered."""

    inputs: str
    output: str
    before: tuple[str, ...] = ()  # statements that make them


@dataclass(frozen=True)
class Alternatives:
    """Models of one loop: `variable` runs over `texts` along with them; `kind` is their class, as source text."""

    kind: str
    variable: str | None = None
    texts: tuple[str, ...] = ()


@dataclass
class Trained:
    """A trained model: `model` is source text that gives it right after `place`."""

    kind: Kind
    model: str
    place: ast.stmt
    label: str  # its class, or whatever says best what it is
    signature: Signature | None  # None: no data are at hand
    own: tuple[str, ...] = ()  # classes and functions of the file that it needs to be loaded
    files: tuple[str, ...] = ()  # local modules that define its class
    folder: str = "Path(__file__).with_name("  # how their paths are written; "" in a notebook, which has no file
    one_of: Alternatives | None = None  # of a loop over models: what says which one it is
    once: str | None = None  # a condition: only one of several processes registers
    named: str = ""  # source text of the name to register under, filled in by `name_all`
    watched: ast.stmt | None = None  # what it is given and answers is remembered from right before this statement on
    watching: str = ""  # what is watched then, where it is not the model itself
    seen: str = "seen"  # the variable that remembers it


class Registry(Protocol):
    """One registry's code, as source text."""

    @property
    def title(self) -> str: ...

    @property
    def module(self) -> str: ...

    @property
    def signed(self) -> bool:
        """Whether a model is registered with its signature."""
        ...

    def accepts(self, name: str) -> bool:
        """Whether a model may have this name."""
        ...

    def refuses(self, model: Trained) -> str | None:
        """Why a model cannot be registered so that it loads anywhere, in words; None where it can."""
        ...

    def imports(self, program: Program, models: Sequence[Trained]) -> Sequence[tuple[str, str | None]]:
        """What has to be imported: (module, name or None)."""
        ...

    def logged(self, program: Program, model: str) -> Sequence[ast.Call]:
        """Calls by which the program logs the model, without registering it."""
        ...

    def completion(self, program: Program, model: Trained) -> Mapping[str, str]:
        """What such a call lacks: argument -> source text."""
        ...

    def helpers(self, program: Program, models: Sequence[Trained]) -> Sequence[str]:
        """Functions and classes that the code below needs, defined at the top level."""
        ...

    def register(self, program: Program, models: Sequence[Trained], run: str) -> str:
        """Statements that register models that are at hand at one place. `run`: "new", "open" or "last"."""
        ...


def name_all(program: Program, models: Sequence[Trained], path: str, accepts: Callable[[str], bool]) -> None:
    """Gives every model a name of its own: its class, the variable that holds it, or the file's name.

    The first of them that says something, and that no other model of the program has.
    """
    for model in models:
        if model.label == "self" and (owner := program.class_of(model.place)) is not None:
            model.label = owner.name
    labels = Counter(kebab(_bare(model.label)) for model in models)
    taken: set[str] = set()
    for model in models:
        if model.one_of is not None:
            one = model.one_of
            known = one.variable is not None and all(accepts(text) for text in one.texts)
            model.named = one.variable if known and one.variable is not None else one.kind
            continue
        variable, label = kebab(_bare(model.model)), kebab(_bare(model.label))
        wanted = [label] if labels[label] == 1 else []
        wanted += [variable, *([project(path) or ""] if len(models) == 1 else [])]
        base = next((name for name in wanted if name and name not in _SAY_NOTHING), label or variable or "model")
        name, count = base, 2
        while name in taken:
            name, count = f"{base}-{count}", count + 1
        taken.add(name)
        model.named = program.string(name)


def _bare(expression: str) -> str:
    return expression.removesuffix(".best_estimator_").removeprefix("self.")


def kebab(text: str) -> str:
    """ "RandomForestClassifier" -> "random-forest-classifier"; "net_G" and "netG" -> "net-g"; "ViT" -> "vit"."""
    ends = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]{2})|(?<=[a-z]{3})(?=[A-Z]\b)"
    return re.sub(r"[^a-z0-9]+", "-", re.sub(ends, "-", text).lower()).strip("-")


_SAY_NOTHING = {
    "model", "net", "network", "clf", "classifier", "estimator", "module", "cli-model", "main", "train", "training",
    "run", "script", "test", "program", "make-pipeline", "pipeline", "self",
}  # fmt: skip
