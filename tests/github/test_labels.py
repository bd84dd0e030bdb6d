"""Labels: the default ones, those of the configuration, and mistakes."""

from __future__ import annotations

from dataclasses import replace

from tests.github import payloads
from tests.github.known import KNOWN

from mlops_bot.github import labels
from mlops_bot.github.event import read
from mlops_bot.github.model import Config, Ignored, Trigger
from mlops_bot.types import Command


def resolve(name: str, config: Config | None = None) -> Trigger | Ignored:
    trigger = read("pull_request_target", payloads.label(name), components=KNOWN)
    assert isinstance(trigger, Trigger)
    return labels.resolve(trigger, config or Config(), KNOWN)


def command(name: str, config: Config | None = None) -> Command | None:
    found = resolve(name, config)
    assert isinstance(found, Trigger)
    assert len(found.requests) == 1
    return found.requests[0].command


def test_every_component_and_every_pair_with_something_in_common_has_a_label() -> None:
    assert labels.default(KNOWN) == {
        "mlops:mlflow": "add mlflow",
        "mlops:mlflow-model-registration": "add mlflow --for model-registration",
        "mlops:wandb": "add wandb",
        "mlops:optuna": "add optuna",
        "mlops:gitpython": "add gitpython",
        "mlops:dvc": "add dvc",
        "mlops:mlflow-to-wandb": "translate mlflow wandb",
        "mlops:wandb-to-mlflow": "translate wandb mlflow",
        "mlops:gitpython-to-dvc": "translate gitpython dvc",
        "mlops:dvc-to-gitpython": "translate dvc gitpython",
    }


def test_a_label_is_a_command_of_whoever_set_it() -> None:
    assert command("mlops:mlflow") == Command("add", "mlflow", functionality="experiment-tracking", author="Codertocat")
    assert command("MLOps:GitPython-to-DVC") == Command(
        "translate", "dvc", source="gitpython", functionality="version-control", author="Codertocat"
    )


def test_the_configuration_adds_changes_and_removes_labels() -> None:
    config = Config(labels={"Track me": "add mlflow src/train.py", "mlops:optuna": None, "mlops:mlflow": "add wandb"})
    asked = command("track me", config)
    assert asked is not None
    assert asked.paths == ("src/train.py",)
    other = command("mlops:mlflow", config)
    assert other is not None
    assert other.target == "wandb"
    taken = resolve("mlops:optuna", config)
    assert isinstance(taken, Trigger)
    assert "no command belongs to the label mlops:optuna" in (taken.requests[0].problem or "")


def test_other_labels_are_none_of_ours() -> None:
    assert resolve("bug") == Ignored("the label bug is none of the bot's")


def test_a_misspelled_label_is_answered() -> None:
    found = resolve("mlops:mlfow")
    assert isinstance(found, Trigger)
    assert found.requests[0].command is None
    assert found.requests[0].hint == "did you mean `mlops:mlflow`?"


def test_a_label_of_the_configuration_obeys_the_grammar_of_comments() -> None:
    found = resolve("x", replace(Config(), labels={"x": "add mlflow /etc/passwd"}))
    assert isinstance(found, Trigger)
    assert "is absolute" in (found.requests[0].problem or "")
