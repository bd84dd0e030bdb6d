"""The handle's view of one repository and of its pull requests: what people push and open, and what is in it."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import check_routes, issue_routes, pull_routes
from .objects import EXECUTABLE, FILE, SUBMODULE, SYMLINK, Commit, Entry, Person
from .routes import ROUTES
from .wire import Request
from .world import ROLES, Repo, World

if TYPE_CHECKING:
    from .hub import Hub

Content = str | bytes


@dataclass(frozen=True)
class Symlink:
    """`files={"link.py": Symlink("train.py")}`."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """`files={"vendor/lib": Submodule("0123...")}`: a pointer to a commit of another repository."""

    sha: str


@dataclass(frozen=True)
class Executable:
    """A file with its executable bit set."""

    content: Content


Files = Mapping[str, "Content | Symlink | Submodule | Executable | None"]  # None removes


class Repository:
    """One repository: what people push and open there, and what is in it."""

    def __init__(self, hub: Hub, world: World, state: Repo) -> None:
        self.hub, self._world, self.state = hub, world, state

    @property
    def full_name(self) -> str:
        return self.state.full_name

    def ask(self, method: str, below: str, body: Any = None, login: str | None = None) -> Any:
        """The API, asked by a person (the owner), uncounted. Returns the JSON; raises AssertionError on an error."""
        token = self.hub.actor(login or self.state.owner)
        path, _, query = below.partition("?")
        request = Request(method, f"/repos/{self.full_name}{path}", dict(urllib.parse.parse_qsl(query)), {}, body)
        found = self._world.openapi.find(method, request.path)
        assert found, f"{method} {request.path}: no such operation"
        request.operation = found[0]
        request.params = {name: urllib.parse.unquote(value) for name, value in found[1].items()}
        with self._world.lock:
            handler = ROUTES.get((method, request.template))
            if handler:
                return handler(self._world, request, token).body
            return self._world.answer(self._world.forward(request, token)).body

    def set_role(self, login: str, role: str) -> None:
        """none, read, triage, write, maintain or admin."""
        assert role in ROLES, role
        with self._world.lock:
            self.state.roles[login] = role
            path = f"/repos/{self.full_name}/collaborators/{login}"
            if role == "none":
                self._world.as_owner("DELETE", path, self.state.owner)
            else:
                level = {"read": "pull", "write": "push"}.get(role, role)
                self._world.as_owner("PUT", path, self.state.owner, {"permission": level})

    # Git

    def commit(
        self,
        branch: str,
        files: Files,
        *,
        author: str = "wendy",
        message: str = "Change",
        start: str | None = None,
        renames: Mapping[str, str] | None = None,
        force: bool = False,
    ) -> str:
        """Somebody pushes a commit to a branch, new from `start` (a branch or commit; the default branch).

        `files` puts in, or removes (None); `renames` moves from the old path to the new one, before that. `force`
        puts the commit on `start` even where the branch exists, as a force-push does. Returns the commit's id.
        """
        state, objects = self.state, self.state.objects
        with self._world.lock:
            old = state.branch(branch)
            parent = old if old and not force else state.resolve(start or state.default_branch)
            tree = objects.commit(parent).tree if parent else None  # type: ignore[union-attr]
            changes: dict[str, Entry | None] = {}
            for before, after in (renames or {}).items():
                assert tree
                moved = objects.at(tree, before)
                assert moved, f"{before} is not there"
                changes |= {before: None, after: moved}
            changes |= {path: self._entry(content) for path, content in files.items()}
            person = Person(author.title(), f"{author}@example.com", int(time.time()))
            new = objects.changed_tree(tree, changes)
            sha = objects.write_commit(Commit(new, (parent,) if parent else (), person, person, message))
            self._world.move(state, f"refs/heads/{branch}", old, sha)
            return sha

    def _entry(self, content: Any) -> Entry | None:
        write = self.state.objects.write
        match content:
            case None:
                return None
            case Symlink(target):
                return Entry(SYMLINK, write("blob", target.encode()))
            case Submodule(sha):
                return Entry(SUBMODULE, sha)
            case Executable(inner):
                return Entry(EXECUTABLE, write("blob", inner.encode() if isinstance(inner, str) else inner))
            case str():
                return Entry(FILE, write("blob", content.encode()))
        return Entry(FILE, write("blob", content))

    def set_branch(self, branch: str, commit: str) -> None:
        """Points a branch, new or not, at a commit (or another branch)."""
        with self._world.lock:
            sha = self.state.resolve(commit)
            assert sha, commit
            self._world.move(self.state, f"refs/heads/{branch}", self.state.branch(branch), sha)

    def delete_branch(self, branch: str) -> None:
        """Deletes it; pull requests from it are closed."""
        with self._world.lock:
            self._world.move(self.state, f"refs/heads/{branch}", self.state.branch(branch), None)

    def branches(self) -> dict[str, str]:
        """Name to commit."""
        prefix = "refs/heads/"
        return {ref.removeprefix(prefix): sha for ref, sha in self.state.refs.items() if ref.startswith(prefix)}

    def head(self, branch: str) -> str:
        sha = self.state.branch(branch)
        assert sha, f"{self.full_name} has no branch {branch}"
        return sha

    def tree(self, at: str | None = None) -> dict[str, Entry]:
        """Path to entry (mode, id) of every file at a branch or commit."""
        sha = self.state.resolve(at or self.state.default_branch)
        assert sha, at
        found = self.state.objects.walk(self.log(sha, 1)[0].tree)
        return {path: entry for path, entry in found.items() if entry.type != "tree"}

    def file(self, at: str, path: str) -> str:
        """A file's text at a branch or commit. Raises KeyError where there is none."""
        return self.bytes(at, path).decode()

    def bytes(self, at: str, path: str) -> bytes:
        content = self.state.objects.blob(self.tree(at)[path].sha)
        assert content is not None
        return content

    def log(self, at: str, most: int = 100) -> list[Commit]:
        """The commits of a branch, newest first."""
        sha = self.state.resolve(at)
        assert sha, at
        found = [self.state.objects.commit(one) for one in self.state.objects.ancestors(sha)[:most]]
        return [one for one in found if one]

    def changed(self, base: str, head: str) -> dict[str, str]:
        """Path to status of what differs between two branches or commits, tree to tree."""
        left, right = self.state.resolve(base), self.state.resolve(head)
        assert left and right
        return {one.path: one.status for one in self.state.network.diffs.files(left, right)}

    # Pull requests

    def pull(
        self,
        number: int | None = None,
        *,
        head: str = "feature",
        files: Files | None = None,
        base: str | None = None,
        renames: Mapping[str, str] | None = None,
        author: str = "wendy",
        title: str = "A change",
        body: str = "",
        draft: bool = False,
        fork: Repository | None = None,
    ) -> Pull:
        """Somebody opens a pull request. `number` pushes the count up first; `fork` has the head branch.

        With `files` or `renames`, a commit to the head branch comes first.
        """
        source = fork or self
        with self._world.lock:
            if files or renames:
                start = None if source.state.branch(head) else base
                source.commit(head, files or {}, author=author, renames=renames, start=start)
            if number is not None:
                self._count_to(number)
            name = f"{fork.state.owner}:{head}" if fork else head
            asked = {"title": title, "head": name, "base": base or self.state.default_branch, "body": body}
            made = self.ask("POST", "/pulls", asked | {"draft": draft}, author)
        assert number in (None, made["number"]), f"the pull request is #{made['number']}"
        return Pull(self, made["number"])

    def _count_to(self, number: int) -> None:
        """Issues, until the next is that number."""
        path = f"/repos/{self.full_name}/issues"
        last = self._world.as_owner("GET", f"{path}?state=all&per_page=1", self.state.owner)
        for _ in range((last[0]["number"] if last else 0) + 1, number):
            made = self._world.as_owner("POST", path, self.state.owner, {"title": "An issue"})
            self._world.as_owner("PATCH", f"{path}/{made['number']}", self.state.owner, {"state": "closed"})

    def issue(self, login: str = "wendy", title: str = "An issue", body: str = "") -> Pull:
        """An issue that is no pull request."""
        return Pull(self, self.ask("POST", "/issues", {"title": title, "body": body}, login)["number"])

    def fork(self, login: str = "fay", files: Files | None = None, branch: str | None = None) -> Repository:
        """Somebody's fork of this repository, with every branch; and a commit there, if given."""
        full_name = f"{login}/{self.full_name.split('/')[1]}"
        with self._world.lock:
            self.hub._remove(full_name)
            self._world.as_owner("POST", f"/repos/{self.full_name}/forks", login, {})
            state = Repo(
                full_name, self.state.network, self.state.private, self.state, self.state.default_branch,
                dict(self.state.refs),
            )  # fmt: skip
            self._world.repos[full_name] = state
        fork = Repository(self.hub, self._world, state)
        if files:
            fork.commit(branch or state.default_branch, files, author=login)
        return fork

    def delete(self) -> None:
        """The repository is gone; pull requests from it stay."""
        with self._world.lock:
            self.hub._remove(self.full_name)

    def pulls(self, state: str = "all") -> list[dict[str, Any]]:
        """Every pull request as the API shows it, oldest first."""
        with self._world.lock:
            found = pull_routes.records(self._world, self.state, state)
            found.sort(key=lambda one: one["number"])
            return [pull_routes.pull_body(self._world, self.state, one) for one in found]

    def check_runs(self, at: str) -> list[dict[str, Any]]:
        """The check runs of a branch or commit, oldest first."""
        with self._world.lock:
            return check_routes.runs_of(self._world, self.state, self.state.resolve(at) or at)


@dataclass(frozen=True)
class Pull:
    """A pull request, or an issue."""

    repository: Repository
    number: int

    def show(self) -> dict[str, Any]:
        """As the API shows it now."""
        return dict(self.repository.ask("GET", f"/pulls/{self.number}"))

    @property
    def head(self) -> str:
        """The head commit."""
        return str(self.show()["head"]["sha"])

    def comments(self, login: str | None = None) -> list[dict[str, Any]]:
        """Its comments, oldest first; of one person or bot, if given."""
        world, state = self.repository._world, self.repository.state
        found: list[dict[str, Any]] = []
        while True:
            path = f"/repos/{state.full_name}/issues/{self.number}/comments?per_page=100&page={len(found) // 100 + 1}"
            one = world.as_owner("GET", path, state.owner)
            found += [issue_routes.comment_body(world, state, comment) for comment in one]
            if len(one) < 100:
                return [comment for comment in found if login in (None, comment["user"]["login"])]

    def reactions(self, comment: int | None = None) -> list[str]:
        """What was given to a comment (by its id), or to the pull request itself: "eyes", "rocket", ..."""
        subject = f"comments/{comment}" if comment else f"issues/{self.number}"
        return [one["content"] for one in self.repository.state.reactions.get(subject, [])]

    def labels(self) -> list[str]:
        return [one["name"] for one in self.repository.ask("GET", f"/issues/{self.number}/labels")]

    def push(self, files: Files, *, author: str = "wendy", message: str = "Change") -> str:
        """Somebody pushes to its head branch."""
        shown = self.show()
        source = Repository(
            self.repository.hub,
            self.repository._world,
            self.repository._world.repos[shown["head"]["repo"]["full_name"]],
        )
        return source.commit(shown["head"]["ref"], files, author=author, message=message)

    def close(self, login: str | None = None) -> None:
        self.repository.ask("PATCH", f"/pulls/{self.number}", {"state": "closed"}, login)

    def reopen(self, login: str | None = None) -> None:
        self.repository.ask("PATCH", f"/pulls/{self.number}", {"state": "open"}, login)

    def merge(self, login: str | None = None, method: str = "merge") -> str:
        """Merges it; the new commit."""
        return str(self.repository.ask("PUT", f"/pulls/{self.number}/merge", {"merge_method": method}, login)["sha"])
