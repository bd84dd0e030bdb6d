"""What may be in a commit of the bot, asked again right before it: only existing text files of the task."""

from __future__ import annotations

import pytest

from mlops_bot.errors import UserError
from mlops_bot.github import paths
from mlops_bot.github.model import Entry, NewFile, Tree

TREE = Tree({
    path: Entry(path, mode, "0" * 40)
    for path, mode in {
        "train.py": "100644", "run.py": "100755", "link.py": "120000", "sub": "160000", ".github/workflows/ci.yml": "100644",
        "other.py": "100644",
    }.items()
})  # fmt: skip
ALLOWED = {"train.py", "run.py", "link.py", "sub", ".github/workflows/ci.yml", "new.py", "../up.py", "/etc/passwd"}


@pytest.mark.parametrize(
    "path", ["train.py", "a/b c.py", "ünï/x.py", "github/x.py", ".gitignore", "a/.github/x.py", "...", "x:y.py"]
)
def test_ordinary_paths(path: str) -> None:
    assert paths.refused(path) is None


@pytest.mark.parametrize(
    "path",
    ["", "/x", "//x", "../x", "a/../x", "a//x", "./x", "x/", "a\\b", "C:/x", ".git/config", ".GIT/x", ".git./x", "git~1/x",
     ".github/workflows/x.yml", ".GitHub/x", ".github /x", "a\nb", "a\u202eb", "a\u200bb", "a\0b"],
)  # fmt: skip
def test_paths_that_nobody_touches(path: str) -> None:
    assert paths.refused(path)


def test_what_may_be_delivered() -> None:
    paths.check([NewFile("train.py", b"x = 1\n"), NewFile("run.py", b"", "100755")], TREE, allowed=ALLOWED)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (NewFile("other.py", b""), "none of the files of the task"),
        (NewFile("new.py", b""), "does not exist"),
        (NewFile("link.py", b"", "120000"), "is a link"),
        (NewFile("sub", b"", "160000"), "is a submodule"),
        (NewFile("train.py", b"", "100755"), "another mode"),
        (NewFile("train.py", b"", "120000"), "another mode"),
        (NewFile("train.py", b"a\0b"), "binary"),
        (NewFile("train.py", b"x" * 1_000_001), "more than 1 MB"),
        (NewFile("train.py", b"version https://git-lfs.github.com/spec/v1\n"), "LFS"),
        (NewFile(".github/workflows/ci.yml", b""), "own configuration"),
        (NewFile("../up.py", b""), "leaves the repository"),
        (NewFile("/etc/passwd", b""), "no relative path"),
    ],
)
def test_what_may_not(file: NewFile, why: str) -> None:
    with pytest.raises(UserError, match=why):
        paths.check([NewFile("run.py", b"", "100755"), file], TREE, allowed=ALLOWED)


def test_nothing_twice() -> None:
    with pytest.raises(UserError, match="twice"):
        paths.check([NewFile("train.py", b"1"), NewFile("train.py", b"2")], TREE, allowed=ALLOWED)
