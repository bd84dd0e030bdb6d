"""Every error that mlops-bot raises on purpose, in one tree.

    MlopsBotError
    ├── UserError              the request or the configuration is wrong          exit 2
    ├── EngineError            the model's endpoint did not do its part           exit 3
    │   ├── EngineRefusedError the endpoint works, but not with this key, model or price     exit 2
    │   └── CostCapReached     the next call could cost more than --max-cost
    ├── DocsError              the documentation store did not do its part        exit 3
    ├── SandboxError           the sandbox did not do its part                    exit 3
    └── GitHubError            GitHub did not do its part                         exit 3
        └── GitHubRefusedError   it answers, and says no: the token, a permission, a state    exit 2

A candidate that fails is not an error: it is a `Failed` verdict (see `types`). Whose fault something
is gets decided where it is raised, by the choice of class, and nowhere else.
"""

from __future__ import annotations


class MlopsBotError(Exception):
    """Base of the tree. `hint` says what the person can do about it, in one sentence."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UserError(MlopsBotError):
    """The request was wrong: names the input, what is wrong with it, and what to write instead."""

    exit_code = 2


class EngineError(MlopsBotError):
    """The model endpoint failed after the retries that are safe."""


class EngineRefusedError(EngineError):
    """The endpoint works, but not with what is configured: the key, the model's name, the address, the price."""

    exit_code = 2


class CostCapReached(EngineError):
    """The next call could exceed the cost cap, so it was not made."""


class DocsError(MlopsBotError):
    """The documentation store failed."""


class SandboxError(MlopsBotError):
    """The sandbox itself failed (no engine, image cannot be built, daemon died mid-run)."""


class GitHubError(MlopsBotError):
    """GitHub failed after the retries that are safe."""


class GitHubRefusedError(GitHubError):
    """GitHub answered and said no; `status` is its HTTP status. Asking again changes nothing."""

    exit_code = 2

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
