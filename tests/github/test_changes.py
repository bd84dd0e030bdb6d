"""What a pull request changes in a file: patches as GitHub sends them, and texts that are none."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.github.changes import touched_lines, with_modes
from mlops_bot.github.model import ChangedFile, Entry, Tree


def touched(patch: str | None) -> set[int]:
    return set(touched_lines(ChangedFile("a.py", "modified", patch=patch)))


def test_lines_of_a_patch_as_github_sends_it() -> None:
    # From GitHub's documentation of "List pull requests files", and one without a newline at its end.
    assert touched(
        "@@ -132,7 +132,7 @@ module Test @@ -1000,7 +1000,7 @@ module Test\n a\n b\n c\n-x\n+y\n d\n e\n f"
    ) == {135}
    assert touched("@@ -0,0 +1,2 @@\n+import a\n+b = 1\n\\ No newline at end of file") == {1, 2}
    assert touched("@@ -1,2 +0,0 @@\n-a\n-b") == set()


def test_nothing_is_known_without_a_readable_patch() -> None:
    for patch in (None, "", "text", "@@ -1 +1 @@\n", "@@ -1,9 +1,9 @@\n-a\n", "+a\n"):
        assert touched(patch) == set()


lines = st.lists(
    st.sampled_from(["a", "b", "--- x", "+++ y", "@@ -1 +1 @@", "diff --git a/x b/x", "", "\x0c", "\x85"]), max_size=12
)


@given(lines, lines)
def test_exactly_the_new_lines_are_found(before: list[str], after: list[str]) -> None:
    diff = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    matcher = difflib.SequenceMatcher(None, before, after)
    new = {n + 1 for tag, _, _, begin, end in matcher.get_opcodes() if tag != "equal" for n in range(begin, end)}
    assert touched("\n".join(diff)) == new


@given(st.text(max_size=60) | st.text(alphabet="@ +-1,0\n\\a", max_size=60))
def test_no_text_breaks_it(patch: str) -> None:
    assert all(line > 0 for line in touched(patch))


def test_modes_and_sizes_come_from_the_heads_tree() -> None:
    files = (ChangedFile("a.py", "modified"), ChangedFile("b.py", "removed"), ChangedFile("c.py", "added"))
    tree = Tree({name: Entry(name, "100755", "1" * 40, 7) for name in ("a.py", "b.py")})
    assert with_modes(files, tree) == (
        ChangedFile("a.py", "modified", mode="100755", size=7, sha="1" * 40), files[1], files[2]
    )  # fmt: skip
