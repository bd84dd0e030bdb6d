"""Verified files to a follow-up pull request: one branch, one commit on the pinned head, one pull request a command.

Nothing of a person's is ever overwritten: the bot's own commits carry a seal over their parent and tree, and a branch
is moved only if its tip has one and nobody moves it meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_bot.errors import GitHubError, GitHubRefusedError
from mlops_bot.github.model import Branch, Forge, NewFile, Pull, PullRequest

TRAILER = "Mlops-Bot-Seal"
_SEAL = re.compile(rf"^{TRAILER}: (\S+)$", re.MULTILINE)
_TRIES = 3  # when two runners move the same branch in turn
_MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """The branch of a command as it was found: its own, or a person's commits are on it."""

    name: str
    attempt: int
    there: Branch | None

    @property
    def taken(self) -> bool:
        return self.there is not None and not is_ours(self.there)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be delivered."""

    pull: PullRequest  # as pinned: the commit goes on its head
    files: Sequence[NewFile]
    message: str  # of the commit, without the seal
    title: str
    body: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    branch: str
    commit: str
    pull: Pull


@dataclass(frozen=True, slots=True)
class Undelivered:
    """`kind`: closed (the pull request), moved (its head), human (somebody's commits are on the bot's branch), fork
    (the token may not open a pull request there)."""

    kind: Literal["closed", "moved", "human", "fork"]
    reason: str
    hint: str


# --- whose commit it is ------------------------------------------------------------------------------------------


def sealed(message: str, *, parent: str, tree: str) -> str:
    """The commit message with the trailer that says the commit is the bot's, and as it left it."""
    return f"{message.rstrip()}\n\n{TRAILER}: {_seal(parent, tree)}\n"


def is_ours(branch: Branch) -> bool:
    """Whether the tip is a commit of the bot that nobody changed: amended or rebased, its seal no longer fits."""
    found = _SEAL.findall(branch.message)
    return len(branch.parents) == 1 and len(found) == 1 and found[0] == _seal(branch.parents[0], branch.tree)


def _seal(parent: str, tree: str) -> str:
    return hashlib.sha256(f"{parent} {tree}".encode()).hexdigest()[:20]


# --- delivering --------------------------------------------------------------------------------------------------


def find_place(forge: Forge, name: Callable[[int], str], *, attempt: int = 1, fresh: bool = False) -> Place:
    """The branch of the command's `attempt` (`name` gives it); `fresh`: the first from there on without a person's
    commits."""
    for number in range(attempt, attempt + _MOST_ATTEMPTS):
        place = Place(name(number), number, forge.branch(name(number)))
        if not place.taken or not fresh:
            return place
    raise GitHubError(f"{_MOST_ATTEMPTS} branches of this command hold somebody's commits", hint="delete old branches")


def deliver(forge: Forge, parcel: Parcel, place: Place) -> Delivered | Undelivered:
    """Brings the files into the pull request's own branch, by a pull request. Either all of it is there or nothing:
    a branch that was made for a pull request that cannot be opened is taken away again.

    A fork's branch is in the fork, so the pull request is opened there, from a branch here. A person's token may do
    that, a workflow's own may not; that is no error, the caller says what else can be done.
    """
    try:
        return _deliver(forge, parcel, place)
    except GitHubRefusedError as error:
        if not parcel.pull.is_fork or error.status not in (403, 404, 422):
            raise
        return Undelivered("fork", f"a pull request in the fork cannot be opened: {error}",
                           "the patch is below: apply it to the branch with `git apply`")  # fmt: skip


def _deliver(forge: Forge, parcel: Parcel, place: Place) -> Delivered | Undelivered:
    gone = still_there(forge, parcel.pull)
    if gone is not None:
        return gone
    parent = parcel.pull.head_sha
    tree = forge.new_tree(parent, parcel.files)
    there = place.there
    commit: str | None = None
    for _ in range(_TRIES):
        if there is not None and not is_ours(there):
            return taken(place.name)
        if there is not None and (there.tree, there.parents) == (tree, (parent,)):
            return _opened(forge, parcel, place, there.sha, made=False)
        commit = commit or forge.new_commit(parent, tree, sealed(parcel.message, parent=parent, tree=tree))
        if forge.set_branch(place.name, commit, expected=there.sha if there else None):
            return _opened(forge, parcel, place, commit, made=there is None)
        there = forge.branch(place.name)
    raise GitHubError(f"the branch {place.name} is moved by somebody else all the time", hint="ask again later")


def _opened(forge: Forge, parcel: Parcel, place: Place, commit: str, *, made: bool) -> Delivered:
    """`made`: the branch is new, so there is no pull request of it yet."""
    base = parcel.pull.head_ref
    into, head = _where(forge, parcel.pull, place.name)
    try:
        found = None if made else _open_pull_of(into, head)
        if found is not None:
            pull = into.update_pull(
                found.number, title=parcel.title, body=parcel.body, base=None if found.base_ref == base else base
            )
        else:
            pull = into.open_pull(title=parcel.title, body=parcel.body, head=head, base=base, draft=parcel.draft)
    except BaseException:
        if made:
            with contextlib.suppress(GitHubError):
                forge.delete_branch(place.name, expected=commit)
        raise
    return Delivered(place.name, commit, pull)


def _where(forge: Forge, parent: PullRequest, branch: str) -> tuple[Forge, str]:
    """The repository that a follow-up is opened in, and what the bot's branch is called there."""
    if not parent.is_fork or parent.head_repository is None:
        return forge, branch
    return forge.at(parent.head_repository), f"{forge.repository.partition('/')[0]}:{branch}"


def _open_pull_of(forge: Forge, head: str) -> Pull | None:
    return next(iter(forge.pulls(head=head, state="open")), None)


def still_there(forge: Forge, pinned: PullRequest) -> Undelivered | None:
    """Whether the pull request is still open, with the head that was pinned."""
    now = forge.pull_request(pinned.number)
    if now.state != "open":
        return Undelivered(
            "closed",
            f"#{pinned.number} was {'merged' if now.merged else 'closed'} in the meantime",
            "nothing was delivered; reopen it and write the command again",
        )
    if now.head_sha != pinned.head_sha:
        return Undelivered(
            "moved",
            f"#{pinned.number} moved from {pinned.head_sha[:7]} to {now.head_sha[:7]} in the meantime",
            "nothing was delivered, for it was verified on the older one; write the command again",
        )
    return None


def taken(branch: str) -> Undelivered:
    return Undelivered(
        "human",
        f"the branch `{branch}` has commits that are not the bot's, and they are not overwritten",
        "merge or close its pull request; or write `/mlops retry` for a new branch beside it",
    )


def withdraw(forge: Forge, place: Place, parent: PullRequest | None = None) -> Pull | None:
    """Nothing is left to change: closes the command's pull request and removes its branch. A person's commits stay,
    with their pull request. Returns the pull request that was closed."""
    if place.there is None or place.taken:
        return None
    into, head = _where(forge, parent, place.name) if parent else (forge, place.name)
    pull = _open_pull_of(into, head)
    if pull is not None:
        into.update_pull(pull.number, state="closed")
    forge.delete_branch(place.name, expected=place.there.sha)
    return pull


# --- the parent's end --------------------------------------------------------------------------------------------


def parent_ended(forge: Forge, number: int, prefix: str) -> list[str]:
    """What becomes of the follow-ups of a pull request that was closed: after a merge they go to where it went, else
    they are closed and the bot's branches removed. What was done, in words.

    `prefix` of all branches of the bot's."""
    branches = forge.branches(f"{prefix}pr-{number}/")
    if not branches:
        return [f"#{number} has no follow-up"]
    parent = forge.pull_request(number)
    if parent.state == "open":
        return [f"#{number} is open again"]
    done = []
    for name in branches:
        there = forge.branch(name)
        into, head = _where(forge, parent, name)
        pull = _open_pull_of(into, head)
        if parent.merged and into is forge:
            if pull is not None and pull.base_ref != parent.base_ref:
                forge.update_pull(pull.number, base=parent.base_ref)
                done.append(f"#{pull.number} now goes to {parent.base_ref}, where #{number} was merged")
            elif pull is None and there is not None and is_ours(there):
                forge.delete_branch(name, expected=there.sha)
        elif there is not None and not is_ours(there):
            done.append(f"{name} has commits that are not the bot's, and is left as it is")
        else:
            if pull is not None:
                into.update_pull(pull.number, state="closed")
                done.append(f"#{pull.number} is closed, as #{number} is")
            if there is not None:
                forge.delete_branch(name, expected=there.sha)
    return done
