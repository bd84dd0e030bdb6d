"""The hidden line of the bot's comments: read back as written, and never from anybody else."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.github import marker
from mlops_bot.github.model import Comment, Record

BOT = "github-actions[bot]"
RECORD = Record(
    12, "add-mlflow", "add mlflow 'a b.py'", "verified", "ada", "1" * 40, branch="mlops-bot/pr-12/add-mlflow",
    pull_number=13, commit="2" * 40, attempt=2, source="comment:77",
)  # fmt: skip


def forged(document: Any) -> str:
    return f"<!-- mlops-bot/1 {base64.b64encode(json.dumps(document).encode()).decode()} -->\n"


def test_a_record_is_read_back() -> None:
    for record in (RECORD, Record(1, "k", "w", "running", "a", "s")):
        line = marker.write(record)
        assert line.startswith("<!-- ") and line.endswith(" -->\n") and "--" not in line[4:-5]
        assert marker.read(line + "text") == record
        assert marker.read(line.replace("\n", "\r\n") + "text") == record, "as GitHub may give it back"


@given(st.text(max_size=30), st.integers(1, 10**9))
def test_any_words_are_kept_in_one_line(words: str, number: int) -> None:
    line = marker.write(replace(RECORD, words=words, number=number))
    assert line.count("\n") == 1
    assert marker.read(line) == (replace(RECORD, words=words, number=number) if words.isprintable() else None)


@pytest.mark.parametrize("before", [" ", "\n", "text\n", "> ", "```\n", "<!-- x -->\n"])
def test_only_the_very_start_counts(before: str) -> None:
    assert marker.read(before + marker.write(RECORD)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"number": "12"}, {"extra": "x"}, {"status": "done"}, {"number": True}, {"number": -1}, {"words": "a\nb"},
        {"words": "a\u202eb"}, {"branch": None}, {"branch": 3}, {"words": "x" * 5000}, {"key": []},
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_none(change: dict[str, Any]) -> None:
    whole = {"number": 12, "key": "k", "words": "w", "status": "failed", "actor": "a", "head_sha": "s"}
    assert marker.read(forged(whole)) is not None
    assert marker.read(forged({**whole, **change})) is None


@pytest.mark.parametrize("document", [None, [], "x", {}, {"number": 12}])
def test_what_is_no_record_is_none(document: Any) -> None:
    assert marker.read(forged(document)) is None


@given(st.text(alphabet="<!-> mlops-bot/1abcABC=+/\n", max_size=60) | st.text())
def test_no_body_breaks_the_reader(body: str) -> None:
    assert marker.read(body) is None
    assert marker.read(f"<!-- mlops-bot/1 {body} -->\n") is None


def test_deeply_nested_json_is_none() -> None:
    assert marker.read(f"<!-- mlops-bot/1 {base64.b64encode(b'[' * 5000).decode()} -->\n") is None


def test_only_comments_of_the_bots_own_account_count() -> None:
    body = marker.write(RECORD)
    comments = [
        Comment(1, "mallory", "User", body),
        Comment(2, "github-actions", "User", body),
        Comment(3, BOT, "Bot", "> " + body),
        Comment(4, BOT, "Bot", marker.write(replace(RECORD, number=99))),
        Comment(5, BOT, "Bot", marker.write(replace(RECORD, key="add-wandb"))),
        Comment(6, BOT, "Bot", body + "### text"),
        Comment(7, BOT, "Bot", body),
    ]
    found = marker.find(comments, login=BOT, number=12, key="add-mlflow")
    assert found is not None
    assert (found[0].id, found[1]) == (6, RECORD), "the first, should two runners have made two"
    assert [comment.id for comment, _ in marker.records(comments, login=BOT.upper(), number=12)] == [5, 6, 7]
    assert marker.find(comments, login="somebody", number=12, key="add-mlflow") is None
