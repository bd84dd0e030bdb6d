from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.engines.stitch import stitch

ANSWER = """Here is the file:

```python
import tracker

tracker.start("digits")
for epoch in range(3):
    optimizer.zero_grad()
    tracker.log("loss", loss, step=epoch)
tracker.end()
```
"""
CUT = ANSWER.index("zero_grad") + 4  # within a line of code
LINE = ANSWER.index("    optimizer")  # at the start of that line


@given(st.integers(0, len(ANSWER)))
def test_a_continuation_that_obeys_is_appended(cut: int) -> None:
    assert stitch(ANSWER[:cut], ANSWER[cut:]) == ANSWER


@pytest.mark.parametrize(
    "continuation",
    [
        ANSWER[LINE:],  # the line that was cut, again
        ANSWER[ANSWER.index("for epoch") :],  # and the one before it
        "```python\n" + ANSWER[CUT:],  # a new fence
        "Sure, here is the rest:\n\n```python\n" + ANSWER[CUT:],  # and a word first
        "Continuing:\n```py\n" + ANSWER[LINE:],  # everything at once
        "```\n" + ANSWER[LINE:],  # a new fence without a language
    ],
)
def test_what_is_repeated_is_left_out(continuation: str) -> None:
    assert stitch(ANSWER[:CUT], continuation) == ANSWER


def test_the_closing_fence_is_kept() -> None:
    whole = "```python\nx = 1\n```\n"
    assert stitch("```python\nx = 1", "\n```\n") == whole
    assert stitch("```python\nx = 1\n", "```\n") == whole
    assert stitch("```python\nx =", " 1\n```\nThat is all.\n") == whole + "That is all.\n"


def test_code_that_repeats_itself_is_kept() -> None:
    assert stitch("```python\na()\n", "a()\na()\n```\n") == "```python\na()\na()\na()\n```\n"


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_goes_through(first: str, second: str) -> None:
    assert stitch(first, second).startswith(first)
