"""What a chat-completions server turned out to accept. Learned from the 400s it answers, kept for the next calls. Pure.

There is one wire format and many readings of it: newer models want `max_completion_tokens` and no temperature, some
servers take one sample a call, others know no streaming options. Asking first and reacting once is the only way that
holds for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_bot.engines.common import Message

_WINDOW = (
    r"maximum context length is (\d+)",
    r"maximum context length of (\d+)",
    r"context (?:window|size|length)\D{0,30}?(\d{3,})",
)
_PROMPT = (
    r"(\d+) (?:in|for) (?:the |your )?(?:messages|prompt|input)",
    r"(?:messages|prompt|input)[^.\d]{0,40}?resulted in (\d+)",
    r"has (\d+) input tokens",
    r"prompt (?:contains|has|is|of)[^.\d]{0,30}?(\d+) ",
)
_ANSWER = (
    r"at most (\d+) (?:completion|output) tokens",
    r"(?:max_tokens|max_completion_tokens)\D{0,40}(?:<=|less than or equal to) ?`?(\d+)",
    r"range of (?:max_tokens|max_completion_tokens) is \[\d+, ?(\d+)\]",
)


@dataclass(slots=True)
class Dialect:
    length_name: str = "max_tokens"  # or "max_completion_tokens"
    temperature: bool = True
    many: bool = True  # n > 1 in one call
    usage_option: bool = True  # stream_options
    stream: bool = False
    window: int | None = None  # tokens, as the server says
    longest: int | None = None  # tokens of one answer, as the server says

    def request(
        self, model: str, messages: Sequence[Message], *, n: int, temperature: float, limit: int
    ) -> dict[str, Any]:
        """The arguments of one chat-completions call."""
        request: dict[str, Any] = {"model": model, "messages": list(messages), self.length_name: limit}
        if n > 1:
            request["n"] = n
        if self.temperature:
            request["temperature"] = temperature
        if self.stream:
            request["stream"] = True
            if self.usage_option:
                request["stream_options"] = {"include_usage": True}
        return request

    def learn(self, message: str, param: str, *, n: int) -> bool:
        """Changes what the server's complaint is about; False when it is about nothing that can be changed."""
        said = f"{param} {message}".lower()
        if self.temperature and (param == "temperature" or _about(said, "temperature")):
            self.temperature = False
            return True
        if self.usage_option and self.stream and "stream_options" in said:
            self.usage_option = False
            return True
        if self.stream and (param == "stream" or re.search(r"\bstream(?:ing)?\b.*not", said)):
            self.stream = False
            return True
        if n > 1 and self.many and (param == "n" or re.search(r"[`'\"]n[`'\"]|\bn ?(?:>|must|=)|\bonly one\b", said)):
            self.many = False
            return True
        return self._learn_length(said, param)

    def _learn_length(self, said: str, param: str) -> bool:
        longest = number(said, _ANSWER)
        if longest is not None and (self.longest is None or longest < self.longest):
            self.longest = longest
            return True
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}[self.length_name]
        complains = param == self.length_name or _about(said, self.length_name)
        if complains and number(said, _WINDOW) is None and self.length_name == "max_tokens":
            self.length_name = other
            return True
        return False


def too_long(message: str, code: str) -> bool:
    """Whether an error says that prompt and answer exceed the model's context."""
    return code == "context_length_exceeded" or bool(
        re.search(
            r"context[ _](?:length|window|size)|exceed\w* (?:the )?(?:maximum )?(?:context|model length)",
            message.lower(),
        )
    )


def sizes(message: str) -> tuple[int | None, int | None]:
    """(context window, prompt) in tokens, as an error message names them."""
    said = message.lower()
    return number(said, _WINDOW), number(said, _PROMPT)


def number(text: str, patterns: Sequence[str]) -> int | None:
    for pattern in patterns:
        match = re.search(pattern, text)
        if match:
            return int(match.group(1))
    return None


def _about(said: str, name: str) -> bool:
    """The message names the parameter as something that is not accepted."""
    return bool(
        re.search(rf"\b{name}\b", said)
        and re.search(
            r"unsupported|not support|unrecognized|unknown|not allowed|deprecated|extra|only the default", said
        )
    )
