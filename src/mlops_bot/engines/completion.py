"""What a chat-completions server answers, read tolerantly: compatible servers leave out what they do not know. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from mlops_bot.types import Json


class UnreadableError(ValueError):
    """The body is not a chat completion. The message quotes its beginning."""


@dataclass(frozen=True, slots=True)
class Choice:
    text: str
    finish_reason: str | None


@dataclass(frozen=True, slots=True)
class Completion:
    choices: tuple[Choice, ...]
    input_tokens: int | None = None
    output_tokens: int | None = None
    revision: str | None = None  # what answered, in the server's words


def read_body(body: str) -> Completion:
    """A whole JSON body. Raises UnreadableError."""
    try:
        document = json.loads(body)
    except ValueError:
        raise UnreadableError(_quote(body)) from None
    if not isinstance(document, dict) or not isinstance(document.get("choices"), list):
        raise UnreadableError(_quote(body))
    rows = list(_dicts(document["choices"]))
    rows.sort(key=lambda row: _count(row.get("index")) or 0)
    return Completion(tuple(_choice(row) for row in rows), *_usage(document.get("usage")), _revision(document))


@dataclass(slots=True)
class StreamReader:
    """Server-sent events, line by line -> Completion. `done` is set by the [DONE] event."""

    done: bool = False
    events: int = 0
    error: Json = None  # the error object that a server sent within the stream
    _texts: dict[int, list[str]] = field(default_factory=dict)
    _reasons: dict[int, str | None] = field(default_factory=dict)
    _usage: tuple[int | None, int | None] = (None, None)
    _revision: str | None = None

    def feed(self, line: str) -> None:
        """One line without its newline. Raises UnreadableError for an event that is not JSON."""
        if not line.startswith("data:"):
            return  # comments (keep-alive), event names, blank lines
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.done = True
            return
        try:
            event = json.loads(data)
        except ValueError:
            raise UnreadableError(_quote(data)) from None
        if not isinstance(event, dict):
            raise UnreadableError(_quote(data))
        self.events += 1
        if event.get("error"):
            self.error = event["error"]
        if event.get("usage"):
            self._usage = _usage(event["usage"])
        self._revision = _revision(event) or self._revision
        rows = event.get("choices")
        for row in _dicts(rows if isinstance(rows, list) else ()):
            index = _count(row.get("index")) or 0
            delta = row.get("delta")
            texts = self._texts.setdefault(index, [])
            text, refused = _content(delta if isinstance(delta, dict) else {})
            texts.append(text)
            reason = row.get("finish_reason")
            if refused:
                self._reasons[index] = "refusal"
            elif isinstance(reason, str):
                self._reasons.setdefault(index, reason)

    @property
    def finished(self) -> bool:
        """Every sample came to its end."""
        return bool(self._texts) and all(self._reasons.get(index) for index in self._texts)

    def completion(self) -> Completion:
        choices = (Choice("".join(self._texts[index]), self._reasons.get(index)) for index in sorted(self._texts))
        return Completion(tuple(choices), *self._usage, self._revision)


def _revision(document: dict[str, Json]) -> str | None:
    """The model that answered and the configuration behind it, as far as the server says."""
    said = [str(document[name]) for name in ("model", "system_fingerprint") if document.get(name)]
    return " ".join(said) or None


def error_fields(body: Json) -> tuple[str, str, str]:
    """(message, code, parameter) of an error body in any of the usual forms; empty where it says nothing."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            message = inner.get("message") or inner.get("detail") or inner.get("error") or ""
            code = inner.get("code") or inner.get("type") or ""
            return _words(message), str(code), str(inner.get("param") or "")
        return _words(inner), str(body.get("code") or body.get("error_type") or ""), ""
    return _words(body), "", ""


def _words(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _choice(row: dict[str, Json]) -> Choice:
    message = row.get("message")
    if not isinstance(message, dict):  # a text-completions server
        message = {"content": row.get("text")}
    text, refused = _content(message)
    reason = row.get("finish_reason")
    return Choice(text, "refusal" if refused else reason if isinstance(reason, str) else None)


def _content(message: dict[str, Json]) -> tuple[str, bool]:
    """(text, whether it is a refusal)."""
    content = message.get("content")
    if isinstance(content, list):  # content parts
        content = "".join(_words(part.get("text")) for part in _dicts(content))
    if isinstance(content, str) and content:
        return content, False
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return refusal, True
    return "", False


def _dicts(values: Iterable[Json]) -> Iterable[dict[str, Json]]:
    return (value for value in values if isinstance(value, dict))


def _usage(usage: Json) -> tuple[int | None, int | None]:
    if not isinstance(usage, dict):
        return None, None
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _quote(body: str) -> str:
    start = " ".join(body[:200].split())[:80]
    return f"{start!r}" if start else "nothing"
