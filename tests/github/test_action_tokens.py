"""Who may ask, and what the token may do: all roles, all kinds of token, each permission that may be missing; and two
runners in processes of their own."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.github.action import Action
from tests.github.server.hub import USUAL, Hub, Pull, Repository
from tests.github.training import BOT, BRANCH, TRAIN, follow_ups, pull_request, records, repository

pytestmark = pytest.mark.slow  # the first to train takes long; the verdict is the same for all others

ROLES = {"nora": False, "rita": False, "tim": False, "wendy": True, "max": True, "ada": True, "octo": True}


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize("kind", ["comment", "label"])
@pytest.mark.parametrize(("login", "may"), ROLES.items())
def test_who_may_ask(hub: Hub, action: Action, login: str, may: bool, kind: str, private: bool) -> None:
    """Whoever may write gets a pull request; nobody else gets anything, not even an answer."""
    repo = repository(hub, private=private)
    pull = pull_request(repo)
    # People without access cannot write there: the event is made as if they had.
    author = "wendy" if private and login == "nora" else login
    if kind == "comment":
        name, event = "issue_comment", hub.comment(pull, author, "/mlops add mlflow")
    else:
        name, event = "pull_request_target", hub.label(pull, author, "mlops:mlflow")
    event = json.loads(json.dumps(event).replace(f'"login": "{author}"', f'"login": "{login}"'))
    ended = action(name, event, token=hub.token(repository=repo))
    if may:
        assert ended.outputs["status"] == "verified", ended.log
        assert len(follow_ups(repo, pull, "open")) == 1
    else:
        assert (ended.code, ended.outputs["status"]) == (0, "ignored"), ended.log
        assert f"{login} has the permission" in ended.log
        assert not [call for call in hub.calls if call.writes] and len(hub.calls) <= 2
        assert pull.comments(BOT) == []


@pytest.mark.parametrize("bot", ["mlops-bot[bot]", "github-actions[bot]"])
def test_bots_may_not_ask(hub: Hub, action: Action, bot: str) -> None:
    """Not even those whose token may write; and nothing is asked for them."""
    repo = repository(hub)
    ended = action("issue_comment", hub.comment(pull_request(repo), bot, "/mlops add mlflow"))
    assert (ended.code, ended.outputs["status"], hub.calls) == (0, "ignored", [])


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "author"), [("github-actions", BOT), ("mlops-bot", "mlops-bot[bot]"), ("max", "max")])
def test_each_kind_of_token(hub: Hub, action: Action, who: str, author: str) -> None:
    """The workflow's own, an App's installation's, a person's: the same end, once and once more."""
    repo = repository(hub)
    pull = pull_request(repo)
    for _ in range(2):
        ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(who))
        assert ended.code == 0, ended.log
        (made,) = follow_ups(repo, pull)
        ((_, record),) = records(pull, bot=author)
        assert (record.status, record.pull_number) == ("verified", made.number)
    shown = made.show()
    assert shown["user"]["login"] == author
    assert ("starts no workflows" in shown["body"]) == (who == "github-actions")
    assert len(repo.check_runs(pull.head)) == (0 if who == "max" else 2), "check runs are for apps"


MISSING = {
    # permissions that are taken away: (exit code, what the comment or the log says is to be added)
    ("checks",): (0, None),
    ("contents",): (2, "contents: write"),
    ("issues",): (0, None),  # pull-requests is enough for comments
    ("pull_requests",): (2, "pull-requests: write"),
    ("issues", "pull_requests"): (2, "issues: write"),
}


@pytest.mark.parametrize("missing", MISSING, ids=" and ".join)
@pytest.mark.parametrize("level", ["read", "none"])
def test_a_permission_is_missing(hub: Hub, action: Action, missing: tuple[str, ...], level: str) -> None:
    """It is named as it is written in a workflow, nothing is half delivered, and what can be told is told."""
    repo = repository(hub)
    pull = pull_request(repo)
    granted = USUAL | dict.fromkeys(missing, level)
    code, said = MISSING[missing]
    ended = action(
        "issue_comment",
        hub.comment(pull, "wendy", "/mlops add mlflow"),
        token=hub.token(permissions=granted, repository=repo),
    )
    assert ended.code == code, ended.log
    assert "Traceback" not in ended.log
    branch = BRANCH.format(pull.number) in repo.branches()
    assert branch == (code == 0) == bool(follow_ups(repo, pull, "open"))
    if said:
        comments = "".join(one["body"] for one in pull.comments(BOT))
        assert said in ended.log
        assert said in comments or missing == ("issues", "pull_requests")
    else:
        assert "permission" not in ended.log


def test_actions_that_may_not_open_pull_requests(hub: Hub, action: Action) -> None:
    """A setting of the repository, and no permission: said as such; the branch is taken away again."""
    repo = repository(hub)
    repo.state.pulls_by_actions = False
    pull = pull_request(repo)
    event = hub.comment(pull, "wendy", "/mlops add mlflow")
    ended = action("issue_comment", event, token=hub.token(repository=repo))
    assert ended.code == 2 and "Allow GitHub Actions to create and approve pull requests" in ended.log
    ((text, record),) = records(pull)
    assert record.status == "error" and "Allow GitHub Actions" in text
    assert repo.branches().keys() == {"main", "feature"}


# --- size, time, two at once ---------------------------------------------------------------------------------------


def test_a_pull_request_of_three_hundred_files(hub: Hub, action: Action) -> None:
    """Three pages more than for one; the one that trains is found among them."""
    repo = repository(hub)
    pull = repo.pull(files={f"notes/n{number:03}.md": "x\n" for number in range(299)} | {"train.py": TRAIN})
    ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo))
    assert ended.code == 0, ended.log
    assert [call.query["page"] for call in hub.calls if call.operation == "pulls/list-files"] == ["1", "2", "3", "4"]
    assert len(hub.calls) <= 26, "\n".join(map(str, hub.calls))
    assert repo.changed("feature", BRANCH.format(pull.number)).keys() == {"train.py", "requirements.txt"}


def started(action: Action, hub: Hub, repo: Repository, event: dict[str, Any]) -> Any:
    return action.start("issue_comment", event, token=hub.token(repository=repo))


def test_two_runners_at_once(hub: Hub, action: Action) -> None:
    """The same delivery arrives twice, at the same moment: one comment, one branch, one pull request."""
    repo: Repository = repository(hub)
    pull: Pull = pull_request(repo)
    event = hub.comment(pull, "wendy", "/mlops add mlflow")
    assert action("issue_comment", event, token=hub.token(repository=repo)).code == 0  # trained, from here on
    for _ in range(3):
        repo = repository(hub)
        pull = pull_request(repo)
        event = hub.comment(pull, "wendy", "/mlops add mlflow")
        hub.forget_calls()
        begun = time.monotonic()
        both = [started(action, hub, repo, event) for _ in range(2)]
        ends = [one.wait() for one in both]
        assert [one.code for one in ends] == [0, 0], "\n".join(one.log for one in ends)
        (made,) = follow_ups(repo, pull)
        ((_, record),) = records(pull)
        assert (record.status, record.pull_number) == ("verified", made.number)
        assert pull.reactions(event["comment"]["id"]) == ["eyes", "rocket"]
        first = next(call for call in hub.calls if call.operation == "reactions/create-for-issue-comment")
        assert first.at - begun < 20, "from the start of the process to the first reaction"
        print(f"first reaction after {first.at - begun:.2f} s")
