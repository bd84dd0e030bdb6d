from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.engines.completion import Choice, StreamReader, UnreadableError, error_fields, read_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"index": JSON, "message": JSON, "delta": JSON, "finish_reason": JSON, "text": JSON}
)


@given(st.fixed_dictionaries({"choices": st.lists(CHOICE | JSON)}, optional={"usage": JSON}) | JSON)
def test_any_json_is_a_completion_or_unreadable(document: object) -> None:
    try:
        completion = read_body(json.dumps(document))
    except UnreadableError:
        return
    assert all(isinstance(choice.text, str) for choice in completion.choices)
    for count in (completion.input_tokens, completion.output_tokens):
        assert count is None or count >= 0


@given(
    st.fixed_dictionaries({"choices": st.lists(CHOICE | JSON) | JSON}, optional={"usage": JSON, "error": JSON}) | JSON
)
def test_any_event_is_read_or_unreadable(event: object) -> None:
    reader = StreamReader()
    try:
        reader.feed("data: " + json.dumps(event))
    except UnreadableError:
        return
    assert all(isinstance(choice.text, str) for choice in reader.completion().choices)


@pytest.mark.parametrize(
    ("row", "choice"),
    [
        ({"message": {"content": "a"}, "finish_reason": "stop"}, Choice("a", "stop")),
        ({"message": {"content": None}, "finish_reason": "length"}, Choice("", "length")),
        ({"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}, Choice("no", "refusal")),
        ({"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}, Choice("ab", None)),
        ({"text": "plain", "finish_reason": "stop"}, Choice("plain", "stop")),
    ],
)
def test_choices_as_servers_write_them(row: dict[str, object], choice: Choice) -> None:
    assert read_body(json.dumps({"choices": [row]})).choices == (choice,)


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"choices": null}', "null", '"text"'])
def test_what_is_no_completion(body: str) -> None:
    with pytest.raises(UnreadableError):
        read_body(body)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"message": "m", "code": "c", "param": "p", "type": "t"}}, ("m", "c", "p")),
        ({"message": "m", "code": None, "type": "t"}, ("m", "t", "")),  # the SDK unpacks "error"
        ({"error": "m", "error_type": "validation"}, ("m", "validation", "")),
        ({"detail": [{"loc": ["n"]}]}, ('[{"loc": ["n"]}]', "", "")),
        ("plain text", ("plain text", "", "")),
        (None, ("", "", "")),
    ],
)
def test_errors_as_servers_write_them(body: object, fields: tuple[str, str, str]) -> None:
    assert error_fields(body) == fields
