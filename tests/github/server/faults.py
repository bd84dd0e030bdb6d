"""Faults on a script: what goes wrong, and at which call.

`hub.fail(faults.server_error(502), call=3)`, `hub.fail(faults.dropped(applied=True), on="POST /repos/*/*/pulls")`.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .wire import Answer, Call

DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True)
class Fault:
    """What happens instead of the answer."""

    name: str
    answer: Callable[[], Answer] | None = None  # None: the true answer
    applied: bool = False  # the request takes effect all the same
    drop: bool = False  # the connection is closed without an answer
    delay: float = 0.0  # seconds before anything is answered


def _error(status: int, message: str, headers: dict[str, str] | None = None, docs: str = DOCS) -> Answer:
    return Answer(status, {"message": message, "documentation_url": docs, "status": str(status)}, headers or {})


def server_error(status: int = 502, *, applied: bool = False) -> Fault:
    """500, 502 or 503, as a page of GitHub's load balancer, not JSON (502, 503)."""

    def answer() -> Answer:
        if status == 500:
            return _error(500, "Server Error")
        page = b"<html><head><title>Unicorn!</title></head><body>We had issues producing the response.</body></html>"
        return Answer(status, page, {"Content-Type": "text/html; charset=utf-8"})

    return Fault(f"{status}{' after it was applied' if applied else ''}", answer, applied=applied)


def too_many_requests(retry_after: int = 1) -> Fault:
    """429 with Retry-After."""
    return Fault("429", lambda: _error(429, "Too Many Requests", {"Retry-After": str(retry_after)}))


def primary_rate_limit(reset_in: float = 1.0) -> Fault:
    """403: the hour's requests are used up; `x-ratelimit-reset` says until when."""

    def answer() -> Answer:
        return _error(
            403,
            "API rate limit exceeded for installation ID 1.",
            {
                "X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Used": "5000",
                "X-RateLimit-Reset": str(int(time.time() + reset_in + 0.999)),
                "X-RateLimit-Resource": "core",
            },
            f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api",
        )

    return Fault("primary rate limit", answer)


def secondary_rate_limit(retry_after: int | None = 1) -> Fault:
    """403: too much at once; with Retry-After, or without where `retry_after` is None."""

    def answer() -> Answer:
        return _error(
            403,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            {"Retry-After": str(retry_after)} if retry_after is not None else {},
            f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
        )

    return Fault("secondary rate limit", answer)


def graphql_rate_limit() -> Fault:
    """The rate limit as GraphQL says it: status 200, an error in the answer, nothing done."""

    def answer() -> Answer:
        body = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for installation ID 1."}]}
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}
        return Answer(200, body, limits | {"X-RateLimit-Resource": "graphql"})

    return Fault("GraphQL rate limit", answer)


def dropped(*, applied: bool = False) -> Fault:
    """The connection ends without an answer, before the request took effect or after it."""
    return Fault(f"dropped {'after' if applied else 'before'} it was applied", applied=applied, drop=True)


def slow(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(f"slow by {seconds} s", applied=True, delay=seconds)


def expired_token() -> Fault:
    return Fault("401", lambda: _error(401, "Bad credentials"))


def missing_permission(accepted: str = "contents=write") -> Fault:
    """403: the token may not do this. `accepted` is what GitHub says in x-accepted-github-permissions."""
    headers = {"X-Accepted-GitHub-Permissions": accepted}
    return Fault("403", lambda: _error(403, "Resource not accessible by integration", headers))


def gone() -> Fault:
    return Fault("404", lambda: _error(404, "Not Found"))


def conflict(message: str = "Conflict") -> Fault:
    return Fault("409", lambda: _error(409, message))


def unprocessable(message: str = "Validation Failed") -> Fault:
    return Fault("422", lambda: _error(422, message))


@dataclass
class Rule:
    """When something happens: at one call, or at the calls a pattern matches; so many times."""

    call: int | None = None  # the number of the call, from 1
    on: str | None = None  # "POST /repos/*/*/pulls": method (or *) and path, with wildcards; or an operation's id
    nth: int = 1  # the first match that counts
    times: int | None = 1  # None: for ever
    fault: Fault | None = None
    action: Callable[[Call], Any] | None = None
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def strikes(self, call: Call) -> bool:
        """Counts the call; says whether it is one of those."""
        if self.call is not None and call.number < self.call:
            return False
        if self.on is not None and not _matches(self.on, call):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


def _matches(pattern: str, call: Call) -> bool:
    method, _, path = pattern.partition(" ")
    if not path:
        return fnmatch.fnmatchcase(call.operation, pattern)
    return method in ("*", call.method) and fnmatch.fnmatchcase(call.path, path)
