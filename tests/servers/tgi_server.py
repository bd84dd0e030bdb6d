"""A text-generation-inference server for tests, after its public API description (openapi.json).

    with TGIServer("the answer") as server:
        config = TGIConfig(url=server.url)
        ...
        server.generations[0]["parameters"]["max_new_tokens"]

Scripts are as in `openai_server`. A token is four characters here, for prompts and answers. It also plays the
Inference Endpoints API (`/v2/endpoint/...`) for an endpoint that is this very server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers.loopback import LoopbackServer, Raw, Recorded, json_reply

TOKEN = 4  # characters


@dataclass(frozen=True)
class Generated:
    """One generation. Cut off with finish reason "length" where max_new_tokens says so."""

    text: str
    finish_reason: str = "eos_token"
    delay: float = 0.0
    drop_after: int | None = None


Reply = str | Generated | Raw
Script = Reply | Sequence[Reply] | Callable[[dict[str, Any]], Reply]


def error(status: int, message: str, error_type: str, *, retry_after: float | None = None) -> Raw:
    """An error answer in the server's own form."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return json_reply({"error": message, "error_type": error_type}, status=status, headers=headers)


OVERLOADED = error(429, "Model is overloaded", "overloaded")
GENERATION_ERROR = error(424, "Request failed during generation: CUDA out of memory", "generation")
DROPPED = Raw(drop=True)
GARBAGE = Raw(body=b"<html>502</html>", content_type="text/html")


@dataclass
class Rules:
    model_id: str = "WizardLM/WizardCoder-15B-V1.0"
    max_input: int = 4096
    max_total: int = 8192
    input_name: str = "max_input_tokens"  # "max_input_length" before 2.0
    token: str | None = None
    routes: frozenset[str] = field(
        default_factory=lambda: frozenset({"/info", "/tokenize", "/generate", "/generate_stream", "/"})
    )
    counts: bool = True  # say how long the prompt was


class TGIServer(LoopbackServer):
    def __init__(self, script: Script = "Hello.", *, endpoint_state: str = "running", **rules: Any) -> None:
        super().__init__()
        self._script = script
        self._position = 0
        self.rules = Rules(**rules)
        self.endpoint_state = endpoint_state
        self.polls_until_running = 2
        self.endpoint_actions: list[str] = []

    @property
    def generations(self) -> list[dict[str, Any]]:
        """The bodies of all generation requests."""
        return [request.body for request in self.requests if request.path in {"/generate", "/generate_stream", "/"}]

    def respond(self, request: Recorded) -> Raw:
        if request.path.startswith("/v2/"):
            return self._endpoint(request)
        if self.rules.token is not None and request.headers.get("authorization") != f"Bearer {self.rules.token}":
            return json_reply({"error": f"Invalid credentials: {request.headers.get('authorization')}"}, status=401)
        if request.path == "/health":
            return Raw()
        if request.path not in self.rules.routes:
            return Raw(status=404)
        if request.path == "/info":
            return json_reply(self._info())
        body = request.body
        if request.path == "/tokenize":
            return json_reply([{"id": 0, "text": "", "start": 0, "stop": 0}] * self._tokens(body["inputs"]))
        refused = self._refusal(body)
        if refused is not None:
            return refused
        reply = self._next(body)
        if isinstance(reply, Raw):
            return reply
        generated = Generated(reply) if isinstance(reply, str) else reply
        stream = request.path == "/generate_stream" or (request.path == "/" and body.get("stream"))
        return (self._events if stream else self._whole)(request.path, body, generated)

    def _info(self) -> dict[str, Any]:
        return {
            "model_id": self.rules.model_id,
            "model_sha": "1",
            "max_concurrent_requests": 128,
            "max_best_of": 2,
            "max_stop_sequences": 4,
            self.rules.input_name: self.rules.max_input,
            "max_total_tokens": self.rules.max_total,
            "validation_workers": 2,
            "version": "3.3.6",
        }

    def _tokens(self, text: str) -> int:
        return max(1, len(text) // TOKEN)

    def _refusal(self, body: dict[str, Any]) -> Raw | None:
        parameters = body.get("parameters") or {}
        prompt, new = self._tokens(body["inputs"]), parameters.get("max_new_tokens")
        rules = self.rules
        message = None
        if parameters.get("temperature") is not None and parameters["temperature"] <= 0:
            message = "`temperature` must be strictly positive"
        elif new is None:
            message = "one of `max_new_tokens` or `truncate` must be set if a fast tokenizer is not in use"
        elif new <= 0:
            message = "`max_new_tokens` must be strictly positive"
        elif len(parameters.get("stop") or ()) > 4:
            message = f"`stop` supports up to 4 stop sequences. Given: {len(parameters['stop'])}"
        elif prompt + new > rules.max_total:
            message = (
                f"`inputs` tokens + `max_new_tokens` must be <= {rules.max_total}. "
                f"Given: {prompt} `inputs` tokens and {new} `max_new_tokens`"
            )
        elif prompt > rules.max_input:
            message = f"`inputs` must have less than {rules.max_input} tokens. Given: {prompt}"
        return None if message is None else error(422, f"Input validation error: {message}", "validation")

    def _next(self, body: dict[str, Any]) -> Reply:
        if callable(self._script):
            return self._script(body)
        if isinstance(self._script, str | Generated | Raw):
            return self._script
        reply = self._script[min(self._position, len(self._script) - 1)]
        self._position += 1
        return reply

    def _cut(self, body: dict[str, Any], generated: Generated) -> tuple[str, dict[str, Any]]:
        limit = body["parameters"]["max_new_tokens"] * TOKEN
        text = generated.text[:limit]
        details: dict[str, Any] = {
            "finish_reason": generated.finish_reason if len(generated.text) <= limit else "length",
            "generated_tokens": -(-len(text) // TOKEN),
            "seed": body["parameters"].get("seed"),
        }
        if self.rules.counts:
            details["input_length"] = self._tokens(body["inputs"])
        return text, details

    def _whole(self, path: str, body: dict[str, Any], generated: Generated) -> Raw:
        text, details = self._cut(body, generated)
        prompt = details.pop("input_length", None)  # a header there
        document: Any = {"generated_text": text, "details": {**details, "prefill": [], "tokens": []}}
        headers = () if prompt is None else (("x-prompt-tokens", str(prompt)),)
        return json_reply(
            [document] if path == "/" else document,
            headers=headers,
            delay=generated.delay,
            drop_after=generated.drop_after,
        )

    def _events(self, path: str, body: dict[str, Any], generated: Generated) -> Raw:
        text, details = self._cut(body, generated)
        pieces = [text[start : start + TOKEN] for start in range(0, len(text), TOKEN)] or [""]
        lines = []
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            event = {
                "index": index + 1,
                "token": {"id": index, "text": piece, "logprob": -0.1, "special": False},
                "generated_text": text if last else None,
                "details": details if last else None,
            }
            lines.append(f"data:{json.dumps(event)}")
        return Raw(
            body="".join(line + "\n\n" for line in lines).encode(),
            content_type="text/event-stream",
            delay=generated.delay,
            drop_after=generated.drop_after,
        )

    # --- the Inference Endpoints API ----------------------------------------------------------------------

    def _endpoint(self, request: Recorded) -> Raw:
        parts = request.path.split("/")  # /v2/endpoint/NAMESPACE/NAME[/ACTION]
        if self.rules.token is not None and request.headers.get("authorization") != f"Bearer {self.rules.token}":
            return json_reply({"error": "Unauthorized"}, status=401)
        if parts[3:5] != ["me", "coder"]:
            return json_reply({"error": "not found"}, status=404)
        action = parts[5] if len(parts) > 5 else None
        if action is not None:
            self.endpoint_actions.append(action)
            self.endpoint_state = {"resume": "initializing", "pause": "paused", "scale-to-zero": "scaledToZero"}[action]
        elif self.endpoint_state == "initializing":
            self.polls_until_running -= 1
            if self.polls_until_running <= 0:
                self.endpoint_state = "running"
        running = self.endpoint_state == "running"
        return json_reply(
            {
                "name": "coder",
                "type": "protected",
                "healthRoute": "/health",
                "model": {
                    "repository": "WizardLM/WizardCoder-15B-V1.0",
                    "framework": "custom",
                    "revision": "1",
                    "task": "text-generation",
                },
                "status": {
                    "state": self.endpoint_state,
                    "createdAt": "2026-01-01T00:00:00.000Z",
                    "updatedAt": "2026-01-01T00:00:00.000Z",
                    **({"url": self.url} if running else {}),
                },
            }
        )
