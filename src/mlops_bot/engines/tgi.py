"""The tgi engine: models on a text-generation-inference server. The only door to `text_generation`.

The library's request and response types are used; its `Client` is not, for what it leaves out in 0.7.0: it answers a
401 and a crashed proxy with the same UnknownError or a KeyError (the status is gone), it drops Retry-After and the
token counts in the response headers, its time-out is one for every single read, and its `generate` can only talk to
the "/" route. See `tgi_http` for what is there instead.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mlops_bot.engines.budget import Budget
from mlops_bot.engines.common import (
    ANSWER_LIMIT,
    MIN_OUTPUT,
    Prompter,
    add,
    copy_messages,
    redact,
    room,
    silent,
    token_range,
)
from mlops_bot.engines.hf_endpoint import InferenceEndpoint
from mlops_bot.engines.retry import Retrier, TransientError
from mlops_bot.engines.tgi_http import Http, InvalidRequestError, NoRouteError
from mlops_bot.engines.tgi_server import Server, TGIConfig, find, misfit
from mlops_bot.engines.tgi_templates import choose
from mlops_bot.errors import EngineError
from mlops_bot.types import Context, Feedback, Json, Progress, Proposal, Task

__all__ = ["TGIConfig", "TGIEngine"]

_WORTH_CONTINUING = 16  # tokens
_FINISH = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}


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
        self.budget = Budget(config.max_cost) if budget is None else budget
        self._prompter = prompter
        self._progress = silent if progress is None else progress
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
        self._server: Server | None = None
        self._stream = config.stream

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
        if self._server is not None:
            self._server.http.close()
            self._server = None
        if self._endpoint is not None:
            self._endpoint.close()

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]:
        """`n` samples with seeds of their own; one at temperature 0, where all would be the same.

        Fewer when the server fails after the first ones. Raises EngineError when there is not one.
        """
        if self._server is None:
            self._server = find(self.config, self._endpoint, retrier=self._retrier, progress=self._progress)
            self.model = self._server.model
            if self.budget.cap is not None and self.config.price is None:
                self._progress(
                    "engine", "--max-cost says nothing about a server of one's own; --price would make it count"
                )
        server = self._server
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

    def _sample(self, server: Server, prompt: str, sample: int, temperature: float) -> Proposal:
        started = time.monotonic()
        done = self._generate(server, prompt, server.count(prompt), sample, temperature)
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
            revision=server.revision,
        )

    def _generate(
        self, server: Server, prompt: str, size: tuple[int, int], sample: int, temperature: float
    ) -> _Generation:
        """One generation with an explicit max_new_tokens that fits. `size`: fewest and most tokens of `prompt`."""
        limits = server.limits
        exact = size[0] == size[1]
        if size[0] > limits.input or size[0] + 1 > limits.total:
            raise server.too_long(f"{size[0]}" if exact else f"about {size[0]} to {size[1]}")
        limit = limits.total - size[0] if exact else room(limits.total, size)
        limit = min(limit, self.config.max_output_tokens or ANSWER_LIMIT)
        if self.config.price is not None:  # a server of one's own has none, and no cap in dollars applies to it
            self.budget.samples(self.config.price, prompt=size[1], output=limit, wanted=1, model=server.model)
        while True:
            body = self._body(server, prompt, limit, sample, temperature)
            try:
                done = self._retrier.run(functools.partial(self._send, server.http, body))
            except NoRouteError:
                raise EngineError(
                    f"{server.http.shown} has no /generate route", hint="look at MLOPS_BOT_TGI_URL"
                ) from None
            except InvalidRequestError as invalid:
                fits = misfit(invalid.message)
                if fits is None:
                    raise EngineError(f"{server.http.shown} rejected the request: {invalid.message}") from None
                given, left = fits
                if left is None or left < min(MIN_OUTPUT, limit) or left >= limit:
                    raise server.too_long(str(given)) from None
                limit = left
                continue
            text = done.text
            for stop in server.template.stop:
                text = text.removesuffix(stop)
            return _Generation(text, done.finish_reason, done.input_tokens, done.output_tokens)

    def _body(self, server: Server, prompt: str, limit: int, sample: int, temperature: float) -> dict[str, Json]:
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

    # --- the wire -----------------------------------------------------------------------------------------

    def _send(self, http: Http, body: Mapping[str, Json]) -> _Generation:
        if self._stream:
            try:
                return self._generate_stream(http, body)
            except NoRouteError:
                self._stream = False  # an older or a stripped server; the other route says the same
        return self._generate_whole(http, body)

    def _generate_whole(self, http: Http, body: Mapping[str, Json]) -> _Generation:
        from text_generation.types import Response

        document, headers = http.fetch("POST", "/generate", body, self.config.timeout)
        if isinstance(document, list) and document:  # as the "/" route answers, and some proxies
            document = document[0]
        try:
            return _generation(Response(**document).generated_text, document["details"], headers)
        except (TypeError, ValueError, KeyError):
            raise self._garbage(http, document) from None

    def _generate_stream(self, http: Http, body: Mapping[str, Json]) -> _Generation:
        from text_generation.types import StreamResponse

        pieces: list[str] = []
        garbage = b""
        for line in http.lines("/generate_stream", body, self.config.timeout):
            if not line.startswith(b"data:"):
                garbage = garbage or line.strip().removeprefix(b":")  # keep-alive comments and blank lines are none
                continue
            try:
                document = json.loads(line.removeprefix(b"data:"))
                event = None if "error" in document else StreamResponse(**document)
                if event is not None and event.details is not None:
                    text = event.generated_text if event.generated_text is not None else "".join(pieces)
                    return _generation(text, document["details"], {})
            except (TypeError, ValueError, KeyError):
                raise self._garbage(http, line.decode("utf-8", "replace")) from None
            if event is None:
                raise http.failure(200, document, {})
            if not event.token.special:
                pieces.append(event.token.text)
            if len(pieces) % 200 == 199:
                self._progress("engine", f"receiving the answer, {len(pieces) + 1} tokens")
        if garbage and not pieces:
            raise self._garbage(http, garbage.decode("utf-8", "replace"))
        raise TransientError(f"{http.shown} broke off its answer")

    def _garbage(self, http: Http, document: Json) -> EngineError:
        shown = redact(document if isinstance(document, str) else json.dumps(document), self.config.token)[:80]
        return EngineError(
            f"{http.shown} answered with something that is no generation: {shown!r}",
            hint="look at MLOPS_BOT_TGI_URL: is it a text-generation-inference server?",
        )


def _generation(text: str, details: Mapping[str, Json], headers: Mapping[str, str]) -> _Generation:
    """Raises KeyError for a finish reason that does not exist."""
    sent = details.get("input_length", headers.get("x-prompt-tokens"))  # newer servers, in the stream and whole
    written = details.get("generated_tokens")
    return _Generation(
        text,
        _FINISH[str(details["finish_reason"])],
        int(sent) if sent is not None and str(sent).isdigit() else None,
        written if isinstance(written, int) else None,
    )
