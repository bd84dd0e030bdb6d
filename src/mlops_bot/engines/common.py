"""What the LLM engines share: the shape of a prompt, token estimates, shares of a call, and hiding of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypedDict
from urllib.parse import urlsplit, urlunsplit

from mlops_bot.types import Context, Feedback, Task

MIN_OUTPUT = 256  # tokens; with less room than this no answer is worth asking for
ANSWER_LIMIT = 32_768  # tokens; an answer is one file or its edits, longer ones have run away
_MESSAGE_OVERHEAD = 8  # tokens; role markers around every message
_SHOWN = 300  # characters of a server's own words in an error message


class Message(TypedDict):
    role: str  # "system" | "user" | "assistant"
    content: str


class Prompter(Protocol):
    """Task + Context (+ what failed) -> the messages that a model gets. Pure."""

    def __call__(self, task: Task, context: Context, feedback: Feedback | None) -> Sequence[Mapping[str, str]]: ...


def copy_messages(messages: Iterable[Mapping[str, str]]) -> list[Message]:
    return [Message(role=message["role"], content=message["content"]) for message in messages]


def token_range(text: str, *, messages: int = 1) -> tuple[int, int]:
    """(fewest, most) tokens that `text` can be taken to be, without the model's tokenizer.

    Code is 3 to 4 bytes a token in today's tokenizers, indentation makes it more, symbols make it fewer. The first
    number says that something certainly does not fit; the second one is the careful figure for budgets and costs.
    """
    size = len(text.encode("utf-8", "replace"))
    return size // 8, int(size / 2.5) + 1 + _MESSAGE_OVERHEAD * messages


def prompt_range(messages: Sequence[Message]) -> tuple[int, int]:
    """`token_range` of a whole conversation."""
    return token_range("".join(message["content"] for message in messages), messages=len(messages))


def room(window: int, prompt: tuple[int, int]) -> int:
    """Tokens left for an answer: by the careful figure, or where that leaves next to nothing, by the usual 3.5 bytes a
    token. When even that is wrong, the server says so, with the sizes."""
    careful = window - prompt[1]
    return max(MIN_OUTPUT, careful if careful >= 4 * MIN_OUTPUT else window - int(prompt[0] * 8 / 3.5))


def share(total: int | None, weights: Sequence[int]) -> list[int | None]:
    """`total` split in proportion to `weights` so that the parts add up to it; None stays None."""
    if total is None:
        return [None] * len(weights)
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts: list[int | None] = []
    given = seen = 0
    for weight in weights:
        seen += weight
        part = total * seen // whole - given
        given += part
        parts.append(part)
    return parts


def add(first: int | None, second: int | None) -> int | None:
    """Sum of two counts; None (unknown) if either is."""
    return None if first is None or second is None else first + second


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a body that arrives in chunks. Only newlines end a line: JSON may hold other separators."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def redact(text: str, *secrets: str | None) -> str:
    """`text` in one line, bounded, without the secrets or anything that looks like a bearer token or an API key."""
    for secret in secrets:
        if secret and secret.strip():
            text = text.replace(secret, "***").replace(secret.strip(), "***")
    text = re.sub(r"(?i)\b(bearer)\s+[^\s'\",}]+", r"\1 ***", text)
    text = re.sub(r"\b(?:sk|hf)[-_][\w*.\-]{6,}", "***", text)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " …"


def shown_url(url: str) -> str:
    """The URL as messages may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the configured URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def silent(stage: str, message: str) -> None:
    """Progress that nobody looks at."""
