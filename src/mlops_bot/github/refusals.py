"""GitHub's error answers in words that say what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_bot.errors import GitHubRefusedError
from mlops_bot.shown import one_line
from mlops_bot.types import Json

_NOT_ACCESSIBLE = re.compile(
    r"resource not accessible by|must have .* rights|forbidden by|authenticate via a github app", re.IGNORECASE
)
_NO_PULLS = re.compile(r"GitHub Actions is not permitted to create or approve pull requests", re.IGNORECASE)
# What a call needs, where GitHub does not say so itself: the first that matches method and path.
_NEEDS = (
    (r"(POST|PATCH|DELETE) .*/git/|POST /graphql", "contents: write"),
    (r"GET .*/(git|contents|branches)/", "contents: read"),
    (r"(POST|PATCH) .*/check-runs", "checks: write"),
    (r"GET .*/check-runs", "checks: read"),
    (r"GET .*/(pulls|issues)", "pull-requests: read"),
    (r".*/(pulls|issues)", "pull-requests: write"),
)


def refused(what: str, verb: str, path: str, status: int, headers: Mapping[str, str], data: Json) -> GitHubRefusedError:
    """The error for an answer that is none of the passing ones. `what` was to be done: "read the pull request"."""
    said = message(data)
    if status == 401:
        return GitHubRefusedError(
            f"cannot {what}: GitHub does not accept the token (401: {said})",
            status=status,
            hint="a job's token ends with the job, an app's after an hour: run it again, or renew the token",
        )
    if _NO_PULLS.search(said):
        return GitHubRefusedError(
            f"cannot {what}: {said}",
            status=status,
            hint="allow it in the repository's settings: Actions, General, Workflow permissions, "
            "`Allow GitHub Actions to create and approve pull requests`; or pass the token of a GitHub App",
        )
    if status == 403 or (status == 404 and verb != "GET"):
        needed = permission(verb, path, headers)
        if needed is not None and (status == 404 or _NOT_ACCESSIBLE.search(said)):
            return GitHubRefusedError(
                f"cannot {what}: the token may not do that ({status}: {said})",
                status=status,
                hint=f"add `{needed}` to `permissions:` of the workflow's job",
            )
    return GitHubRefusedError(f"cannot {what}: GitHub answers {status}: {said}", status=status)


def permission(verb: str, path: str, headers: Mapping[str, str]) -> str | None:
    """What to write below `permissions:`: as GitHub says it (x-accepted-github-permissions), else by the path."""
    first = headers.get("x-accepted-github-permissions", "").partition(";")[0]
    named = re.findall(r"([a-z_]+)=(read|write|admin)", first)
    if named:
        return ", ".join(f"{name.replace('_', '-')}: {level}" for name, level in named)
    return next((needed for pattern, needed in _NEEDS if re.match(pattern, f"{verb} {path}")), None)


def message(data: Json) -> str:
    """GitHub's own words, with the errors of a 422 or of GraphQL, one line, bounded."""
    if not isinstance(data, Mapping):
        return one_line(data or "no message", 200)
    parts = [str(data.get("message") or "")]
    for error in data.get("errors") or ():
        parts.append(str(error.get("message") or error.get("code") or "") if isinstance(error, Mapping) else str(error))
    return one_line(": ".join(part for part in parts if part) or "no message", 300)
