"""The local GitHub, asked with PyGithub as the bot asks it."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from github import Auth, Github, GithubException, InputGitTreeElement
from tests.github.server import emulate, events, faults
from tests.github.server.hub import Executable, Hub, Pull, Repository, Submodule, Symlink
from tests.github.server.routes import ROUTES
from tests.github.server.wire import Answer


def client(hub: Hub, token: str | None = None, **options: Any) -> Github:
    """No pauses between requests, no retries: a test sees each answer."""
    token = token or hub.token()
    return Github(
        base_url=hub.url,
        auth=Auth.Token(token),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        **options,
    )


def refused(status: int) -> Any:
    """`with refused(422) as error:` and then the message in str(error.value)."""
    return pytest.raises(GithubException, check=lambda error: error.status == status)


@pytest.fixture
def repo(hub: Hub) -> Repository:
    return hub.repository("octo/train", files={"train.py": "print(1)\n", "data/a.txt": "line\n" * 20})


@pytest.fixture
def pull(repo: Repository) -> Pull:
    return repo.pull(12, files={"train.py": "print(2)\n"})


# Pull requests and what they change


def test_files_of_a_pull_request_are_real(hub: Hub, repo: Repository) -> None:
    pull = repo.pull(
        files={
            "train.py": Executable("print(2)\nprint(3)\n"),
            "link": Symlink("train.py"),
            "vendor/lib": Submodule("a" * 40),
            "weights.bin": b"\0\1\2",
            "naïve name.py": "x = 1\n",
        },
        renames={"data/a.txt": "data/b.txt"},
    )
    files = {one.filename: one for one in client(hub).get_repo("octo/train").get_pull(pull.number).get_files()}
    assert {name: (one.status, one.additions, one.deletions) for name, one in files.items()} == {
        "data/b.txt": ("renamed", 0, 0),
        "link": ("added", 1, 0),
        "naïve name.py": ("added", 1, 0),
        "train.py": ("modified", 2, 1),
        "vendor/lib": ("added", 1, 0),
        "weights.bin": ("added", 0, 0),
    }
    assert files["train.py"].patch == "@@ -1 +1,2 @@\n-print(1)\n+print(2)\n+print(3)"
    assert files["data/b.txt"].previous_filename == "data/a.txt"
    assert files["weights.bin"].patch is None and files["data/b.txt"].patch is None
    assert files["train.py"].sha == repo.tree("feature")["train.py"].sha


def test_a_removed_file_and_a_changed_type(hub: Hub, repo: Repository) -> None:
    old = repo.tree()["data/a.txt"].sha
    pull = repo.pull(files={"data/a.txt": None, "train.py": Symlink("data/a.txt")})
    files = {one.filename: one for one in client(hub).get_repo("octo/train").get_pull(pull.number).get_files()}
    assert (files["data/a.txt"].status, files["data/a.txt"].sha) == ("removed", old)
    assert files["train.py"].status == "changed" and "+data/a.txt" in files["train.py"].patch


def test_three_hundred_files_page(hub: Hub, repo: Repository) -> None:
    pull = repo.pull(files={f"src/m{n:03}.py": f"x = {n}\n" for n in range(300)})
    shown = client(hub, per_page=100).get_repo("octo/train").get_pull(pull.number)
    assert shown.changed_files == 300
    assert [one.filename for one in shown.get_files()] == [f"src/m{n:03}.py" for n in range(300)]
    pages = [call for call in hub.calls if call.operation == "pulls/list-files"]
    assert [call.query.get("page", "1") for call in pages] == ["1", "2", "3"]


def test_files_come_thirty_a_page_and_three_thousand_at_most(hub: Hub, repo: Repository) -> None:
    pull = repo.pull(files={f"m{n:04}.py": "" for n in range(3001)})
    url = f"{hub.url}/repos/octo/train/pulls/{pull.number}/files"
    first = requests.get(url, timeout=10)
    assert len(first.json()) == 30
    assert first.links["last"]["url"].endswith("page=100")
    last = requests.get(url, params={"per_page": 100, "page": 30}, timeout=10)
    assert len(last.json()) == 100 and "next" not in last.links
    assert requests.get(url, params={"per_page": 100, "page": 31}, timeout=10).json() == []


def test_the_diff_is_gits(hub: Hub, pull: Pull) -> None:
    answer = requests.get(
        f"{hub.url}/repos/octo/train/pulls/12", headers={"Accept": "application/vnd.github.diff"}, timeout=10
    )
    assert answer.headers["Content-Type"].startswith("application/vnd.github.diff")
    assert answer.text.startswith("diff --git a/train.py b/train.py\nindex ")
    assert answer.text.endswith("-print(1)\n+print(2)\n")


def test_the_diff_counts_from_where_the_branches_parted(hub: Hub, repo: Repository, pull: Pull) -> None:
    repo.commit("main", {"other.py": "x = 1\n"})
    shown = client(hub).get_repo("octo/train").get_pull(12)
    assert [one.filename for one in shown.get_files()] == ["train.py"]
    assert shown.base.sha == repo.head("main") and shown.mergeable


def test_a_conflict_is_not_mergeable(hub: Hub, repo: Repository, pull: Pull) -> None:
    repo.commit("main", {"train.py": "print(4)\n"})
    shown = client(hub).get_repo("octo/train").get_pull(12)
    assert shown.mergeable is False and shown.mergeable_state == "dirty"
    with refused(405):
        shown.merge()


def test_the_head_follows_pushes(hub: Hub, pull: Pull) -> None:
    sha = pull.push({"train.py": "print(5)\n"})
    assert client(hub).get_repo("octo/train").get_pull(12).head.sha == sha


def test_compare(hub: Hub, repo: Repository, pull: Pull) -> None:
    repo.commit("main", {"other.py": "x = 1\n"})
    compared = client(hub).get_repo("octo/train").compare("main", "feature")
    assert (compared.status, compared.ahead_by, compared.behind_by) == ("diverged", 1, 1)
    assert [one.filename for one in compared.files] == ["train.py"]
    assert compared.merge_base_commit.sha == repo.log("main")[0].parents[0]


# The git data API


def follow_up(hub: Hub, token: str | None = None, branch: str = "mlops-bot/pr-12/add-mlflow") -> Any:
    """One file changed on top of the pull request's head, in a branch and a pull request of its own."""
    repo = client(hub, token).get_repo("octo/train")
    head = repo.get_git_commit(repo.get_pull(12).head.sha)
    blob = repo.create_git_blob(base64.b64encode(b"import mlflow\n").decode(), "base64")
    tree = repo.create_git_tree([InputGitTreeElement("train.py", "100755", "blob", sha=blob.sha)], base_tree=head.tree)
    commit = repo.create_git_commit("Add MLflow\n\nRequested-by: wendy", tree, [head])
    repo.create_git_ref(f"refs/heads/{branch}", commit.sha)
    return repo.create_pull(base="feature", head=branch, title="mlops-bot: add MLflow to #12", body="Evidence")


def test_a_follow_up_pull_request(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    assert made.user.login == "github-actions[bot]" and made.user.type == "Bot"
    assert (made.number, made.base.ref, made.changed_files, made.commits) == (13, "feature", 1, 1)
    branch = "mlops-bot/pr-12/add-mlflow"
    assert repo.file(branch, "train.py") == "import mlflow\n"
    assert repo.tree(branch)["train.py"].mode == "100755"
    assert repo.changed("feature", branch) == {"train.py": "modified"}
    assert repo.log(branch)[0].message == "Add MLflow\n\nRequested-by: wendy"
    assert [one["number"] for one in repo.pulls("open")] == [12, 13]
    assert [call.operation for call in hub.writes()] == [
        "git/create-blob", "git/create-tree", "git/create-commit", "git/create-ref", "pulls/create",
    ]  # fmt: skip


def test_pulls_are_found_by_their_head(hub: Hub, pull: Pull) -> None:
    made = follow_up(hub)
    found = client(hub).get_repo("octo/train").get_pulls(state="all", head=f"octo:{made.head.ref}")
    assert [one.number for one in found] == [made.number]


def test_refs_refuse_what_github_refuses(hub: Hub, repo: Repository, pull: Pull) -> None:
    mine = client(hub).get_repo("octo/train")
    before = repo.head("feature")
    with refused(422) as error:
        mine.create_git_ref("refs/heads/feature", before)
    assert "Reference already exists" in str(error.value)
    repo.commit("feature", {"train.py": "print(6)\n"})
    with refused(422) as error:
        mine.get_git_ref("heads/feature").edit(repo.head("main"))
    assert "Update is not a fast forward" in str(error.value)
    mine.get_git_ref("heads/feature").edit(before, force=True)
    assert repo.head("feature") == before
    with refused(404):
        mine.get_git_ref("heads/nothing")
    with refused(422):
        mine.create_git_ref("refs/heads/new", "f" * 40)
    with refused(422):
        mine.create_git_ref("refs/heads/feature/below", before)


def test_trees_refuse_what_github_refuses(hub: Hub, repo: Repository) -> None:
    mine = client(hub).get_repo("octo/train")
    base = mine.get_git_tree("main")
    for element in (
        InputGitTreeElement("../up.py", "100644", "blob", content="x"),
        InputGitTreeElement("a.py", "100644", "blob", sha="e" * 40),
        InputGitTreeElement("a.py", "040000", "blob", content="x"),
        InputGitTreeElement("missing.py", "100644", "blob", sha=None),
    ):
        with refused(422):
            mine.create_git_tree([element], base_tree=base)
    removed = mine.create_git_tree([InputGitTreeElement("data/a.txt", "100644", "blob", sha=None)], base_tree=base)
    assert [one.path for one in removed.tree] == ["train.py"]


def test_contents_and_blobs(hub: Hub, repo: Repository) -> None:
    repo.commit("main", {"big.bin": b"\0" * 1_500_000, "dir/link": Symlink("../train.py"), "lib": Submodule("b" * 40)})
    mine = client(hub).get_repo("octo/train")
    one: Any = mine.get_contents("train.py", ref="main")
    assert one.decoded_content == b"print(1)\n" and one.sha == repo.tree()["train.py"].sha
    big: Any = mine.get_contents("big.bin")
    assert big.encoding == "none" and big.size == 1_500_000
    assert base64.b64decode(mine.get_git_blob(big.sha).content) == b"\0" * 1_500_000
    link: Any = mine.get_contents("dir/link")
    assert (link.type, link.target) == ("symlink", "../train.py")
    listed: Any = mine.get_contents("")
    assert {one.path: one.type for one in listed} == {
        "big.bin": "file", "data": "dir", "dir": "dir", "lib": "file", "train.py": "file",
    }  # fmt: skip
    with refused(404):
        mine.get_contents("nothing.py")


def test_opening_a_pull_request_twice_or_for_nothing(hub: Hub, repo: Repository, pull: Pull) -> None:
    follow_up(hub)
    mine = client(hub).get_repo("octo/train")
    with refused(422) as error:
        mine.create_pull(base="feature", head="mlops-bot/pr-12/add-mlflow", title="again")
    assert "A pull request already exists for octo:mlops-bot/pr-12/add-mlflow." in str(error.value)
    repo.set_branch("empty", "feature")
    with refused(422) as error:
        mine.create_pull(base="feature", head="empty", title="nothing")
    assert "No commits between feature and empty" in str(error.value)
    with refused(422):
        mine.create_pull(base="gone", head="feature", title="no base")


# What happens to pull requests


def test_closed_merged_deleted(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    head = pull.head
    made.merge()
    assert repo.file("feature", "train.py") == "import mlflow\n"
    assert pull.head != head, "the merge moved the parent's head"
    shown = Pull(repo, made.number).show()
    assert shown["merged"] and shown["state"] == "closed" and shown["changed_files"] == 1
    pull.close()
    with refused(422):
        client(hub).get_repo("octo/train").get_pull(12).edit(base="mlops-bot/pr-12/add-mlflow")
    pull.reopen()
    repo.delete_branch("feature")
    assert pull.show()["state"] == "closed"
    with refused(422):
        client(hub).get_repo("octo/train").get_pull(12).edit(state="open")


def test_a_follow_up_moves_to_the_base_of_its_merged_parent(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    pull.merge()
    repo.delete_branch("feature")
    shown = Pull(repo, made.number).show()
    assert (shown["state"], shown["base"]["ref"]) == ("open", "main")


def test_a_follow_up_closes_with_the_branch_of_its_unmerged_parent(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    repo.delete_branch("feature")
    assert Pull(repo, made.number).show()["state"] == "closed"


def test_a_follow_up_whose_commit_is_pushed_to_its_base_is_merged(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    repo.set_branch("feature", made.head.ref)
    assert Pull(repo, made.number).show()["merged"]


def test_retarget_and_edit(hub: Hub, repo: Repository, pull: Pull) -> None:
    made = follow_up(hub)
    made.edit(base="main", title="another", body="text", state="closed")
    shown = Pull(repo, made.number).show()
    assert (shown["base"]["ref"], shown["title"], shown["body"], shown["state"]) == (
        "main",
        "another",
        "text",
        "closed",
    )


def test_forks(hub: Hub, repo: Repository) -> None:
    fork = repo.fork("fay", {"train.py": "print(7)\n"}, branch="idea")
    pull = repo.pull(fork=fork, head="idea", author="fay")
    shown = client(hub).get_repo("octo/train").get_pull(pull.number)
    assert (shown.head.repo.full_name, shown.head.label) == ("fay/train", "fay:idea")
    assert shown.head.repo.fork and shown.changed_files == 1
    token = hub.token(repository=repo)
    with refused(403) as error:
        client(hub, token).get_repo("fay/train").create_git_ref("refs/heads/x", shown.head.sha)
    assert "Resource not accessible by integration" in str(error.value)
    # The fork's commit can be read in the parent, as refs/pull/N/head.
    assert client(hub, token).get_repo("octo/train").get_git_commit(shown.head.sha).sha == fork.head("idea")
    assert (
        client(hub, token).get_repo("octo/train").get_git_ref(f"pull/{pull.number}/head").object.sha == shown.head.sha
    )


def test_a_fork_that_is_gone(hub: Hub, repo: Repository) -> None:
    fork = repo.fork("fay", {"train.py": "print(7)\n"}, branch="idea")
    pull = repo.pull(fork=fork, head="idea", author="fay")
    head = pull.head
    fork.delete()
    shown = client(hub).get_repo("octo/train").get_pull(pull.number)
    assert shown.head.repo is None and shown.head.sha == head and shown.state == "open"


# Comments, reactions, labels, check runs


def test_comments(hub: Hub, pull: Pull) -> None:
    issue = client(hub).get_repo("octo/train").get_issue(12)
    assert issue.pull_request is not None
    mine = issue.create_comment("working")
    mine.edit("done")
    assert [(one["user"]["login"], one["body"]) for one in pull.comments()] == [("github-actions[bot]", "done")]
    issue.create_comment("x" * 65_536)
    for text in ("x" * 65_537, "  "):
        with refused(422):
            issue.create_comment(text)
        with refused(422):
            mine.edit(text)
    for n in range(40):
        pull.repository.hub.comment(pull, "rita", f"note {n}")
    assert len(list(client(hub, per_page=30).get_repo("octo/train").get_issue(12).get_comments())) == 42


def test_a_bot_comments(hub: Hub, pull: Pull) -> None:
    event = hub.comment(pull, "mlops-bot[bot]", "/mlops add mlflow")
    assert (event["sender"]["login"], event["sender"]["type"]) == ("mlops-bot[bot]", "Bot")
    assert event["comment"]["user"]["type"] == "Bot"


def test_others_may_not_edit_a_comment(hub: Hub, pull: Pull) -> None:
    written = hub.comment(pull, "rita", "mine")["comment"]["id"]
    for login, allowed in (("tim", False), ("wendy", True), ("rita", True)):
        comment = client(hub, hub.token(login)).get_repo("octo/train").get_issue(12).get_comment(written)
        if allowed:
            comment.edit(f"by {login}")
        else:
            with refused(403):
                comment.edit("not mine")


def test_reactions(hub: Hub, pull: Pull) -> None:
    written = hub.comment(pull, "wendy", "/mlops help")["comment"]["id"]
    comment = client(hub).get_repo("octo/train").get_issue(12).get_comment(written)
    eyes = comment.create_reaction("eyes")
    assert eyes.user.login == "github-actions[bot]"
    assert comment.create_reaction("eyes").id == eyes.id, "a second one is the first"
    comment.create_reaction("rocket")
    assert pull.reactions(written) == ["eyes", "rocket"]
    assert comment.delete_reaction(eyes.id) and pull.reactions(written) == ["rocket"]
    assert [one.content for one in comment.get_reactions()] == ["rocket"]
    client(hub).get_repo("octo/train").get_issue(12).create_reaction("+1")
    assert pull.reactions() == ["+1"]


def test_labels(hub: Hub, pull: Pull) -> None:
    hub.label(pull, "tim", "mlops:mlflow")
    issue = client(hub).get_repo("octo/train").get_issue(12)
    issue.remove_from_labels("mlops:mlflow")
    assert pull.labels() == []
    with refused(404) as error:
        issue.remove_from_labels("mlops:mlflow")
    assert "Label does not exist" in str(error.value)
    issue.add_to_labels("new one")
    assert pull.labels() == ["new one"]


def test_check_runs(hub: Hub, repo: Repository, pull: Pull) -> None:
    mine = client(hub).get_repo("octo/train")
    run = mine.create_check_run("mlops-bot", pull.head, status="in_progress", output={"title": "t", "summary": "s"})
    note = {"path": "train.py", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"}
    run.edit(
        status="completed", conclusion="failure", output={"title": "t", "summary": "s", "annotations": [note] * 50}
    )
    (shown,) = repo.check_runs(pull.head)
    assert (shown["conclusion"], shown["output"]["annotations_count"]) == ("failure", 50)
    assert [one.id for one in mine.get_commit(pull.head).get_check_runs()] == [run.id]
    with refused(422):
        run.edit(output={"title": "t", "summary": "s", "annotations": [note] * 51})
    hub.violations.clear()  # 51 is against the description too
    with refused(403):
        client(hub, hub.token("wendy")).get_repo("octo/train").create_check_run("mine", pull.head)


# Who may do what


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [
        ("octo", "admin", "admin"),
        ("ada", "admin", "admin"),
        ("max", "write", "maintain"),
        ("wendy", "write", "write"),
        ("tim", "read", "triage"),
        ("rita", "read", "read"),
        ("nora", "none", "none"),
        ("fay", "read", "read"),
    ],
)
def test_permissions(hub: Hub, repo: Repository, login: str, permission: str, role: str) -> None:
    mine = client(hub).get_repo("octo/train")
    assert mine.get_collaborator_permission(login) == permission
    assert mine.get_collaborator_role_name(login) == role


def test_people_without_access_do_not_see_a_private_repository(hub: Hub) -> None:
    hub.repository("octo/secret", private=True)
    assert client(hub, hub.token("rita")).get_repo("octo/secret").private
    for login in ("nora", "fay"):
        with refused(404):
            client(hub, hub.token(login)).get_repo("octo/secret")
    with refused(404):
        client(hub).get_repo("octo/secret").get_collaborator_permission("nobody")


@pytest.mark.parametrize(
    ("missing", "does"),
    [
        ("contents", lambda repo: repo.create_git_blob("x", "utf-8")),
        ("checks", lambda repo: repo.create_check_run("mine", repo.get_pull(12).head.sha)),
        ("pull_requests", lambda repo: repo.get_pull(12).edit(title="x")),
    ],
)
def test_a_token_without_a_permission(hub: Hub, pull: Pull, missing: str, does: Any) -> None:
    from tests.github.server.hub import USUAL

    token = hub.token(permissions={**USUAL, missing: "read"})
    with refused(403) as error:
        does(client(hub, token).get_repo("octo/train"))
    assert "Resource not accessible by integration" in str(error.value)
    assert error.value.headers["x-accepted-github-permissions"] == f"{missing}=write"


def test_tokens(hub: Hub, repo: Repository) -> None:
    assert client(hub, hub.token("wendy")).get_user().login == "wendy"
    with refused(403):
        _ = client(hub).get_user().login
    for token in ("made up", hub.token(expired=True)):
        with refused(401):
            client(hub, token).get_repo("octo/train")
    app = client(hub, hub.token("mlops-bot")).get_repo("octo/train")
    app.create_git_ref("refs/heads/by-app", repo.head("main"))
    with refused(403):
        client(hub, hub.token("rita")).get_repo("octo/train").create_git_ref("refs/heads/x", repo.head("main"))


def test_actions_may_be_kept_from_opening_pull_requests(hub: Hub, repo: Repository, pull: Pull) -> None:
    repo.state.pulls_by_actions = False
    with refused(403) as error:
        follow_up(hub)
    assert "GitHub Actions is not permitted to create or approve pull requests" in str(error.value)


# Checks, faults, races


def test_a_request_that_github_does_not_describe_is_found(hub: Hub, pull: Pull) -> None:
    url, headers = f"{hub.url}/repos/octo/train", {"Authorization": f"Bearer {hub.token()}"}
    wrong = [
        requests.post(f"{url}/issues/12/comments", json={"text": "x"}, headers=headers, timeout=10),
        requests.post(f"{url}/issues/comments/1/reactions", json={"content": "👀"}, headers=headers, timeout=10),
        requests.get(f"{url}/pulls", params={"status": "open"}, headers=headers, timeout=10),
        requests.get(f"{url}/pulls/12/patches", headers=headers, timeout=10),
        requests.post(f"{url}/git/refs", json={"ref": "refs/heads/x"}, headers=headers, timeout=10),
    ]
    assert [one.status_code for one in wrong] == [422] * 5
    assert len(hub.violations) == 5
    hub.violations.clear()


def comment_on(hub: Hub) -> Any:
    return client(hub, lazy=True).get_repo("octo/train").get_issue(12).create_comment("hello")


FAULTS = {
    "500": (faults.server_error(500), 500),
    "502": (faults.server_error(502), 502),
    "503": (faults.server_error(503), 503),
    "429": (faults.too_many_requests(), 429),
    "primary": (faults.primary_rate_limit(), 403),
    "secondary": (faults.secondary_rate_limit(), 403),
    "401": (faults.expired_token(), 401),
    "403": (faults.missing_permission("issues=write"), 403),
    "404": (faults.gone(), 404),
    "409": (faults.conflict(), 409),
    "422": (faults.unprocessable(), 422),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_answer(hub: Hub, pull: Pull, name: str) -> None:
    fault, status = FAULTS[name]
    hub.fail(fault, on="POST /repos/*/*/issues/*/comments")
    with refused(status) as error:
        comment_on(hub)
    headers = {key.lower(): value for key, value in (error.value.headers or {}).items()}
    if name in ("429", "secondary"):
        assert headers["retry-after"] == "1"
    if name == "primary":
        assert headers["x-ratelimit-remaining"] == "0" and int(headers["x-ratelimit-reset"]) > 0
    assert pull.comments() == [] and hub.calls[-1].fault == fault.name and not hub.calls[-1].applied
    comment_on(hub)
    assert len(pull.comments()) == 1, "it struck once"


@pytest.mark.parametrize("applied", [False, True])
def test_a_dropped_connection(hub: Hub, pull: Pull, applied: bool) -> None:
    hub.fail(faults.dropped(applied=applied), on="issues/create-comment")
    with pytest.raises(requests.exceptions.ConnectionError):
        comment_on(hub)
    assert len(pull.comments()) == (1 if applied else 0)
    assert str(hub.calls[-1]).endswith(f"dropped (dropped {'after' if applied else 'before'} it was applied)")


def test_a_bad_gateway_after_the_request_was_applied(hub: Hub, pull: Pull) -> None:
    hub.fail(faults.server_error(502, applied=True), on="issues/create-comment")
    with refused(502):
        comment_on(hub)
    assert len(pull.comments()) == 1


def test_a_slow_answer(hub: Hub, pull: Pull) -> None:
    hub.fail(faults.slow(2), on="issues/create-comment")
    with pytest.raises(requests.exceptions.ReadTimeout):
        client(hub, timeout=1, lazy=True).get_repo("octo/train").get_issue(12).create_comment("hello")
    assert len(pull.comments()) == 1


def test_rules_count(hub: Hub, pull: Pull) -> None:
    hub.fail(faults.server_error(502), on="GET *", nth=2, times=2)
    mine = client(hub).get_repo("octo/train")
    for expected in (502, 502, 200):
        if expected == 200:
            mine.get_pull(12)
        else:
            with refused(expected):
                mine.get_pull(12)
    hub.fail(faults.gone(), times=None)
    for _ in range(3):
        with refused(404):
            mine.get_pull(12)
    hub.heal()
    mine.get_pull(12)


def test_something_happens_before_a_call(hub: Hub, repo: Repository, pull: Pull) -> None:
    hub.before(lambda call: pull.close("wendy"), on="git/create-blob")
    hub.before(lambda call: repo.delete_branch("feature"), on="pulls/create")
    with refused(422):
        follow_up(hub)
    assert pull.show()["state"] == "closed"
    assert "feature" not in repo.branches()


def test_many_at_once(hub: Hub, repo: Repository, pull: Pull) -> None:
    """Two runners: one branch, one pull request, one of each reaction; nothing is lost."""

    def run(n: int) -> list[int]:
        mine, statuses = client(hub).get_repo("octo/train"), []
        head = mine.get_git_commit(pull.head)
        tree = mine.create_git_tree([InputGitTreeElement("a.py", "100644", "blob", content=f"x = {n}\n")], head.tree)
        commit = mine.create_git_commit(f"by {n}", tree, [head])
        for ask in (
            lambda: mine.create_git_ref("refs/heads/bot", commit.sha),
            lambda: mine.create_pull(base="feature", head="bot", title="t"),
            lambda: mine.get_issue(12).create_reaction("eyes"),
            lambda: mine.get_issue(12).create_comment(f"by {n}"),
        ):
            try:
                ask()
                statuses.append(201)
            except GithubException as error:
                statuses.append(error.status)
        return statuses

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert sorted(one[0] for one in results) == [201, 422, 422, 422]
    assert sorted(one[1] for one in results) == [201, 422, 422, 422]
    assert pull.reactions() == ["eyes"] and len(pull.comments()) == 4
    assert [call.number for call in hub.calls] == list(range(1, len(hub.calls) + 1))


# What the checks find


def test_an_answer_that_is_not_as_described_is_found(hub: Hub, pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(world: Any, request: Any, actor: Any) -> Answer:
        return Answer(201, {"id": "7", "content": "eyes"})

    template = "/repos/{owner}/{repo}/issues/{issue_number}/reactions"
    monkeypatch.setitem(ROUTES, ("POST", template), broken)
    client(hub, lazy=True).get_repo("octo/train").get_issue(12).create_reaction("eyes")
    assert any("'7' is not of type 'integer'" in one for one in hub.answer_violations)
    assert any("'node_id' is a required property" in one for one in hub.answer_violations)
    hub.answer_violations.clear()


def test_where_it_is_not_installed_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(emulate, "MODULES", tmp_path)
    with pytest.raises(emulate.Missing, match="`make test` does it, or `npm ci` in tests/github"):
        emulate.Emulate(tmp_path, [], [])
    monkeypatch.setattr(emulate.shutil, "which", lambda name: None)
    with pytest.raises(emulate.Missing, match=r"Node 22\.15 or newer is needed"):
        emulate.node()


# Events


def test_events_are_like_the_real_ones(hub: Hub, pull: Pull) -> None:
    made = {
        ("issue_comment", "created"): hub.comment(pull, "wendy", "/mlops add mlflow"),
        ("pull_request", "labeled"): hub.label(pull, "wendy", "mlops:mlflow"),
        ("pull_request", "closed"): hub.pull_request(pull, "wendy", "closed"),
    }
    # Only of organizations, and only in what an app is sent.
    not_here = ("/installation: missing", "/organization: missing", "custom_properties: missing")
    for (event, action), payload in made.items():
        real = events.examples(event, action)
        assert real
        wrong = [one for one in events.unlike(payload, real[0]) if not one.endswith(not_here)]
        assert not wrong, (event, action, wrong)
        assert payload["action"] == action and payload["sender"]["login"] == "wendy"
    assert made["issue_comment", "created"]["issue"]["pull_request"]["url"].endswith("/pulls/12")
    assert made["pull_request", "labeled"]["label"]["name"] == "mlops:mlflow"


def test_an_unlike_payload_is_seen() -> None:
    (real,) = events.examples("issue_comment", "created")[:1]
    assert events.unlike(real, real) == []
    broken = {**real, "comment": {**real["comment"], "id": "7"}, "sender": None}
    del broken["issue"]
    assert events.unlike(broken, real) == ["/issue: missing", f"/comment/id: '7' is not like {real['comment']['id']}"]


# GraphQL

UPDATE_REFS = """mutation($repository: ID!, $name: GitRefname!, $before: GitObjectID!, $after: GitObjectID!) {
  updateRefs(input: {repositoryId: $repository,
    refUpdates: [{name: $name, beforeOid: $before, afterOid: $after, force: true}]}) { clientMutationId }
}"""


def graphql(hub: Hub, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token or hub.token()}"}
    body = {"query": query, "variables": variables}
    answer = requests.post(f"{hub.url}/graphql", json=body, headers=headers, timeout=10)
    assert answer.status_code == 200
    return answer.json()


def test_a_branch_is_swapped_only_where_nobody_moved_it(hub: Hub, repo: Repository, pull: Pull) -> None:
    node = client(hub).get_repo("octo/train").node_id
    first, second = repo.head("main"), repo.head("feature")
    repo.set_branch("bot", first)

    def swap(before: str, after: str, **other: Any) -> dict[str, Any]:
        names = {"repository": node, "name": "refs/heads/bot", "before": before, "after": after}
        return graphql(hub, UPDATE_REFS, **(names | other))

    assert swap(first, second) == {"data": {"updateRefs": {"clientMutationId": None}}}
    assert hub.calls[-1].operation == "graphql/updateRefs" and hub.calls[-1].applied
    refused_ = swap(first, first)
    assert refused_["errors"][0]["type"] == "UNPROCESSABLE" and refused_["data"] == {"updateRefs": None}
    assert repo.head("bot") == second and not hub.calls[-1].applied
    swap(second, "0" * 40)
    assert "bot" not in repo.branches()
    swap("0" * 40, first)
    assert repo.head("bot") == first
    assert swap(first, "d" * 40)["errors"][0]["type"] == "NOT_FOUND"
    assert swap(first, second, repository="elsewhere")["errors"][0]["type"] == "NOT_FOUND"
    assert swap(first, second, token=hub.token("rita"))["errors"][0]["type"] == "FORBIDDEN"


def test_whose_token_it_is(hub: Hub) -> None:
    for login, expected in (("github-actions", "github-actions[bot]"), ("wendy", "wendy")):
        assert graphql(hub, "query { viewer { login } }", hub.token(login))["data"]["viewer"]["login"] == expected


def test_drafts(hub: Hub, repo: Repository, pull: Pull) -> None:
    node = pull.show()["node_id"]
    for name, draft in (("convertPullRequestToDraft", True), ("markPullRequestReadyForReview", False)):
        query = f"mutation($id: ID!) {{ {name}(input: {{pullRequestId: $id}}) {{ pullRequest {{ isDraft }} }} }}"
        assert graphql(hub, query, id=node)["data"] == {name: {"pullRequest": {"isDraft": draft}}}
        assert pull.show()["draft"] is draft


def test_a_document_that_githubs_schema_does_not_allow_is_found(hub: Hub) -> None:
    graphql(hub, "query { viewer { handle } }")
    graphql(hub, UPDATE_REFS.replace("beforeOid", "oldOid"))
    graphql(hub, UPDATE_REFS, repository=None)
    graphql(hub, "query {")
    assert len(hub.violations) >= 4
    hub.violations.clear()
