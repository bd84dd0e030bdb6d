"""Delivery under the fault matrix: each fault at each call. Never two pull requests, never half of one, nobody's commit
lost; and the same command again, once GitHub is well, ends as if nothing had been."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.github.matrix import FAULTS, KINDS, PASSING, meanwhile, strike
from tests.github.server.hub import Hub, Pull, Repository

from mlops_bot.errors import GitHubError
from mlops_bot.github.client import Client, Patience
from mlops_bot.github.delivery import Delivered, Parcel, Undelivered, deliver, find_place, withdraw
from mlops_bot.github.forge import GitHubForge
from mlops_bot.github.model import NewFile, PullRequest

BRANCH = "mlops-bot/pr-1/add-mlflow"
QUICK = Patience(seconds=20.0, reserve=5.0, first=0.01, secondary=0.05)
FILES = (NewFile("train.py", b"import mlflow\n", "100755"), NewFile("requirements.txt", b"mlflow\n"))
OTHERS = (NewFile("train.py", b"import mlflow  # again\n"),)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked to be waited is not: the fault is over by then all the same."""
    monkeypatch.setattr("mlops_bot.github.client.time.sleep", lambda seconds: None)


class Case:
    """A pull request to deliver to, new each time."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.repo: Repository = hub.repository("octo/train", files={"train.py": "print(1)\n"})
        self.pull: Pull = self.repo.pull(files={"train.py": "print(2)\n"})
        self.token = hub.token(repository=self.repo)
        self.pinned = self.forge().pull_request(self.pull.number)

    def forge(self) -> GitHubForge:
        return GitHubForge(Client(self.token, api_url=self.hub.url, patience=QUICK), "octo/train")

    def deliver(self, files: tuple[NewFile, ...] = FILES, pinned: PullRequest | None = None) -> Delivered | Undelivered:
        forge = self.forge()
        parcel = Parcel(pinned or self.pinned, files, "Add MLflow", "mlops-bot: add MLflow to #1", "Evidence")
        return deliver(forge, parcel, find_place(forge, lambda attempt: BRANCH))

    def withdraw(self) -> object:
        forge = self.forge()
        return withdraw(forge, find_place(forge, lambda attempt: BRANCH))

    def follow_ups(self, state: str = "all") -> list[dict[str, Any]]:
        return [one for one in self.repo.pulls(state) if one["number"] != self.pull.number]

    def whole(self, files: tuple[NewFile, ...] = FILES) -> None:
        """Everything is there, once, on top of the pull request's head."""
        (made,) = self.follow_ups("open")
        assert (made["base"]["ref"], made["head"]["ref"]) == ("feature", BRANCH)
        assert [one.message.split("\n")[0] for one in self.repo.log(BRANCH, 2)] == ["Add MLflow", "Change"]
        for file in files:
            assert self.repo.bytes(BRANCH, file.path) == file.content
            assert self.repo.tree(BRANCH)[file.path].mode == file.mode
        assert self.repo.file("feature", "train.py") == "print(2)\n"

    def nothing(self) -> None:
        """No branch without its pull request, no pull request without its branch."""
        assert self.repo.branches().keys() == {"main", "feature"}
        assert self.follow_ups("open") == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_first_delivery(hub: Hub, fault: str) -> None:
    for number in itertools.count(1):
        case = Case(hub)
        found = strike(hub, case.deliver, fault, number, expected=GitHubError)
        if found is None:
            break
        if found.error is None:
            case.whole()
        else:
            assert fault not in PASSING, found
            case.nothing()
        case.deliver()
        case.whole()
        assert len(case.follow_ups()) == 1, f"a second pull request after {found}"
    assert number > 6


@pytest.mark.parametrize("fault", KINDS)
def test_a_second_delivery(hub: Hub, fault: str) -> None:
    for number in itertools.count(1):
        case = Case(hub)
        case.deliver()
        found = strike(hub, lambda case=case: case.deliver(OTHERS), fault, number, expected=GitHubError)
        if found is None:
            break
        if found.error is None:
            case.whole(OTHERS)
        else:
            assert fault not in PASSING, found
            assert len(case.follow_ups("open")) == 1, f"the first one is gone after {found}"
        case.deliver(OTHERS)
        case.whole(OTHERS)
        assert len(case.follow_ups()) == 1, f"a second pull request after {found}"
    assert number > 6


@pytest.mark.parametrize("fault", KINDS)
def test_nothing_left_to_change(hub: Hub, fault: str) -> None:
    for number in itertools.count(1):
        case = Case(hub)
        case.deliver()
        found = strike(hub, case.withdraw, fault, number, expected=GitHubError)
        if found is None:
            break
        if found.result is not None:
            case.nothing()
        else:  # "there is no branch" is believed
            assert fault not in PASSING, found
        case.withdraw()
        case.nothing()
    assert number > 3


def test_a_person_pushes_to_the_bots_branch(hub: Hub) -> None:
    """At each call of a second delivery: their commit is still there."""
    for number in itertools.count(1):
        case = Case(hub)
        case.deliver()
        theirs: list[str] = []
        push = lambda case=case, theirs=theirs: theirs.append(case.repo.commit(BRANCH, {"mine.py": "x = 1\n"}))  # noqa: E731
        found = meanwhile(hub, lambda case=case: case.deliver(OTHERS), push, number, expected=GitHubError)
        if found is None:
            break
        assert theirs[0] in case.repo.state.objects.ancestors(case.repo.head(BRANCH)), f"lost at {found.call}"
        again = case.deliver(OTHERS)
        assert isinstance(again, Undelivered) and again.kind == "human"
        assert case.repo.file(BRANCH, "mine.py") == "x = 1\n" and len(case.follow_ups()) == 1


@pytest.mark.parametrize("what", ["closed", "merged", "pushed", "deleted", "base"])
def test_the_pull_request_changes_meanwhile(hub: Hub, what: str) -> None:
    """At each call: nothing is delivered, or all of it; and never to something that nobody verified."""
    for number in itertools.count(1):
        case = Case(hub)
        action = {
            "closed": case.pull.close,
            "merged": case.pull.merge,
            "pushed": lambda case=case: case.pull.push({"train.py": "print(3)\n"}),
            "deleted": lambda case=case: case.repo.delete_branch("feature"),
            "base": lambda case=case: case.repo.commit("main", {"other.py": "x = 1\n"}),
        }[what]
        found = meanwhile(hub, case.deliver, action, number, expected=GitHubError)
        if found is None:
            break
        made = case.follow_ups("open")
        assert len(made) == (1 if BRANCH in case.repo.branches() else 0), f"half delivered: {what} before {found.call}"
        if isinstance(found.result, Delivered):
            assert case.repo.log(BRANCH, 1)[0].parents == (case.pinned.head_sha,)
        elif what == "base":
            pytest.fail(f"a moved base is no obstacle: {found}")


def test_somebody_deletes_the_bots_branch(hub: Hub) -> None:
    for number in itertools.count(1):
        case = Case(hub)
        case.deliver()
        delete = lambda case=case: case.repo.delete_branch(BRANCH)  # noqa: E731
        found = meanwhile(hub, lambda case=case: case.deliver(OTHERS), delete, number, expected=GitHubError)
        if found is None:
            break
        assert len(case.follow_ups("open")) == (1 if BRANCH in case.repo.branches() else 0), found
        case.deliver(OTHERS)
        case.whole(OTHERS)


def test_two_runners_take_turns(hub: Hub) -> None:
    """One runner's whole delivery just before each call of the other's."""
    for number in itertools.count(1):
        case = Case(hub)
        found = meanwhile(hub, case.deliver, case.deliver, number, expected=GitHubError)
        if found is None:
            break
        assert found.error is None, found
        case.whole()
        assert len(case.follow_ups()) == 1, f"two pull requests: the other one before {found.call}"
