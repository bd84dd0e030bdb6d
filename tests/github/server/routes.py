"""Which handler answers which operation of GitHub's description."""

from __future__ import annotations

from collections.abc import Callable

from .wire import Answer, Request
from .world import Token, World

Handler = Callable[[World, Request, Token | None], Answer]
ROUTES: dict[tuple[str, str], Handler] = {}


def route(*operations: str) -> Callable[[Handler], Handler]:
    """`@route("GET /repos/{owner}/{repo}")`, with the description's own path."""

    def register(handler: Handler) -> Handler:
        for operation in operations:
            method, _, template = operation.partition(" ")
            ROUTES[method, template] = handler
        return handler

    return register
