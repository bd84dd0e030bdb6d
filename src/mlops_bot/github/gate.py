"""Who may ask, and for which pull request: decided before anything is spent. Every doubt is a no.

The event says who commented or set the label; what they may do is asked of the API, for everybody and every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_bot.errors import GitHubError
from mlops_bot.github.model import Config, Forge, PullRequest, Trigger

MAY_WRITE = ("write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Denied:
    """`told`: whether a comment says so. Somebody who may not ask gets no answer on the pull request."""

    reason: str
    hint: str | None = None
    told: bool = False


def asker(forge: Forge, trigger: Trigger) -> Denied | None:
    """Whether the commenter or labeller may write to the repository; one call."""
    if trigger.repository.lower() != forge.repository.lower():
        return Denied(f"the event is of {trigger.repository}, this is {forge.repository}")
    actor = trigger.actor
    if actor.type != "User" or actor.login.lower().endswith("[bot]"):
        return Denied(f"{actor.login} is a bot")
    try:
        permission = forge.permission(actor.login)
    except GitHubError as error:
        return Denied(f"what {actor.login} may do cannot be asked: {error}", hint=error.hint)
    if permission not in MAY_WRITE:
        return Denied(
            f"{actor.login} has the permission `{permission}` here",
            hint="who asks needs write access to the repository",
        )
    return None


def pull_request(trigger: Trigger, pull: PullRequest, config: Config) -> Denied | None:
    """Whether this pull request is worked on: open, its head where the event saw it, no unwanted fork."""
    if pull.state != "open":
        return Denied(f"#{pull.number} is {'merged' if pull.merged else 'closed'}", told=True)
    if pull.is_fork:
        if config.forks != "allow":
            return Denied(
                f"#{pull.number} comes from a fork ({pull.head_repository or 'deleted'})",
                hint="a maintainer can allow forks with `forks: allow` in .github/mlops-bot.yml; "
                "its code then runs in the sandbox",
                told=True,
            )
        if pull.head_repository is None:
            return Denied(f"the fork of #{pull.number} is gone", told=True)
        if _later(pull.head_pushed_at, trigger.created_at):
            return Denied(
                f"the fork of #{pull.number} was pushed to after the command was written",
                hint="look at what changed, and write the command again",
                told=True,
            )
    if trigger.head_sha is not None and trigger.head_sha != pull.head_sha:
        return Denied(
            f"#{pull.number} moved from {trigger.head_sha[:7]} to {pull.head_sha[:7]} since the label was set",
            hint="set the label again",
            told=True,
        )
    return None


def _later(first: str | None, second: str | None) -> bool:
    """Whether the first of two times, as GitHub writes them, is surely later. An unknown one is taken for it."""
    if second is None:  # a label: its head is pinned
        return False
    try:
        return datetime.fromisoformat(first or "") > datetime.fromisoformat(second)
    except (ValueError, TypeError):
        return True
