"""The handle that tests hold: what people do on GitHub, what came of it, and what goes wrong.

Nothing here goes through the proxy's HTTP side, so nothing of it is counted as a call.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from . import events
from .diffs import Diffs
from .faults import Fault, Rule
from .objects import Objects
from .proxy import Proxy
from .repository import Executable, Files, Pull, Repository, Submodule, Symlink
from .wire import Call
from .world import Network, Repo, Token, World

__all__ = ["APPS", "LOGINS", "PEOPLE", "USUAL", "Executable", "Hub", "Pull", "Repository", "Submodule", "Symlink"]

# What a workflow asks for in `permissions:`.
USUAL = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "write", "metadata": "read"}
# Roles of the people there are: everybody has theirs in every new repository. `octo` owns them; `fay` forks.
PEOPLE = {"ada": "admin", "max": "maintain", "wendy": "write", "tim": "triage", "rita": "read", "nora": "none"}
LOGINS = ["octo", "fay", *PEOPLE]
APPS = {"github-actions": 15368, "mlops-bot": 424242}


class Hub:
    """A test's view of the local GitHub. Its calls, faults and repositories are the test's own."""

    def __init__(self, world: World, proxy: Proxy, mint: Callable[[str, str, dict[str, str]], str]) -> None:
        self._world, self._proxy, self._mint = world, proxy, mint
        self.url = proxy.url

    # Repositories and people

    def repository(
        self,
        full_name: str = "octo/train",
        files: Files | None = None,
        *,
        private: bool = False,
        default_branch: str = "main",
        roles: Mapping[str, str] | None = None,
    ) -> Repository:
        """A new repository with one commit; an older one of that name is gone. `roles` is put over PEOPLE's."""
        owner, _, name = full_name.partition("/")
        with self._world.lock:
            self._remove(full_name)
            self._world.as_owner("POST", "/user/repos", owner, {"name": name, "private": private, "auto_init": True})
            objects = Objects(self._world.folder / f"{owner}-{name}-{next(self._world.numbers)}.git")
            network = Network(objects, Diffs(objects))
            state = Repo(full_name, network, private, default_branch=default_branch)
            self._world.repos[full_name] = state
            repository = Repository(self, self._world, state)
            for login, role in {**PEOPLE, **(roles or {})}.items():
                repository.set_role(login, role)
            repository.commit(default_branch, files or {"README.md": f"# {name}\n"}, author=owner, message="Begin")
        return repository

    def _remove(self, full_name: str) -> None:
        if self._world.repos.pop(full_name, None):
            self._world.as_owner("DELETE", f"/repos/{full_name}", full_name.split("/", maxsplit=1)[0])

    def token(
        self,
        login: str = "github-actions",
        *,
        permissions: Mapping[str, str] | None = None,
        repository: Repository | None = None,
        expired: bool = False,
    ) -> str:
        """A token: a person's (login in LOGINS), or an app's installation's ("github-actions": GITHUB_TOKEN).

        `permissions` are an app's only; USUAL when not given. `repository` confines an app's token to that one.
        """
        value = f"gh{'s' if login in APPS else 'p'}_{secrets.token_hex(18)}"
        token = Token(value, login, expired=expired)
        if login in APPS:
            granted = dict(USUAL if permissions is None else permissions)
            name = repository.full_name if repository else None
            token = Token(value, f"{login}[bot]", granted, name, expired=expired)
            # What the token may do is checked here, in the proxy: the emulator's own may do everything.
            token.behind = self._mint(login, name.split("/")[0] if name else "octo", USUAL)
        self._world.tokens[value] = token
        return value

    def actor(self, login: str) -> Token:
        """Whoever does something on a page of GitHub: a person, or a bot ("mlops-bot[bot]")."""
        app = login.removesuffix("[bot]")
        if login == app:
            return Token("", login)
        return Token("", login, dict(USUAL), behind=self._mint(app, "octo", USUAL))

    # Faults

    def fail(
        self, fault: Fault, *, call: int | None = None, on: str | None = None, nth: int = 1, times: int | None = 1
    ) -> Rule:
        """At one call by its number (from 1), or at the `nth` call that `on` matches; `times` calls, None: all after.

        `on` is "METHOD /path" with wildcards ("POST /repos/*/*/pulls"), or the id of an operation ("pulls/create").
        """
        return self._rule(Rule(call=call, on=on, nth=nth, times=times, fault=fault))

    def before(
        self, action: Callable[[Call], Any], *, call: int | None = None, on: str | None = None, nth: int = 1
    ) -> Rule:
        """Does something just before a call takes effect: a push, a closed pull request, a deleted branch."""
        return self._rule(Rule(call=call, on=on, nth=nth, action=action))

    def _rule(self, rule: Rule) -> Rule:
        self._proxy.rules.append(rule)
        return rule

    def heal(self) -> None:
        """No fault or action strikes any more."""
        self._proxy.rules.clear()

    # What was asked

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in order."""
        return list(self._proxy.calls)

    def forget_calls(self) -> None:
        """Counts from 1 again."""
        self._proxy.calls.clear()

    def writes(self, operation: str | None = None) -> list[Call]:
        """The calls that took effect and change something; of one operation's id, if given."""
        return [one for one in self.calls if one.writes and one.applied and operation in (None, one.operation)]

    @property
    def violations(self) -> list[str]:
        """Requests that are not as GitHub's description says. A test that leaves one fails; clear() it if meant."""
        return self._proxy.violations

    @property
    def answer_violations(self) -> list[str]:
        """Answers of the local GitHub that are not as the description says."""
        return self._proxy.answer_violations

    # Events, as GitHub sends them

    def comment(
        self, pull: Pull, login: str, body: str, *, action: str = "created", review: bool = False
    ) -> dict[str, Any]:
        """Somebody comments; the payload of `issue_comment`."""
        repo = pull.repository
        comment = repo.ask("POST", f"/issues/{pull.number}/comments", {"body": body}, login)
        return events.issue_comment(self._world, repo.state, pull.number, comment["id"], login, action)

    def label(self, pull: Pull, login: str, name: str) -> dict[str, Any]:
        """Somebody puts a label on; the payload of `pull_request`, action labeled."""
        pull.repository.ask("POST", f"/issues/{pull.number}/labels", {"labels": [name]}, login)
        return events.pull_request(self._world, pull.repository.state, pull.number, login, "labeled", label=name)

    def pull_request(self, pull: Pull, login: str, action: str) -> dict[str, Any]:
        """The payload of `pull_request` for what is so now (closed, reopened, synchronize, ...)."""
        return events.pull_request(self._world, pull.repository.state, pull.number, login, action)
