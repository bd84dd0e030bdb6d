"""A chat-completions server for tests, after OpenAI's public API description.

    with OpenAIServer("the answer") as server:            # every request gets this text
        config = OpenAIConfig(model="test-model", api_key="any", base_url=server.url)
        ...
        server.requests[0].body["messages"]

A script is a text, a reply, a list of both (one a request, the last one again and again), or a function of the
request body that gives one. `server.url` ends in /v1, as OPENAI_BASE_URL does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers.loopback import LoopbackServer, Raw, Recorded, json_reply


@dataclass(frozen=True)
class Answer:
    """A completion. Sample k gets text k (the last one again and again)."""

    texts: Sequence[str]
    finish_reason: str = "stop"
    usage: tuple[int, int] | None = (100, 50)  # prompt tokens, completion tokens; None: the server does not say
    refusal: str | None = None
    delay: float = 0.0
    drop_after: int | None = None  # bytes of the body, then the connection is closed


Reply = str | Answer | Raw
Script = Reply | Sequence[Reply] | Callable[[dict[str, Any]], Reply]


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    retry_after: float | str | None = None,
) -> Raw:
    """An error answer in OpenAI's form."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    return json_reply(body, status=status, headers=headers)


def rate_limited(retry_after: float | str | None = None) -> Raw:
    return error(429, "Rate limit reached", code="rate_limit_exceeded", retry_after=retry_after)


def cut_off(text: str) -> Answer:
    return Answer([text], finish_reason="length")


DROPPED = Raw(drop=True)
GARBAGE = Raw(body=b"<html><body>It works!</body></html>", content_type="text/html")
EMPTY = Answer([""])
SERVER_ERROR = error(500, "The server had an error while processing your request")


@dataclass
class Rules:
    """What this server takes; a request that breaks a rule gets the 400, 401 or 404 that such servers answer."""

    key: str | None = None  # the only key; None: any
    models: Sequence[str] | None = None  # None: any
    ignore_n: bool = False  # always one choice
    reject: frozenset[str] = field(default_factory=frozenset)  # parameters: "n", "max_tokens", "temperature", ...
    window: int | None = None  # tokens of prompt and answer; a token is four characters here
    longest: int | None = None  # tokens of an answer
    stream: bool = True  # False: `stream` is ignored and whole JSON sent


class OpenAIServer(LoopbackServer):
    def __init__(self, script: Script = "Hello.", **rules: Any) -> None:
        super().__init__()
        self._script = script
        self._position = 0
        self.rules = Rules(**rules)

    @property
    def url(self) -> str:
        return super().url + "/v1"

    @property
    def completions(self) -> list[dict[str, Any]]:
        """The bodies of all chat-completions requests."""
        return [request.body for request in self.requests if request.path == "/v1/chat/completions"]

    def respond(self, request: Recorded) -> Raw:
        if request.path != "/v1/chat/completions":
            return error(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")
        body = request.body
        refused = self._refusal(request, body)
        if refused is not None:
            return refused
        reply = self._next(body)
        if isinstance(reply, Raw):
            return reply
        answer = Answer([reply]) if isinstance(reply, str) else reply
        count = 1 if self.rules.ignore_n else body.get("n", 1)
        texts = [answer.texts[min(index, len(answer.texts) - 1)] for index in range(count)]
        render = _events if body.get("stream") and self.rules.stream else _whole
        return render(body, answer, texts)

    def _next(self, body: dict[str, Any]) -> Reply:
        if callable(self._script):
            return self._script(body)
        if isinstance(self._script, str | Answer | Raw):
            return self._script
        reply = self._script[min(self._position, len(self._script) - 1)]
        self._position += 1
        return reply

    def _refusal(self, request: Recorded, body: dict[str, Any]) -> Raw | None:
        rules = self.rules
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if rules.key is not None and given != rules.key:
            return error(401, f"Incorrect API key provided: {given}.", code="invalid_api_key")
        if rules.models is not None and body["model"] not in rules.models:
            return error(404, f"The model `{body['model']}` does not exist", code="model_not_found")
        for name in sorted(rules.reject & body.keys()):
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
            return error(400, message, code="unsupported_parameter", param=name)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 0
        if rules.longest is not None and limit > rules.longest:
            message = (
                f"max_tokens is too large: {limit}. This model supports at most {rules.longest} completion tokens."
            )
            return error(400, message, param="max_tokens")
        prompt = sum(len(message["content"]) for message in body["messages"]) // 4
        if rules.window is not None and prompt + limit > rules.window:
            message = (
                f"This model's maximum context length is {rules.window} tokens. However, you requested "
                f"{prompt + limit} tokens ({prompt} in the messages, {limit} in the completion)."
            )
            return error(400, message, code="context_length_exceeded", param="messages")
        return None


def _whole(body: dict[str, Any], answer: Answer, texts: Sequence[str]) -> Raw:
    message = {"role": "assistant", "refusal": answer.refusal}
    document: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {
                "index": index,
                "message": {**message, "content": None if answer.refusal else text},
                "finish_reason": answer.finish_reason,
            }
            for index, text in enumerate(texts)
        ],
    }
    if answer.usage is not None:
        document["usage"] = _usage(answer.usage)
    return json_reply(document, delay=answer.delay, drop_after=answer.drop_after)


def _events(body: dict[str, Any], answer: Answer, texts: Sequence[str]) -> Raw:
    """Server-sent events of five characters each; the samples take turns."""
    events: list[dict[str, Any]] = []

    def chunk(choices: list[dict[str, Any]], **more: Any) -> None:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        events.append({**base, "choices": choices, **more})

    for start in range(0, max(map(len, texts)) + 1, 5):
        for index, text in enumerate(texts):
            if text[start : start + 5]:
                delta = {"content": text[start : start + 5]}
                chunk([{"index": index, "delta": delta, "finish_reason": None}])
    for index in range(len(texts)):
        delta = {"refusal": answer.refusal} if answer.refusal else {}
        chunk([{"index": index, "delta": delta, "finish_reason": answer.finish_reason}])
    if answer.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
        chunk([], usage=_usage(answer.usage))
    lines = [": keep-alive", *(f"data: {json.dumps(event)}" for event in events), "data: [DONE]"]
    return Raw(
        body="".join(line + "\n\n" for line in lines).encode(),
        content_type="text/event-stream",
        delay=answer.delay,
        drop_after=answer.drop_after,
    )


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
