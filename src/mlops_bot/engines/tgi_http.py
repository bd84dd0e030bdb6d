"""HTTP to a text-generation-inference server: bounded in time and size, and with errors that say what to do.

Every error of the HTTP library ends here (`from None`: its exceptions carry the request with its Authorization header).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlops_bot.engines.common import lines, redact, shown_url
from mlops_bot.engines.retry import TransientError, retry_after
from mlops_bot.errors import EngineError, EngineRefusedError
from mlops_bot.types import Json

_CONNECT_SECONDS = 10.0
_LARGEST_BODY = 32 * 1024 * 1024  # bytes; an answer is text of at most some hundred kilobytes
_PASSING = frozenset({"overloaded", "generation", "incomplete_generation", "incomplete_generation_stream"})


class InvalidRequestError(Exception):
    """The server does not take the request as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoRouteError(Exception):
    """The server has no such route."""


class Http:
    """One server. `token` goes into the Authorization header."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.shown = shown_url(url)
        self._token = token
        self._session: Any = None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def fetch(
        self, method: str, path: str, body: Mapping[str, Json] | None, seconds: float
    ) -> tuple[Json, Mapping[str, str]]:
        """(document, headers) of a successful answer; the document is a text where the body is not JSON.

        Raises TransientError, InvalidRequestError, NoRouteError, EngineError.
        """
        deadline = time.monotonic() + seconds
        with self._request(method, path, body, seconds) as response:
            return self._document(response, deadline, seconds), response.headers

    def lines(self, path: str, body: Mapping[str, Json], seconds: float) -> Iterator[bytes]:
        """The lines of a successful answer as they arrive. Raises as `fetch` does."""
        deadline = time.monotonic() + seconds
        with self._request("POST", path, body, seconds) as response:
            yield from lines(self._chunks(response, deadline, seconds))

    def failure(self, status: int, document: Json, headers: Mapping[str, str]) -> Exception:
        """What an error answer {"error": ..., "error_type": ...} means, or any other one by its status.

        It may come within a successful stream (status 200): then the generation did not come to its end.
        """
        payload = document if isinstance(document, dict) else {}
        error, kind = payload.get("error"), payload.get("error_type")
        message = redact(error if isinstance(error, str) else json.dumps(error), self._token) if error else ""
        said = f": {message}" if message else ""
        if kind == "validation" or status in {400, 413, 422}:
            return InvalidRequestError(message or f"status {status}")
        if status in {401, 403}:
            return EngineRefusedError(
                f"{self.shown} refuses access ({status}){said}", hint="look at HF_TOKEN: may it use this server?"
            )
        if status in {404, 405}:
            return NoRouteError(message)
        wait = retry_after(headers)
        if kind == "overloaded" or status == 429:
            return TransientError(f"{self.shown} is overloaded ({status}){said}", retry_after=wait)
        if kind in _PASSING or status in {200, 408, 424} or status >= 500:
            return TransientError(f"{self.shown} failed ({status}){said}", retry_after=wait)
        return EngineError(f"{self.shown} answered with status {status}{said}")

    @contextmanager
    def _request(self, method: str, path: str, body: Mapping[str, Json] | None, seconds: float) -> Iterator[Any]:
        """A successful response, its body not yet read."""
        import requests
        import urllib3.exceptions

        if self._session is None:
            self._session = requests.Session()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            with self._session.request(
                method,
                self.url + path,
                json=body,
                headers=headers,
                timeout=(min(_CONNECT_SECONDS, seconds), seconds),
                stream=True,
            ) as response:
                if response.status_code != 200:
                    document = self._document(response, time.monotonic() + seconds, seconds)
                    raise self.failure(response.status_code, document, response.headers)
                yield response
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise TransientError(f"{self.shown} did not answer within {seconds:g} s") from None
        except requests.ConnectionError as error:
            if "NewConnectionError" in repr(error) or "NameResolution" in repr(error):
                raise TransientError(
                    f"{self.shown} cannot be reached", unreachable=True, hint="look at MLOPS_BOT_TGI_URL"
                ) from None
            raise TransientError(f"{self.shown} dropped the connection") from None
        except urllib3.exceptions.HTTPError:
            raise TransientError(f"{self.shown} broke off its answer") from None
        except (requests.RequestException, UnicodeError) as error:
            raise EngineError(
                f"{self.shown} cannot be asked: {type(error).__name__}",
                hint="look at MLOPS_BOT_TGI_URL and HF_TOKEN",
            ) from None

    def _document(self, response: Any, deadline: float, seconds: float) -> Json:
        body = b"".join(self._chunks(response, deadline, seconds))
        try:
            return json.loads(body)
        except ValueError:
            return body.decode("utf-8", "replace")

    def _chunks(self, response: Any, deadline: float, seconds: float) -> Iterator[bytes]:
        """The body as it arrives. `iter_content` would wait until a chunk is full, past any deadline."""
        size = 0
        while chunk := response.raw.read1(65536, decode_content=True):
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise EngineError(f"{self.shown} sends more than {_LARGEST_BODY // 2**20} MB for one answer")
            if time.monotonic() > deadline:
                raise TransientError(f"{self.shown} did not finish its answer within {seconds:g} s")
            yield chunk
