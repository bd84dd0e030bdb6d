"""The emulator behind the proxy: found, started, asked.

`emulate` keeps accounts, repositories' settings, issues, comments, labels, pull requests' records, reviews and check
runs. Everything about git is the proxy's own.
"""

from __future__ import annotations

import http.client
import itertools
import json
import platform
import re
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
# Where Node itself would look: beside package.json, or in any folder above.
MODULES = next(
    (folder / "node_modules" for folder in (HERE, *HERE.parents) if (folder / "node_modules" / "emulate").exists()),
    HERE / "node_modules",
)
_NEEDED = (22, 15)
# `emulate` lets a token make 5000 requests, as GitHub does; a fault matrix makes more. So everybody has several.
TOKENS_EACH = 40


class Missing(Exception):
    """The local GitHub is not installed here; the message says how it is."""


def node() -> str:
    """A Node that is new enough: the one of the lock file, or the machine's own."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    candidates = [str(MODULES / f"node-{platform.system().lower()}-{machine}" / "bin" / "node"), shutil.which("node")]
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True).stdout
            version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
            if version >= _NEEDED:
                return candidate
    raise Missing(f"Node {'.'.join(map(str, _NEEDED))} or newer is needed; npm ci in tests/github brings one on Linux")


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Emulate:
    """The running emulator. `ask` may be called from any thread."""

    def __init__(self, folder: Path, logins: list[str], apps: list[dict[str, Any]]) -> None:
        entry = MODULES / "emulate" / "dist" / "index.js"
        if not entry.exists():
            raise Missing("the local GitHub is not installed: `make test` does it, or `npm ci` in tests/github")
        self._tokens = {login: itertools.cycle([f"{login}-{n}" for n in range(TOKENS_EACH)]) for login in logins}
        self._local = threading.local()
        self._log = folder / "emulate.log"
        self._seed = folder / "seed.json"
        self._entry = entry
        self._logins, self._apps = logins, apps
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self, base_url: str) -> None:
        """Raises Missing with the emulator's own words when it does not come up."""
        seed = {
            "tokens": {
                f"{login}-{n}": {"login": login, "scopes": ["repo", "user"]}
                for login in self._logins
                for n in range(TOKENS_EACH)
            },
            "github": {
                "users": [
                    {"login": login, "name": login.title(), "email": f"{login}@example.com"} for login in self._logins
                ],
                "repos": [],
                "apps": self._apps,
            },
        }
        self._seed.write_text(json.dumps(seed))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    node(), str(self._entry), "--service", "github", "--port", str(self.port),
                    "--seed", str(self._seed), "--base-url", base_url,
                ],
                stdout=log, stderr=subprocess.STDOUT, cwd=self._seed.parent,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.ask("GET", "/meta").status == 200:
                    return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Missing(f"emulate did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def token(self, login: str) -> str | None:
        """The emulator's own token of a user."""
        return next(self._tokens[login]) if login in self._tokens else None

    def ask(
        self,
        method: str,
        target: str,
        *,
        token: str | None = None,
        body: Any = None,
        host: str | None = None,
    ) -> Reply:
        """One request; a connection a thread, kept open. Raises OSError when the emulator is gone."""
        headers = {"Accept": "application/json", "Host": host or f"127.0.0.1:{self.port}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request(method, target, body=data, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                # A kept connection that the emulator closed while nobody looked.
                if attempt == 2 or not isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                    raise OSError(str(error)) from error
                continue
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)
        raise AssertionError("unreachable")
