"""What is known about models by name: context window, longest answer, price. The data is in models.yml, dated."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from mlops_bot.errors import UserError


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one million tokens."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Sizes in tokens. None: not known."""

    context_window: int | None = None
    max_output: int | None = None
    price: Price | None = None


def parse_price(text: str) -> Price:
    """`IN,OUT` in US dollars for one million tokens, as `--price` takes it. Raises UserError."""
    parts = [part.strip().removeprefix("$") for part in text.split(",")]
    try:
        price = Price(*(float(part) for part in parts))
    except (TypeError, ValueError):
        price = None
    if price is None or not (0 <= price.input < float("inf") and 0 <= price.output < float("inf")):
        raise UserError(
            f"--price is {text!r}",
            hint="write two numbers, US dollars for a million input and a million output tokens: --price 2.50,10",
        )
    return price


def lookup(model: str) -> ModelInfo:
    """What models.yml says of `model`; a dated snapshot ("gpt-4o-2024-08-06") is the model it is one of. A name that
    is not in the table gets an empty ModelInfo: nothing is guessed from a similar name."""
    table = _table()
    # Proxies write the provider first ("openai/gpt-4o"); prices of other providers are not ours to tell.
    name = model.strip().lower().removeprefix("openai/")
    return table.get(name) or table.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name)) or ModelInfo()


def as_of() -> str:
    """The day on which the table was made, ISO 8601."""
    return str(_document()["as_of"])


@functools.cache
def _document() -> Mapping[str, object]:
    import yaml

    text = resources.files("mlops_bot.engines").joinpath("models.yml").read_text(encoding="utf-8")
    document: Mapping[str, object] = yaml.safe_load(text)
    return document


@functools.cache
def _table() -> Mapping[str, ModelInfo]:
    models = _document()["models"]
    assert isinstance(models, dict)
    table: dict[str, ModelInfo] = {}
    for name, row in models.items():
        window, output, *price = row
        table[name] = ModelInfo(window, output, Price(*price) if price else None)
    return table
