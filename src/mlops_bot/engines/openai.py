"""The openai engine: OpenAI, and every server that speaks its chat-completions protocol. The only door to the SDK.

Retries are ours and not the SDK's (`max_retries=0`): they end within a configured time, and they are shown. Bodies
are read under a deadline, so that a server which drips bytes cannot hold a run forever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mlops_bot.engines.budget import Budget
from mlops_bot.engines.chat import ChatConfig, ChatEngine, RejectedError
from mlops_bot.engines.common import Prompter, lines, redact, shown_url
from mlops_bot.engines.completion import Completion, StreamReader, UnreadableError, error_fields, read_body
from mlops_bot.engines.retry import TransientError, retry_after
from mlops_bot.errors import EngineError, EngineRefusedError
from mlops_bot.types import Progress

_LARGEST_BODY = 32 * 1024 * 1024  # bytes; an answer is text of at most some hundred kilobytes
_CONNECT_SECONDS = 10.0
_RETRIED = frozenset({408, 409, 425, 429, 529}) | frozenset(range(500, 512))
_REJECTED = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class OpenAIConfig(ChatConfig):
    """Which server, with which key; `timeout` in seconds, of one request."""

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = field(default=None, repr=False)  # may carry credentials; None: OpenAI itself
    timeout: float = 300.0


class OpenAIEngine(ChatEngine):
    name = "openai"

    def __init__(
        self,
        config: OpenAIConfig,
        prompter: Prompter,
        *,
        budget: Budget | None = None,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(config, prompter, budget=budget, progress=progress, sleep=sleep)
        self.config = config
        self._client: Any = None

    def __repr__(self) -> str:
        return f"OpenAIEngine(model={self.model!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def send(self, request: dict[str, Any]) -> Completion:
        """One request. Raises TransientError, RejectedError, or EngineError for what no retry can change."""
        client = self._connected()
        deadline = time.monotonic() + self.config.timeout
        with (
            self._translated(),
            client.chat.completions.with_streaming_response.create(**request) as response,
        ):
            kind = response.headers.get("content-type", "").lower()
            completion = self._read(response, streamed="event-stream" in kind, deadline=deadline)
        if not completion.choices:
            raise TransientError(f"{self.server()} answered without a choice")
        return completion

    def _read(self, response: Any, *, streamed: bool, deadline: float) -> Completion:
        try:
            if streamed:
                return self._read_stream(response, deadline)
            body = b"".join(self._bounded(response.iter_bytes(), deadline))
            return read_body(body.decode("utf-8", "replace"))
        except UnreadableError as error:
            raise EngineError(
                f"{self.server()} answered with something that is no chat completion: {redact(str(error), self._key)}",
                hint="look at OPENAI_BASE_URL: it usually ends in /v1",
            ) from None

    def _read_stream(self, response: Any, deadline: float) -> Completion:
        reader = StreamReader()
        for line in lines(self._bounded(response.iter_bytes(), deadline)):
            reader.feed(line.decode("utf-8", "replace").rstrip("\r"))
            if reader.error is not None:
                message = redact(error_fields({"error": reader.error})[0], self._key)
                raise TransientError(f"{self.server()} broke off its answer: {message or 'it does not say why'}")
            if reader.events % 200 == 199:
                self._progress("engine", f"receiving the answer, {reader.events + 1} events")
            if reader.done:
                break
        if not (reader.done or reader.finished):
            raise TransientError(f"{self.server()} broke off its answer")
        return reader.completion()

    def _bounded(self, chunks: Iterator[bytes], deadline: float) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise EngineError(f"{self.server()} sends more than {_LARGEST_BODY // 2**20} MB for one answer")
            if time.monotonic() > deadline:
                raise TransientError(f"{self.server()} did not finish its answer within {self.config.timeout:g} s")
            yield chunk

    def connect(self) -> None:
        """Loads the SDK."""
        self._connected()

    def _connected(self) -> Any:
        if self._client is None:
            if not self._key and self.config.base_url is None:
                raise EngineError(
                    "there is no key for OpenAI",
                    hint="set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs none",
                )
            if not (self._key.isascii() and self._key.isprintable() and " " not in self._key):
                raise EngineError(
                    "OPENAI_API_KEY has characters that no key has", hint="set it again, without quotes and spaces"
                )
            base_url = self.config.base_url
            if base_url is not None and not base_url.lower().startswith(("http://", "https://")):
                raise EngineError(
                    f"OPENAI_BASE_URL is {shown_url(base_url)!r}", hint="write it with http:// or https://"
                )
            import openai

            with self._translated():
                self._client = openai.OpenAI(
                    api_key=self._key or "none",  # the SDK wants one even where the server does not
                    base_url=base_url or "https://api.openai.com/v1",  # set, so that the SDK reads no environment
                    timeout=openai.Timeout(self.config.timeout, connect=min(_CONNECT_SECONDS, self.config.timeout)),
                    max_retries=0,
                )
        return self._client

    @property
    def _key(self) -> str:
        return (self.config.api_key or "").strip()

    def server(self) -> str:
        return shown_url(self.config.base_url) if self.config.base_url else "OpenAI"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Every error of the SDK and of its HTTP library as one of ours, without its text where that may hold a key.

        `from None`: the SDK's exceptions carry the request, and with it the Authorization header.
        """
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._from_status(error) from None
        except openai.APITimeoutError:
            raise TransientError(f"{self.server()} did not answer within {self.config.timeout:g} s") from None
        except openai.OpenAIError as error:
            raise self._from_connection(error.__cause__ or error) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "httpcore", "httpcore2"}:
                raise
            raise self._from_connection(error) from None

    def _from_connection(self, error: BaseException) -> Exception:
        kind = type(error).__name__
        if "Timeout" in kind:
            return TransientError(f"{self.server()} did not answer within {self.config.timeout:g} s")
        if kind in {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError"}:
            return EngineRefusedError(f"OPENAI_BASE_URL is {self.server()!r}, which is no usable address")
        if kind == "ConnectError":
            why = redact(str(error), self._key)
            return TransientError(
                f"{self.server()} cannot be reached ({why})", unreachable=True, hint="look at OPENAI_BASE_URL"
            )
        return TransientError(f"{self.server()} dropped the connection")

    def _from_status(self, error: Any) -> Exception:
        status = int(error.status_code)
        message, code, param = error_fields(error.body)
        message = redact(message, self._key)
        said = f": {message}" if message else ""
        if status in _REJECTED:
            return RejectedError(message, code, param)
        if status == 401:
            return EngineRefusedError(
                f"{self.server()} does not accept the key (401){said}", hint="look at OPENAI_API_KEY"
            )
        if status == 403:
            return EngineRefusedError(
                f"{self.server()} refuses access (403){said}",
                hint=f"look at OPENAI_API_KEY: may it use --model {self.config.model}?",
            )
        if status == 404:
            return EngineRefusedError(
                f"{self.server()} knows no model {self.config.model!r}, or has no chat completions there (404){said}",
                hint="look at --model and at OPENAI_BASE_URL (it usually ends in /v1)",
            )
        if code in {"insufficient_quota", "billing_hard_limit_reached"}:
            return EngineError(
                f"the account's quota at {self.server()} is used up{said}",
                hint="look at the billing of the account that OPENAI_API_KEY belongs to",
            )
        if status in _RETRIED:
            what = "is limiting requests" if status == 429 else "failed"
            return TransientError(
                f"{self.server()} {what} ({status}){said}", retry_after=retry_after(error.response.headers)
            )
        return EngineError(f"{self.server()} answered with status {status}{said}")
