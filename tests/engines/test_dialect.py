"""Error messages as servers really write them."""

from __future__ import annotations

import pytest

from mlops_bot.engines.dialect import Dialect, sizes, too_long

MESSAGES = [
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 10012 tokens. "
        "Please reduce the length of the messages.",
        (8192, 10012),
    ),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the messages, "
        "4000 in the completion). Please reduce the length of the messages or completion.",
        (4096, 1000),
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 "
        "tokens and your request has 1000 input tokens (8000 > 4096 - 1000).",
        (4096, 1000),
    ),
    ("the request exceeds the available context size. try increasing the context size", (None, None)),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_lengths_are_read_from_messages(message: str, expected: tuple[int | None, int | None]) -> None:
    assert too_long(message, "")
    assert sizes(message) == expected


def test_the_code_says_it_without_words() -> None:
    assert too_long("", "context_length_exceeded")
    assert not too_long("the model is odd", "invalid_request_error")


@pytest.mark.parametrize(
    ("message", "param", "change"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            {"length_name": "max_completion_tokens"},
        ),
        (
            "Unsupported value: 'temperature' does not support 0.7 with this model. "
            "Only the default (1) value is supported.",
            "temperature",
            {"temperature": False},
        ),
        ("Only one completion choice is allowed", "", {"many": False}),
        ("Value error: 'n' must be at most 1", "", {"many": False}),
        ("stream_options: Extra inputs are not permitted", "", {"usage_option": False}),
        ("Streaming is not supported here", "", {"stream": False}),
        (
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
            "",
            {"longest": 16384},
        ),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "", {"longest": 8192}),
        ("`max_tokens` must be less than or equal to `32768`", "max_tokens", {"longest": 32768}),
    ],
)
def test_a_complaint_changes_what_it_is_about_once(message: str, param: str, change: dict[str, object]) -> None:
    dialect = Dialect(stream=True)
    assert dialect.learn(message, param, n=2)
    expected = Dialect(stream=True)
    for name, value in change.items():
        setattr(expected, name, value)
    assert dialect == expected
    for _ in range(5):  # the same complaint again and again comes to an end
        learned = dialect.learn(message, param, n=2)
    assert not learned


def test_other_complaints_change_nothing() -> None:
    dialect = Dialect()
    for message in ("", "we do not like you", "messages: field required", "invalid role 'system'"):
        assert not dialect.learn(message, "", n=1)
    assert dialect == Dialect()
