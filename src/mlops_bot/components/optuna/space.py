"""Search spaces: in which range a hyperparameter is searched, by its name and its present value. Pure.

The rules are written down in docs/search-spaces.md. Every range includes the present value; what no rule knows is not
searched, and neither are numbers of epochs, seeds, sizes of data, or what weighs parts of a loss.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mlops_bot.rewrite.naming import words

Kind = Literal["log", "double", "half", "fraction", "unit", "size", "count", "upto", "switch"]
Value = int | float | bool | str

_NEVER = re.compile(
    r"\b(epochs?|episodes?|seed|random|state|verbose|jobs|workers|threads|gpus?|rank|world|port|interval|every|freq|frequency|"
    r"print|log|save|patience|warmup|steps?|iters?|iterations?|niter|max iter|classes|vocab|image|img|input|output|"
    r"test|val|valid|eval|window|seq|len|length|samples|num features|in features|out features|min|target|split)\b"
)
_HEADS = re.compile(r"\b(n|num)?_?heads?\b|nhead")


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    kind: Kind
    order: int  # lower is searched first
    low: float = 0.0  # the value has to be above
    high: float = float("inf")  # and below
    whole: bool = False  # for integers only
    sklearn: bool = False  # only where an estimator takes it: elsewhere the name means other things


def _rule(pattern: str, kind: Kind, order: int, **more: float | bool) -> Rule:
    return Rule(re.compile(pattern), kind, order, **more)  # type: ignore[arg-type]


_RULES = (
    _rule(r"^((base|init|initial|adam|g|d|gen|disc|actor|critic) )?(lr|learning rate)( (init|g|d))?$", "log", 0),
    _rule(r"^lr (after warmup|actor|critic|g|d|gen|disc)$", "log", 0),
    _rule(
        r"^(c|alpha|gamma|epsilon|var smoothing|l2 regularization|reg alpha|reg lambda|ccp alpha)$",
        "log", 1, sklearn=True,
    ),
    _rule(r"^(tol)$", "log", 8, sklearn=True),
    _rule(r"^(weight decay|wd|l2|l2 reg|l2 penalty)$", "log", 3),
    _rule(r"(^| )drop ?out( prob| rate| p)?$|^drop( rate| prob| path| p)?$|^p drop( out)?$", "unit", 2, low=-1, high=1),
    _rule(r"^n estimators$", "count", 2, whole=True, sklearn=True),
    _rule(
        r"^(max depth|n neighbors|degree|min samples leaf|max bins|n init)$",
        "count", 1, whole=True, sklearn=True,
    ),
    _rule(r"^(max leaf nodes|min samples split)$", "count", 1, low=1, whole=True, sklearn=True),
    _rule(r"^(n clusters|n components gmm)$", "count", 1, low=2, whole=True, sklearn=True),
    _rule(r"^n components$", "upto", 1, low=1, whole=True, sklearn=True),
    _rule(
        r"^(l1 ratio|shrink|shrinkage|subsample|colsample bytree|max samples)$", "fraction", 2, high=1.0, sklearn=True
    ),
    _rule(r"^(eps|bandwidth|length scale|noise level|nu)$", "double", 2, sklearn=True),
    _rule(
        r"^((n|num|d|h) )?(hidden|hid|nhid|units|filters|embed|embedding|emb|emsize|latent|nz|ngf|ndf|width|model"
        r"|rnn|lstm|gru|fc|dense)( (size|dim|dims|units|width|features|channels|layer size))?( ?[0-9])?$",
        "size", 4, low=3, whole=True,
    ),
    _rule(r"^(train )?batch ?size( train)?$|^bs$|^bsz$", "size", 5, low=1, whole=True),
    _rule(r"^(momentum|beta ?1|b1|betas? 1|adam beta ?1|rho)$", "fraction", 6, high=1.0),
    _rule(r"^(gamma|discount|gae lambda)$", "fraction", 7, high=1.0),
    _rule(r"^(clip|grad clip|gradient clip val|max grad norm|clip grad norm)$", "double", 9),
    _rule(r"^(margin|temperature)$", "double", 9),
    _rule(r"^(normalize y|fit intercept|bootstrap)$", "switch", 3, low=-1, sklearn=True),
)  # fmt: skip


def rule_for(name: str, value: Value | None, *, sklearn: bool = False, heads: bool = False) -> Rule | None:
    """The rule for a hyperparameter of this name and value; None where it is not searched.

    `sklearn`: it is an argument of an estimator. `heads`: the program has attention heads, which sizes have to suit.
    """
    text = " ".join(words(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("-", "_"))))
    if value is None or isinstance(value, str):
        return None
    for rule in _RULES:
        if not rule.pattern.search(text) or (rule.sklearn and not sklearn):
            continue
        if isinstance(value, bool) != (rule.kind == "switch") or not rule.low < float(value) < rule.high:
            return None
        if (rule.whole and not isinstance(value, int)) or (rule.kind == "size" and heads and "batch" not in text):
            return None
        if rule.kind in ("size", "count") or not _NEVER.search(text):
            return rule if not re.search(r"\b(test|val|valid|eval)\b", text) else None
    return None


def has_heads(text: str) -> bool:
    return bool(_HEADS.search(text))


def suggestion(label: str, rule: Rule, value: Value, reference: str | None = None, quote: str = '"') -> str:
    """The call on `trial`. `reference`: an expression for the present value, where it may be another than `value`."""
    name = f"{quote}{label}{quote}"
    if rule.kind == "switch":
        return f"trial.suggest_categorical({name}, [True, False])"
    assert not isinstance(value, (str, bool))
    here = reference or _number(value)
    if rule.kind == "log":
        low, high = _scaled(value, reference, 0.1), _scaled(value, reference, 10)
        return f"trial.suggest_float({name}, {low}, {high}, log=True)"
    if rule.kind == "double":
        return f"trial.suggest_float({name}, {_scaled(value, reference, 0.5)}, {_scaled(value, reference, 2)})"
    if rule.kind == "fraction":
        top = f"(1 + {reference}) / 2" if reference else _number((1 + float(value)) / 2)
        return f"trial.suggest_float({name}, {_scaled(value, reference, 0.5)}, {top})"
    if rule.kind == "unit":
        top = f"max(0.5, {reference})" if reference else "0.5" if value <= 0.5 else "0.9"
        return f"trial.suggest_float({name}, 0.0, {top})"
    assert isinstance(value, int)
    if rule.kind == "size":
        choices = (
            f"max(1, {reference} // 2), {reference}, {reference} * 2"
            if reference
            else f"{value // 2}, {value}, {value * 2}"
        )
        return f"trial.suggest_categorical({name}, [{choices}])"
    least = 2 if rule.low >= 2 or "split" in label or "clusters" in label or "leaf_nodes" in label else 1
    low = f"max({least}, {reference} // 2)" if reference else str(max(least, value // 2))
    high = here if rule.kind == "upto" else f"{reference} * 2" if reference else str(value * 2)
    return f"trial.suggest_int({name}, {low}, {high})"


def _scaled(value: float, reference: str | None, factor: float) -> str:
    if reference:
        return f"{reference} / {1 / factor:g}" if factor < 1 else f"{reference} * {factor:g}"
    return _number(float(value) * factor)


def _number(value: float) -> str:
    """A short literal: 0.02, 2e-05; never one that rounds the present value out of its range."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.12g}"
    return text if "." in text or "e" in text else f"{text}.0"
