from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.engines.common import MIN_OUTPUT, lines, redact, room, share, shown_url, token_range


@given(st.none() | st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=9))
def test_shares_add_up(total: int | None, weights: list[int]) -> None:
    parts = share(total, weights)
    assert len(parts) == len(weights)
    if total is None:
        assert set(parts) == {None}
    else:
        assert sum(part for part in parts if part is not None) == total
        assert all(part is not None and part >= 0 for part in parts)


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=50))
def test_lines_do_not_depend_on_the_chunks(body: bytes, sizes: list[int]) -> None:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(body[start : start + size])
        start += size
    chunks.append(body[start:])
    assert list(lines(chunks)) == list(lines([body]))
    assert b"\n".join(lines([body])) == body.removesuffix(b"\n")


@given(st.text(max_size=500))
def test_the_range_of_tokens_is_a_range(text: str) -> None:
    fewest, most = token_range(text)
    assert 0 <= fewest < most


@given(st.integers(1, 10**6), st.text(max_size=2000))
def test_there_is_always_room_to_try(window: int, text: str) -> None:
    assert room(window, token_range(text)) >= MIN_OUTPUT


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: planted.",
        "Authorization: Bearer planted-and-more",
        "bearer planted",
        "key 'planted' is wrong",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    assert "planted" not in redact(text, "planted\n")


def test_keys_of_others_are_taken_out_and_long_texts_cut() -> None:
    assert redact("you sent sk-abc****wxyz and hf_abcdefgh") == "you sent *** and ***"
    assert redact("scikit-learn and sk-learn stay") == "scikit-learn and sk-learn stay"
    assert len(redact("word " * 1000)) < 400
    assert redact("two\n  lines", None, "") == "two lines"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host:8000/v1?key=secret#secret", "https://host:8000/v1"),
        ("http://host/v1", "http://host/v1"),
        ("http://[::1", "the configured URL"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown
