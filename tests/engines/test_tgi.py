"""The tgi engine against a server written from the public API description."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.engines import contract
from tests.engines.support import CONTEXT, TASK, Lines, Sleeps, long_prompter, prompter
from tests.servers import tgi_server as fake
from tests.servers.loopback import Raw, json_reply
from tests.servers.tgi_server import Generated, TGIServer

from mlops_bot.engines.pricing import Price
from mlops_bot.engines.tgi import TGIConfig, TGIEngine
from mlops_bot.errors import CostCapReached, EngineError, UserError
from mlops_bot.types import Engine

CODE = "```python\nimport tracker\ntracker.start()\nprint('training')\n```\n"
ROUTES = {
    "all": frozenset({"/info", "/tokenize", "/generate", "/generate_stream"}),
    "without /tokenize": frozenset({"/info", "/generate", "/generate_stream"}),
    "without streaming": frozenset({"/info", "/tokenize", "/generate"}),
}


def engine_for(server: TGIServer, *, prompt: Any = prompter, progress: Any = None, **config: Any) -> TGIEngine:
    settings = TGIConfig(**{"url": server.url, "token": contract.KEY, **config})
    return TGIEngine(settings, prompt, sleep=Sleeps(), progress=Lines() if progress is None else progress)


def ask(engine: TGIEngine, n: int = 1, temperature: float = 0.7) -> list[Any]:
    with engine:
        return list(engine.propose(TASK, CONTEXT, n=n, temperature=temperature))


@contextmanager
def served(script: Any = CODE, stream: bool = True, **rules: Any) -> Iterator[Engine]:
    with TGIServer(script, **rules) as server, engine_for(server, stream=stream, retry_seconds=5) as engine:
        yield engine


# --- the contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("routes", ROUTES.values(), ids=ROUTES.keys())
def test_contract(stream: bool, routes: frozenset[str]) -> None:
    contract.check_all(lambda: served(stream=stream, routes=routes, token=contract.KEY))


BROKEN = {
    "wrong token": {"token": "another"},
    "overloaded": {"script": fake.OVERLOADED},
    "generation error": {"script": fake.GENERATION_ERROR},
    "dropped": {"script": fake.DROPPED},
    "garbage": {"script": fake.GARBAGE},
    "garbage in JSON": {"script": json_reply({"hello": 1})},
    "a proxy's page": {"script": Raw(status=502, body=b"<html>", content_type="text/html")},
    "odd error": {"script": json_reply({"error": f"no {contract.KEY}"}, status=418)},
    "no info": {"routes": frozenset({"/generate"})},
    "unknown finish reason": {"script": Generated(CODE, finish_reason="boredom")},
    "stream with an error": {
        "script": Raw(body=b'data:{"error":"oom","error_type":"generation"}\n\n', content_type="text/event-stream")
    },
    "validation": {"script": fake.error(422, "Input validation error: `best_of` is odd", "validation")},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_server_is_an_engine_error_without_the_token(case: dict[str, Any], stream: bool) -> None:
    contract.check_failure(lambda: served(stream=stream, **case))


# --- requests and samples ----------------------------------------------------------------------------------


def test_the_request_is_as_asked() -> None:
    with TGIServer([CODE, "second"]) as server:
        engine = engine_for(server, top_p=0.95, seed=40)
        first, second = ask(engine, n=2, temperature=0.3)
    assert (first.text, second.text) == (CODE, "second")
    assert first.model == engine.model == "WizardLM/WizardCoder-15B-V1.0"
    assert first.cost is None
    prompt = server.generations[0]["inputs"]
    assert prompt.startswith("Below is an instruction that describes a task.")
    assert "### Instruction:\nYou add experiment tracking.\n\nChange this file:" in prompt
    assert prompt.endswith("### Response:")
    for index, body in enumerate(server.generations):
        parameters = body["parameters"]
        assert (parameters["do_sample"], parameters["temperature"], parameters["top_p"]) == (True, 0.3, 0.95)
        assert parameters["seed"] == 40 + index
        assert parameters["max_new_tokens"] == 8192 - len(prompt) // 4
        assert parameters["details"] is True
    assert {request.path for request in server.requests} == {"/info", "/tokenize", "/generate_stream"}


def test_greedy_is_one_generation() -> None:
    with TGIServer(CODE) as server:
        assert len(ask(engine_for(server), n=5, temperature=0.0)) == 1
    (body,) = server.generations
    assert body["parameters"]["do_sample"] is False
    assert not {"temperature", "seed", "top_p"} & body["parameters"].keys()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_tokens_are_counted_where_the_server_counts(stream: bool, counts: bool) -> None:
    with TGIServer(CODE, counts=counts) as server:
        (proposal,) = ask(engine_for(server, stream=stream))
    prompt = len(server.generations[0]["inputs"]) // 4
    assert proposal.input_tokens == (prompt if counts else None)
    assert proposal.output_tokens == -(-len(CODE) // 4)


def test_the_stop_sequence_is_not_part_of_the_answer() -> None:
    answer = Generated(CODE + "\n### Instruction:", finish_reason="stop_sequence")
    with TGIServer(answer) as server:
        (proposal,) = ask(engine_for(server))
    assert (proposal.text, proposal.finish_reason) == (CODE, "stop")
    assert server.generations[0]["parameters"]["stop"] == ["\n### Instruction:"]


def test_a_configured_price_counts_and_caps() -> None:
    with TGIServer(CODE) as server:
        (proposal,) = ask(engine_for(server, price=Price(1.0, 2.0)))
        assert proposal.cost == pytest.approx((proposal.input_tokens + 2 * proposal.output_tokens) / 1e6)
        with pytest.raises(CostCapReached):
            ask(engine_for(server, price=Price(1.0, 2.0), max_cost=0.001))
        lines = Lines()
        assert ask(engine_for(server, max_cost=0.001, progress=lines))[0].text == CODE  # one's own server has no price
        assert "--max-cost says nothing" in lines.text
    assert len(server.generations) == 2


# --- which model -------------------------------------------------------------------------------------------


def test_a_server_of_another_model_is_refused() -> None:
    with TGIServer(CODE) as server:
        with pytest.raises(EngineError, match=r"serves WizardLM/WizardCoder-15B-V1\.0, not bigcode/starcoder"):
            ask(engine_for(server, model="bigcode/starcoder"))
        assert ask(engine_for(server, model="wizardcoder-15b-v1.0"))[0].model == "WizardLM/WizardCoder-15B-V1.0"


def test_a_model_in_a_folder_goes_by_its_configured_name() -> None:
    with TGIServer(CODE, model_id="/repository") as server:
        (proposal,) = ask(engine_for(server, model="Qwen/Qwen2.5-Coder-7B-Instruct"))
    assert proposal.model == "Qwen/Qwen2.5-Coder-7B-Instruct"
    assert server.generations[0]["inputs"].endswith("<|im_start|>assistant\n")


def test_an_unknown_family_is_said() -> None:
    lines = Lines()
    with TGIServer(CODE, model_id="acme/anvil-3b") as server:
        ask(engine_for(server, progress=lines))
        ask(engine_for(server, template="chatml"))
    assert "template of acme/anvil-3b is not known" in lines.text
    assert server.generations[0]["inputs"].startswith("You add experiment tracking.")
    assert server.generations[1]["inputs"].startswith("<|im_start|>system")


def test_a_template_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="'nope'") as caught:
        TGIEngine(TGIConfig(url="http://127.0.0.1:1", template="nope"), prompter)
    assert "chatml" in (caught.value.hint or "")


# --- lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_input_tokens", "max_input_length"])
def test_the_prompt_does_not_fit(name: str) -> None:
    with TGIServer(CODE, input_name=name, max_input=500, max_total=1000) as server:
        with pytest.raises(EngineError, match=r"\d{4} tokens; the server takes 500 .* 1000"):
            ask(engine_for(server, prompt=long_prompter(6000)))
        assert server.generations == []


def test_the_prompt_does_not_fit_by_the_servers_count() -> None:
    # 2,700 characters may be 338 tokens or 1,081: only the server knows that they are 700 and more.
    with TGIServer(CODE, routes=ROUTES["without /tokenize"], max_input=500, max_total=2000) as server:
        with pytest.raises(EngineError, match=r"7\d\d tokens; the server takes 500 .* 2000"):
            ask(engine_for(server, prompt=long_prompter(2700)))
        assert len(server.generations) == 1


def test_the_servers_count_corrects_the_estimate() -> None:
    with TGIServer(CODE, routes=ROUTES["without /tokenize"], max_input=1000, max_total=1200) as server:
        # Taken for up to 1,500 tokens, while they are 900 and more: too much is asked first.
        (proposal,) = ask(engine_for(server, prompt=long_prompter(3500)))
    assert proposal.text == CODE
    assert [body["parameters"]["max_new_tokens"] for body in server.generations][-1] <= 300


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_cut_off_is_continued(stream: bool) -> None:
    text = "y = 2\n" * 100

    def script(body: dict[str, Any]) -> str:
        written = len(body["inputs"].partition("### Response:")[2])
        return text[written:]

    with TGIServer(script) as server:
        (proposal,) = ask(engine_for(server, max_output_tokens=64, stream=stream))
    assert (proposal.text, proposal.finish_reason) == (text, "stop")
    assert len(server.generations) == 3
    assert proposal.output_tokens == 150
    assert proposal.input_tokens == sum(len(body["inputs"]) // 4 for body in server.generations)


def test_an_answer_beyond_the_budget_is_reported_as_cut_off() -> None:
    with TGIServer("z = 3\n" * 5000, max_input=500, max_total=1000) as server:
        (proposal,) = ask(engine_for(server))
    assert proposal.finish_reason == "length"
    assert len(server.generations) == 1


def test_an_endless_answer_is_reported_as_cut_off() -> None:
    with TGIServer("z = 3\n" * 5000) as server:
        (proposal,) = ask(engine_for(server, max_output_tokens=20, max_continuations=2))
    assert (proposal.finish_reason, len(server.generations)) == ("length", 3)


# --- failures and retries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failure",
    [fake.OVERLOADED, fake.GENERATION_ERROR, fake.DROPPED, Generated(CODE, drop_after=40), Raw(status=503)],
    ids=["overloaded", "generation", "dropped", "dropped within", "503"],
)
def test_what_passes_is_tried_again(failure: Any, stream: bool) -> None:
    with TGIServer([failure, failure, CODE]) as server:
        assert ask(engine_for(server, stream=stream))[0].text == CODE
    assert len(server.generations) == 3


def test_retry_after_is_honoured() -> None:
    sleeps = Sleeps()
    with TGIServer([fake.error(429, "busy", "overloaded", retry_after=9), CODE]) as server:
        ask(TGIEngine(TGIConfig(url=server.url), prompter, sleep=sleeps))
    assert len(sleeps) == 1
    assert 9 <= sleeps[0] < 10


@pytest.mark.parametrize("script", [Generated(CODE, delay=30), Raw(body=b"x" * 200, drip=0.05)], ids=["slow", "drip"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_server_meets_the_time_out(script: Any, stream: bool) -> None:
    with TGIServer(script) as server:
        started = time.monotonic()
        with pytest.raises(EngineError, match=r"within 0\.3 s"):
            ask(engine_for(server, timeout=0.3, retry_seconds=0, stream=stream))
        assert time.monotonic() - started < 5


def test_a_wrong_token_is_said_at_once() -> None:
    with TGIServer(CODE, token="another") as server:
        with pytest.raises(EngineError, match="refuses access") as caught:
            ask(engine_for(server))
        assert len(server.requests) == 1
    assert "HF_TOKEN" in (caught.value.hint or "")


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineError, match="cannot be reached") as caught:
        ask(TGIEngine(TGIConfig(url=f"http://127.0.0.1:{port}"), prompter, sleep=Sleeps()))
    assert caught.value.hint == "look at MLOPS_BOT_TGI_URL"


def test_a_server_of_another_kind_is_said() -> None:
    with TGIServer(routes=frozenset()) as server, pytest.raises(EngineError, match="does not describe"):
        ask(engine_for(server))


def test_no_server_is_configured() -> None:
    with pytest.raises(EngineError, match="no text-generation-inference server") as caught:
        ask(TGIEngine(TGIConfig(), prompter))
    assert "MLOPS_BOT_TGI_URL" in (caught.value.hint or "")


def test_samples_survive_a_failure_of_a_later_one() -> None:
    with TGIServer(["one", fake.error(422, "no more", "validation")]) as server:
        assert [proposal.text for proposal in ask(engine_for(server), n=3)] == ["one"]


# --- Inference Endpoints -----------------------------------------------------------------------------------


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[TGIServer]:
    with TGIServer(CODE, model_id="/repository", token=contract.KEY) as server:
        monkeypatch.setattr("huggingface_hub.constants.INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        yield server


def endpoint_engine(**config: Any) -> TGIEngine:
    settings = TGIConfig(**{"endpoint_name": "me/coder", "token": contract.KEY, **config})
    return TGIEngine(settings, prompter, sleep=Sleeps(), progress=Lines())


def test_a_running_endpoint_is_left_running(endpoint: TGIServer) -> None:
    (proposal,) = ask(endpoint_engine())
    assert (proposal.text, proposal.model) == (CODE, "WizardLM/WizardCoder-15B-V1.0")
    assert endpoint.endpoint_actions == []


@pytest.mark.parametrize(("state", "back"), [("paused", "pause"), ("scaledToZero", "scale-to-zero")])
def test_a_sleeping_endpoint_is_woken_and_put_back(endpoint: TGIServer, state: str, back: str) -> None:
    endpoint.endpoint_state = state
    (proposal,) = ask(endpoint_engine(endpoint_name="coder", namespace="me"))
    assert proposal.text == CODE
    assert endpoint.endpoint_actions == ["resume", back]
    assert endpoint.endpoint_state == state


def test_a_woken_endpoint_is_put_back_after_a_failure(endpoint: TGIServer) -> None:
    endpoint.endpoint_state = "paused"
    endpoint.rules.model_id = "acme/another"
    with pytest.raises(EngineError, match="serves acme/another"):
        ask(endpoint_engine(model="WizardLM/WizardCoder-15B-V1.0"))
    assert endpoint.endpoint_state == "paused"


def test_an_endpoint_that_does_not_come_up(endpoint: TGIServer) -> None:
    endpoint.endpoint_state = "paused"
    endpoint.polls_until_running = 10**6
    with pytest.raises(EngineError, match="still initializing"):
        ask(endpoint_engine(endpoint_seconds=0))
    assert endpoint.endpoint_actions == ["resume", "pause"]


def test_a_broken_endpoint(endpoint: TGIServer) -> None:
    endpoint.endpoint_state = "failed"
    with pytest.raises(EngineError, match="coder is failed"):
        ask(endpoint_engine())


@pytest.mark.parametrize("config", [{"token": "planted-wrong-token"}, {"endpoint_name": "me/other"}])
def test_an_endpoint_that_cannot_be_found(endpoint: TGIServer, config: dict[str, str]) -> None:
    with pytest.raises(EngineError, match="cannot be looked up") as caught:
        ask(endpoint_engine(**config))
    assert "HF_TOKEN" in (caught.value.hint or "")
    assert "planted-wrong-token" not in str(caught.value)
