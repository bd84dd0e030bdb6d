"""A pull request with a training script, for runs of the Action: the same in all tests, so that it is trained once."""

from __future__ import annotations

from tests.github.server.hub import Hub, Pull, Repository

from mlops_bot.github import marker
from mlops_bot.github.model import Comment, Record

CONFIG = "engine: recipe\nsandbox: process\n"
TRAIN = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True)
model = LogisticRegression(C=0.5, max_iter=200)
model.fit(X, y)
print("accuracy:", model.score(X, y))
"""
BRANCH = "mlops-bot/pr-{}/add-mlflow"
BOT = "github-actions[bot]"


def repository(hub: Hub, *, config: str = CONFIG, private: bool = False) -> Repository:
    """A repository whose default branch has the configuration."""
    files = {".github/mlops-bot.yml": config, "requirements.txt": "scikit-learn\n"}
    return hub.repository("octo/train", files=files, private=private)


def pull_request(repo: Repository, text: str = TRAIN) -> Pull:
    """Its first pull request, which adds the script."""
    return repo.pull(files={"train.py": text})


def records(pull: Pull, key: str = "add-mlflow", bot: str = BOT) -> list[tuple[str, Record]]:
    """(text, what it remembers) of the bot's comments on one command: one, if all is well."""
    comments = [
        Comment(one["id"], one["user"]["login"], one["user"]["type"], one["body"], one["html_url"])
        for one in pull.comments()
    ]
    found = marker.records(comments, login=bot, number=pull.number)
    return [(comment.body, record) for comment, record in found if record.key == key]


def follow_ups(repo: Repository, parent: Pull, state: str = "all") -> list[Pull]:
    """The bot's pull requests, oldest first."""
    return [Pull(repo, one["number"]) for one in repo.pulls(state) if one["number"] != parent.number]
