"""Append-only records: what was written is there again, whatever happened to the last line."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmark.records import Records, merge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_bot.errors import UserError

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(values=st.lists(st.tuples(st.sampled_from("abc"), JSON), max_size=8), cut=st.integers(0, 20))
def test_a_crash_costs_the_line_that_was_being_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, object]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("records") / "r.jsonl"
    kept = Records(path)
    for key, value in values:
        kept.add({"key": key, "value": value})
    before = {entry["key"]: entry["value"] for entry in Records(path).all()}
    assert before == dict(values)
    torn = b'{"key": "torn", "value": 1}'[: cut + 1]
    with path.open("ab") as file:
        file.write(torn)
    again = Records(path)
    again.add({"key": "next", "value": None})
    assert {entry["key"]: entry["value"] for entry in Records(path).all()} == {**before, "next": None}


def test_a_broken_line_in_the_middle_is_said(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"key": 1\n{"key": "b"}\n')
    with pytest.raises(UserError, match="broken line"):
        Records(tmp_path / "r.jsonl")


def test_merging_again_changes_nothing(tmp_path: Path) -> None:
    first, second = Records(tmp_path / "a.jsonl"), Records(tmp_path / "b.jsonl")
    first.add({"key": "x", "value": 1})
    second.add({"key": "x", "value": 2})
    second.add({"key": "y", "value": 3})
    assert merge(first, second) == 1
    content = (tmp_path / "a.jsonl").read_bytes()
    assert merge(first, second) == 0 and (tmp_path / "a.jsonl").read_bytes() == content
