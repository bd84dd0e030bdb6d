from __future__ import annotations

import re

from docs_index.chunks import LONGEST_CODE, TOKENS, pieces, tokens
from docs_index.pages import Page
from hypothesis import given, settings
from hypothesis import strategies as st


def _page(text: str, path: str = "guide.md") -> Page:
    return Page(path, "https://docs.test/guide", "Guide", text)


def test_breadcrumbs_and_addresses() -> None:
    long = "Words about it. " * 30
    found = pieces(_page(f"# Guide\n\n{long}\n\n## Runs\n\n{long}\n\n### Start a run\n\n{long}\n\n## Files\n\n{long}"))
    assert [one.title for one in found] == ["Guide", "Guide > Runs", "Guide > Runs > Start a run", "Guide > Files"]
    assert found[2].url == "https://docs.test/guide#start-a-run"


def test_code_stays_whole_with_its_text() -> None:
    code = "```python\n" + "\n".join(f"value_{n} = compute({n})" for n in range(60)) + "\n```"
    found = pieces(_page(f"# Guide\n\n{'Some words. ' * 100}\n\nThe example:\n\n{code}\n\nAfter it."))
    holding = [one for one in found if "value_0" in one.text]
    assert len(holding) == 1 and code in holding[0].text


def test_code_that_is_far_too_long_is_cut_at_lines() -> None:
    lines = [f"value_{n} = compute({n})" for n in range(2000)]
    found = pieces(_page("```python\n" + "\n".join(lines) + "\n```"))
    assert len(found) > 5
    assert all(one.text.startswith("```python\n") and one.text.endswith("\n```") for one in found)
    kept = [line for one in found for line in one.text.split("\n") if line.startswith("value_")]
    assert kept == lines


def test_short_sections_go_together() -> None:
    found = pieces(_page("# Guide\n\nShort.\n\n## A\n\nOne.\n\n## B\n\nTwo."))
    assert len(found) == 1 and "One." in found[0].text and "Two." in found[0].text


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "# Head",
                "## Sub",
                "word " * 40,
                "x" * 5000,
                "```\ncode\n```",
                "- item",
                "",
                "| a | b |",
                "~~~",
                "> quote",
            ]
        ),
        max_size=30,
    )
)
def test_nothing_is_lost_and_nothing_is_too_long(blocks: list[str]) -> None:
    text = "\n\n".join(blocks)
    found = pieces(_page(text))

    def words(text: str) -> str:
        return re.sub(r"[\s`~]", "", text)

    assert words("".join(one.text for one in found)) == words(text)
    assert all(tokens(one.text) <= TOKENS + LONGEST_CODE + 50 for one in found)
