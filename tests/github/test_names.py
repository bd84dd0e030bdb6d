"""Names on GitHub: the same for the same command, different for different ones, and valid everywhere they go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.github.known import KNOWN

from mlops_bot.github import grammar, names
from mlops_bot.types import Command


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("add mlflow", "add-mlflow"),
        ("add MLflow --for experiment-tracking", "add-mlflow"),
        ("add mlflow --for model-registration", "add-mlflow-model-registration"),
        ("translate wandb mlflow", "translate-wandb-to-mlflow"),
        ("add mlflow train.py", "add-mlflow-ed183d67"),
        ("add mlflow b.py a.py", "add-mlflow-622ee27f"),
        ("add mlflow a.py b.py", "add-mlflow-622ee27f"),
    ],
)
def test_keys(text: str, key: str) -> None:
    command = grammar.read(text, components=KNOWN).command
    assert command is not None
    assert names.key(command, KNOWN) == key
    assert names.branch(12, command, KNOWN) == f"mlops-bot/pr-12/{key}"
    assert names.branch(12, command, KNOWN, attempt=3) == f"mlops-bot/pr-12/{key}-3"


paths = st.lists(st.from_regex(r"[a-z '\"é]{1,6}(/[A-Za-z0-9_. -]{1,6})?\.py", fullmatch=True), max_size=3, unique=True)


@given(
    st.sampled_from(
        [
            Command("add", "mlflow", functionality="experiment-tracking"),
            Command("add", "mlflow", functionality="model-registration"),
            Command("translate", "mlflow", source="wandb", functionality="experiment-tracking"),
            Command("add", "optuna", functionality="hyperparameter-optimization"),
            Command("status"),
        ]
    ),
    paths,
)
def test_words_are_read_back_and_branches_are_valid(command: Command, files: list[str]) -> None:
    if command.target:
        command = Command(command.verb, command.target, command.source, tuple(files), command.functionality)
    words = names.words(command, KNOWN)
    assert grammar.read(words, components=KNOWN).command == command
    branch = names.branch(1, command, KNOWN)
    assert re.fullmatch(r"mlops-bot/pr-1/[a-z0-9-]+", branch)
