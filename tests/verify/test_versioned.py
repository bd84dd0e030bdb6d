"""Two accounts of repositories compared: what a translation to DVC has to keep."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.verify.support import observation

from mlops_bot.verify import versioned


def repository(how: str, *, bare: bool = False) -> dict[str, Any]:
    """Two versions of data.csv, and the code."""
    own: dict[str, Any] = {} if how == "git" else {".dvc/config": {"how": "git", "md5": "c", "size": 1}}

    def commit(message: str, md5: str, *parents: str) -> dict[str, Any]:
        files = {
            "data.csv": {"how": how, "md5": md5, "size": 2},
            "util.py": {"how": "git", "md5": "u", "size": 3},
            **own,
        }
        return {"parents": list(parents), "message": message, "files": files}

    found: dict[str, Any] = {
        "path": "hub.git" if bare else "project",
        "bare": bare,
        "head": "main",
        "branches": {"main": "b"},
        "tags": {"v1": "a"},
        "tips": {"main": "storage" if how == "dvc" else None},
        "commits": {"a": commit("First", "m1"), "b": commit("Second of 3", "m2", "a")},
    }
    if not bare:
        work = {"data.csv": {"md5": "m2", "size": 2}}
        back = {name: {"from": "cache", "wrong": {}, "files": 1} for name in ("a", "b")}
        found |= {"work": work, "lfs_work": [], "dvc": how == "dvc", "brought_back": back if how == "dvc" else {}}
    return found


def evidence(how: str) -> dict[str, Any]:
    stored = {"cache": ["m1", "m2"], "remote": ["m1", "m2"]} if how == "dvc" else {}
    return {"repositories": [repository(how), repository(how, bare=True)], "stored": stored, "errors": []}


def judged(source: dict[str, Any], target: dict[str, Any]) -> str | None:
    return versioned.check(source, target, home="dvc", script="main.py", titles=("Git", "DVC"))


def test_the_same_bytes_at_the_same_revisions_pass() -> None:
    assert judged(evidence("git"), evidence("dvc")) is None


def test_other_commits_between_and_other_times_in_messages_are_welcome() -> None:
    target = evidence("dvc")
    for entry in target["repositories"]:
        second = copy.deepcopy(entry["commits"]["b"])
        entry["commits"]["x"] = {**copy.deepcopy(second), "message": "Set up DVC", "parents": ["a"]}
        entry["commits"]["b"] = {**second, "message": "Second of 4", "parents": ["x"]}
    assert judged(evidence("git"), target) is None


CHANGES = {
    "still a file of Git itself": lambda e: e["repositories"][0]["commits"]["a"]["files"]["data.csv"].update(how="git"),
    "has other bytes in": lambda e: e["repositories"][0]["commits"]["b"]["files"]["data.csv"].update(md5="m1"),
    "neither in Git nor in DVC": lambda e: e["repositories"][0]["commits"]["b"]["files"].pop("data.csv"),
    "util.py is code": lambda e: e["repositories"][0]["commits"]["b"]["files"]["util.py"].update(how="dvc"),
    "the tag `v1` is missing": lambda e: e["repositories"][0]["tags"].clear(),
    "the commit `First` of branch": lambda e: e["repositories"][0]["commits"]["a"].update(message="Start over"),
    "other bytes in the working tree": lambda e: e["repositories"][0]["work"]["data.csv"].update(md5="m1"),
    "is in no DVC remote": lambda e: e["stored"].update(remote=["m2"]),
    "names no default remote": lambda e: e["repositories"][1]["tips"].update(main=None),
    "does not come back": lambda e: e["repositories"][0]["brought_back"]["a"]["wrong"].update({"data.csv": None}),
    "to Git LFS": lambda e: e["repositories"][0]["lfs_work"].append("data.csv"),
    "left a repository in the repository hub.git": lambda e: e["repositories"].pop(1),
    "no revision could be brought back": lambda e: e["repositories"][0]["brought_back"].clear(),
}


@pytest.mark.parametrize("said", CHANGES)
def test_what_is_wrong_is_said(said: str) -> None:
    target = evidence("dvc")
    CHANGES[said](target)
    reason = judged(evidence("git"), target)
    assert reason is not None
    assert said in reason


def test_a_program_that_does_nothing_proves_nothing() -> None:
    empty = evidence("git")
    empty["repositories"] = [{**empty["repositories"][0], "tags": {}, "commits": {
        "b": {"parents": [], "message": "Start", "files": {}}}}]  # fmt: skip
    reason = judged(empty, {**copy.deepcopy(empty)})
    assert reason is not None
    assert "leaves nothing in Git" in reason


def test_ids_of_commits_may_differ_and_other_numbers_may_not() -> None:
    one = observation(stdout="commit 3f2a91bc: 12 files\n")
    assert versioned.preserved_but_ids(one, observation(stdout="commit 99ab12cd: 12 files\n")) is None
    assert versioned.preserved_but_ids(one, observation(stdout="commit 99ab12cd: 13 files\n")) is not None


def test_a_program_that_only_reads_is_judged_by_the_data_that_came() -> None:
    """Its remote has the data in Git for the original and under DVC for the translation."""

    def clone(how: str, work: dict[str, object]) -> dict[str, Any]:
        files = {"stand-in.csv": {"how": how, "md5": "m1", "size": 2}}
        if how == "dvc":
            files[".dvc/config"] = {"how": "git", "md5": "c", "size": 1}
        given = {"parents": [], "message": "The project's files", "files": files}
        entry = {**repository(how), "path": "project/clone", "tags": {}, "commits": {"b": given}, "work": work}
        back = {"b": {"from": "remote", "wrong": {}, "files": 1}} if how == "dvc" else {}
        return {"repositories": [{**entry, "brought_back": back}], "stored": {"remote": ["m1"], "cache": []}}

    there: dict[str, object] = {"stand-in.csv": {"md5": "m1", "size": 2}}
    assert judged(clone("git", there), clone("dvc", there)) is None
    reason = judged(clone("git", there), clone("dvc", {}))
    assert reason is not None
    assert "was in the working tree at the end" in reason
