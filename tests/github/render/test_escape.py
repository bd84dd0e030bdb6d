"""Escaping: whatever a text is, it is shown as it is, and does nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.github.render import markdown

from mlops_bot.github.render.escape import cell, code, fence, html, prose
from mlops_bot.shown import one_line, plain

ATTACKS = [
    "@team please", "hi @octocat!", "a@b.example", "#12 and GH-12 and o/r#3", "https://evil.example/x?y=z",
    "www.evil.example", "[x](https://evil.example)", "![x](https://evil.example/x.png)", "<img src=x onerror=alert(1)>",
    "<!-- hidden", "-->", "</details></summary>", "```\n@team\n```", "`` ` ``", "`", "``` ` ```", "| a | b |", "a\\|b",
    "# heading", "- item", "1. item", "2) item", "> quote", "***", "===", "---", "~~x~~", "**x**", "__x__", "$x^2$",
    "&lt;b&gt; &#64;team &commat;team", "\\@team", "\\`x\\`", "a\u202eb\u200bc\ufeffd", "\x1b[31mred\x1b[0m", "a\r\nb\rc\u2028d",
    "::error::x", "##[group]x", "::add-mask::x", "[ref]: x", "[^1]", ":smile:", "\t", " ", "", "x" * 500, "\ud800", "\0",
    "@`team`", "@\u200bteam", "<@team>", "https:/\u200b/x", "<https://evil.example>", "@@team", "##1", "[@team](x)", "@[x](y)", "\\",
    "a\\", "`\\", "|\\", "\\|", "_@_team", "©", "日本語 @team",
]  # fmt: skip
hostile = st.lists(st.sampled_from([*ATTACKS, *"@#`|\\<>&[]()!*_~-=+.:/$\n \t", "team", "1", "GH-"]), max_size=8).map(
    "".join
)
anything = hostile | st.text(max_size=40)


@given(anything)
def test_prose_is_shown_as_it_is_and_does_nothing(text: str) -> None:
    for frame in ("{}", "a {} b", "- **x**: {}", "### {}"):
        shown = frame.format(prose(text))
        assert markdown.active(shown) == []
        visible = " ".join(markdown.text(shown).replace("`", "").split())  # pairs of backticks make code
        assert " ".join(one_line(text, 1000).replace("`", "").split()) in visible


@given(anything)
def test_code_is_shown_as_it_is_and_does_nothing(text: str) -> None:
    shown = f"a {code(text)} b"
    assert markdown.active(shown) == []
    assert [tag for tag, _ in markdown.seen(shown).tags] == (["p", "code"] if one_line(text) else ["p"])
    assert markdown.text(shown).strip() == f"a {one_line(text, 120) or '(empty)'} b"


@given(anything, anything)
def test_a_table_keeps_its_columns(first: str, second: str) -> None:
    shown = f"| a | b | c |\n|---|---|---|\n| {cell(first)} | {prose(second)} | end |"
    found = markdown.seen(shown)
    assert [tag for tag, _ in found.tags].count("td") == 3
    assert markdown.active(shown) == []
    assert markdown.text(shown).split()[-1] == "end"


@given(anything)
def test_a_block_holds_its_text(text: str) -> None:
    shown = f"before\n\n{fence(text, 'diff')}\n\nafter"
    found = markdown.seen(shown)
    assert [tag for tag, _ in found.tags] == ["p", "pre", "code", "p"]
    inside = "".join(text for text, is_code in found.texts if is_code)
    assert inside.rstrip("\n") == plain(text.replace("\r\n", "\n")).rstrip()
    assert markdown.active(shown) == []


@given(anything)
def test_html_holds_its_text(text: str) -> None:
    shown = f"<details>\n<summary>{html(text)}</summary>\n\ninside\n\n</details>"
    found = markdown.seen(shown)
    assert [tag for tag, _ in found.tags] == ["details", "summary", "code", "p"]
    assert markdown.active(shown) == []


@pytest.mark.parametrize("text", ATTACKS)
def test_known_attacks(text: str) -> None:
    test_prose_is_shown_as_it_is_and_does_nothing.hypothesis.inner_test(text)
    test_code_is_shown_as_it_is_and_does_nothing.hypothesis.inner_test(text)
    test_a_table_keeps_its_columns.hypothesis.inner_test(text, text)
    test_a_block_holds_its_text.hypothesis.inner_test(text)
    test_html_holds_its_text.hypothesis.inner_test(text)


@pytest.mark.parametrize("text", ["a\u202eb", "\u200b", "\ufeff", "\x1b[0m", "\u2066x", "\U000e0041", "\u3164"])
def test_hidden_characters_are_written_out(text: str) -> None:
    for shown in (prose(text), code(text), cell(text), html(text), fence(text)):
        assert not any(character in shown for character in text if not character.isascii() or character < " ")
        assert "x1b" in shown or "\\u" in shown.replace("\\\\", "\\") or "\\U" in shown.replace("\\\\", "\\")


def test_plain_words_stay_readable() -> None:
    assert prose("train.py: failed at run, ImportError: No module named 'x'") == (
        "train.py: failed at run, ImportError: No module named 'x'"
    )
    assert prose("ask @ada about #12") == "ask \\@&#8203;ada about \\#&#8203;12"
    assert prose("unknown command `ad`, `a|b`") == "unknown command `ad`, \\`a\\|b\\`"
    assert code("a`b") == "``a`b``"
    assert code("`a`") == "`` `a` ``"
    assert cell("a|b") == "`a\\|b`"
    assert prose("x" * 2000).endswith("...")
