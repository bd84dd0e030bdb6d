"""One repository on GitHub: the calls behind the Forge, each as few as it can be, and their answers as our words."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args
from urllib.parse import quote

from mlops_bot.errors import GitHubRefusedError
from mlops_bot.github import answers
from mlops_bot.github.answers import get, reading
from mlops_bot.github.client import Client
from mlops_bot.github.model import (
    Branch,
    ChangedFile,
    Comment,
    Entry,
    NewFile,
    Permission,
    Pull,
    PullRequest,
    Reaction,
    Tree,
    Trigger,
)
from mlops_bot.types import Json

ACTIONS_BOT = "github-actions[bot]"  # whom a workflow's own token is
_ZERO = "0" * 40
_UPDATE_REFS = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"


class GitHubForge:
    """The Forge of one repository. Remembers what a run needs twice: its login, the node id, check runs."""

    def __init__(self, client: Client, repository: str) -> None:
        self.repository = repository
        self._client = client
        self._repo = f"/repos/{quote(repository)}"
        self._login: str | None = None
        self._node: str | None = None
        self._checks: dict[tuple[str, str], int] = {}
        self._has_checks = True

    def at(self, repository: str) -> GitHubForge:
        """Another repository, with the same token."""
        return GitHubForge(self._client, repository)

    # --- reading --------------------------------------------------------------------------------------------

    def login(self) -> str:
        """As the first reaction's answer says it; else the user's; else the viewer's, whom app tokens know."""
        if self._login is None:
            found = self._client.call("GET", "/user", "ask whose token it is", accept=(403, 404)).data
            self._login = get(found, "login") or self._viewer() or ACTIONS_BOT
        return self._login

    def _viewer(self) -> str | None:
        body = {"query": "query { viewer { login } }"}
        with contextlib.suppress(GitHubRefusedError):
            answer = self._client.call("POST", "/graphql", "ask whose token it is", body=body, done=_again)
            return str(get(answer.data, "data", "viewer", "login") or "") or None
        return None

    def permission(self, login: str) -> Permission:
        path = f"{self._repo}/collaborators/{quote(login)}/permission"
        found = self._client.call("GET", path, f"ask what {login} may do", accept=(404,)).data
        base, role = get(found, "permission"), get(found, "role_name")
        # `permission` is the older, coarser word: maintain counts as write there, triage as read.
        if (base, role) in (("write", "maintain"), ("read", "triage")):
            base = role
        return base if base in get_args(Permission) else "none"

    def pull_request(self, number: int) -> PullRequest:
        found = self._client.call("GET", f"{self._repo}/pulls/{number}", f"read pull request #{number}").data
        self._node = get(found, "base", "repo", "node_id") or self._node
        return answers.pull_request(found)

    def files(self, number: int) -> Sequence[ChangedFile]:
        path, what = f"{self._repo}/pulls/{number}/files", f"list the files of pull request #{number}"
        return [answers.changed_file(entry) for entry in self._client.pages(path, what)]

    def tree(self, sha: str) -> Tree:
        path = f"{self._repo}/git/trees/{sha}"
        found = self._client.call("GET", path, "list the repository's files", query={"recursive": "1"}).data
        with reading("tree"):
            listed = [e for e in found["tree"] if e["type"] != "tree"]
            entries = {e["path"]: Entry(e["path"], e["mode"], e["sha"], e.get("size")) for e in listed}
            return Tree(entries, whole=not found.get("truncated"))

    def blob(self, sha: str) -> bytes:
        found = self._client.call("GET", f"{self._repo}/git/blobs/{sha}", "read a file").data
        return answers.decoded(found)

    def content(self, path: str, ref: str) -> bytes | None:
        """A file's bytes; None where there is none, or what is there is no file."""
        url = f"{self._repo}/contents/{quote(path)}"
        answer = self._client.call("GET", url, f"read {path}", query={"ref": ref}, accept=(404,))
        if answer.status == 404 or not isinstance(answer.data, Mapping) or answer.data.get("type") != "file":
            return None
        return answers.decoded(answer.data)

    # --- telling --------------------------------------------------------------------------------------------

    def react(self, trigger: Trigger, content: Reaction) -> None:
        place = f"comments/{trigger.comment_id}" if trigger.comment_id else str(trigger.number)
        path = f"{self._repo}/issues/{place}/reactions"
        # The same reaction a second time is answered with the first one.
        found = self._post(path, "react", {"content": content}, done=lambda: None)
        self._login = get(found, "user", "login") or self._login

    def comments(self, number: int) -> Sequence[Comment]:
        path = f"{self._repo}/issues/{number}/comments"
        return [answers.comment(entry) for entry in self._client.pages(path, f"read the comments of #{number}")]

    def comment(self, number: int, body: str) -> Comment:
        def done() -> Json | None:
            mine = [c for c in self.comments(number) if c.body.strip() == body.strip()]
            return {"id": mine[-1].id, "user": {"login": mine[-1].author}, "body": body} if mine else None

        found = self._post(f"{self._repo}/issues/{number}/comments", "comment", {"body": body}, done=done)
        return answers.comment(found)

    def edit_comment(self, comment_id: int, body: str) -> None:
        path = f"{self._repo}/issues/comments/{comment_id}"
        self._client.call("PATCH", path, "edit the bot's comment", body={"body": body})

    def delete_comment(self, comment_id: int) -> None:
        path = f"{self._repo}/issues/comments/{comment_id}"
        self._client.call("DELETE", path, "delete the bot's second comment", accept=(404,))

    def remove_label(self, number: int, label: str) -> None:
        path = f"{self._repo}/issues/{number}/labels/{quote(label, safe='')}"
        self._client.call("DELETE", path, f"remove the label {label}", accept=(404,))

    def check_run(self, sha: str, *, name: str, status: str, conclusion: str | None, title: str, summary: str) -> None:
        """Creates, then updates, the check run of this run. Only apps may; others have none, silently."""
        if not self._has_checks:
            return
        body: dict[str, Json] = {"status": status, "output": {"title": title, "summary": summary}}
        if conclusion is not None:
            body["conclusion"] = conclusion
        number = self._checks.get((sha, name))
        if number is not None:
            self._client.call("PATCH", f"{self._repo}/check-runs/{number}", "update the check run", body=body)
            return

        def done() -> Json | None:
            path = f"{self._repo}/commits/{sha}/check-runs"
            found = self._client.call("GET", path, "look for the check run", query={"check_name": name}).data
            running = [run for run in found.get("check_runs", ()) if run.get("status") == status]
            return running[0] if running else None

        try:
            found = self._post(f"{self._repo}/check-runs", "make a check run",
                               {"name": name, "head_sha": sha, **body}, done=done)  # fmt: skip
        except GitHubRefusedError as error:
            if error.status not in (403, 404):
                raise
            self._has_checks = False
            return
        with reading("check run"):
            self._checks[sha, name] = found["id"]

    # --- delivering -----------------------------------------------------------------------------------------

    def branch(self, name: str) -> Branch | None:
        path = f"{self._repo}/branches/{quote(name)}"
        answer = self._client.call("GET", path, f"read the branch {name}", accept=(404,))
        if answer.status == 404:
            return None
        with reading("branch"):
            tip = answer.data["commit"]
            commit = tip["commit"]
            return Branch(
                name=name,
                sha=tip["sha"],
                tree=commit["tree"]["sha"],
                parents=tuple(parent["sha"] for parent in tip["parents"]),
                committer=get(tip, "committer", "login") or get(commit, "committer", "email"),
                message=commit["message"],
            )

    def branches(self, prefix: str) -> Sequence[str]:
        path = f"{self._repo}/git/matching-refs/heads/{quote(prefix)}"
        found = self._client.call("GET", path, "look for the bot's branches").data
        with reading("list of branches"):
            return [entry["ref"].removeprefix("refs/heads/") for entry in found]

    def new_tree(self, parent: str, files: Sequence[NewFile]) -> str:
        what = "write the changed files"
        base = self._client.call("GET", f"{self._repo}/git/commits/{parent}", "read the head commit").data
        with reading("commit"):
            body = {"base_tree": base["tree"]["sha"], "tree": [self._item(file, what) for file in files]}
        found = self._post(f"{self._repo}/git/trees", what, body, done=_again)
        with reading("tree"):
            return str(found["sha"])

    def _item(self, file: NewFile, what: str) -> dict[str, Json]:
        item: dict[str, Json] = {"path": file.path, "mode": file.mode, "type": "blob"}
        try:
            item["content"] = file.content.decode("utf-8")
        except UnicodeDecodeError:  # a script in another encoding: its very bytes
            body = {"content": base64.b64encode(file.content).decode(), "encoding": "base64"}
            item["sha"] = self._post(f"{self._repo}/git/blobs", what, body, done=_again)["sha"]
        return item

    def new_commit(self, parent: str, tree: str, message: str) -> str:
        """Author and committer are left to GitHub: the token's own identity, signed where it is a bot's."""
        body = {"message": message, "tree": tree, "parents": [parent]}
        found = self._post(f"{self._repo}/git/commits", "write the commit", body, done=_again)
        with reading("commit"):
            return str(found["sha"])

    def set_branch(self, name: str, sha: str, *, expected: str | None) -> bool:
        if expected is not None:
            return self._swap(name, expected, sha)

        def done() -> Json | None:
            there = self.branch(name)
            return {} if there is not None and there.sha == sha else None

        try:
            self._post(
                f"{self._repo}/git/refs", "make the branch", {"ref": f"refs/heads/{name}", "sha": sha}, done=done
            )
        except GitHubRefusedError as error:
            there = self.branch(name) if error.status in (409, 422) else None
            if there is None:
                raise
            return there.sha == sha
        return True

    def delete_branch(self, name: str, *, expected: str) -> bool:
        return self._swap(name, expected, _ZERO)

    def _swap(self, name: str, before: str, after: str) -> bool:
        """Moves or deletes a branch only if nobody moved it: a compare-and-swap, which REST does not have."""
        if self._node is None:
            self._node = get(self._client.call("GET", self._repo, "read the repository").data, "node_id")
        update = {"name": f"refs/heads/{name}", "beforeOid": before, "afterOid": after, "force": True}
        variables = {"input": {"repositoryId": self._node, "refUpdates": [update]}}

        def tip() -> str:
            there = self.branch(name)
            return there.sha if there is not None else _ZERO

        answer = self._client.call(
            "POST", "/graphql", f"move the branch {name}", body={"query": _UPDATE_REFS, "variables": variables},
            done=lambda: {"data": {}} if tip() == after else None, accept=(404, 501),
        )  # fmt: skip
        if answer.status in (404, 501):  # a server without it: look, then move at once
            return self._move(name, before, after, tip)
        if not get(answer.data, "errors"):
            return True
        there = tip()
        if there == before:  # nobody moved it, so that is not why
            from mlops_bot.github.refusals import refused

            raise refused(f"move the branch {name}", "POST", "/graphql", 422, answer.headers, answer.data)
        return there == after

    def _move(self, name: str, before: str, after: str, tip: Callable[[], str]) -> bool:
        if tip() != before:
            return False
        path = f"{self._repo}/git/refs/heads/{quote(name)}"
        if after == _ZERO:
            self._client.call("DELETE", path, f"delete the branch {name}", accept=(404, 422))
        else:
            self._client.call("PATCH", path, f"move the branch {name}", body={"sha": after, "force": True})
        return True

    def pulls(self, *, head: str, state: Literal["open", "closed", "all"] = "all") -> Sequence[Pull]:
        """`head`: "branch", or "owner:branch"."""
        owner = self.repository.partition("/")[0]
        query = {"head": head if ":" in head else f"{owner}:{head}", "state": state}
        return [answers.pull(entry) for entry in self._client.pages(f"{self._repo}/pulls", "look for the pull request",
                                                             query=query)]  # fmt: skip

    def open_pull(self, *, title: str, body: str, head: str, base: str, draft: bool = False) -> Pull:
        """Where there is one of this head and base already, it is that one, with the new title and body."""

        def there() -> Pull | None:
            return next((pull for pull in self.pulls(head=head, state="open") if pull.base_ref == base), None)

        def done() -> Json | None:
            found = there()
            return None if found is None else self._client.call(
                "GET", f"{self._repo}/pulls/{found.number}", "read the pull request"
            ).data  # fmt: skip

        request = {"title": title, "body": body, "head": head, "base": base, "draft": draft}
        try:
            return answers.pull(self._post(f"{self._repo}/pulls", "open the pull request", request, done=done))
        except GitHubRefusedError as error:
            # Another runner was faster; or the repository has no drafts.
            found = there() if error.status in (409, 422) else None
            if found is not None:
                return self.update_pull(found.number, title=title, body=body)
            if error.status == 422 and draft and "draft" in str(error).lower():
                return self.open_pull(title=title, body=body, head=head, base=base)
            raise

    def update_pull(
        self, number: int, *, title: str | None = None, body: str | None = None, base: str | None = None,
        state: Literal["open", "closed"] | None = None,
    ) -> Pull:  # fmt: skip
        given = {"title": title, "body": body, "base": base, "state": state}
        request = {name: value for name, value in given.items() if value is not None}
        path = f"{self._repo}/pulls/{number}"
        return answers.pull(self._client.call("PATCH", path, f"update pull request #{number}", body=request).data)

    def _post(self, path: str, what: str, body: Json, *, done: Callable[[], Json | None]) -> Any:
        return self._client.call("POST", path, what, body=body, done=done).data


def _again() -> None:
    """For what may be asked for twice: blobs, trees and commits are named by their content, and nothing points to a
    superfluous one."""
