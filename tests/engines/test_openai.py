"""The openai engine against a server written from the public API description."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.engines import contract
from tests.engines.support import CONTEXT, TASK, Lines, Sleeps, long_prompter, prompter
from tests.servers import openai_server as fake
from tests.servers.loopback import Raw, json_reply
from tests.servers.openai_server import Answer, OpenAIServer

from mlops_bot.engines.budget import Budget
from mlops_bot.engines.openai import OpenAIConfig, OpenAIEngine
from mlops_bot.engines.pricing import Price
from mlops_bot.errors import CostCapReached, EngineError
from mlops_bot.types import Engine, Failed, Feedback

CODE = "```python\nimport tracker\ntracker.start()\nprint('training')\n```\n"


def engine_for(
    server: OpenAIServer, *, prompt: Any = prompter, budget: Budget | None = None, **config: Any
) -> OpenAIEngine:
    settings = OpenAIConfig(**{"model": "test-model", "api_key": contract.KEY, "base_url": server.url, **config})
    return OpenAIEngine(settings, prompt, budget=budget, sleep=Sleeps(), progress=Lines())


def ask(engine: OpenAIEngine, n: int = 1, temperature: float = 0.7, feedback: Feedback | None = None) -> list[Any]:
    with engine:
        return list(engine.propose(TASK, CONTEXT, n=n, temperature=temperature, feedback=feedback))


@contextmanager
def served(script: Any = CODE, stream: bool = False, **rules: Any) -> Iterator[Engine]:
    with OpenAIServer(script, **rules) as server, engine_for(server, stream=stream, retry_seconds=5) as engine:
        yield engine


# --- the contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("rules", [{}, {"ignore_n": True}, {"reject": frozenset({"n"})}], ids=str)
def test_contract(stream: bool, rules: dict[str, Any]) -> None:
    contract.check_all(lambda: served(stream=stream, **rules))


BROKEN = {
    "wrong key": {"key": "another"},
    "unknown model": {"models": ("other",)},
    "server error": {"script": fake.SERVER_ERROR},
    "rate limit": {"script": fake.rate_limited()},
    "dropped": {"script": fake.DROPPED},
    "garbage": {"script": fake.GARBAGE},
    "garbage in JSON": {"script": json_reply({"hello": "world"})},
    "a list": {"script": json_reply([1, 2])},
    "no choices": {"script": json_reply({"choices": []})},
    "not found": {"script": Raw(status=404, body=b"nope", content_type="text/plain")},
    "teapot": {"script": Raw(status=418, body=b"")},
    "redirect to nowhere": {"script": Raw(status=302, headers=(("Location", "http://127.0.0.1:9/"),))},
    "rejects everything": {"script": fake.error(400, "we do not like you")},
    "echoes the key": {"script": fake.error(500, f"no: Authorization: Bearer {contract.KEY}")},
    "stream of garbage": {"script": Raw(body=b"data: {no json\n\n", content_type="text/event-stream")},
    "stream with an error": {
        "script": Raw(body=b'data: {"error": {"message": "overloaded"}}\n\n', content_type="text/event-stream")
    },
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_server_is_an_engine_error_without_the_key(case: dict[str, Any]) -> None:
    contract.check_failure(lambda: served(**case))


# --- requests and samples ----------------------------------------------------------------------------------


def test_the_request_is_as_asked() -> None:
    with OpenAIServer(CODE, key=contract.KEY, models=("test-model",)) as server:
        proposals = ask(engine_for(server), n=2, temperature=0.3)
    assert [proposal.text for proposal in proposals] == [CODE, CODE]
    (body,) = server.completions
    assert (body["model"], body["n"], body["temperature"]) == ("test-model", 2, 0.3)
    assert body["messages"] == prompter(TASK, CONTEXT, None)
    assert body["max_tokens"] == 4096
    assert "stream" not in body


def test_feedback_reaches_the_prompt() -> None:
    feedback = Feedback("my answer", Failed("run", "NameError: no such thing"))
    with OpenAIServer(CODE) as server:
        ask(engine_for(server), feedback=feedback)
    assert [message["role"] for message in server.completions[0]["messages"]] == ["system", "user", "assistant", "user"]


def test_tokens_and_cost_of_one_call_are_split_so_that_they_add_up() -> None:
    with OpenAIServer(Answer(["short", "a much longer answer"], usage=(101, 33))) as server:
        proposals = ask(engine_for(server, price=Price(2.0, 10.0)), n=2)
    assert sum(proposal.input_tokens for proposal in proposals) == 101
    assert sum(proposal.output_tokens for proposal in proposals) == 33
    assert proposals[1].output_tokens > proposals[0].output_tokens
    assert sum(proposal.cost for proposal in proposals) == pytest.approx((101 * 2 + 33 * 10) / 1e6)


def test_a_server_that_ignores_n_is_asked_again() -> None:
    with OpenAIServer(["one", "two", "three"], ignore_n=True) as server:
        proposals = ask(engine_for(server), n=3)
    assert [proposal.text for proposal in proposals] == ["one", "two", "three"]
    assert [body.get("n", 1) for body in server.completions] == [3, 2, 1]


def test_a_server_that_rejects_n_is_asked_one_by_one() -> None:
    with OpenAIServer(["one", "two"], reject=frozenset({"n"})) as server:
        assert [proposal.text for proposal in ask(engine_for(server), n=2)] == ["one", "two"]
    assert ["n" in body for body in server.completions] == [True, False, False]


def test_a_server_that_gives_too_many_choices_is_cut_to_what_was_asked() -> None:
    def script(body: dict[str, Any]) -> Raw:
        choice = {"message": {"content": "x"}, "finish_reason": "stop"}
        return json_reply({"choices": [choice] * 5})

    with OpenAIServer(script) as server:
        assert len(ask(engine_for(server), n=2)) == 2


def test_newer_models_are_asked_in_their_own_terms() -> None:
    with OpenAIServer(CODE, reject=frozenset({"max_tokens", "temperature"})) as server, engine_for(server) as engine:
        first = engine.propose(TASK, CONTEXT, n=1, temperature=0.7)
        second = engine.propose(TASK, CONTEXT, n=1, temperature=0.7)
    assert first[0].text == second[0].text == CODE
    assert first[0].temperature is None  # the model used its own
    last = server.completions[-1]
    assert last["max_completion_tokens"] == 4096
    assert not {"max_tokens", "temperature"} & last.keys()
    assert len(server.completions) == 4  # learned once, for the engine's life


def test_empty_prose_and_missing_usage_are_answers_too() -> None:
    for text in ("", "I would rather not write code today."):
        with OpenAIServer(Answer([text], usage=None)) as server:
            (proposal,) = ask(engine_for(server, price=Price(1, 1)))
        assert (proposal.text, proposal.input_tokens, proposal.cost) == (text, None, None)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_and_a_content_filter_are_reported(stream: bool) -> None:
    with OpenAIServer([Answer([""], refusal="I cannot."), Answer(["half"], finish_reason="content_filter")]) as server:
        refused, filtered = ask(engine_for(server, stream=stream)) + ask(engine_for(server, stream=stream))
    assert (refused.text, refused.finish_reason) == ("I cannot.", "refusal")
    assert (filtered.text, filtered.finish_reason) == ("half", "content_filter")


# --- streaming ---------------------------------------------------------------------------------------------


def test_streamed_samples_are_sorted_out() -> None:
    with OpenAIServer(Answer(["first answer, long", "second", ""], usage=(10, 8))) as server:
        proposals = ask(engine_for(server, stream=True), n=2)
    assert [proposal.text for proposal in proposals] == ["first answer, long", "second"]
    assert sum(proposal.output_tokens for proposal in proposals) == 8
    assert server.completions[0]["stream_options"] == {"include_usage": True}


def test_a_server_without_stream_options_still_streams() -> None:
    with OpenAIServer(CODE, reject=frozenset({"stream_options"})) as server:
        (proposal,) = ask(engine_for(server, stream=True))
    assert (proposal.text, proposal.input_tokens) == (CODE, None)
    assert server.completions[-1]["stream"] is True


def test_a_server_that_does_not_stream_is_understood() -> None:
    with OpenAIServer(CODE, stream=False) as server:
        assert ask(engine_for(server, stream=True))[0].text == CODE


def test_a_stream_that_breaks_off_is_asked_again() -> None:
    with OpenAIServer([Answer([CODE], drop_after=300), CODE]) as server:
        assert ask(engine_for(server, stream=True))[0].text == CODE
    assert len(server.completions) == 2


# --- failures and retries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [fake.SERVER_ERROR, fake.rate_limited(), fake.DROPPED, Answer([CODE], drop_after=20), fake.error(503, "busy")],
    ids=["500", "429", "dropped", "dropped within the body", "503"],
)
def test_what_passes_is_tried_again(failure: Any) -> None:
    with OpenAIServer([failure, failure, CODE]) as server:
        engine = engine_for(server)
        assert ask(engine)[0].text == CODE
    assert len(server.completions) == 3


def test_retry_after_is_honoured() -> None:
    sleeps = Sleeps()
    with OpenAIServer([fake.rate_limited(7), fake.rate_limited("0.5"), CODE]) as server:
        config = OpenAIConfig(model="m", api_key="k", base_url=server.url)
        ask(OpenAIEngine(config, prompter, sleep=sleeps))
    assert 7 <= sleeps[0] < 8
    assert 0.5 <= sleeps[1] < 1


def test_a_retry_after_beyond_the_bound_ends_at_once() -> None:
    with (
        OpenAIServer(fake.rate_limited(3600)) as server,
        pytest.raises(EngineError, match=r"3600 s; the limit .* 120 s"),
    ):
        ask(engine_for(server))
    assert len(server.completions) == 1


def test_real_retries_end_within_the_bound() -> None:
    with OpenAIServer(fake.SERVER_ERROR) as server:
        config = OpenAIConfig(model="m", api_key="k", base_url=server.url, retry_seconds=1.0)
        started = time.monotonic()
        with pytest.raises(EngineError, match=r"failed \(500\).*tried \d times"):
            ask(OpenAIEngine(config, prompter))
        assert time.monotonic() - started < 10  # with the SDK's first import on a busy machine


@pytest.mark.parametrize(
    ("rules", "words", "setting"),
    [
        ({"key": "right"}, "does not accept the key", "OPENAI_API_KEY"),
        ({"script": fake.error(403, "no access")}, "no access", "OPENAI_API_KEY"),
        ({"models": ("gpt-4o",)}, "test-model", "--model"),
        ({"script": fake.error(404, "not here")}, "not here", "OPENAI_BASE_URL"),
        ({"script": fake.error(429, "quota", code="insufficient_quota")}, "quota", "billing"),
        ({"script": fake.GARBAGE}, "It works", "/v1"),
    ],
)
def test_what_does_not_pass_is_said_at_once_with_the_setting(rules: dict[str, Any], words: str, setting: str) -> None:
    with OpenAIServer(**{"script": CODE, **rules}) as server:
        with pytest.raises(EngineError, match=words) as caught:
            ask(engine_for(server))
        assert len(server.completions) == 1
    assert setting in (caught.value.hint or "")


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sleeps = Sleeps()
    config = OpenAIConfig(model="m", api_key="k", base_url=f"http://127.0.0.1:{port}/v1")
    with pytest.raises(EngineError, match="cannot be reached") as caught:
        ask(OpenAIEngine(config, prompter, sleep=sleeps))
    assert caught.value.hint == "look at OPENAI_BASE_URL"
    assert len(sleeps) == 3


def test_a_slow_server_meets_the_time_out() -> None:
    with OpenAIServer(Answer([CODE], delay=30)) as server:
        started = time.monotonic()
        with pytest.raises(EngineError, match=r"did not answer within 0\.2 s"):
            ask(engine_for(server, timeout=0.2, retry_seconds=0))
        assert time.monotonic() - started < 5


def test_a_dripping_server_meets_the_deadline() -> None:
    body = b'{"choices": []}' * 100
    with OpenAIServer(Raw(body=body, drip=0.05)) as server:
        started = time.monotonic()
        with pytest.raises(EngineError, match="did not finish its answer"):
            ask(engine_for(server, timeout=0.5, retry_seconds=0))
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"base_url": None, "api_key": None}, "no key"),
        ({"api_key": "kéy"}, "characters"),
        ({"api_key": "a\nb"}, "characters"),
        ({"base_url": "localhost:8000/v1"}, "OPENAI_BASE_URL"),
        ({"base_url": "http://[::1"}, "address|OPENAI_BASE_URL"),
    ],
)
def test_settings_that_cannot_work(config: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        ask(OpenAIEngine(OpenAIConfig(**{"model": "m", "api_key": "k", **config}), prompter, sleep=Sleeps()))
    assert "kéy" not in str(caught.value)


def test_credentials_in_the_url_are_not_shown() -> None:
    with OpenAIServer(fake.SERVER_ERROR) as server:
        url = server.url.replace("http://", f"http://user:{contract.KEY}@")
        engine = engine_for(server, base_url=url, retry_seconds=0)
        with pytest.raises(EngineError) as caught:
            ask(engine)
    assert contract.KEY not in str(caught.value) + repr(engine.config)


def test_samples_survive_a_failure_of_a_later_call() -> None:
    with OpenAIServer(["one", fake.error(403, "no more")], ignore_n=True) as server:
        assert [proposal.text for proposal in ask(engine_for(server), n=3)] == ["one"]


# --- lengths -----------------------------------------------------------------------------------------------


def test_an_answer_that_was_cut_off_is_continued() -> None:
    half, rest = CODE[:30], CODE[30:]
    with OpenAIServer([fake.cut_off(half), rest]) as server:
        (proposal,) = ask(engine_for(server, price=Price(1, 1)))
    assert (proposal.text, proposal.finish_reason) == (CODE, "stop")
    assert (proposal.input_tokens, proposal.output_tokens) == (200, 100)
    assert proposal.cost == pytest.approx(300 / 1e6)
    roles = [message["role"] for message in server.completions[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert server.completions[1]["messages"][2]["content"] == half


def test_an_endless_answer_is_reported_as_cut_off() -> None:
    with OpenAIServer(fake.cut_off("more and more ")) as server:
        (proposal,) = ask(engine_for(server, max_continuations=2))
    assert proposal.finish_reason == "length"
    assert len(server.completions) == 3


def test_a_failing_continuation_leaves_the_part() -> None:
    with OpenAIServer([fake.cut_off("part"), fake.error(403, "no")]) as server:
        (proposal,) = ask(engine_for(server))
    assert (proposal.text, proposal.finish_reason) == ("part", "length")


def test_nothing_to_continue() -> None:
    with OpenAIServer(fake.cut_off("")) as server:
        (proposal,) = ask(engine_for(server))
    assert (proposal.text, proposal.finish_reason) == ("", "length")
    assert len(server.completions) == 1


def test_the_answer_gets_what_the_window_leaves() -> None:
    with OpenAIServer(CODE) as server:
        ask(engine_for(server, model="gpt-4o-mini"))
        ask(engine_for(server, context_window=2000, max_output_tokens=5000))
        ask(engine_for(server, max_output_tokens=700))
    known, small, asked = (body["max_tokens"] for body in server.completions)
    assert known == 16384
    assert 1500 < small < 2000
    assert asked == 700


def test_a_prompt_that_cannot_fit_is_not_sent() -> None:
    with OpenAIServer(CODE) as server:
        with pytest.raises(EngineError, match=r"does not fit into gpt-4: about 10\d\d\d to .* takes 8192") as caught:
            ask(engine_for(server, model="gpt-4", prompt=long_prompter(84_000)))
        assert "--model" in (caught.value.hint or "")
        assert server.completions == []


def test_the_server_says_that_the_prompt_does_not_fit() -> None:
    with (
        OpenAIServer(CODE, window=1000) as server,
        pytest.raises(EngineError, match="3000 tokens; the model takes 1000"),
    ):
        ask(engine_for(server, prompt=long_prompter(12_000)))


def test_the_server_knows_a_smaller_window() -> None:
    with OpenAIServer(CODE, window=3000) as server:
        assert ask(engine_for(server))[0].text == CODE
    prompt = server.completions[0]["messages"]
    assert server.completions[1]["max_tokens"] == 3000 - sum(len(message["content"]) for message in prompt) // 4


def test_the_server_knows_a_smaller_answer() -> None:
    with OpenAIServer(CODE, longest=1024) as server, engine_for(server) as engine:
        for _ in range(2):
            assert engine.propose(TASK, CONTEXT, n=1, temperature=0)[0].text == CODE
    assert [body["max_tokens"] for body in server.completions] == [4096, 1024, 1024]


# --- the cost cap ------------------------------------------------------------------------------------------


def test_a_call_that_could_cost_too_much_is_not_made() -> None:
    with OpenAIServer(CODE) as server:
        with pytest.raises(CostCapReached, match=r"could cost \$10\.\d\d .* --max-cost \$1\.00"):
            ask(engine_for(server, price=Price(1, 1000), max_output_tokens=10_000, max_cost=1.0))
        assert server.completions == []


def test_only_as_many_samples_as_the_cap_allows() -> None:
    with OpenAIServer(Answer([CODE], usage=(100, 1000))) as server:
        # A sample may cost a dollar; the first call has room for two, and turns out to cost one for both.
        proposals = ask(engine_for(server, price=Price(0, 1000), max_output_tokens=1000, max_cost=2.5), n=5)
    assert [body.get("n", 1) for body in server.completions] == [2, 1]
    assert len(proposals) == 3
    assert sum(proposal.cost for proposal in proposals) == pytest.approx(2.0)


def test_samples_survive_the_cap() -> None:
    with OpenAIServer(Answer([CODE], usage=(0, 1000)), ignore_n=True) as server:
        proposals = ask(engine_for(server, price=Price(0, 1000), max_output_tokens=1000, max_cost=2.5), n=5)
    assert len(proposals) == 2
    assert len(server.completions) == 2


def test_a_cap_without_a_price_says_how_to_give_one() -> None:
    with OpenAIServer(CODE) as server, pytest.raises(EngineError, match="price of test-model") as caught:
        ask(engine_for(server, max_cost=1.0))
    assert "--price IN,OUT" in (caught.value.hint or "")
    assert not isinstance(caught.value, CostCapReached)


def test_the_cap_holds_where_the_server_does_not_count() -> None:
    budget = Budget(1.0)
    with OpenAIServer(Answer(["x" * 4000], usage=None)) as server:
        ask(engine_for(server, budget=budget, price=Price(1, 1)))
    assert budget.spent > 0.001


def test_one_budget_for_several_engines() -> None:
    budget = Budget(1.5)
    price = {"price": Price(0, 1000), "max_output_tokens": 1000, "budget": budget}
    with OpenAIServer(Answer([CODE], usage=(0, 1000))) as server:
        ask(engine_for(server, **price))
        with pytest.raises(CostCapReached):
            ask(engine_for(server, **price))
