"""GitHub's answers as our words: what is not as its API describes it is a GitHubError, never a KeyError. Pure."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from mlops_bot.errors import GitHubError
from mlops_bot.github.model import ChangedFile, Comment, FileStatus, Pull, PullRequest
from mlops_bot.types import Json


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise GitHubError(f"GitHub's answer is no {what} as its API describes it ({error!r})") from None


def get(value: Json, *path: str) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def changed_file(entry: Json) -> ChangedFile:
    with reading("changed file"):
        status: FileStatus = entry["status"] if entry["status"] in get_args(FileStatus) else "changed"
        return ChangedFile(
            path=entry["filename"],
            status=status,
            previous_path=entry.get("previous_filename"),
            sha=entry.get("sha"),
            patch=entry.get("patch"),
            additions=entry["additions"],
            deletions=entry["deletions"],
        )


def comment(entry: Json) -> Comment:
    with reading("comment"):
        return Comment(
            id=entry["id"],
            author=get(entry, "user", "login") or "ghost",
            author_type=get(entry, "user", "type") or "",
            body=entry.get("body") or "",
            url=entry.get("html_url") or "",
        )


def pull(entry: Json) -> Pull:
    with reading("pull request"):
        return Pull(
            number=entry["number"],
            url=entry["html_url"],
            state=entry["state"],
            merged=bool(entry.get("merged") or entry.get("merged_at")),
            base_ref=entry["base"]["ref"],
            head_ref=entry["head"]["ref"],
            head_sha=entry["head"]["sha"],
            title=entry["title"],
            body=entry.get("body") or "",
            author=get(entry, "user", "login") or "ghost",
            draft=bool(entry.get("draft")),
        )


def decoded(found: Json) -> bytes:
    with reading("file"):
        if found["encoding"] not in ("base64", "utf-8"):  # "none": over 1 MB by this way
            raise GitHubError("a file is too large to be read this way")
        try:
            return base64.b64decode(found["content"]) if found["encoding"] == "base64" else found["content"].encode()
        except binascii.Error as error:
            raise GitHubError(f"GitHub's answer cannot be decoded: {error}") from None


def pull_request(found: Json) -> PullRequest:
    with reading("pull request"):
        head = found["head"]["repo"]
        return PullRequest(
            number=found["number"],
            title=found["title"],
            state=found["state"],
            merged=found["merged"],
            draft=bool(found.get("draft")),
            author=get(found, "user", "login") or "ghost",
            base_ref=found["base"]["ref"],
            base_sha=found["base"]["sha"],
            head_ref=found["head"]["ref"],
            head_sha=found["head"]["sha"],
            head_repository=head["full_name"] if head else None,
            base_repository=found["base"]["repo"]["full_name"],
            url=found["html_url"],
            head_pushed_at=head.get("pushed_at") if head else None,
        )
