"""The state that the proxy keeps itself: git objects and refs, roles, tokens, reactions, where pull requests stood."""

from __future__ import annotations

import base64
import itertools
import re
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .diffs import Diffs
from .emulate import Emulate, Reply
from .objects import Commit, Objects
from .openapi import OpenApi
from .wire import Answer, ApiError, Request, not_found

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass
class Token:
    """What a client shows. `permissions` is None for a person's token, and a table for an app's."""

    value: str
    login: str
    permissions: dict[str, str] | None = None
    repository: str | None = None  # an app's token for one repository, as GITHUB_TOKEN is
    behind: str | None = None  # the emulator's token of an installation
    scopes: str = "repo, workflow"
    expired: bool = False

    @property
    def is_app(self) -> bool:
        return self.permissions is not None


@dataclass
class Network:
    """A repository and its forks: they share their objects."""

    objects: Objects
    diffs: Diffs


@dataclass
class Repo:
    """One repository's git side and settings."""

    full_name: str
    network: Network
    private: bool = False
    parent: Repo | None = None
    default_branch: str = "main"
    refs: dict[str, str] = field(default_factory=dict)  # "refs/heads/main" to the id of a commit
    roles: dict[str, str] = field(default_factory=dict)
    reactions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # "comments/7" to reactions
    upstream: set[int] = field(default_factory=set)  # pull requests of a fork whose head is in its parent
    stood: dict[int, tuple[str, str]] = field(default_factory=dict)  # closed pull request to its (head, base)
    heads: dict[int, str] = field(default_factory=dict)  # pull request to the owner of its head's repository
    merged: dict[int, str] = field(default_factory=dict)  # pull request to its merge commit
    check_runs: dict[str, list[int]] = field(default_factory=dict)
    check_apps: dict[int, str] = field(default_factory=dict)
    pushed: float = field(default_factory=time.time)  # when a branch last moved: a commit's own date may lie
    pulls_by_actions: bool = True  # "Allow GitHub Actions to create and approve pull requests"

    @property
    def objects(self) -> Objects:
        return self.network.objects

    @property
    def owner(self) -> str:
        return self.full_name.split("/")[0]

    def branch(self, name: str) -> str | None:
        return self.refs.get(f"refs/heads/{name}")

    def role(self, login: str | None) -> str:
        """What somebody may do here."""
        if login == self.owner:
            return "admin"
        return self.roles.get(login or "", "none" if self.private else "read")

    def resolve(self, name: str) -> str | None:
        """The commit behind a branch, a tag, a full ref, an id, or the first digits of one."""
        for ref in (f"refs/heads/{name}", f"refs/tags/{name}", name, f"refs/{name}"):
            if ref in self.refs:
                return self.refs[ref]
        pull = re.fullmatch(r"(?:refs/)?pull/(\d+)/head", name)
        if pull and int(pull[1]) in self.stood:
            return self.stood[int(pull[1])][0]
        if re.fullmatch(r"[0-9a-f]{7,40}", name):
            found = self.objects.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1, 128)).stdout
            return found.decode().strip() or None
        return None


def at_least(role: str, needed: str) -> bool:
    return ROLES.index(role) >= ROLES.index(needed)


def node_id(kind: str, key: Any) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def stamp(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """Everything there is. `lock` is held while a request takes effect."""

    def __init__(self, folder: Path, emulate: Emulate, openapi: OpenApi) -> None:
        self.folder = folder
        self.emulate = emulate
        self.openapi = openapi
        self.url = ""
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, Token] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.bots: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.moved: list[Callable[[Repo, str, str | None, str | None], None]] = []  # called after a ref moved

    # Who asks

    def actor(self, request: Request) -> Token | None:
        """Raises ApiError 401 for a token that nobody gave out, or that has expired."""
        shown = request.headers.get("authorization")
        if not shown:
            return None
        scheme, _, value = shown.partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        token = self.tokens.get(value.strip())
        if token is None or token.expired:
            raise ApiError(401, "Bad credentials")
        return token

    def repo(self, request: Request, actor: Token | None) -> Repo:
        """Raises ApiError 404 where there is none that the actor may see."""
        found = self.repos.get(f"{request.params['owner']}/{request.params['repo']}")
        if found is None:
            raise not_found()
        if found.private and not self.sees(found, actor):
            raise not_found()
        return found

    def sees(self, repo: Repo, actor: Token | None) -> bool:
        if actor and actor.is_app:
            return True
        return repo.role(actor.login if actor else None) != "none" or not repo.private

    # The emulator

    def forward(self, request: Request, actor: Token | None, *, body: Any = None, host: str | None = None) -> Reply:
        """The request, asked of the emulator as the same person."""
        token = None
        if actor:
            token = actor.behind or self.emulate.token(actor.login)
        return self.emulate.ask(
            request.method, request.target, token=token, body=request.body if body is None else body, host=host
        )

    def as_owner(self, method: str, target: str, owner: str, body: Any = None) -> Any:
        """Asks the emulator in the owner's name; for what the proxy needs to know or to set. Never refused."""
        reply = self.emulate.ask(method, target, token=self.emulate.token(owner), body=body)
        if reply.status >= 400:
            raise AssertionError(f"emulate: {method} {target}: {reply.status} {reply.body.decode()[:500]}")
        return reply.json

    def answer(self, reply: Reply) -> Answer:
        """The emulator's reply as an answer; its errors in GitHub's form."""
        if reply.status >= 400:
            said = reply.json or {}
            message = said.get("message", "")
            if reply.status == 403 and message == "Forbidden":
                message = "Resource not accessible by integration"
            raise ApiError(reply.status, message, said.get("errors"))
        headers = {"Link": reply.headers["link"]} if "link" in reply.headers else {}
        return Answer(reply.status, reply.json, headers)

    # What many answers hold

    def user(self, login: str) -> dict[str, Any]:
        """A simple user."""
        if login not in self.users:
            quoted = urllib.parse.quote(login)
            found = self.emulate.ask("GET", f"/users/{quoted}")
            if found.status == 200:
                number, kind = found.json["id"], found.json["type"]
            elif login.endswith("[bot]"):
                number, kind = self.bots.setdefault(login, 41_000_000 + len(self.bots)), "Bot"
            else:
                raise not_found()
            url = f"{self.url}/users/{quoted}"
            self.users[login] = {
                "login": login,
                "id": number,
                "node_id": node_id("User", number),
                "avatar_url": f"{self.url}/avatars/u/{number}",
                "gravatar_id": "",
                "url": url,
                "html_url": f"{self.url}/{quoted}",
                "followers_url": f"{url}/followers",
                "following_url": f"{url}/following{{/other_user}}",
                "gists_url": f"{url}/gists{{/gist_id}}",
                "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
                "subscriptions_url": f"{url}/subscriptions",
                "organizations_url": f"{url}/orgs",
                "repos_url": f"{url}/repos",
                "events_url": f"{url}/events{{/privacy}}",
                "received_events_url": f"{url}/received_events",
                "type": kind,
                "user_view_type": "public",
                "site_admin": False,
            }
        return dict(self.users[login])

    def known(self, login: str) -> bool:
        try:
            self.user(login)
        except ApiError:
            return False
        return True

    def move(self, repo: Repo, ref: str, old: str | None, new: str | None) -> None:
        """Sets a ref (None: removes it) and tells whoever follows."""
        if new is None:
            repo.refs.pop(ref, None)
        else:
            repo.refs[ref] = new
        repo.pushed = time.time()
        for follow in self.moved:
            follow(repo, ref, old, new)

    def commit(self, repo: Repo, sha: str) -> Commit:
        found = repo.objects.commit(sha)
        if found is None:
            raise ApiError(404, "Not Found")
        return found


def page(world: World, request: Request, items: list[Any], most: int = 100) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the Link header to the others."""

    def number(name: str, otherwise: int) -> int:
        said = request.query.get(name, "")
        return max(1, int(said)) if said.isdigit() else otherwise

    size, current = min(number("per_page", 30), most), number("page", 1)
    last = max(1, -(-len(items) // size))

    def link(to: int, relation: str) -> str:
        query = urllib.parse.urlencode(request.query | {"page": to})
        return f'<{world.url}{request.path}?{query}>; rel="{relation}"'

    links = []
    if current > 1:
        links += [link(current - 1, "prev"), link(1, "first")]
    if current < last:
        links += [link(current + 1, "next"), link(last, "last")]
    headers = {"Link": ", ".join(links)} if links else {}
    return items[(current - 1) * size : current * size], headers
