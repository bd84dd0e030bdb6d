"""A Forge that reads, and says what it would write: `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from mlops_bot.github.model import (
    Branch,
    ChangedFile,
    Comment,
    Forge,
    NewFile,
    Permission,
    Pull,
    PullRequest,
    Reaction,
    Tree,
    Trigger,
)

_NOT_MADE = "0" * 40


class DryRun:
    """`say` gets what would be sent, in lines."""

    def __init__(self, forge: Forge, say: Callable[[str], None]) -> None:
        self.repository = forge.repository
        self._forge = forge
        self._say = say

    def at(self, repository: str) -> DryRun:
        return DryRun(self._forge.at(repository), self._say)

    def login(self) -> str:
        return self._forge.login()

    def permission(self, login: str) -> Permission:
        return self._forge.permission(login)

    def pull_request(self, number: int) -> PullRequest:
        return self._forge.pull_request(number)

    def files(self, number: int) -> Sequence[ChangedFile]:
        return self._forge.files(number)

    def tree(self, sha: str) -> Tree:
        return self._forge.tree(sha)

    def blob(self, sha: str) -> bytes:
        return self._forge.blob(sha)

    def content(self, path: str, ref: str) -> bytes | None:
        return self._forge.content(path, ref)

    def comments(self, number: int) -> Sequence[Comment]:
        return self._forge.comments(number)

    def branch(self, name: str) -> Branch | None:
        return self._forge.branch(name)

    def branches(self, prefix: str) -> Sequence[str]:
        return self._forge.branches(prefix)

    def pulls(self, *, head: str, state: Literal["open", "closed", "all"] = "all") -> Sequence[Pull]:
        return self._forge.pulls(head=head, state=state)

    # --- what would be written ------------------------------------------------------------------------------

    def react(self, trigger: Trigger, content: Reaction) -> None:
        self._say(f"would react with {content}")

    def comment(self, number: int, body: str) -> Comment:
        self._say(f"would comment on #{number}:\n{body}")
        return Comment(0, self.login(), "Bot", body)

    def edit_comment(self, comment_id: int, body: str) -> None:
        self._say(f"would edit {f'comment {comment_id}' if comment_id else 'that comment'} to:\n{body}")

    def delete_comment(self, comment_id: int) -> None:
        self._say(f"would delete comment {comment_id}")

    def remove_label(self, number: int, label: str) -> None:
        self._say(f"would remove the label {label} of #{number}")

    def check_run(self, sha: str, *, name: str, status: str, conclusion: str | None, title: str, summary: str) -> None:
        self._say(f"would set the check run {name!r} on {sha[:7]}: {conclusion or status}, {title}")

    def new_tree(self, parent: str, files: Sequence[NewFile]) -> str:
        for file in files:
            self._say(f"would write {file.path} ({file.mode}, {len(file.content)} bytes) on top of {parent[:7]}")
        return _NOT_MADE

    def new_commit(self, parent: str, tree: str, message: str) -> str:
        self._say(f"would commit on top of {parent[:7]}:\n{message}")
        return _NOT_MADE

    def set_branch(self, name: str, sha: str, *, expected: str | None) -> bool:
        self._say(f"would move the branch {name} from {expected[:7]}" if expected else f"would make the branch {name}")
        return True

    def delete_branch(self, name: str, *, expected: str) -> bool:
        self._say(f"would delete the branch {name} at {expected[:7]}")
        return True

    def open_pull(self, *, title: str, body: str, head: str, base: str, draft: bool = False) -> Pull:
        self._say(f"would open a {'draft ' if draft else ''}pull request from {head} into {base}: {title}\n{body}")
        return Pull(0, "", "open", False, base, head, _NOT_MADE, title, body, self.login(), draft)

    def update_pull(
        self, number: int, *, title: str | None = None, body: str | None = None, base: str | None = None,
        state: Literal["open", "closed"] | None = None,
    ) -> Pull:  # fmt: skip
        given = {"title": title, "base": base, "state": state}
        said = ", ".join(f"{name} {value!r}" for name, value in given.items() if value is not None)
        self._say(f"would update pull request #{number}: {said}" + (f"\n{body}" if body else ""))
        return Pull(number, "", state or "open", False, base or "", "", _NOT_MADE, title or "", body or "", "")
