"""What a text-generation-inference server says of itself and of prompts that are too long. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_bot.types import Json

_TOTAL = re.compile(
    r"must be <= (\d+)\. Given: (\d+) `inputs` tokens and (\d+) `max_new_tokens`"
)  # prompt and answer together
_INPUT = re.compile(r"`inputs` must have less than (\d+) tokens\. Given: (\d+)")


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens: of the prompt, and of prompt and answer together."""

    input: int
    total: int


def read_info(document: Json, *, total: int | None = None) -> tuple[str, Limits] | None:
    """(model, limits) of an /info answer; `total` overrides what it says. None when it is not one.

    Servers before 2.0 say max_input_length, later ones max_input_tokens.
    """
    if not isinstance(document, dict) or not isinstance(document.get("model_id"), str):
        return None
    whole = total or _positive(document.get("max_total_tokens"))
    if whole is None:
        return None
    prompt = _positive(document.get("max_input_tokens")) or _positive(document.get("max_input_length")) or whole - 1
    return document["model_id"], Limits(min(prompt, whole - 1), whole)


def misfit(message: str) -> tuple[int, int | None] | None:
    """(prompt tokens, tokens that would be left for an answer) of a validation error about lengths.

    The second is None when the prompt alone is too long; the whole is None when the error is about something else.
    """
    match = _TOTAL.search(message)
    if match:
        whole, prompt = int(match.group(1)), int(match.group(2))
        return prompt, max(0, whole - prompt)
    match = _INPUT.search(message)
    return (int(match.group(2)), None) if match else None


def _positive(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
