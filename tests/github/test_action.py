"""The Action from an event to its end, as GitHub runs it, with the recipe and a real training in the process sandbox."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.github.action import Action, Ended
from tests.github.server.hub import Executable, Hub, Pull, Repository
from tests.servers.openai_server import OpenAIServer

from mlops_bot import components

CONFIG = "engine: recipe\nsandbox: process\n"
TRAIN = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True)
model = LogisticRegression(C=0.5, max_iter=200)
model.fit(X, y)
print("accuracy:", model.score(X, y))
"""
MLFLOW = components.load_all()["mlflow"]
BRANCH = "mlops-bot/pr-12/add-mlflow"
BOT = "github-actions[bot]"

pytestmark = pytest.mark.slow  # the first to train takes long; the verdict is the same for all others


class Scene:
    """A pull request with a training script, and whoever asks for something on it."""

    def __init__(self, hub: Hub, action: Action) -> None:
        self.hub, self.action = hub, action
        self.repo: Repository = hub.repository(
            "octo/train",
            files={".github/mlops-bot.yml": CONFIG, "requirements.txt": "scikit-learn\n", "old.py": "x = 1\n"},
        )
        self.pull: Pull = self.repo.pull(12, files={"train.py": Executable(TRAIN), "notes.md": "new\n"})
        self.asked: dict[str, Any] = {}

    def configure(self, text: str) -> None:
        self.repo.commit("main", {".github/mlops-bot.yml": text})

    def ask(self, body: str = "/mlops add mlflow", login: str = "wendy", **inputs: str) -> Ended:
        self.asked = self.hub.comment(self.pull, login, body)
        return self.again(**inputs)

    def again(self, **inputs: str) -> Ended:
        """The same event once more."""
        token = inputs.pop("token", None) or self.hub.token(repository=self.repo)
        return self.action("issue_comment", self.asked, token=token, **inputs)

    @property
    def reactions(self) -> list[str]:
        return self.pull.reactions(self.asked["comment"]["id"])

    @property
    def said(self) -> list[str]:
        return [comment["body"] for comment in self.pull.comments(BOT)]

    def follow_ups(self, state: str = "all") -> list[dict[str, Any]]:
        return [one for one in self.repo.pulls(state) if one["number"] != 12]

    def whole(self, branch: str = BRANCH) -> None:
        """One open follow-up, with one commit on top of the head that the pull request has now."""
        (made,) = self.follow_ups("open")
        assert (made["head"]["ref"], made["base"]["ref"]) == (branch, "feature")
        assert self.repo.log(branch, 1)[0].parents == (self.pull.head,)
        assert self.repo.changed("feature", branch) == {"train.py": "modified", "requirements.txt": "modified"}
        assert "mlflow.sklearn.autolog()" in self.repo.file(branch, "train.py")
        assert self.repo.file(branch, "requirements.txt") == f"scikit-learn\n{MLFLOW.requirement}\n"
        assert self.repo.tree(branch)["train.py"].mode == "100755"


@pytest.fixture
def scene(hub: Hub, action: Action) -> Scene:
    return Scene(hub, action)


def test_a_comment_becomes_a_verified_pull_request(hub: Hub, scene: Scene) -> None:
    ended = scene.ask("/mlops add mlflow\n\nthanks, @octo!")
    assert ended.code == 0
    scene.whole()
    (made,) = scene.follow_ups()
    assert made["title"] == "mlops-bot: add MLflow experiment tracking to #12"
    for proof in (
        "What proves it",
        "1 run",
        "accuracy",
        "`wendy` asked for",
        "scikit-learn",
        "git revert",
        "no other check has run",
    ):
        assert proof in made["body"], proof
    (comment,) = scene.said
    assert "🚀 **Verified**" in comment and f"#{made['number']}" in comment and "[x] **Delivery**" in comment
    assert scene.reactions == ["eyes", "rocket"]
    (check,) = scene.repo.check_runs("feature")
    assert (check["status"], check["conclusion"]) == ("completed", "success")
    report = json.loads((ended.workspace / "mlops-bot-report.json").read_text())
    assert report["commands"][0]["files"][0]["report"]["status"] == "verified"
    assert ended.outputs == {
        "status": "verified", "pull-request-number": str(made["number"]), "pull-request-url": made["html_url"],
        "branch": BRANCH, "report": str(ended.workspace / "mlops-bot-report.json"), "proceed": "false",
    }  # fmt: skip
    assert "Evidence" in ended.summary
    assert scene.repo.log(BRANCH, 1)[0].message.startswith("Add MLflow experiment tracking\n")


def test_what_it_costs_in_calls(hub: Hub, scene: Scene) -> None:
    scene.ask()  # whatever there is to train is trained
    scene = Scene(hub, scene.action)
    hub.forget_calls()
    scene.ask()
    assert [call.operation for call in hub.calls[:2]] == [
        "repos/get-collaborator-permission-level", "reactions/create-for-issue-comment",
    ]  # fmt: skip
    assert len(hub.calls) == 22, "\n".join(map(str, hub.calls))


def test_five_files(hub: Hub, scene: Scene, unjudged: None) -> None:
    """Each more costs one call: reading it."""
    names = [f"exp{number}/train.py" for number in range(5)]
    scene.repo.commit("feature", {name: TRAIN.replace("200", f"20{name[3]}") for name in names} | {"train.py": None})
    hub.forget_calls()
    ended = scene.ask()
    assert ended.code == 0, ended.log
    assert len(scene.repo.changed("feature", BRANCH)) == 6
    assert len(hub.calls) == 26, "\n".join(map(str, hub.calls))
    assert scene.said[0].count("| verified |") == 5


def test_a_label_does_the_same_and_is_taken_off(hub: Hub, scene: Scene) -> None:
    event = hub.label(scene.pull, "wendy", "mlops:mlflow")
    hub.forget_calls()
    ended = scene.action("pull_request", event, token=hub.token(repository=scene.repo))
    assert ended.code == 0, ended.log
    scene.whole()
    assert scene.pull.labels() == [] and scene.pull.reactions() == ["eyes", "rocket"]


def test_labels_that_mean_nothing(hub: Hub, scene: Scene) -> None:
    hub.forget_calls()
    ended = scene.action("pull_request", hub.label(scene.pull, "wendy", "bug"))
    assert ended.outputs["status"] == "ignored" and [c.method for c in hub.calls] == ["GET"]
    ended = scene.action("pull_request", hub.label(scene.pull, "wendy", "mlops:mlfow"))
    assert ended.code == 2 and "did you mean" in scene.said[0] and scene.pull.labels() == ["bug"]


# --- no litter ---------------------------------------------------------------------------------------------------


def test_a_delivery_that_arrives_twice(hub: Hub, scene: Scene) -> None:
    scene.ask()
    hub.forget_calls()
    assert scene.again().code == 0
    scene.whole()
    assert len(scene.follow_ups()) == 1 and len(scene.said) == 1
    assert [c.operation for c in hub.calls if c.writes] == ["reactions/create-for-issue-comment"] * 2


def test_a_rerun_and_the_same_command_again_update(hub: Hub, scene: Scene) -> None:
    first = scene.ask()
    scene.action.variables["GITHUB_RUN_ATTEMPT"] = "2"
    assert scene.again().code == 0
    del scene.action.variables["GITHUB_RUN_ATTEMPT"]
    assert scene.ask().code == 0
    scene.whole()
    assert [str(made["number"]) for made in scene.follow_ups()] == [first.outputs["pull-request-number"]]
    assert len(scene.said) == 1
    commit = scene.repo.head(BRANCH)
    scene.pull.push({"notes.md": "newer\n"})
    assert scene.ask().code == 0
    assert scene.repo.head(BRANCH) != commit
    scene.whole()
    assert len(scene.follow_ups()) == 1 and len(scene.said) == 1


def test_commits_by_a_person_stay_and_retry_begins_another_branch(hub: Hub, scene: Scene) -> None:
    scene.ask()
    theirs = scene.repo.commit(BRANCH, {"train.py": "print('mine')\n"}, author="wendy")
    hub.forget_calls()
    ended = scene.ask()
    assert ended.code == 1 and ended.outputs["status"] == "error"
    assert scene.repo.head(BRANCH) == theirs
    (comment,) = scene.said
    assert "not the bot" in comment and "/mlops retry" in comment and scene.reactions == ["eyes", "confused"]
    assert not [c for c in hub.calls if c.operation.startswith(("git/get-blob", "git/create"))]  # nothing was spent
    ended = scene.ask("/mlops retry")
    assert ended.code == 0, ended.log
    assert ended.outputs["branch"] == f"{BRANCH}-2"
    assert scene.repo.head(BRANCH) == theirs and len(scene.follow_ups("open")) == 2
    assert scene.ask().outputs["branch"] == f"{BRANCH}-2"  # and from now on that one
    assert len(scene.follow_ups()) == 2 and len(scene.said) == 1


def test_amended_and_rebased_is_a_persons_too(hub: Hub, scene: Scene) -> None:
    scene.ask()
    message = scene.repo.log(BRANCH, 1)[0].message
    theirs = scene.repo.commit(BRANCH, {"train.py": "print('mine')\n"}, message=message, start="feature", force=True)
    assert scene.ask().code == 1
    assert scene.repo.head(BRANCH) == theirs


def test_nothing_to_change_closes_the_follow_up(hub: Hub, scene: Scene, unjudged: None) -> None:
    scene.ask()
    scene.pull.push({path: scene.repo.file(BRANCH, path) for path in ("train.py", "requirements.txt")})
    ended = scene.ask()
    assert ended.code == 0 and ended.outputs["status"] == "nothing", ended.log
    assert BRANCH not in scene.repo.branches() and scene.follow_ups("open") == []
    (comment,) = scene.said
    assert "Nothing to change" in comment and scene.reactions == ["eyes", "rocket"]


@pytest.mark.parametrize("merged", [True, False], ids=["merged", "closed"])
def test_the_follow_up_goes_with_its_parent(hub: Hub, scene: Scene, merged: bool) -> None:
    scene.ask()
    scene.pull.merge() if merged else scene.pull.close()
    ended = scene.action("pull_request", hub.pull_request(scene.pull, "wendy", "closed"))
    assert ended.code == 0, ended.log
    (made,) = scene.follow_ups()
    if merged:
        assert (made["state"], made["base"]["ref"]) == ("open", "main")
    else:
        assert made["state"] == "closed" and BRANCH not in scene.repo.branches()


def test_a_closed_parent_leaves_commits_of_a_person(hub: Hub, scene: Scene) -> None:
    scene.ask()
    theirs = scene.repo.commit(BRANCH, {"train.py": "print('mine')\n"})
    scene.pull.close()
    scene.action("pull_request", hub.pull_request(scene.pull, "wendy", "closed"))
    assert scene.repo.head(BRANCH) == theirs and scene.follow_ups("open")


# --- the gate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "may"), [("ada", True), ("max", True), ("tim", False), ("rita", False), ("nora", False)]
)
def test_who_may_ask(hub: Hub, scene: Scene, login: str, may: bool) -> None:
    ended = scene.ask("/mlops help", login=login)
    assert ended.code == 0
    if may:
        assert len(scene.said) == 1 and scene.reactions == ["eyes", "rocket"]
    else:
        assert ended.outputs["status"] == "ignored" and f"refused: {login} has the permission" in ended.log
        assert scene.said == [] and scene.reactions == [] and len(hub.calls) == 1


def test_the_gate_fails_closed(hub: Hub, scene: Scene) -> None:
    from tests.github.server import faults

    scene.action.variables["MLOPS_BOT_GITHUB_WAIT"] = "0.1"
    hub.fail(faults.server_error(503), on="repos/get-collaborator-permission-level", times=None)
    ended = scene.ask()
    assert ended.outputs["status"] == "ignored" and not [c for c in hub.calls if c.writes]


def test_events_that_are_none_of_ours_cost_nothing(hub: Hub, scene: Scene) -> None:
    edited = hub.comment(scene.pull, "wendy", "/mlops add mlflow", action="edited")
    issue = hub.comment(scene.repo.issue(), "wendy", "/mlops add mlflow")
    bot = hub.comment(scene.pull, "wendy", "/mlops add mlflow")
    bot["comment"]["user"] |= {"type": "Bot", "login": "evil[bot]"}
    bot["sender"] |= {"type": "Bot", "login": "evil[bot]"}
    hub.forget_calls()
    for event in (edited, issue, bot, hub.comment(scene.pull, "wendy", "> /mlops add mlflow")):
        ended = scene.action("issue_comment", event)
        assert (ended.code, ended.outputs["status"]) == (0, "ignored")
    assert hub.calls == []


def test_a_closed_pull_request_is_refused(hub: Hub, scene: Scene) -> None:
    scene.pull.close()
    ended = scene.ask()
    assert ended.code == 2 and scene.follow_ups() == []
    assert "is closed" in scene.said[0] and scene.reactions == ["eyes", "confused"]


def test_a_label_on_a_head_that_moved(hub: Hub, scene: Scene) -> None:
    event = hub.label(scene.pull, "wendy", "mlops:mlflow")
    scene.pull.push({"train.py": "import os\n"})
    ended = scene.action("pull_request", event)
    assert ended.code == 2 and "moved from" in scene.said[0] and scene.pull.labels() == []


@pytest.mark.parametrize("what", ["moved", "closed"])
def test_what_happens_while_it_works(hub: Hub, scene: Scene, what: str) -> None:
    happens = {
        "moved": lambda call: scene.pull.push({"notes.md": "newer\n"}),
        "closed": lambda call: scene.pull.close(),
    }
    hub.before(happens[what], on="GET /repos/*/*/git/blobs/*")
    ended = scene.ask()
    assert ended.code == 1 and scene.follow_ups() == [] and BRANCH not in scene.repo.branches()
    assert "in the meantime" in scene.said[0] and scene.reactions == ["eyes", "confused"]


def test_a_fork_is_refused_then_allowed(hub: Hub, scene: Scene) -> None:
    fork = scene.repo.fork("fay", files={"train.py": TRAIN}, branch="theirs")
    scene.pull = scene.repo.pull(fork=fork, head="theirs", author="fay")
    ended = scene.ask(login="fay")
    assert ended.outputs["status"] == "ignored"
    ended = scene.ask()
    assert ended.code == 2 and "comes from a fork" in scene.said[0] and "forks: allow" in scene.said[0]
    scene.configure(CONFIG + "forks: allow\n")
    ended = scene.ask()  # the workflow's own token may not write to a fork
    assert ended.code == 0, ended.log
    assert ended.outputs["status"] == "verified" and ended.outputs["pull-request-url"] == ""
    assert "+import mlflow" in scene.said[-1] and not any("pr-" in name for name in scene.repo.branches())
    ended = scene.ask(token=hub.token("ada"))  # a person's may
    assert ended.code == 0, ended.log
    (made,) = fork.pulls()
    assert ended.outputs["pull-request-url"] == made["html_url"]
    assert (made["base"]["ref"], made["head"]["label"]) == (
        "theirs",
        f"octo:mlops-bot/pr-{scene.pull.number}/add-mlflow",
    )


# --- models, translations, what is not verified --------------------------------------------------------------------

OPENAI = "engine: openai\nmodel: test-model\nsandbox: process\nprice: [1, 1]\nrepair: 0\n"
ADDED = TRAIN.replace("X, y", "import mlflow\n\nmlflow.sklearn.autolog()\nX, y", 1)
WRONG = ADDED.replace("C=0.5", "C=0.05")  # another training


def test_a_translation_is_a_command_of_its_own(hub: Hub, scene: Scene, unjudged: None) -> None:
    scene.configure(OPENAI)
    scene.pull.push({"train.py": TRAIN.replace("X, y", "import wandb\n\nwandb.init()\nX, y", 1)})
    with OpenAIServer(f"```python\n{ADDED}```") as server:
        inputs = {"openai_api_key": "sk-anything", "openai_base_url": server.url}
        ended = scene.ask("/mlops translate wandb mlflow", **inputs)
        assert ended.code == 0, ended.log
        assert ended.outputs["branch"] == "mlops-bot/pr-12/translate-wandb-to-mlflow"
        event = hub.label(scene.pull, "wendy", "mlops:wandb-to-mlflow")
        ended = scene.action("pull_request", event, **inputs)
        assert ended.outputs["branch"] == "mlops-bot/pr-12/translate-wandb-to-mlflow", ended.log
    (made,) = scene.follow_ups()
    assert made["title"] == "mlops-bot: move from W&B to MLflow in #12"
    assert "test-model" in made["body"] and len(scene.said) == 1 and scene.pull.labels() == []


def test_several_commands_of_a_comment_end_each_by_itself(hub: Hub, scene: Scene, unjudged: None) -> None:
    ended = scene.ask("/mlops add mlflow train.py\n/mlops add mlflow nowhere.py\n/mlops add mlflow")
    assert ended.code == 2 and scene.reactions == ["eyes", "confused"]
    assert len(scene.said) == 3 and len(scene.follow_ups("open")) == 2
    assert ended.outputs["pull-request-number"] == str(scene.follow_ups()[0]["number"])


@pytest.mark.parametrize("policy", ["comment", "draft", "refuse"])
def test_what_is_not_verified(hub: Hub, scene: Scene, policy: str) -> None:
    scene.configure(f"{OPENAI}unverified: {policy}\n")
    with OpenAIServer(f"```python\n{WRONG}```") as server:
        ended = scene.ask(openai_api_key="sk-anything", openai_base_url=server.url)
    assert (ended.code, ended.outputs["status"]) == (1, "failed"), ended.log
    (comment,) = scene.said
    assert "Not verified" in comment and "What to try" in comment and scene.reactions == ["eyes", "confused"]
    assert ("-model = LogisticRegression(C=0.5" in comment) == (policy != "refuse")
    if policy == "draft":
        (made,) = scene.follow_ups()
        assert (
            made["draft"] and "Not all of this is verified" in made["body"] and made["title"].endswith("(not verified)")
        )
        assert "C=0.05" in scene.repo.file(BRANCH, "train.py")
    else:
        assert scene.follow_ups() == [] and BRANCH not in scene.repo.branches()
    assert "::error file=train.py" in ended.log


def test_a_cost_cap_is_kept(hub: Hub, scene: Scene) -> None:
    scene.configure(OPENAI)
    with OpenAIServer(f"```python\n{ADDED}```") as server:
        ended = scene.ask(openai_api_key="sk-anything", openai_base_url=server.url, max_cost="0.0000001")
        assert server.completions == []
    assert ended.outputs["status"] == "failed" and "could cost" in scene.said[0]


def test_a_model_without_a_key(hub: Hub, scene: Scene) -> None:
    scene.configure("engine: openai\nsandbox: process\n")
    ended = scene.ask()
    assert ended.code == 2 and "no key for the openai engine" in scene.said[0]


# --- other answers -----------------------------------------------------------------------------------------------


def test_help_status_and_mistakes(hub: Hub, scene: Scene) -> None:
    ended = scene.ask("/mlops help\n/mlops status\n/mlops add mlfow\n")
    assert ended.code == 2 and scene.reactions == ["eyes", "confused"]
    assert ["### Commands" in said for said in scene.said].count(True) == 1
    assert any("No command has been given" in said for said in scene.said)
    assert any("did you mean `mlflow`" in said or "did you mean" in said for said in scene.said)
    scene.ask("/mlops status")
    assert len(scene.said) == 3  # in place


def test_nothing_to_retry(hub: Hub, scene: Scene) -> None:
    assert scene.ask("/mlops retry").code == 2
    assert "nothing to retry" in scene.said[0]


def test_files_by_name(hub: Hub, scene: Scene) -> None:
    ended = scene.ask("/mlops add mlflow trian.py")
    assert ended.code == 2 and "Did you mean `train.py`" in scene.said[0]
    ended = scene.ask("/mlops add mlflow old.py")
    assert ended.code == 2 and "is not a training script" in scene.said[1]


def test_no_training_file_is_said(hub: Hub, scene: Scene) -> None:
    scene.pull = scene.repo.pull(head="docs", files={"notes.md": "only\n"})
    ended = scene.ask()
    assert ended.code == 0 and ended.outputs["status"] == "nothing" and "no training script" in scene.said[0]


def test_a_wrong_configuration_is_said_with_its_line(hub: Hub, scene: Scene) -> None:
    scene.configure("engine: recipe\nsandbx: docker\n")
    ended = scene.ask()
    assert ended.code == 2 and "mlops-bot.yml:2" in scene.said[0].replace("\\", "").replace("&#8203;", "")


def test_the_configuration_is_the_default_branchs(hub: Hub, scene: Scene) -> None:
    scene.pull.push({".github/mlops-bot.yml": "sandbx: nonsense\n"})
    assert scene.ask().code == 0
    scene.whole()


def test_dry_run_sends_nothing(hub: Hub, scene: Scene) -> None:
    ended = scene.ask(dry_run="true")
    assert ended.code == 0
    assert not [call for call in hub.calls if call.writes and call.operation != "graphql/viewer"]
    for word in (
        "would react with eyes",
        "would comment on #12",
        "would write train.py",
        "would open a pull request",
        "What proves it",
    ):
        assert word in ended.log, word
