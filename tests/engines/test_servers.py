"""The test servers against the official clients: what these understand is what real servers say."""

from __future__ import annotations

import openai
import pytest
import text_generation
from tests.servers import openai_server, tgi_server
from tests.servers.openai_server import Answer, OpenAIServer
from tests.servers.tgi_server import TGIServer
from text_generation.errors import OverloadedError, ValidationError

TEXT = "def train():\n    return 0.5  # größer\n"
MESSAGES = [{"role": "user", "content": "Write."}]


def test_chat_completions() -> None:
    with OpenAIServer(Answer([TEXT, "second"], usage=(7, 9))) as server:
        with openai.OpenAI(api_key="k", base_url=server.url, max_retries=0) as client:
            whole = client.chat.completions.create(model="m", messages=MESSAGES, n=2)  # type: ignore[call-overload]
        assert [choice.message.content for choice in whole.choices] == [TEXT, "second"]
        assert [choice.finish_reason for choice in whole.choices] == ["stop", "stop"]
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (7, 9)


def test_streamed_chat_completions() -> None:
    with OpenAIServer(Answer([TEXT], finish_reason="length")) as server:
        with openai.OpenAI(api_key="k", base_url=server.url, max_retries=0) as client:
            events = list(
                client.chat.completions.create(  # type: ignore[call-overload]
                    model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
                )
            )
        deltas = [choice.delta.content or "" for event in events for choice in event.choices]
        assert "".join(deltas) == TEXT
        assert events[-2].choices[0].finish_reason == "length"
        assert events[-1].usage.total_tokens == 150


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ({"key": "right"}, openai.AuthenticationError),
        ({"models": ("other",)}, openai.NotFoundError),
        ({"script": openai_server.rate_limited(1)}, openai.RateLimitError),
        ({"script": openai_server.SERVER_ERROR}, openai.InternalServerError),
        ({"script": openai_server.DROPPED}, openai.APIConnectionError),
        ({"window": 1}, openai.BadRequestError),
    ],
)
def test_chat_completion_errors(rules: dict[str, object], error: type[Exception]) -> None:
    with (
        OpenAIServer(**rules) as server,
        openai.OpenAI(api_key="k", base_url=server.url, max_retries=0) as client,
        pytest.raises(error),
    ):
        client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=9)  # type: ignore[call-overload]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client calls pydantic's .dict()
def test_generations() -> None:
    with TGIServer(TEXT) as server:
        client = text_generation.Client(server.url)
        whole = client.generate("Write.", max_new_tokens=100)
        assert whole.generated_text == TEXT
        assert whole.details.finish_reason.value == "eos_token"
        *_, last = client.generate_stream("Write.", max_new_tokens=3)
        assert last.generated_text == TEXT[:12]
        assert last.details.finish_reason.value == "length"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_generation_errors() -> None:
    with TGIServer(tgi_server.OVERLOADED) as server, pytest.raises(OverloadedError):
        text_generation.Client(server.url).generate("Write.")
    with TGIServer(max_total=10) as server, pytest.raises(ValidationError, match="must be <= 10"):
        text_generation.Client(server.url).generate("Write.", max_new_tokens=100)
