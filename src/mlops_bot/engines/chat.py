"""Sampling from a chat model: how many calls, how long an answer may be, going on after a cut, what it costs.

All of it but the wire, which a subclass brings (`send`). See `dialect` for how servers differ, and `stitch` for how
an answer that was cut off and its continuation are put together.
"""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
    room,
    share,
    silent,
    token_range,
)
from mlops_bot.engines.completion import Completion
from mlops_bot.engines.pricing import Price, lookup
from mlops_bot.engines.retry import Retrier
from mlops_bot.engines.stitch import CONTINUE, stitch
from mlops_bot.errors import EngineError
from mlops_bot.types import Context, Feedback, Progress, Proposal, Task

_UNKNOWN_OUTPUT = 4096  # tokens asked of a model that is in no table; more comes by continuing


class RejectedError(Exception):
    """The server does not take the request as it is."""

    def __init__(self, message: str, code: str, param: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class ChatConfig:
    """Times in seconds, sizes in tokens, money in US dollars."""

    model: str
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
    revision: str | None


class ChatEngine(ABC):
    """The engine without its wire. `prompter` makes the messages; `budget` may be shared with other engines."""

    name = "chat"
    trusted = False

    def __init__(
        self,
        config: ChatConfig,
        prompter: Prompter,
        *,
        budget: Budget | None = None,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        info = lookup(config.model)
        self.model: str | None = config.model
        self.budget = Budget(config.max_cost) if budget is None else budget
        self._chat = config
        self._prompter = prompter
        self._progress = silent if progress is None else progress
        self._retrier = Retrier(config.retry_seconds, sleep=sleep, progress=progress)
        self._price = config.price or info.price
        self._window = config.context_window or info.context_window
        self._longest = config.max_output_tokens or min(info.max_output or _UNKNOWN_OUTPUT, ANSWER_LIMIT)
        self._dialect = wire.Dialect(stream=config.stream)

    @abstractmethod
    def connect(self) -> None:
        """Gets ready to send. Raises EngineError for a configuration that cannot work."""

    @abstractmethod
    def send(self, request: dict[str, Any]) -> Completion:
        """One request. Raises TransientError, RejectedError, or EngineError for what no retry can change."""

    @abstractmethod
    def server(self) -> str:
        """The server as messages name it."""

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
                revision=sample.revision,
            )
            for index, sample in enumerate(samples)
        ]

    # --- one call, and what follows from it ---------------------------------------------------------------

    def _ask(self, messages: Sequence[Message], *, wanted: int, temperature: float) -> list[_Sample]:
        samples = self._call(messages, wanted=wanted, temperature=temperature)
        return [self._completed(messages, sample, temperature) for sample in samples]

    def _completed(self, messages: Sequence[Message], sample: _Sample, temperature: float) -> _Sample:
        """The sample, continued while it ends at the length limit; left "length" where that cannot be done."""
        for _ in range(self._chat.max_continuations):
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
                revision=sample.revision,
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
                model=self._chat.model,
            )
            request = self._dialect.request(self._chat.model, messages, n=n, temperature=temperature, limit=limit)
            self.connect()  # loading an SDK takes its second, which is not time spent on trying
            try:
                completion = self._retrier.run(functools.partial(self.send, request))
            except RejectedError as rejected:
                limit = self._after_rejection(rejected, prompt, limit=limit, n=n)
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
                revision=completion.revision,
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
            f"the prompt does not fit into {self._chat.model}: {prompt} tokens{takes}",
            hint="choose a --model with a larger context, or a smaller script",
        )

    def _after_rejection(self, rejected: RejectedError, counted: tuple[int, int], *, limit: int, n: int) -> int:
        """The answer limit to try next. Raises EngineError when the rejection is about nothing we can change."""
        message = rejected.message
        if wire.too_long(message, rejected.code):
            window, prompt = wire.sizes(message)
            if window is not None:
                self._window = window
                left = room(window, counted) if prompt is None else window - prompt
                if MIN_OUTPUT <= left < limit:
                    return left
            raise self._too_long(f"{prompt}" if prompt is not None else "too many", window or self._window)
        if self._dialect.learn(message, rejected.param, n=n):
            return limit
        raise EngineError(f"{self.server()} rejected the request: {message or 'it does not say why'}")
