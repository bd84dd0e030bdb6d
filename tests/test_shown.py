"""What programs and models wrote, made harmless and bearable."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mlops_bot import shown


@given(st.text())
def test_plain_text_has_nothing_hidden_and_stays_plain(text: str) -> None:
    safe = shown.plain(text)
    assert [
        char for char in safe if not char.isprintable() and char not in "\n\t\u3000\xa0" and not char.isspace()
    ] == []
    assert shown.plain(safe) == safe
    assert "\x1b" not in safe


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_escaping_a_json_text_keeps_its_meaning(value: object) -> None:
    assert json.loads(shown.escaped(json.dumps(value, ensure_ascii=False))) == value


def test_plain_keeps_what_people_write() -> None:
    assert shown.plain("Straße, 日本, µ\tα\n") == "Straße, 日本, µ\tα\n"
    assert shown.plain("\x1b[31m\u202e\U000e0041") == "\\x1b[31m\\u202e\\U000e0041"


def test_one_line_is_one_line_and_short() -> None:
    assert shown.one_line("a\nb\t c") == "a b c"
    assert shown.one_line("x" * 100, 10) == "x" * 7 + "..."


def test_bounded_keeps_both_ends() -> None:
    document = {"loss": list(range(5000)), "text": "a" * 30_000 + "b", "few": [1]}
    kept = shown.bounded(document)
    assert (len(kept["loss"]), kept["loss"][0], kept["loss"][-1]) == (1000, 0, 4999)
    assert len(kept["text"]) < 20_100
    assert kept["text"].endswith("b")
    assert "10001 characters left out" in kept["text"]
    assert kept["few"] == [1]


def test_longer_secrets_go_first() -> None:
    assert shown.redacted("abcdef-long abcdef", ["abcdef", "abcdef-long"]) == "*** ***"
    assert shown.redacted_json({"abcdef": ["abcdef", 1, None]}, ["abcdef"]) == {"***": ["***", 1, None]}
