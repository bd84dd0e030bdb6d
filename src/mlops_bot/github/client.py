"""The only door to PyGithub: requests with the retries that are safe, in bounded time; refusals in words.

PyGithub's own retries are off: they repeat a POST whose first try may have taken effect (a second pull request), and
wait for a rate limit however long that is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_bot.errors import GitHubError
from mlops_bot.github import refusals
from mlops_bot.types import Json, Progress

if TYPE_CHECKING:
    from github import Github

_TIMEOUT = 30  # seconds of one try
_PAGE = 100  # entries of a page: the most GitHub gives
_MOST_PAGES = 50
_HURRY = 4.0  # seconds; a runner gives a cancelled job about ten
_LONGEST_DELAY = 20.0  # seconds, of our own backoff


@dataclass(frozen=True, slots=True)
class Patience:
    """How long GitHub is waited for."""

    seconds: float = 600.0  # all waiting of one run together
    reserve: float = 120.0  # what is waited for the last words even then
    tries: int = 5  # of one call, where GitHub asks for no time
    secondary: float = 60.0  # seconds to leave it alone after a secondary rate limit that names no time
    first: float = 0.5  # seconds before the second try


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: Json


class _Passing(Exception):
    """A try failed in a way that may pass. `wait`: seconds that GitHub asks for. `undone`: it surely had no effect."""

    def __init__(self, message: str, *, wait: float | None = None, undone: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.undone = undone


class Client:
    """Calls of one token. `calls` counts the requests that were sent."""

    def __init__(
        self,
        token: str,
        *,
        api_url: str = "https://api.github.com",
        patience: Patience | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._patience = patience or Patience()
        self._left = self._patience.seconds
        self._progress = progress
        self._github: Github | None = None
        self.calls = 0

    def last_words(self, *, hurry: bool = False) -> None:
        """From now on there is some patience again: what is to be said at the end should arrive. `hurry`: only a
        little, for a job that is cancelled is killed soon."""
        self._left = min(self._patience.reserve, _HURRY) if hurry else max(self._left, self._patience.reserve)

    def close(self) -> None:
        if self._github is not None:
            self._github.close()

    def call(
        self,
        verb: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json = None,
        done: Callable[[], Json | None] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """One call, tried again where that is safe.

        `what` it is for, in words. A POST is repeated after a try that may have had an effect only where `done` is
        given: it looks whether there was one, and what it finds is the answer. `accept`: statuses besides 2xx that are
        an answer, such as 404. Raises GitHubRefusedError for a no, GitHubError when the bound is reached.
        """
        failures = 0
        started = time.monotonic()
        while True:
            try:
                return self._try(verb, path, what, query, body, accept)
            except _Passing as passing:
                failures += 1
                self._wait(what, passing, failures, started)
                if verb == "POST" and not passing.undone:
                    if done is None:
                        raise GitHubError(f"cannot {what}: {passing}") from None
                    found = done()
                    if found is not None:
                        return Answer(200, {}, found)

    def pages(self, path: str, what: str, *, query: Mapping[str, str | int] | None = None) -> Iterator[Json]:
        """The entries of a list, page by page."""
        for page in range(1, _MOST_PAGES + 1):
            entries = self.call("GET", path, what, query={**(query or {}), "per_page": _PAGE, "page": page}).data
            if not isinstance(entries, list):
                raise GitHubError(f"cannot {what}: GitHub's answer is no list")
            yield from entries
            if len(entries) < _PAGE:
                return

    def _try(
        self, verb: str, path: str, what: str, query: Mapping[str, str | int] | None, body: Json,
        accept: tuple[int, ...],
    ) -> Answer:  # fmt: skip
        import requests

        self.calls += 1
        try:
            status, headers, text = self._connected().requester.requestJson(
                verb, path, dict(query) if query else None, {"Accept": "application/vnd.github+json"}, body
            )
        except requests.exceptions.RequestException as error:
            raise _Passing(f"no answer from GitHub ({type(error).__name__})") from None
        except RuntimeError as error:  # a redirect to somewhere else
            raise GitHubError(
                f"cannot {what}: {error}", hint="check GITHUB_API_URL and the repository's name"
            ) from None
        try:
            data = json.loads(text) if text else None
        except ValueError:
            if status < 300:
                raise _Passing("GitHub's answer is not JSON") from None
            data = {"message": "no JSON"}
        if status < 300 or status in accept:
            return Answer(status, headers, data)
        limited = rate_limited(status, headers, data)
        if limited:
            raise _Passing(limited, wait=limit_wait(headers, time.time()), undone=True)
        if status >= 500:
            raise _Passing(f"GitHub answers {status}")
        raise refusals.refused(what, verb, path, status, headers, data)

    def _wait(self, what: str, passing: _Passing, failures: int, started: float) -> None:
        own = min(_LONGEST_DELAY, self._patience.first * 2.0 ** (failures - 1))
        wait = own if passing.wait is None else max(own, passing.wait)
        if passing.wait is None and passing.undone:  # a secondary limit without a time
            wait = self._patience.secondary * 2.0 ** (failures - 1)
        if wait > self._left:
            until = datetime.fromtimestamp(time.time() + wait, UTC).strftime("%H:%M UTC")
            raise GitHubError(
                f"cannot {what}: {passing}, and asks to be left alone for {wait:.0f} s; that long is not waited",
                hint=f"ask again after {until}",
            )
        if passing.wait is None and failures >= self._patience.tries:
            spent = time.monotonic() - started
            raise GitHubError(f"cannot {what}: {passing} (tried {failures} times in {spent:.0f} s)")
        if self._progress is not None:
            self._progress("github", f"{passing}; trying again in {wait:.1f} s to {what}")
        self._left -= wait
        time.sleep(wait)

    def _connected(self) -> Github:
        if self._github is None:
            from github import Auth, Github

            self._github = Github(
                auth=Auth.Token(self._token), base_url=self._api_url, timeout=_TIMEOUT, retry=None,
                seconds_between_requests=None, seconds_between_writes=None, user_agent="mlops-bot",
            )  # fmt: skip
        return self._github


def rate_limited(status: int, headers: Mapping[str, str], data: Json) -> str | None:
    """Which limit an answer speaks of, in words; None where it is no limit."""
    said = refusals.message(data).lower()
    if status == 403 and said.startswith("api rate limit exceeded"):
        return "GitHub's rate limit is used up"
    if status == 429 or (status == 403 and ("secondary rate limit" in said or "abuse detection" in said)):
        return "GitHub's secondary rate limit is reached"
    if status in (403, 503) and "retry-after" in headers:
        return "GitHub is to be left alone for a while"
    return None


def limit_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that an answer asks to wait: Retry-After, else the reset of a limit that is used up."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - now + 1.0)  # it is not said when in that second
    return None
