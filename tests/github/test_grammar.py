"""Commands in comments: what of a comment is a command, and what is code, a quote or somebody's mistake."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.github.known import KNOWN

from mlops_bot.github.grammar import MAX_COMMANDS, read, requests


def said(body: str) -> list[str]:
    """The texts of the requests that a comment holds."""
    return [request.text for request in requests(body, components=KNOWN)]


@pytest.mark.parametrize(
    "body",
    [
        "/mlops add mlflow",
        "  /mlops add mlflow  ",
        "/MLOps add mlflow",
        "/mlops\tadd mlflow",
        "Nice work!\n/mlops add mlflow",
        "Nice work!\r\n\r\n/mlops add mlflow\r\nthanks",
        "> /mlops add optuna\n\n/mlops add mlflow",
        "```\n/mlops add optuna\n```\n/mlops add mlflow",
        "<!-- a note -->\n\n/mlops add mlflow",
        "<details><summary>why</summary>\n\n/mlops add mlflow\n\n</details>",
        "a list\n- one\n- two\n\n/mlops add mlflow",
        "one ` backtick, and later\n/mlops add mlflow",
        "a `span` and\n/mlops add mlflow",
        "not closed <!-- \n/mlops add mlflow",
        "***\n/mlops add mlflow",
    ],
)
def test_plain_lines_are_commands(body: str) -> None:
    assert said(body) == ["add mlflow"]


@pytest.mark.parametrize(
    "body",
    [
        "please /mlops add mlflow",
        "/mlopsadd mlflow",
        "/mlops-bot add mlflow",
        "\\/mlops add mlflow",
        "`/mlops add mlflow`",
        "**/mlops add mlflow**",
        "    /mlops add mlflow",
        "\t/mlops add mlflow",
        "text\n    /mlops add mlflow",
        "> /mlops add mlflow",
        "> text\n/mlops add mlflow",
        "> > a\n> /mlops add mlflow",
        "- > a\n  /mlops add mlflow",
        "# /mlops add mlflow",
        "/mlops add mlflow\n===",
        "- /mlops add mlflow",
        "1. /mlops add mlflow",
        "-     /mlops add mlflow",
        "```\n/mlops add mlflow\n```",
        "~~~sh\n/mlops add mlflow\n~~~",
        "````\n```\n/mlops add mlflow\n```\n````",
        "```\nnever closed\n/mlops add mlflow",
        "- ```\n  /mlops add mlflow\n  ```",
        "> ```\n> /mlops add mlflow\n> ```",
        "``\n/mlops add mlflow\n``",
        "a ` b\n/mlops add mlflow\nc ` d",
        "<!--\n/mlops add mlflow\n-->",
        "<!--\n\n/mlops add mlflow\n\n-->",
        "text <!--\n/mlops add mlflow\n-->",
        "<pre>\n\n/mlops add mlflow\n</pre>",
        "<div>\n/mlops add mlflow\n</div>",
        "| a | b |\n|---|---|\n/mlops add mlflow | x",
        "[x]: /mlops 'add mlflow'",
    ],
)  # fmt: skip
def test_code_quotes_and_comments_hold_no_commands(body: str) -> None:
    assert said(body) == []


def test_several_commands_in_their_order_each_once() -> None:
    body = "/mlops add mlflow\ntext\n/mlops add optuna a.py\n\n/mlops add MLflow\n/mlops status"
    found = requests(body, components=KNOWN, author="ada")
    assert [(r.line, r.command.verb, r.command.target, r.command.author) for r in found if r.command] == [
        (1, "add", "mlflow", "ada"), (3, "add", "optuna", "ada"), (6, "status", None, "ada"),
    ]  # fmt: skip


def test_more_commands_than_allowed_are_named_not_run() -> None:
    found = requests("\n".join(f"/mlops add mlflow f{i}.py" for i in range(20)), components=KNOWN)
    assert len(found) == MAX_COMMANDS + 1
    assert "at most 10 commands" in (found[-1].problem or "")


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("ad mlflow", "unknown command `ad`", "did you mean `add`?"),
        ("add mlfow", "unknown component `mlfow`", "did you mean `mlflow`?"),
        ("", "no command was given", "add COMPONENT"),
        ("add mlflow https://x.example/t.py", "is an address", "src/train.py"),
        ("add mlflow ../t.py", "leaves the repository", "src/train.py"),
        ("add mlflow .github/workflows/x.yml", "own configuration", "src/train.py"),
        ("add mlflow --key x", "unknown option `--key`", "--for"),
        ("add mlflow 'a b.py", "a quotation mark is not closed", "close it"),
        ("add mlflow " + "x" * 3000, "more than 2000 characters", "split it"),
        ("translate mlflow optuna", "no functionality in common", "hyperparameter-optimization"),
    ],
)
def test_mistakes_say_what_to_write(text: str, problem: str, hint: str) -> None:
    found = read(text, components=KNOWN)
    assert found.command is None
    assert problem in (found.problem or "")
    assert hint in (found.hint or "")


def test_words_as_people_write_them() -> None:
    for text in ("add mlflow `src/a.py`", "add mlflow 'src/a.py'", 'add mlflow "src/a.py"'):
        found = read(text, components=KNOWN)
        assert found.command is not None
        assert found.command.paths == ("src/a.py",)
    dashed = read("add mlflow —for model-registration", components=KNOWN)
    assert dashed.command is not None
    assert dashed.command.functionality == "model-registration"
    windows = read(r"add mlflow src\a.py", components=KNOWN)
    assert "backslash" in (windows.problem or "")


markdown = st.lists(
    st.one_of(
        st.sampled_from(["/mlops add mlflow", "/mlops", "```", "~~~", "> ", "    ", "- ", "\n", "\r\n", "<!--", "-->",
                         "`", "``", "<pre>", "</pre>", "|", "\t", "text", "#", "[x]:", "\x00", "\ud800"]),
        st.text(max_size=6),
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(markdown)
@example("`" * 1000 + "/mlops")
def test_any_comment_is_read(body: str) -> None:
    for request in requests(body, components=KNOWN):
        assert (request.command is None) == (request.problem is not None)
        assert all(c.isprintable() for c in request.text)
        assert 1 <= request.line <= len(body.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


@given(markdown)
def test_nothing_inside_a_fence_is_a_command(body: str) -> None:
    assert said("``````````````\n" + body.replace("``````````````", "") + "\n") == []


@given(markdown)
def test_nothing_inside_a_quote_is_a_command(body: str) -> None:
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert said("\n".join("> " + line for line in lines)) == []


@pytest.mark.parametrize(
    "piece", ["`/mlops\n", "<!-- /mlops\n", "> ", "- ", "``` ", "[a](", "*", "&", "<a ", "|-", "` `` ", "<!--", "/mlops add mlflow x\n"]
)  # fmt: skip
def test_the_longest_comment_is_read_quickly(piece: str) -> None:
    body = ("/mlops status\n\n" + piece * 70_000)[:65_536]
    started = time.process_time()
    requests(body, components=KNOWN)
    assert time.process_time() - started < 5
