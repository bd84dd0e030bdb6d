"""The Action from an event to its end, as GitHub runs it, with the recipe and a real training in the process sandbox."""

from __future__ import annotations

import pytest
from tests.github.action import Action
from tests.github.server.hub import Hub, Pull, Repository

CONFIG = "engine: recipe\nsandbox: process\n"
TRAIN = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True)
model = LogisticRegression(C=0.5, max_iter=200)
model.fit(X, y)
print("accuracy:", model.score(X, y))
"""
BRANCH = "mlops-bot/pr-12/add-mlflow"
BOT = "github-actions[bot]"


@pytest.fixture
def repo(hub: Hub) -> Repository:
    files = {".github/mlops-bot.yml": CONFIG, "requirements.txt": "scikit-learn\n", "README.md": "# It\n"}
    return hub.repository("octo/train", files=files)


@pytest.fixture
def pull(repo: Repository) -> Pull:
    return repo.pull(12, files={"train.py": TRAIN, "notes.md": "new\n"})


def test_a_comment_becomes_a_verified_pull_request(hub: Hub, action: Action, repo: Repository, pull: Pull) -> None:
    event = hub.comment(pull, "wendy", "/mlops add mlflow")
    ended = action("issue_comment", event, token=hub.token(repository=repo))
    print(ended.log)
    print("\n".join(map(str, hub.calls)))
    print(ended.summary)
    for c in pull.comments():
        print(c["body"])
    assert ended.code == 0
    assert ended.outputs["status"] == "verified"
