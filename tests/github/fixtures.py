"""`github_server` (one a session), `hub` (a test's own view of it), `action` (runs of the Action against it)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.github.action import Action
from tests.github.server import follow
from tests.github.server.emulate import Emulate, Missing
from tests.github.server.hub import APPS, LOGINS, USUAL, Hub
from tests.github.server.openapi import OpenApi
from tests.github.server.proxy import Proxy
from tests.github.server.world import World

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class Server:
    """The emulator, the proxy in front of it, and the keys of its apps."""

    def __init__(self, world: World, proxy: Proxy, key: RSAPrivateKey) -> None:
        self.world, self.proxy, self._key = world, proxy, key

    def mint(self, app: str, owner: str, permissions: dict[str, str]) -> str:
        """The emulator's own token for an installation of an app."""
        import jwt

        now = int(time.time())
        claim = {"iat": now - 60, "exp": now + 540, "iss": str(APPS[app])}
        bearer = jwt.encode(claim, self._key, algorithm="RS256")
        number = installation(app, owner)
        path = f"/app/installations/{number}/access_tokens"
        reply = self.world.emulate.ask("POST", path, token=bearer, body={"permissions": permissions})
        assert reply.status == 201, reply
        return str(reply.json["token"])


def installation(app: str, owner: str) -> int:
    return list(APPS).index(app) * 100 + LOGINS.index(owner) + 1


@pytest.fixture(scope="session")
def github_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Skips nothing: where the local GitHub is not installed, the test fails and says how to install it."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder = tmp_path_factory.mktemp("github")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    apps = [
        {
            "app_id": number,
            "slug": slug,
            "name": slug,
            "private_key": text,
            "permissions": USUAL,
            "events": [],
            "installations": [
                {
                    "installation_id": installation(slug, owner),
                    "account": owner,
                    "repository_selection": "all",
                    "permissions": USUAL,
                }
                for owner in LOGINS
            ],
        }
        for slug, number in APPS.items()
    ]
    try:
        emulate = Emulate(folder, LOGINS, apps)
        world = World(folder, emulate, OpenApi())
        proxy = Proxy(world)
        emulate.start(proxy.url)
    except Missing as error:
        pytest.fail(str(error), pytrace=False)
    world.moved.append(lambda repo, ref, old, new: follow.follow(world, repo, ref, old, new))
    proxy.start()
    try:
        yield Server(world, proxy, key)
    finally:
        proxy.stop()
        emulate.stop()


@pytest.fixture
def hub(github_server: Server) -> Iterator[Hub]:
    """The local GitHub, with nothing recorded. The test fails when a client asked what GitHub does not describe."""
    github_server.proxy.clear()
    hub = Hub(github_server.world, github_server.proxy, github_server.mint)
    yield hub
    assert not hub.violations, "requests that GitHub's API description does not allow:\n" + "\n".join(hub.violations)
    wrong = "answers of the local GitHub that are not as GitHub's:\n" + "\n".join(hub.answer_violations)
    assert not hub.answer_violations, wrong


@pytest.fixture(scope="session")
def _verdicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bot's cache, one for all runs of the action: by content, so that nothing is trained twice."""
    return tmp_path_factory.mktemp("verdicts")


@pytest.fixture
def action(hub: Hub, tmp_path: Path, _verdicts: Path) -> Action:
    """Runs the Action as GitHub does."""
    return Action(hub, tmp_path, _verdicts)


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every candidate passes, for tests of what is not run twice by its content, and is about GitHub only."""
    from mlops_bot.commands import judging, stages
    from mlops_bot.types import Observation, Passed

    class Believing(judging._ReadingJudge):
        def baseline(self, *, again: bool = False) -> Observation:
            return Observation(0, "exited", "", "", 1.0, {}, {})

        def judge(self, candidate: object) -> Passed:
            return Passed({"component": {}, "notes": [], "comparison": {}})

    class Anything(judging.Reading):
        def __init__(self, settings: object, progress: object) -> None:
            pass

        def judge(self, assignment: Any) -> Believing:
            return Believing(assignment)

    monkeypatch.setattr(stages, "Running", Anything)


__all__ = ["_verdicts", "action", "github_server", "hub", "unjudged"]
