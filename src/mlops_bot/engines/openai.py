"""The openai engine: OpenAI, and every server that speaks its chat-completions protocol. The only door to the SDK.

Retries are ours and not the SDK's (`max_retries=0`): they end within a configured time, and they are shown. Bodies
are read under a deadline, so that a server which drips bytes cannot hold a run forever. See `dialect` for how
servers differ, and `stitch` for answers that were cut off.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mlops_bot.engines import dialect as wire
from mlops_bot.engines.budget import Budget
from mlops_bot.engines.common import (
    ANSWER_LIMIT,
    MIN_OUTPUT,
    Message,
    Prompter,
    add,
    copy_messages,
    prompt_range,
    redact,
    room,
    share,
    shown_url,
    token_range,
)
from mlops_bot.engines.completion import Completion, StreamReader, UnreadableError, error_fields, read_body
from mlops_bot.engines.pricing import Price, lookup
from mlops_bot.engines.retry import Retrier, TransientError, retry_after
from mlops_bot.engines.stitch import CONTINUE, stitch
from mlops_bot.errors import EngineError
from mlops_bot.types import Context, Feedback, Progress, Proposal, Task

_UNKNOWN_OUTPUT = 4096  # tokens asked of a model that is in no table; more comes by continuing
_LARGEST_BODY = 32 * 1024 * 1024  # bytes; an answer is text of at most some hundred kilobytes
_CONNECT_SECONDS = 10.0
_RETRIED = frozenset({408, 409, 425, 429, 529}) | frozenset(range(500, 512))
_REJECTED = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class OpenAIConfig:
    """Times in seconds, sizes in tokens, money in US dollars."""

    model: str
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = field(default=None, repr=False)  # may carry credentials; None: OpenAI itself
    timeout: float = 300.0  # of one request
    retry_seconds: float = 120.0  # no attempt of a call starts later than this after its first one
    max_output_tokens: int | None = None  # None: from the model's table row
    context_window: int | None = None  # None: from the model's table row
    max_continuations: int = 3  # how often an answer that was cut off is continued
    stream: bool = False
    price: Price | None = None  # None: from the model's table row
    max_cost: float | None = None


@dataclass(slots=True)
class _Sample:
    """One answer with its share of the calls that made it."""

    text: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    seconds: float
    temperature: float | None


class OpenAIEngine:
    """Chat completions. `prompter` makes the messages; `budget` may be shared with other engines."""

    name = "openai"
    trusted = False

    def __init__(
        self,
        config: OpenAIConfig,
        prompter: Prompter,
        *,
        budget: Budget | None = None,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        info = lookup(config.model)
        self.model: str | None = config.model
        self.config = config
        self.budget = budget or Budget(config.max_cost)
        self._prompter = prompter
        self._progress = progress or _silent
        self._retrier = Retrier(config.retry_seconds, sleep=sleep, progress=progress)
        self._price = config.price or info.price
        self._window = config.context_window or info.context_window
        self._longest = config.max_output_tokens or min(info.max_output or _UNKNOWN_OUTPUT, ANSWER_LIMIT)
        self._dialect = wire.Dialect(stream=config.stream)
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
        if self._client is not None:
            self._client.close()
            self._client = None

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """`n` samples, fewer when the cost cap or a failing server ends it after the first ones.

        Tokens, cost and seconds of a call with several samples are split over them, so that they add up.
        Raises EngineError (CostCapReached) when there is not one sample.
        """
        messages = copy_messages(self._prompter(task, context, feedback))
        samples: list[_Sample] = []
        while len(samples) < n:
            try:
                samples += self._ask(messages, wanted=n - len(samples), temperature=temperature)
            except EngineError as error:
                if not samples:
                    raise
                self._progress("engine", f"{len(samples)} of {n} samples: {error}")
                break
        return [
            Proposal(
                engine=self.name,
                model=self.model,
                text=sample.text,
                temperature=sample.temperature,
                sample=index,
                input_tokens=sample.input_tokens,
                output_tokens=sample.output_tokens,
                cost=sample.cost,
                finish_reason=sample.finish_reason,
                seconds=sample.seconds,
            )
            for index, sample in enumerate(samples)
        ]

    # --- one call, and what follows from it ---------------------------------------------------------------

    def _ask(self, messages: Sequence[Message], *, wanted: int, temperature: float) -> list[_Sample]:
        samples = self._call(messages, wanted=wanted, temperature=temperature)
        return [self._completed(messages, sample, temperature) for sample in samples]

    def _completed(self, messages: Sequence[Message], sample: _Sample, temperature: float) -> _Sample:
        """The sample, continued while it ends at the length limit; left "length" where that cannot be done."""
        for _ in range(self.config.max_continuations):
            if sample.finish_reason != "length" or not sample.text.strip():
                break
            self._progress("engine", f"the answer was cut off after {len(sample.text)} characters; continuing it")
            more = [
                *messages,
                Message(role="assistant", content=sample.text),
                Message(role="user", content=CONTINUE),
            ]
            try:
                rest = self._call(more, wanted=1, temperature=temperature)[0]
            except EngineError as error:
                self._progress("engine", f"the answer stays cut off: {error}")
                break
            sample = _Sample(
                text=stitch(sample.text, rest.text),
                finish_reason=rest.finish_reason,
                input_tokens=add(sample.input_tokens, rest.input_tokens),
                output_tokens=add(sample.output_tokens, rest.output_tokens),
                cost=None if sample.cost is None or rest.cost is None else sample.cost + rest.cost,
                seconds=sample.seconds + rest.seconds,
                temperature=sample.temperature,
            )
            if not rest.text:
                break
        return sample

    def _call(self, messages: Sequence[Message], *, wanted: int, temperature: float) -> list[_Sample]:
        """One successful call, after the retries and the changes of dialect that it needs."""
        prompt = prompt_range(messages)
        limit = self._limit(prompt)
        started = time.monotonic()
        completion: Completion | None = None
        n = 1
        while completion is None:
            limit = min(limit, self._dialect.longest or limit)
            n = self.budget.samples(
                self._price,
                prompt=prompt[1],
                output=limit,
                wanted=wanted if self._dialect.many else 1,
                model=self.config.model,
            )
            request = self._dialect.request(self.config.model, messages, n=n, temperature=temperature, limit=limit)
            try:
                completion = self._retrier.run(functools.partial(self._send, request))
            except _RejectedError as rejected:
                limit = self._after_rejection(rejected, limit=limit, n=n)
        return self._samples(completion, prompt[1], n, temperature, time.monotonic() - started)

    def _samples(
        self, completion: Completion, prompt: int, n: int, temperature: float, seconds: float
    ) -> list[_Sample]:
        choices = completion.choices[:n]
        lengths = [len(choice.text) for choice in completion.choices]
        received, written = completion.input_tokens, completion.output_tokens
        cost = None
        if self._price is not None:
            if received is not None and written is not None:
                cost = self._price.cost(received, written)
            # Without the server's own count the cap still has to hold: charge the careful estimate.
            self.budget.charge(
                self._price.cost(prompt, sum(token_range(choice.text)[1] for choice in choices))
                if cost is None
                else cost
            )
        inputs = share(received, [1] * len(choices))
        outputs = share(written, lengths[: len(choices)])
        return [
            _Sample(
                text=choice.text,
                finish_reason=choice.finish_reason,
                input_tokens=inputs[index],
                output_tokens=outputs[index],
                cost=None if cost is None else cost / len(choices),
                seconds=seconds / len(choices),
                temperature=temperature if self._dialect.temperature else None,
            )
            for index, choice in enumerate(choices)
        ]

    # --- lengths ------------------------------------------------------------------------------------------

    def _limit(self, prompt: tuple[int, int]) -> int:
        """Tokens that the answer may have. Raises EngineError when the prompt cannot fit."""
        if self._window is None:
            return self._longest
        if prompt[0] + MIN_OUTPUT > self._window:
            raise self._too_long(f"about {prompt[0]} to {prompt[1]}", self._window)
        return min(self._longest, room(self._window, prompt))

    def _too_long(self, prompt: str, window: int | None) -> EngineError:
        takes = "" if window is None else f"; the model takes {window} for prompt and answer together"
        return EngineError(
            f"the prompt does not fit into {self.config.model}: {prompt} tokens{takes}",
            hint="choose a --model with a larger context, or a smaller script",
        )

    def _after_rejection(self, rejected: _RejectedError, *, limit: int, n: int) -> int:
        """The answer limit to try next. Raises EngineError when the rejection is about nothing we can change."""
        message = rejected.message
        if wire.too_long(message, rejected.code):
            window, prompt = wire.sizes(message)
            if window is not None and prompt is not None:
                self._window = window
                left = window - prompt
                if MIN_OUTPUT <= left < limit:
                    return left
            raise self._too_long(f"{prompt}" if prompt is not None else "too many", window or self._window)
        if self._dialect.learn(message, rejected.param, n=n):
            return limit
        raise EngineError(f"{self._server()} rejected the request: {message or 'it does not say why'}")

    # --- the wire -----------------------------------------------------------------------------------------

    def _send(self, request: dict[str, Any]) -> Completion:
        """One request. Raises TransientError, _RejectedError, or EngineError for what no retry can change."""
        client = self._connect()
        deadline = time.monotonic() + self.config.timeout
        with (
            self._translated(),
            client.chat.completions.with_streaming_response.create(**request) as response,
        ):
            kind = response.headers.get("content-type", "").lower()
            completion = self._read(response, streamed="event-stream" in kind, deadline=deadline)
        if not completion.choices:
            raise TransientError(f"{self._server()} answered without a choice")
        return completion

    def _read(self, response: Any, *, streamed: bool, deadline: float) -> Completion:
        try:
            if streamed:
                return self._read_stream(response, deadline)
            body = b"".join(self._bounded(response.iter_bytes(), deadline))
            return read_body(body.decode("utf-8", "replace"))
        except UnreadableError as error:
            raise EngineError(
                f"{self._server()} answered with something that is no chat completion: {redact(str(error), self._key)}",
                hint="look at OPENAI_BASE_URL: it usually ends in /v1",
            ) from None

    def _read_stream(self, response: Any, deadline: float) -> Completion:
        reader = StreamReader()
        for line in self._bounded(response.iter_lines(), deadline):
            reader.feed(line)
            if reader.error is not None:
                message = redact(error_fields({"error": reader.error})[0], self._key)
                raise TransientError(f"{self._server()} broke off its answer: {message or 'it does not say why'}")
            if reader.events % 200 == 199:
                self._progress("engine", f"receiving the answer, {reader.events + 1} events")
            if reader.done:
                break
        if not (reader.done or reader.finished):
            raise TransientError(f"{self._server()} broke off its answer")
        return reader.completion()

    def _bounded(self, chunks: Iterator[Any], deadline: float) -> Iterator[Any]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise EngineError(f"{self._server()} sends more than {_LARGEST_BODY // 2**20} MB for one answer")
            if time.monotonic() > deadline:
                raise TransientError(f"{self._server()} did not finish its answer within {self.config.timeout:g} s")
            yield chunk

    def _connect(self) -> Any:
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

    def _server(self) -> str:
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
            raise TransientError(f"{self._server()} did not answer within {self.config.timeout:g} s") from None
        except openai.OpenAIError as error:
            raise self._from_connection(error.__cause__ or error) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "httpcore", "httpcore2"}:
                raise
            raise self._from_connection(error) from None

    def _from_connection(self, error: BaseException) -> Exception:
        kind = type(error).__name__
        if "Timeout" in kind:
            return TransientError(f"{self._server()} did not answer within {self.config.timeout:g} s")
        if kind in {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError"}:
            return EngineError(f"OPENAI_BASE_URL is {self._server()!r}, which is no usable address")
        if kind == "ConnectError":
            why = redact(str(error), self._key)
            return TransientError(
                f"{self._server()} cannot be reached ({why})", unreachable=True, hint="look at OPENAI_BASE_URL"
            )
        return TransientError(f"{self._server()} dropped the connection")

    def _from_status(self, error: Any) -> Exception:
        status = int(error.status_code)
        message, code, param = error_fields(error.body)
        message = redact(message, self._key)
        said = f": {message}" if message else ""
        if status in _REJECTED:
            return _RejectedError(message, code, param)
        if status == 401:
            return EngineError(f"{self._server()} does not accept the key (401){said}", hint="look at OPENAI_API_KEY")
        if status == 403:
            return EngineError(
                f"{self._server()} refuses access (403){said}",
                hint=f"look at OPENAI_API_KEY: may it use --model {self.config.model}?",
            )
        if status == 404:
            return EngineError(
                f"{self._server()} knows no model {self.config.model!r}, or has no chat completions there (404){said}",
                hint="look at --model and at OPENAI_BASE_URL (it usually ends in /v1)",
            )
        if code in {"insufficient_quota", "billing_hard_limit_reached"}:
            return EngineError(
                f"the account's quota at {self._server()} is used up{said}",
                hint="look at the billing of the account that OPENAI_API_KEY belongs to",
            )
        if status in _RETRIED:
            what = "is limiting requests" if status == 429 else "failed"
            return TransientError(
                f"{self._server()} {what} ({status}){said}", retry_after=retry_after(error.response.headers)
            )
        return EngineError(f"{self._server()} answered with status {status}{said}")


class _RejectedError(Exception):
    """The server does not take the request as it is."""

    def __init__(self, message: str, code: str, param: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


def _silent(stage: str, message: str) -> None:
    """Progress that nobody looks at."""
