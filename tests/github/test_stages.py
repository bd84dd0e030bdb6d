"""Three jobs, none of which has both a secret and the pull request's code; each takes what it is handed for hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.github.action import Action, Ended
from tests.github.server.hub import Hub, Pull, Repository
from tests.github.training import BRANCH, TRAIN, follow_ups, pull_request, records, repository
from tests.servers.openai_server import OpenAIServer, error

pytestmark = pytest.mark.slow

GOOD = TRAIN.replace("from sklearn.datasets", "import mlflow\nfrom sklearn.datasets").replace(
    "X, y", "mlflow.sklearn.autolog()\n\nX, y", 1
)
LAZY = GOOD.replace(
    "mlflow.sklearn.autolog()", "# mlflow.sklearn.autolog()"
)  # the text alone shows that it does nothing
OPENAI = "engine: openai\nmodel: test-model\nsandbox: process\nprice: [1, 1]\n"
KEY = "sk-planted-0123456789"


class Jobs:
    """The three jobs on one comment. The files between them are in one folder, as artifacts are."""

    def __init__(self, hub: Hub, action: Action, folder: Path) -> None:
        self.hub, self.action = hub, action
        self.bundle, self.verdicts = folder / "bundle.json", folder / "verdicts.json"
        self.repo: Repository
        self.pull: Pull
        self.event: dict[str, Any]

    def on(self, config: str, body: str = "/mlops add mlflow") -> None:
        self.repo = repository(self.hub, config=config)
        self.pull = pull_request(self.repo)
        self.event = self.hub.comment(self.pull, "wendy", body)

    def run(self, stage: str, *, token: str | None = None, **inputs: str) -> Ended:
        handed = {"bundle": str(self.bundle), "verdicts": str(self.verdicts)}
        token = token if token is not None else self.hub.token(repository=self.repo, permissions=PERMISSIONS[stage])
        return self.action("issue_comment", self.event, token=token, stage=stage, **handed, **inputs)

    @property
    def branch(self) -> str:
        return BRANCH.format(self.pull.number)

    def edit(self, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))


TELL = {"pull_requests": "write", "issues": "write", "checks": "write", "metadata": "read"}
PERMISSIONS = {"propose": TELL | {"contents": "read"}, "verify": {}, "deliver": TELL | {"contents": "write"}}


@pytest.fixture
def jobs(hub: Hub, action: Action, tmp_path: Path) -> Jobs:
    return Jobs(hub, action, tmp_path)


def test_the_recipe_in_three_jobs(hub: Hub, jobs: Jobs) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    proposed = jobs.run("propose")
    assert (proposed.code, proposed.outputs["proceed"]) == (0, "true"), proposed.log
    assert jobs.pull.reactions(jobs.event["comment"]["id"]) == ["eyes"]
    assert [record.status for _, record in records(jobs.pull)] == ["running"]
    hub.forget_calls()
    verified = jobs.run("verify", token="")
    assert verified.code == 0, verified.log
    assert hub.calls == []
    delivered = jobs.run("deliver")
    assert (delivered.code, delivered.outputs["status"]) == (0, "verified"), delivered.log
    (made,) = follow_ups(jobs.repo, jobs.pull)
    assert made.show()["head"]["ref"] == jobs.branch and "What proves it" in made.show()["body"]
    assert "mlflow.sklearn.autolog()" in jobs.repo.file(jobs.branch, "train.py")
    ((text, record),) = records(jobs.pull)
    assert record.status == "verified" and "Verified" in text
    assert jobs.pull.reactions(jobs.event["comment"]["id"]) == ["eyes", "rocket"]
    assert "git/get-blob" not in [call.operation for call in hub.calls]  # the bundle's are the very files
    again = jobs.run("deliver")
    assert again.code == 0 and len(follow_ups(jobs.repo, jobs.pull)) == 1


def test_a_model_in_three_jobs(hub: Hub, jobs: Jobs) -> None:
    """Text that shows by itself that it does nothing is repaired where the key is; the rest is judged where it is not."""
    jobs.on(OPENAI)
    with OpenAIServer([f"```python\n{LAZY}```", f"```python\n{GOOD}```"], key=KEY) as server:
        proposed = jobs.run("propose", openai_api_key=KEY, openai_base_url=server.url)
        assert proposed.outputs["proceed"] == "true", proposed.log
        assert len(server.completions) == 2
    for stage in ("verify", "deliver"):
        ended = jobs.run(stage)
        assert ended.code == 0, ended.log
    (made,) = follow_ups(jobs.repo, jobs.pull)
    assert jobs.repo.file(jobs.branch, "train.py") == GOOD
    assert "test-model" in made.show()["body"] and "$0.0003" in made.show()["body"]
    for text in (jobs.bundle.read_text(), jobs.verdicts.read_text(), proposed.said, made.show()["body"]):
        assert KEY not in text


def test_what_ends_in_the_first_job_goes_no_further(hub: Hub, jobs: Jobs) -> None:
    jobs.on("engine: recipe\n", "/mlops help\n/mlops add mlflow nowhere.py")
    ended = jobs.run("propose")
    assert (ended.code, ended.outputs["proceed"]) == (2, "false"), ended.log
    assert jobs.pull.reactions(jobs.event["comment"]["id"]) == ["eyes", "confused"]


def test_what_cannot_be_proposed_ends_in_the_first_job(hub: Hub, jobs: Jobs) -> None:
    jobs.on(OPENAI)
    with OpenAIServer(f"```python\n{LAZY}```", key=KEY) as server:
        ended = jobs.run("propose", openai_api_key=KEY, openai_base_url=server.url)
    assert (ended.code, ended.outputs["status"], ended.outputs["proceed"]) == (1, "failed", "false"), ended.log
    ((text, record),) = records(jobs.pull)
    assert record.status == "failed" and "Not verified" in text and not jobs.bundle.exists()


def test_a_model_that_fails_for_one_file_is_said_at_the_end(hub: Hub, jobs: Jobs, unjudged: None) -> None:
    """One file has a proposal, for the other the server fails: each gets its own end, in the last job."""
    jobs.on(OPENAI)
    jobs.pull.push({"second.py": TRAIN.replace("200", "201")})
    no = error(403, "Not for you")
    with OpenAIServer(lambda body: no if "max_iter=201" in str(body) else f"```python\n{GOOD}```") as server:
        ended = jobs.run("propose", openai_api_key=KEY, openai_base_url=server.url)
    assert ended.outputs["proceed"] == "true", ended.log
    jobs.run("verify")
    ended = jobs.run("deliver")
    assert ended.outputs["status"] == "verified", ended.log
    ((text, _),) = records(jobs.pull)
    assert "stopped by an error" in text and "1 file" in text


def test_a_closed_parent_in_three_jobs(hub: Hub, jobs: Jobs) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    for stage in ("propose", "verify", "deliver"):
        jobs.run(stage)
    jobs.pull.close()
    event = hub.pull_request(jobs.pull, "wendy", "closed")
    for stage in ("propose", "verify", "deliver"):
        handed = {"bundle": str(jobs.bundle), "verdicts": str(jobs.verdicts)}
        ended = jobs.action("pull_request", event, stage=stage, **handed)
        assert ended.code == 0, ended.log
    assert jobs.branch not in jobs.repo.branches() and not follow_ups(jobs.repo, jobs.pull, "open")


def test_a_verification_that_broke_is_said(hub: Hub, jobs: Jobs) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    jobs.run("propose")
    ended = jobs.run("deliver")
    assert ended.code == 1 and ended.outputs["status"] == "unverified", ended.log
    ((text, record),) = records(jobs.pull)
    assert record.status == "unverified" and "was not verified" in text and not follow_ups(jobs.repo, jobs.pull)
    assert jobs.pull.reactions(jobs.event["comment"]["id"]) == ["eyes", "confused"]


def test_no_bundle_is_said(hub: Hub, jobs: Jobs) -> None:
    jobs.on("engine: recipe\n")
    assert jobs.run("verify", token="").code == 2
    ended = jobs.run("deliver")
    assert ended.code == 2 and "there is no bundle" in jobs.pull.comments()[-1]["body"].replace("\\", "")


# --- hostile -----------------------------------------------------------------------------------------------------

EVIL = "import os\n\nos.system('id')\n"


def _verdict_for_another_file(document: dict[str, Any]) -> None:
    """The sandbox broke, and says that something else passed."""
    finding = document["orders"][0]["findings"][0]
    (key,) = finding["passed"]
    finding["passed"] = {key.replace(key[0], "0"): finding["passed"][key]}


@pytest.mark.parametrize(
    ("what", "change", "said"),
    [
        ("bundle", lambda d: d.update(head_sha="0" * 40), "moved from"),
        ("bundle", lambda d: d.update(source="comment:999"), "is of another command"),
        ("bundle", lambda d: d.update(number=99), "is of another pull request"),
        ("bundle", lambda d: d.update(repository="octo/other"), "is of another pull request"),
        ("bundle", lambda d: d.update(extra=1), "without"),
        ("bundle", lambda d: d.update(schema="2"), "one of"),
        ("verdicts", lambda d: d.update(head_sha="0" * 40), "verdicts are of another bundle"),
        ("verdicts", _verdict_for_another_file, "was not verified"),
        ("verdicts", lambda d: d["orders"][0]["findings"].clear(), "was not verified"),
        ("verdicts", lambda d: d["orders"][0]["findings"][0].update(baseline=None), "was not verified"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_delivered(
    hub: Hub, jobs: Jobs, what: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    for stage in ("propose", "verify"):
        jobs.run(stage)
    jobs.edit(getattr(jobs, what), change)
    ended = jobs.run("deliver")
    assert ended.code in (1, 2), ended.log
    assert said in " ".join(comment["body"].replace("\\", "") for comment in jobs.pull.comments()), ended.log
    states = [record.status for _, record in records(jobs.pull)]
    assert "running" not in states or "another" in said, "the comment has no last state"
    assert jobs.repo.branches().keys() == {"main", "feature"} and not follow_ups(jobs.repo, jobs.pull)


@pytest.mark.parametrize("garbage", ["", "[]", "{", '{"schema": "mlops-bot/bundle/1"}', "[" * 100_000, "\0\xff"])
def test_a_bundle_that_is_none(hub: Hub, jobs: Jobs, garbage: str) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    jobs.bundle.write_bytes(garbage.encode("latin-1"))
    assert jobs.run("verify", token="").code == 2
    ended = jobs.run("deliver")
    assert ended.code == 2 and "Traceback" not in ended.log


def test_other_content_than_the_repositorys_is_not_believed(hub: Hub, jobs: Jobs) -> None:
    """A file of the bundle that is not the very one of the head is fetched: nothing is built on it."""
    import base64

    jobs.on("engine: recipe\nsandbox: process\n")
    for stage in ("propose", "verify"):
        jobs.run(stage)
    jobs.edit(jobs.bundle, lambda d: d["files"].update({"train.py": base64.b64encode(EVIL.encode()).decode()}))
    ended = jobs.run("deliver")
    assert ended.code == 0, ended.log
    assert "os.system" not in jobs.repo.file(jobs.branch, "train.py")


def test_paths_of_the_bundle_stay_in_their_folder(hub: Hub, jobs: Jobs, tmp_path: Path) -> None:
    jobs.on("engine: recipe\nsandbox: process\n")
    jobs.run("propose")
    for path in ("../../evil.py", "/tmp/evil.py", ".git/config", "a/../../b.py", ".github/workflows/x.yml"):
        jobs.edit(jobs.bundle, lambda d, path=path: d["files"].update({path: "eCA9IDEK"}))
        ended = jobs.run("verify", token="")
        assert ended.code == 2 and "bundle.files" in ended.log, ended.log
        jobs.edit(jobs.bundle, lambda d, path=path: d["files"].pop(path))


def test_other_scripts_than_the_selected_are_not_worked_on(hub: Hub, jobs: Jobs) -> None:
    """Which files a command is about is decided again by deliver, from the pull request."""
    jobs.on(OPENAI)
    with OpenAIServer(f"```python\n{GOOD}```") as server:
        jobs.run("propose", openai_api_key=KEY, openai_base_url=server.url)
    noted = json.loads(jobs.bundle.read_text())["orders"][0]["noted"]["train.py"]
    jobs.edit(
        jobs.bundle,
        lambda d: d["orders"][0].update(scripts=["train.py", "other.py"], noted={"train.py": noted, "other.py": noted}),
    )
    jobs.repo.commit("main", {"other.py": TRAIN})
    jobs.run("verify")
    ended = jobs.run("deliver")
    assert ended.outputs["status"] == "verified", ended.log
    assert jobs.repo.changed("feature", jobs.branch).keys() == {"train.py", "requirements.txt"}


def test_a_verdict_does_not_make_a_file_readable(hub: Hub, jobs: Jobs) -> None:
    """A compromised verification says that everything passed: what text alone shows is still seen by deliver."""
    from mlops_bot.commands.judging import candidate_key
    from mlops_bot.types import Candidate

    jobs.on(OPENAI)
    with OpenAIServer(f"```python\n{GOOD}```") as server:
        jobs.run("propose", openai_api_key=KEY, openai_base_url=server.url)
    jobs.run("verify")
    jobs.edit(jobs.bundle, lambda d: d["orders"][0]["noted"]["train.py"][0].update(text=f"```python\n{LAZY}```"))

    def everything_passed(document: dict[str, Any]) -> None:
        finding = document["orders"][0]["findings"][0]
        finding["failed"] = {}
        finding["passed"] = {candidate_key(Candidate({"train.py": LAZY})): {"evidence": {}}}

    jobs.edit(jobs.verdicts, everything_passed)
    ended = jobs.run("deliver")
    assert ended.outputs["status"] == "failed" and not follow_ups(jobs.repo, jobs.pull), ended.log
