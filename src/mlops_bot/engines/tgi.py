"""The tgi engine: models on a text-generation-inference server. The only door to `text_generation`.

The library's request and response types and its error classes are used; its `Client` is not, for what it leaves out
in 0.7.0: it answers a 401 and a crashed proxy with the same UnknownError or a KeyError (the status is gone), it drops
Retry-After and the token counts in the response headers, its time-out is one for every single read, and its
`generate` can only talk to the "/" route.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mlops_bot.engines.budget import Budget
from mlops_bot.engines.common import (
    ANSWER_LIMIT,
    MIN_OUTPUT,
    Prompter,
    add,
    copy_messages,
    redact,
    room,
    shown_url,
    token_range,
)
from mlops_bot.engines.hf_endpoint import InferenceEndpoint
from mlops_bot.engines.pricing import Price
from mlops_bot.engines.retry import Retrier, TransientError, retry_after
from mlops_bot.engines.tgi_info import Limits, misfit, read_info
from mlops_bot.engines.tgi_templates import TEMPLATES, Template, choose
from mlops_bot.errors import EngineError
from mlops_bot.types import Context, Feedback, Json, Progress, Proposal, Task

_CONNECT_SECONDS = 10.0
_SHORT_SECONDS = 30.0  # /info and /tokenize
_WORTH_CONTINUING = 16  # tokens
_LARGEST_BODY = 32 * 1024 * 1024  # bytes
_FINISH = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}
_ACCESS_HINT = "look at HF_ACCESS_HINT: may it use this server?"


@dataclass(frozen=True, slots=True)
class TGIConfig:
    """Times in seconds, sizes in tokens, money in US dollars. One of `url` and `endpoint_name` is set."""

    url: str | None = field(default=None, repr=False)  # may carry credentials
    endpoint_name: str | None = None  # an Inference Endpoint: NAME or NAMESPACE/NAME
    namespace: str | None = None
    endpoint_seconds: float = 900.0  # how long a sleeping endpoint is waited for
    token: str | None = field(default=None, repr=False)
    model: str | None = None  # what has to be served there; None: whatever is
    template: str | None = None  # None: the one of the model's family
    timeout: float = 300.0  # of one generation
    retry_seconds: float = 120.0  # no attempt of a call starts later than this after its first one
    max_output_tokens: int | None = None
    context_window: int | None = None  # None: the server's max_total_tokens
    max_continuations: int = 3
    stream: bool = True
    top_p: float | None = None
    seed: int = 0  # of the first sample; the next ones count up
    price: Price | None = None  # a server of one's own has none
    max_cost: float | None = None


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    model: str
    limits: Limits
    template: Template


@dataclass(frozen=True, slots=True)
class _Generation:
    text: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None


class TGIEngine:
    """Generates with the model's own prompt template, within the budget that the server's /info names.

    Use it as a context manager, or call `close`: an Inference Endpoint that it woke goes back to sleep then.
    """

    name = "tgi"
    trusted = False

    def __init__(
        self,
        config: TGIConfig,
        prompter: Prompter,
        *,
        budget: Budget | None = None,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if config.template is not None:
            choose("", config.template)  # a wrong name is said before anything is woken or sent
        self.model: str | None = config.model
        self.config = config
        # Without a price nothing is charged for a token, and a cap in dollars says nothing about it.
        self.budget = budget or Budget(config.max_cost)
        self._prompter = prompter
        self._progress = progress or _silent
        self._retrier = Retrier(config.retry_seconds, sleep=sleep, progress=progress)
        self._endpoint: InferenceEndpoint | None = None
        if config.endpoint_name:
            self._endpoint = InferenceEndpoint(
                config.endpoint_name,
                token=config.token,
                namespace=config.namespace,
                seconds=config.endpoint_seconds,
                sleep=sleep,
                progress=progress,
            )
        self._server: _Server | None = None
        self._session: Any = None
        self._stream = config.stream
        self._tokenizes = True

    def __repr__(self) -> str:
        return f"TGIEngine(model={self.model!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections; an endpoint that was asleep goes back to sleep. Raises EngineError when it does not."""
        self._server = None
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._endpoint is not None:
            self._endpoint.close()

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """`n` samples with seeds of their own; one at temperature 0, where all would be the same.

        Fewer when the server fails after the first ones. Raises EngineError when there is not one.
        """
        server = self._server = self._server or self._find()
        prompt = server.template.render(copy_messages(self._prompter(task, context, feedback)))
        proposals: list[Proposal] = []
        for sample in range(n if temperature > 0 else min(n, 1)):
            try:
                proposals.append(self._sample(server, prompt, sample, temperature))
            except EngineError as error:
                if not proposals:
                    raise
                self._progress("engine", f"{len(proposals)} of {n} samples: {error}")
                break
        return proposals

    # --- one sample ---------------------------------------------------------------------------------------

    def _sample(self, server: _Server, prompt: str, sample: int, temperature: float) -> Proposal:
        started = time.monotonic()
        done = self._generate(server, prompt, self._count(server, prompt), sample, temperature)
        sent, written, cost = done.input_tokens, done.output_tokens, self._charge(prompt, done)
        text, reason = done.text, done.finish_reason
        for _ in range(self.config.max_continuations):
            if reason != "length" or not done.text:
                break
            # A completion model goes on where its own text ends: nothing to say, nothing to stitch.
            used = add(done.input_tokens, done.output_tokens)
            size = token_range(prompt + text) if used is None else (used, used)
            if size[1] > server.limits.input or size[1] + _WORTH_CONTINUING > server.limits.total:
                break
            self._progress("engine", f"the answer was cut off after {len(text)} characters; continuing it")
            try:
                done = self._generate(server, prompt + text, size, sample, temperature)
            except EngineError as error:
                self._progress("engine", f"the answer stays cut off: {error}")
                break
            more = self._charge(prompt + text, done)
            cost = None if cost is None or more is None else cost + more
            text, reason = text + done.text, done.finish_reason
            sent, written = add(sent, done.input_tokens), add(written, done.output_tokens)
        return Proposal(
            engine=self.name,
            model=self.model,
            text=text,
            temperature=temperature,
            sample=sample,
            input_tokens=sent,
            output_tokens=written,
            cost=cost,
            finish_reason=reason,
            seconds=time.monotonic() - started,
        )

    def _generate(
        self, server: _Server, prompt: str, size: tuple[int, int], sample: int, temperature: float
    ) -> _Generation:
        """One generation with an explicit max_new_tokens that fits. `size`: fewest and most tokens of `prompt`."""
        limits = server.limits
        if size[0] > limits.input or size[0] + 1 > limits.total:
            raise self._too_long(server, f"{size[0]}" if size[0] == size[1] else f"about {size[0]} to {size[1]}")
        exact = size[0] == size[1]
        limit = limits.total - size[0] if exact else room(limits.total, size)
        limit = min(limit, self.config.max_output_tokens or ANSWER_LIMIT)
        if self.config.price is not None:
            self.budget.samples(self.config.price, prompt=size[1], output=limit, wanted=1, model=server.model)
        while True:
            body = self._body(server, prompt, limit, sample, temperature)
            try:
                done = self._retrier.run(functools.partial(self._send, server, body))
            except _InvalidError as invalid:
                fits = misfit(invalid.message)
                if fits is None:
                    raise EngineError(f"{self._shown(server)} rejected the request: {invalid.message}") from None
                given, left = fits
                if left is None or left < min(MIN_OUTPUT, limit) or left >= limit:
                    raise self._too_long(server, str(given)) from None
                limit = left
                continue
            for stop in server.template.stop:
                done = _Generation(
                    done.text.removesuffix(stop), done.finish_reason, done.input_tokens, done.output_tokens
                )
            return done

    def _body(self, server: _Server, prompt: str, limit: int, sample: int, temperature: float) -> dict[str, Json]:
        from text_generation.types import Parameters, Request

        sampling = temperature > 0
        parameters = Parameters(
            do_sample=sampling,
            max_new_tokens=limit,
            temperature=temperature if sampling else None,
            top_p=self.config.top_p if sampling else None,
            seed=self.config.seed + sample if sampling else None,
            stop=list(server.template.stop),
            return_full_text=False,
            details=True,
        )
        body: dict[str, Json] = Request(inputs=prompt, parameters=parameters).model_dump(exclude_none=True)
        del body["stream"]  # each of the two routes does one of them
        return body

    def _charge(self, prompt: str, done: _Generation) -> float | None:
        price = self.config.price
        if price is None:
            return None
        known = done.input_tokens is not None and done.output_tokens is not None
        cost = price.cost(
            done.input_tokens if done.input_tokens is not None else token_range(prompt)[1],
            done.output_tokens if done.output_tokens is not None else token_range(done.text)[1],
        )
        self.budget.charge(cost)
        return cost if known else None

    # --- the server ---------------------------------------------------------------------------------------

    def _find(self) -> _Server:
        repository = None
        if self._endpoint is not None:
            url, repository = self._endpoint.open()
        elif self.config.url:
            url = self.config.url.rstrip("/")
        else:
            raise EngineError(
                "no text-generation-inference server is configured",
                hint="set MLOPS_BOT_TGI_URL, or MLOPS_BOT_TGI_ENDPOINT for an Inference Endpoint",
            )
        if not url.lower().startswith(("http://", "https://")):
            raise EngineError(f"MLOPS_BOT_TGI_URL is {shown_url(url)!r}", hint="write it with http:// or https://")
        document = self._retrier.run(lambda: self._json("GET", url, "/info", None))
        info = read_info(document, total=self.config.context_window)
        if info is None:
            raise EngineError(
                f"{shown_url(url)}/info does not describe a text-generation-inference server",
                hint="look at MLOPS_BOT_TGI_URL: it is the server's address without a path",
            )
        served, limits = info
        model = self._agreed(served, repository)
        template = choose(model, self.config.template)
        if template is None:
            template = TEMPLATES["plain"]
            self._progress("engine", f"the prompt template of {model} is not known: sending plain text")
        self.model = model
        return _Server(url, model, limits, template)

    def _agreed(self, served: str, repository: str | None) -> str:
        """The model's name. A server in a container calls it by its folder ("/repository", "/data"): then the
        endpoint's or the configured name counts. A server of another model than the configured one is refused."""
        named = served if served and not served.startswith("/") else repository
        wanted = self.config.model
        if wanted is None or named is None:
            return wanted or named or served
        if named.lower() != wanted.lower() and named.lower().rpartition("/")[2] != wanted.lower():
            raise EngineError(
                f"the server serves {named}, not {wanted}", hint=f"use --model {named}, or another server"
            )
        return named

    def _count(self, server: _Server, prompt: str) -> tuple[int, int]:
        """The prompt in tokens: exact where the server has /tokenize (from 1.4 on), else the range of an estimate."""
        if self._tokenizes:
            try:
                tokens = self._json("POST", server.url, "/tokenize", {"inputs": prompt})
                if isinstance(tokens, list) and tokens:
                    return len(tokens), len(tokens)
            except (EngineError, TransientError, _InvalidError):
                pass  # only a convenience: the estimate does without
            self._tokenizes = False
        return token_range(prompt)

    def _too_long(self, server: _Server, prompt: str) -> EngineError:
        limits = server.limits
        return EngineError(
            f"the prompt does not fit into {server.model}: {prompt} tokens; the server takes {limits.input} for the "
            f"prompt and {limits.total} for prompt and answer together",
            hint="start the server with larger --max-input-tokens and --max-total-tokens, or choose a smaller script",
        )

    # --- the wire -----------------------------------------------------------------------------------------

    def _send(self, server: _Server, body: Mapping[str, Json]) -> _Generation:
        if self._stream:
            try:
                return self._generate_stream(server, body)
            except _NoRouteError:
                self._stream = False  # an older or a stripped server; the other route says the same
        return self._generate_whole(server, body)

    def _generate_whole(self, server: _Server, body: Mapping[str, Json]) -> _Generation:
        from text_generation.types import Response

        deadline = time.monotonic() + self.config.timeout
        with self._request("POST", server.url, "/generate", body, self.config.timeout) as response:
            document = self._document(response, deadline)
            headers = response.headers
        if isinstance(document, list) and document:  # as the "/" route answers, and some proxies
            document = document[0]
        try:
            parsed = Response(**document)
            return self._generation(parsed.generated_text, document["details"], headers)
        except (TypeError, ValueError, KeyError):
            raise self._garbage(server, document) from None

    def _generate_stream(self, server: _Server, body: Mapping[str, Json]) -> _Generation:
        from text_generation.types import StreamResponse

        deadline = time.monotonic() + self.config.timeout
        with self._request("POST", server.url, "/generate_stream", body, self.config.timeout) as response:
            pieces: list[str] = []
            for line in self._bounded(response.iter_lines(), deadline):
                if not line.startswith(b"data:"):
                    continue  # keep-alive comments and blank lines
                try:
                    document = json.loads(line.removeprefix(b"data:"))
                    if isinstance(document, dict) and "error" in document:
                        raise self._failure(response.status_code, document, response.headers)
                    event = StreamResponse(**document)
                except (TypeError, ValueError):
                    raise self._garbage(server, line.decode("utf-8", "replace")) from None
                if not event.token.special:
                    pieces.append(event.token.text)
                if len(pieces) % 200 == 199:
                    self._progress("engine", f"receiving the answer, {len(pieces) + 1} tokens")
                if event.details is not None:
                    text = event.generated_text if event.generated_text is not None else "".join(pieces)
                    return self._generation(text, document["details"], response.headers)
        raise TransientError(f"{self._shown(server)} broke off its answer")

    def _generation(self, text: str, details: Mapping[str, Json], headers: Mapping[str, str]) -> _Generation:
        sent = details.get("input_length", headers.get("x-prompt-tokens"))
        written = details.get("generated_tokens")
        return _Generation(
            text,
            _FINISH[str(details["finish_reason"])],
            int(sent) if sent is not None and str(sent).isdigit() else None,
            written if isinstance(written, int) else None,
        )

    def _json(self, method: str, url: str, path: str, body: Mapping[str, Json] | None) -> Json:
        """A short request. Raises like `_request`; None for a body that is not JSON or a route that is not there."""
        try:
            with self._request(method, url, path, body, _SHORT_SECONDS) as response:
                return self._document(response, time.monotonic() + _SHORT_SECONDS)
        except _NoRouteError:
            return None

    def _document(self, response: Any, deadline: float) -> Json:
        body = b"".join(self._bounded(response.iter_content(65536), deadline))
        try:
            return json.loads(body)
        except ValueError:
            return body.decode("utf-8", "replace") if body else None

    def _bounded(self, chunks: Iterator[bytes], deadline: float) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise EngineError(f"the server sends more than {_LARGEST_BODY // 2**20} MB for one answer")
            if time.monotonic() > deadline:
                raise TransientError(f"the server did not finish its answer within {self.config.timeout:g} s")
            yield chunk

    @contextmanager
    def _request(
        self, method: str, url: str, path: str, body: Mapping[str, Json] | None, seconds: float
    ) -> Iterator[Any]:
        """A successful response, its body not yet read. Raises TransientError, _InvalidError, _NoRouteError, EngineError.

        `from None`: the exceptions of the HTTP library carry the request with its Authorization header.
        """
        import requests

        where = shown_url(url)
        if self._session is None:
            self._session = requests.Session()
        headers = {"Authorization": f"Bearer {self.config.token}"} if self.config.token else {}
        try:
            with self._session.request(
                method,
                url + path,
                json=body,
                headers=headers,
                timeout=(min(_CONNECT_SECONDS, seconds), seconds),
                stream=True,
            ) as response:
                if response.status_code != 200:
                    document = self._document(response, time.monotonic() + _SHORT_SECONDS)
                    raise self._failure(response.status_code, document, response.headers)
                yield response
        except requests.Timeout:
            raise TransientError(f"{where} did not answer within {seconds:g} s") from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise TransientError(f"{where} broke off its answer") from None
        except requests.ConnectionError as error:
            refused = "NewConnectionError" in repr(error) or "NameResolution" in repr(error)
            if refused:
                raise TransientError(
                    f"{where} cannot be reached", unreachable=True, hint="look at MLOPS_BOT_TGI_URL"
                ) from None
            raise TransientError(f"{where} dropped the connection") from None
        except (requests.RequestException, UnicodeError) as error:
            raise EngineError(
                f"{where} cannot be asked: {type(error).__name__}", hint="look at MLOPS_BOT_TGI_URL and HF_ACCESS_HINT"
            ) from None

    def _failure(self, status: int, document: Json, headers: Mapping[str, str]) -> Exception:
        """What an error answer means, by the library's own reading of it where it has the usual form."""
        from text_generation import errors

        payload = document if isinstance(document, dict) and "error" in document else None
        message = redact(str(payload["error"]), self.config.token) if payload else ""
        said = f": {message}" if message else ""
        parsed = errors.parse_error(status, payload) if payload else None
        if isinstance(parsed, errors.ValidationError | errors.BadRequestError) or status in {400, 413, 422}:
            return _InvalidError(message or f"status {status}")
        if status in {401, 403}:
            return EngineError(f"the server refuses access ({status}){said}", hint=_ACCESS_HINT)
        if status in {404, 405}:
            return _NoRouteError(message)
        wait = retry_after(headers)
        if isinstance(parsed, errors.OverloadedError | errors.RateLimitExceededError) or status == 429:
            return TransientError(f"the server is overloaded ({status}){said}", retry_after=wait)
        if status in {200, 408, 424} or status >= 500:
            # 200: an error within a stream. Whatever it was called, the generation did not come to its end.
            return TransientError(f"the server failed ({status}){said}", retry_after=wait)
        return EngineError(f"the server answered with status {status}{said}")

    def _garbage(self, server: _Server, document: Json) -> EngineError:
        shown = redact(document if isinstance(document, str) else json.dumps(document), self.config.token)[:80]
        return EngineError(
            f"{self._shown(server)} answered with something that is no generation: {shown!r}",
            hint="look at MLOPS_BOT_TGI_URL: is it a text-generation-inference server?",
        )

    def _shown(self, server: _Server) -> str:
        return shown_url(server.url)


class _InvalidError(Exception):
    """The server does not take the request as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _NoRouteError(Exception):
    """The server has no such route."""


def _silent(stage: str, message: str) -> None:
    """Progress that nobody looks at."""
