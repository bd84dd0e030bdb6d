"""Hugging Face Inference Endpoints: found by name, woken, waited for, and put back as they were.

The only door to huggingface_hub. The waiting is ours and not `InferenceEndpoint.wait`: that one makes requests
without a time-out, and cannot be shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlops_bot.engines.common import redact
from mlops_bot.errors import EngineError
from mlops_bot.types import Progress

_POLL_SECONDS = 5.0
_REQUEST_SECONDS = 30.0
_ASLEEP = frozenset({"paused", "scaledToZero"})
_BROKEN = frozenset({"failed", "updateFailed"})
_SETTINGS = "look at MLOPS_BOT_TGI_ENDPOINT (NAME or NAMESPACE/NAME) and HF_TOKEN"


class InferenceEndpoint:
    """One endpoint. `open` gives its URL; `close` pauses it (or scales it to zero) again if `open` woke it."""

    def __init__(
        self,
        name: str,
        *,
        token: str | None,
        namespace: str | None = None,
        seconds: float = 900.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        progress: Progress | None = None,
    ) -> None:
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")
        self.name = name
        self._namespace = namespace
        self._token = token
        self._seconds = seconds
        self._sleep = sleep
        self._clock = clock
        self._progress = progress
        self._endpoint: Any = None
        self._was: str | None = None  # the state to go back to

    def open(self) -> tuple[str, str]:
        """(URL, model repository) of the running endpoint.

        Wakes it when it is paused or scaled to zero, and waits at most `seconds`. Raises EngineError.
        """
        with self._translated("be looked up"):
            self._endpoint = _api(self._token).get_inference_endpoint(
                self.name, namespace=self._namespace, token=self._token
            )
        if self._state in _ASLEEP:
            state = self._state
            self._say(f"endpoint {self.name} is {_words(state)}; resuming it")
            # Noted before the call: a resume whose answer is lost has resumed all the same.
            self._was = state
            with self._translated("be resumed"):
                self._endpoint.resume()
        self._wait()
        return str(self._endpoint.url).rstrip("/"), str(self._endpoint.repository)

    def close(self) -> None:
        """Puts the endpoint back to sleep if it was asleep. Raises EngineError when it may still be running."""
        if self._was is None:
            return
        state, self._was = self._was, None
        self._say(f"endpoint {self.name}: back to {_words(state)}")
        with self._translated("be put back to sleep, so it may still be running and charged for"):
            if state == "paused":
                self._endpoint.pause()
            else:
                self._endpoint.scale_to_zero()

    def pause(self) -> None:
        """Pauses it, whoever woke it; nothing where it sleeps. Raises EngineError when it may still be running."""
        with self._translated("be looked up, so it may still be running and charged for"):
            self._endpoint = _api(self._token).get_inference_endpoint(
                self.name, namespace=self._namespace, token=self._token
            )
        if self._state in _ASLEEP:
            self._say(f"endpoint {self.name} is {_words(self._state)} already")
            return
        self._say(f"pausing endpoint {self.name}")
        with self._translated("be paused, so it may still be running and charged for"):
            self._endpoint.pause()

    @property
    def _state(self) -> str:
        # A member of the library's enumeration, or the bare word of its API.
        return str(getattr(self._endpoint.status, "value", self._endpoint.status))

    def _wait(self) -> None:
        started = self._clock()
        while self._state != "running" or not self._endpoint.url:
            if self._state in _BROKEN:
                raise EngineError(
                    f"endpoint {self.name} is {_words(self._state)}", hint="look at its log on endpoints.huggingface.co"
                )
            waited = self._clock() - started
            if waited + _POLL_SECONDS > self._seconds:
                raise EngineError(
                    f"endpoint {self.name} is still {_words(self._state)} after {waited:.0f} s",
                    hint="start it on endpoints.huggingface.co, or try again later",
                )
            self._say(f"endpoint {self.name} is {_words(self._state)}, waiting ({waited:.0f} s)")
            self._sleep(_POLL_SECONDS)
            with self._translated("be looked up"):
                self._endpoint.fetch()

    def _say(self, message: str) -> None:
        if self._progress is not None:
            self._progress("engine", message)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        import requests
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            yield
        except HfHubHTTPError as error:
            response = error.response
            status = response.status_code if response is not None else "no status"
            raise EngineError(
                f"endpoint {self.name} cannot {what} ({status}): {redact(str(error), self._token)}", hint=_SETTINGS
            ) from None
        except (requests.RequestException, HFValidationError, ValueError, KeyError, OSError) as error:
            raise EngineError(
                f"endpoint {self.name} cannot {what}: {redact(str(error), self._token) or type(error).__name__}",
                hint=_SETTINGS,
            ) from None


def _words(state: str) -> str:
    return {"scaledToZero": "scaled to zero", "updateFailed": "broken after an update"}.get(state, state)


def _api(token: str | None) -> Any:
    """The hub's client with a time-out on every request; the library itself sets none."""
    import requests
    from huggingface_hub import HfApi, configure_http_backend

    class Session(requests.Session):
        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            kwargs["timeout"] = kwargs.get("timeout") or _REQUEST_SECONDS
            return super().request(method, url, *args, **kwargs)

    configure_http_backend(backend_factory=Session)
    return HfApi(token=token if token is not None else False)
