"""Who may ask, and for what: every doubt is a no."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from mlops_bot.errors import GitHubError
from mlops_bot.github import gate
from mlops_bot.github.model import Actor, Config, Forge, PullRequest, Trigger

TRIGGER = Trigger(
    "octo/train",
    12,
    "comment",
    "issue_comment",
    "created",
    Actor("wendy", "User"),
    (),
    1,
    created_at="2026-01-01T10:00:00Z",
)
PULL = PullRequest(
    12, "T", "open", False, False, "fay", "main", "b" * 40, "feature", "a" * 40, "octo/train", "octo/train"
)
FORK = replace(PULL, head_repository="fay/train", head_pushed_at="2026-01-01T09:59:59Z")
ALLOW = Config(forks="allow")


class Roles:
    repository = "octo/train"

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer

    def permission(self, login: str) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ask(answer: str | Exception, trigger: Trigger = TRIGGER) -> gate.Denied | None:
    return gate.asker(cast("Forge", Roles(answer)), trigger)


@pytest.mark.parametrize("answer", ["write", "maintain", "admin"])
def test_who_may_write_may_ask(answer: str) -> None:
    assert ask(answer) is None


@pytest.mark.parametrize("answer", ["none", "read", "triage", "", "ADMIN", GitHubError("down")])
def test_nobody_else_may(answer: str | Exception) -> None:
    denied = ask(answer)
    assert denied is not None and not denied.told


@pytest.mark.parametrize(
    "actor", [Actor("x[bot]", "User"), Actor("x", "Bot"), Actor("x", "Organization"), Actor("X[BOT]", "Bot")]
)
def test_bots_are_not_even_asked_about(actor: Actor) -> None:
    denied = ask(AssertionError("asked"), replace(TRIGGER, actor=actor))  # type: ignore[arg-type]
    assert denied is not None and "is a bot" in denied.reason


def test_another_repository() -> None:
    assert ask("admin", replace(TRIGGER, repository="octo/other")) is not None


def test_an_open_pull_request_of_the_repository() -> None:
    assert gate.pull_request(TRIGGER, PULL, Config()) is None


@pytest.mark.parametrize(
    ("pull", "config", "why"),
    [
        (replace(PULL, state="closed"), Config(), "is closed"),
        (replace(PULL, state="closed", merged=True), Config(), "is merged"),
        (FORK, Config(), "comes from a fork"),
        (replace(PULL, head_repository=None), Config(), "comes from a fork"),
        (replace(PULL, head_repository=None), ALLOW, "is gone"),
        (replace(FORK, head_pushed_at="2026-01-01T10:00:01Z"), ALLOW, "pushed to after"),
        (replace(FORK, head_pushed_at=None), ALLOW, "pushed to after"),
        (replace(FORK, head_pushed_at="soon"), ALLOW, "pushed to after"),
    ],
)
def test_what_is_refused_is_told(pull: PullRequest, config: Config, why: str) -> None:
    denied = gate.pull_request(TRIGGER, pull, config)
    assert denied is not None and denied.told and why in denied.reason


def test_a_fork_that_is_allowed() -> None:
    assert gate.pull_request(TRIGGER, FORK, ALLOW) is None


def test_a_labels_head_is_pinned_by_the_event() -> None:
    label = replace(TRIGGER, kind="label", comment_id=None, created_at=None, head_sha="a" * 40)
    assert gate.pull_request(label, PULL, Config()) is None
    denied = gate.pull_request(replace(label, head_sha="c" * 40), PULL, Config())
    assert denied is not None and "moved from ccccccc to aaaaaaa" in denied.reason
