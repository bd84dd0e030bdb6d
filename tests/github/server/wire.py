"""What goes through the proxy: requests, answers, errors, and the record of a call."""

from __future__ import annotations

import json
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from .openapi import Operation


@dataclass
class Request:
    """One request of a client. The path is as sent (percent-encoded); `params` are its decoded parameters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: Any = None
    operation: Operation | None = None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def template(self) -> str:
        return self.operation.template if self.operation else self.path

    @property
    def target(self) -> str:
        return self.path + (f"?{urllib.parse.urlencode(self.query)}" if self.query else "")

    def accepts(self, kind: str) -> bool:
        """Whether a media type such as "diff" is asked for (application/vnd.github.diff, ...v3.diff)."""
        return any(
            part.split(";")[0].strip() in (f"application/vnd.github.{kind}", f"application/vnd.github.v3.{kind}")
            for part in self.headers.get("accept", "").split(",")
        )


@dataclass
class Answer:
    status: int = 200
    body: Any = None  # a JSON document, bytes, or None for an empty body
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class ApiError(Exception):
    """An error that is answered as GitHub answers it."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors, self.headers = status, message, errors, headers or {}

    def answer(self) -> Answer:
        body: dict[str, Any] = {"message": self.message}
        if self.errors:
            body["errors"] = self.errors
        body |= {"documentation_url": "https://docs.github.com/rest", "status": str(self.status)}
        return Answer(self.status, body, dict(self.headers))


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def invalid(resource: str, message: str, field: str | None = None, code: str = "custom") -> ApiError:
    """422 Validation Failed, with the one error in it."""
    error: dict[str, Any] = {"resource": resource, "code": code}
    if field:
        error["field"] = field
    return ApiError(422, "Validation Failed", [error | {"message": message}])


@dataclass
class Call:
    """One call as it was recorded. `status` is None while it runs, and for a connection that was dropped."""

    number: int  # 1 is the first of the test
    method: str
    path: str
    query: dict[str, str]
    template: str
    operation: str  # "git/get-ref"; "" where GitHub describes no such operation
    login: str | None  # who asked
    token: str | None
    body: Any
    request_id: str
    at: float = field(default_factory=time.monotonic)
    status: int | None = None
    fault: str | None = None  # the name of the fault that struck
    applied: bool = False  # whether the request took effect
    answer: Any = None

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def __str__(self) -> str:
        said = f"{self.number}. {self.method} {self.path} -> {self.status or 'dropped'}"
        return said + (f" ({self.fault})" if self.fault else "")
