"""Accounts of Git and of lakeFS compared: what a translation to lakeFS has to keep."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mlops_bot.verify import laked


def commits(how: str) -> dict[str, Any]:
    """Two versions of data.csv, and code that only Git has."""

    def state(md5: str) -> dict[str, Any]:
        code = {"util.py": {"how": "git", "md5": "u", "size": 3}} if how == "git" else {}
        return {"data.csv": {"how": how, "md5": md5, "size": 2}, **code}

    first = {"parents": [], "message": "First", "files": state("m1")}
    return {"a": first, "b": {"parents": ["a"], "message": "Second", "files": state("m2")}}


def source() -> dict[str, Any]:
    git = {"path": "project", "bare": False, "head": "main", "branches": {"main": "b"}, "tags": {"v1": "a"}, "work": {},
           "commits": commits("git")}  # fmt: skip
    return {"repositories": [git], "errors": []}


def target() -> dict[str, Any]:
    created = {"r": {"parents": [], "message": "Repository created", "files": {}}}
    made = commits("lakefs")
    made["a"]["parents"] = ["r"]
    lake = {"id": "x", "branches": {"main": "b"}, "tags": {"v1": "a"}, "staged": {}, "commits": {**created, **made}}
    return {"repositories": [], "lake": [lake], "errors": []}


def test_the_same_bytes_at_the_same_revisions_pass() -> None:
    assert laked.check(source(), target()) is None


def change(found: dict[str, Any], said: str) -> None:
    lake = found["lake"][0]
    if "no lakeFS" in said:
        found["lake"] = []
    elif "tag" in said:
        lake["tags"] = {}
    elif "other bytes" in said:
        lake["commits"]["a"]["files"]["data.csv"]["md5"] = "x"
    elif "is missing" in said:
        lake["branches"]["main"] = "a"
    elif "was not in" in said:
        lake["commits"]["b"]["files"]["more.csv"] = {"how": "lakefs", "md5": "y", "size": 1}
    elif "still put into Git" in said:
        found["repositories"] = source()["repositories"]
    else:
        lake["staged"] = {"main": ["late.csv"]}


@pytest.mark.parametrize(
    "said",
    [
        "no lakeFS repository was made",
        "the tag `v1` is missing in lakeFS",
        "data.csv has other bytes in lakeFS",
        "the commit `Second` of branch `main` is missing in lakeFS",
        "more.csv is in lakeFS in `Second`, and was not in the original",
        "data.csv is still put into Git",
        "late.csv was uploaded to branch `main` of lakeFS and is not committed",
    ],
)
def test_what_is_wrong_is_said(said: str) -> None:
    found = copy.deepcopy(target())
    change(found, said)
    reason = laked.check(source(), found)
    assert reason is not None
    assert said in reason


def test_an_original_without_data_proves_nothing() -> None:
    empty = source()
    for commit in empty["repositories"][0]["commits"].values():
        del commit["files"]["data.csv"]
    assert "puts no data into Git" in str(laked.check(empty, target()))
