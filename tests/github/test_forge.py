"""The Forge against the local GitHub: each call, its answer, what is repeated and what never is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.github.server import faults
from tests.github.server.faults import Fault
from tests.github.server.hub import Hub, Pull, Repository

from mlops_bot.errors import GitHubError, GitHubRefusedError
from mlops_bot.github.client import Client, Patience
from mlops_bot.github.forge import GitHubForge
from mlops_bot.github.model import Actor, NewFile, Trigger

BRANCH = "mlops-bot/pr-12/add-mlflow"
QUICK = Patience(seconds=5.0, reserve=5.0, first=0.01, secondary=0.05)


@pytest.fixture
def repo(hub: Hub) -> Repository:
    return hub.repository("octo/train", files={"train.py": "print(1)\n", "run.sh": "echo\n"})


@pytest.fixture
def pull(repo: Repository) -> Pull:
    return repo.pull(12, files={"train.py": "print(2)\n"})


@pytest.fixture
def forge(hub: Hub, repo: Repository) -> Iterator[GitHubForge]:
    client = Client(hub.token(repository=repo), api_url=hub.url, patience=QUICK)
    yield GitHubForge(client, repo.full_name)
    client.close()


def trigger(pull: Pull, comment: int | None = None) -> Trigger:
    return Trigger(
        "octo/train", pull.number, "comment", "issue_comment", "created", Actor("wendy", "User"), (), comment
    )


def test_reading(forge: GitHubForge, repo: Repository, pull: Pull) -> None:
    found = forge.pull_request(12)
    assert (found.state, found.merged, found.is_fork) == ("open", False, False)
    assert (found.base_ref, found.head_ref, found.head_sha) == ("main", "feature", pull.head)
    (file,) = forge.files(12)
    assert (file.path, file.status, file.additions) == ("train.py", "modified", 1)
    tree = forge.tree(found.head_sha)
    assert tree.whole and sorted(tree.entries) == ["run.sh", "train.py"]
    assert forge.blob(tree.entries["train.py"].sha) == b"print(2)\n"
    assert forge.content("train.py", "main") == b"print(1)\n"
    assert forge.content(".github/mlops-bot.yml", "main") is None
    assert forge.content("", "main") is None  # a folder


@pytest.mark.parametrize(
    ("login", "expected"),
    [("octo", "admin"), ("max", "maintain"), ("wendy", "write"), ("tim", "triage"), ("rita", "read"), ("nora", "none"), ("nobody-at-all", "none")],
)  # fmt: skip
def test_permissions(forge: GitHubForge, login: str, expected: str) -> None:
    assert forge.permission(login) == expected


def test_three_hundred_files_are_three_pages(hub: Hub, forge: GitHubForge, repo: Repository) -> None:
    repo.pull(13, head="many", files={f"file{n:03}.txt": f"{n}\n" for n in range(300)})
    assert len({file.path for file in forge.files(13)}) == 300
    assert len(hub.calls) == 4  # the fourth is empty: GitHub does not say how many there are


def test_who_the_token_is_comes_with_the_first_reaction(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    event = hub.comment(pull, "wendy", "/mlops help")
    forge.react(trigger(pull, event["comment"]["id"]), "eyes")
    assert forge.login() == "github-actions[bot]"
    assert len(hub.calls) == 1
    forge.react(trigger(pull, event["comment"]["id"]), "eyes")
    assert pull.reactions(event["comment"]["id"]) == ["eyes"]


@pytest.mark.parametrize(("who", "login"), [("mlops-bot", "mlops-bot[bot]"), ("ada", "ada")])
def test_who_the_token_is_without_a_reaction(hub: Hub, repo: Repository, who: str, login: str) -> None:
    assert GitHubForge(Client(hub.token(who), api_url=hub.url), repo.full_name).login() == login


def test_comments(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    made = forge.comment(12, "one")
    forge.edit_comment(made.id, "two")
    assert [(c.author, c.body) for c in forge.comments(12)] == [("github-actions[bot]", "two")]
    forge.delete_comment(made.id)
    forge.delete_comment(made.id)  # gone is gone
    assert not pull.comments()


def test_labels(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    hub.label(pull, "wendy", "mlops:mlflow")
    forge.remove_label(12, "mlops:mlflow")
    forge.remove_label(12, "mlops:mlflow")
    assert pull.labels() == []


def test_a_check_run_is_updated(forge: GitHubForge, repo: Repository, pull: Pull) -> None:
    args: dict[str, Any] = {"name": "mlops-bot", "title": "at work", "summary": "..."}
    forge.check_run(pull.head, status="in_progress", conclusion=None, **args)
    forge.check_run(pull.head, status="completed", conclusion="success", **args)
    assert [run["conclusion"] for run in repo.check_runs("feature")] == ["success"]


def test_no_check_run_for_a_person(hub: Hub, repo: Repository, pull: Pull) -> None:
    forge = GitHubForge(Client(hub.token("ada"), api_url=hub.url), repo.full_name)
    for _ in range(2):
        forge.check_run(pull.head, name="x", status="in_progress", conclusion=None, title="t", summary="s")
    assert len(hub.calls) == 1


def test_a_commit_keeps_modes_and_bytes(forge: GitHubForge, repo: Repository, pull: Pull) -> None:
    files = [
        NewFile("run.sh", b"echo 2\n", "100755"),
        NewFile("train.py", "# -*- coding: latin-1 -*-\n# \xe9\n".encode("latin-1")),
    ]
    tree = forge.new_tree(pull.head, files)
    sha = forge.new_commit(pull.head, tree, "Add it\n\nA: b")
    assert forge.set_branch(BRANCH, sha, expected=None)
    there = forge.branch(BRANCH)
    assert there is not None
    assert (there.sha, there.tree, there.parents, there.message) == (sha, tree, (pull.head,), "Add it\n\nA: b")
    assert repo.tree(BRANCH)["run.sh"].mode == "100755"
    assert repo.bytes(BRANCH, "train.py") == files[1].content
    assert repo.changed("feature", BRANCH) == {"run.sh": "modified", "train.py": "modified"}
    assert list(forge.branches("mlops-bot/pr-12/")) == [BRANCH]
    assert list(forge.branches("mlops-bot/pr-1/")) == []


def made(forge: GitHubForge, pull: Pull, text: str) -> str:
    return forge.new_commit(pull.head, forge.new_tree(pull.head, [NewFile("train.py", text.encode())]), text)


def test_a_branch_that_somebody_moved_is_left_alone(forge: GitHubForge, repo: Repository, pull: Pull) -> None:
    first, second = made(forge, pull, "print(3)\n"), made(forge, pull, "print(4)\n")
    assert forge.set_branch(BRANCH, first, expected=None)
    assert not forge.set_branch(BRANCH, second, expected=None)
    assert forge.set_branch(BRANCH, first, expected=None)  # it is there already
    theirs = repo.commit(BRANCH, {"train.py": "print(5)\n"})
    assert not forge.set_branch(BRANCH, second, expected=first)
    assert not forge.delete_branch(BRANCH, expected=first)
    assert repo.head(BRANCH) == theirs
    assert forge.set_branch(BRANCH, second, expected=theirs)
    assert forge.delete_branch(BRANCH, expected=second)
    assert BRANCH not in repo.branches()


@pytest.mark.parametrize("graphql", [True, False], ids=["updateRefs", "REST"])
def test_a_push_right_before_the_move(
    hub: Hub, forge: GitHubForge, repo: Repository, pull: Pull, graphql: bool
) -> None:
    """With updateRefs not even a push between our look and our move is lost; by REST only this last gap is left."""
    first, second = made(forge, pull, "print(3)\n"), made(forge, pull, "print(4)\n")
    forge.set_branch(BRANCH, first, expected=None)
    if graphql:
        hub.before(lambda call: repo.commit(BRANCH, {"train.py": "theirs\n"}), on="POST /graphql")
    else:
        hub.fail(faults.gone(), on="POST /graphql")
        hub.before(lambda call: repo.commit(BRANCH, {"train.py": "theirs\n"}), on="GET /repos/*/*/branches/*")
    assert not forge.set_branch(BRANCH, second, expected=first)
    assert repo.file(BRANCH, "train.py") == "theirs\n"


def test_pull_requests(hub: Hub, forge: GitHubForge, repo: Repository, pull: Pull) -> None:
    forge.set_branch(BRANCH, made(forge, pull, "print(3)\n"), expected=None)
    opened = forge.open_pull(title="T", body="B", head=BRANCH, base="feature")
    again = forge.open_pull(title="T2", body="B2", head=BRANCH, base="feature")  # 422, and so an update
    assert again.number == opened.number and (again.title, again.body) == ("T2", "B2")
    assert [one.number for one in forge.pulls(head=BRANCH, state="open")] == [opened.number]
    closed = forge.update_pull(opened.number, state="closed", base="main")
    assert closed.state == "closed"


# --- faults ------------------------------------------------------------------------------------------------------

PASSING = [
    faults.server_error(500), faults.server_error(502), faults.server_error(502, applied=True),
    faults.server_error(503), faults.too_many_requests(0), faults.primary_rate_limit(-2.0),
    faults.secondary_rate_limit(0), faults.secondary_rate_limit(None), faults.dropped(), faults.dropped(applied=True),
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_what_passes_is_waited_for_and_nothing_is_done_twice(
    hub: Hub, forge: GitHubForge, repo: Repository, pull: Pull, fault: Fault
) -> None:
    event = hub.comment(pull, "wendy", "/mlops help")
    for operation in (
        "reactions/create-for-issue-comment", "pulls/get", "issues/create-comment", "issues/update-comment",
        "checks/create", "checks/update", "git/create-tree", "git/create-commit", "git/create-ref",
        "POST /graphql", "pulls/create", "pulls/update",
    ):  # fmt: skip
        hub.fail(fault, on=operation)
    forge.react(trigger(pull, event["comment"]["id"]), "eyes")
    forge.pull_request(12)
    comment = forge.comment(12, "one")
    forge.edit_comment(comment.id, "two")
    for status, conclusion in (("in_progress", None), ("completed", "success")):
        forge.check_run(pull.head, name="x", status=status, conclusion=conclusion, title="t", summary="s")
    first, second = made(forge, pull, "print(3)\n"), made(forge, pull, "print(4)\n")
    assert forge.set_branch(BRANCH, first, expected=None)
    assert forge.set_branch(BRANCH, second, expected=first)
    opened = forge.open_pull(title="T", body="B", head=BRANCH, base="feature")
    forge.update_pull(opened.number, title="T2")
    assert [c["body"] for c in pull.comments("github-actions[bot]")] == ["two"]
    assert len(repo.check_runs("feature")) == 1
    assert repo.head(BRANCH) == second
    assert [p["title"] for p in repo.pulls() if p["number"] != 12] == ["T2"]


def test_a_limit_that_lasts_is_not_waited_for(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    hub.fail(faults.primary_rate_limit(3000.0), times=None, on="* /repos/*")
    started = time.monotonic()
    with pytest.raises(GitHubError, match=r"rate limit is used up, and asks to be left alone for 300\d s") as raised:
        forge.pull_request(12)
    assert time.monotonic() - started < 3 and "ask again after" in str(raised.value.hint)


def test_a_server_that_stays_down_ends_it(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    hub.fail(faults.server_error(503), times=None, on="* /repos/*")
    with pytest.raises(GitHubError, match=r"cannot read pull request #12: GitHub answers 503 .tried 5 times"):
        forge.pull_request(12)
    assert len(hub.calls) == 5


def test_all_waiting_has_one_bound(hub: Hub, forge: GitHubForge, pull: Pull) -> None:
    hub.fail(faults.too_many_requests(2), times=None, on="* /repos/*")
    with pytest.raises(GitHubError, match="secondary rate limit"):
        forge.pull_request(12)
    assert len(hub.calls) == 3  # 2 s and 2 s; the third would go past 5 s


def test_refusals_say_what_to_do(hub: Hub, repo: Repository, pull: Pull) -> None:
    reading = GitHubForge(Client(hub.token(permissions={"pull_requests": "read", "contents": "read", "metadata": "read"}), api_url=hub.url), repo.full_name)  # fmt: skip
    with pytest.raises(GitHubRefusedError, match="cannot comment: the token may not do that") as raised:
        reading.comment(12, "x")
    assert raised.value.status == 403 and "`issues: write`" in str(raised.value.hint)
    with pytest.raises(GitHubRefusedError) as raised:
        reading.new_tree(pull.head, [NewFile("train.py", b"")])
    assert "`contents: write`" in str(raised.value.hint)
    expired = GitHubForge(Client(hub.token(expired=True), api_url=hub.url), repo.full_name)
    with pytest.raises(GitHubRefusedError, match="does not accept the token") as raised:
        expired.pull_request(12)
    assert raised.value.status == 401 and raised.value.exit_code == 2


def test_a_repository_that_lets_no_workflow_open_pull_requests(
    hub: Hub, forge: GitHubForge, repo: Repository, pull: Pull
) -> None:
    repo.state.pulls_by_actions = False
    forge.set_branch(BRANCH, made(forge, pull, "print(3)\n"), expected=None)
    with pytest.raises(GitHubRefusedError) as raised:
        forge.open_pull(title="T", body="B", head=BRANCH, base="feature")
    assert "Allow GitHub Actions to create and approve pull requests" in str(raised.value.hint)


def test_nobody_listens() -> None:
    forge = GitHubForge(Client("ghs_x", api_url="http://127.0.0.1:9", patience=QUICK), "octo/train")
    with pytest.raises(GitHubError, match=r"no answer from GitHub .ConnectionError"):
        forge.pull_request(1)
