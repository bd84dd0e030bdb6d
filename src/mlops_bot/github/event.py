"""A webhook's event name and payload -> Trigger | Closed | Ignored. Pure, and never raises, whatever the payload is.

What is acted upon: a new comment on a pull request, a label set on one, and a pull request that was closed. Who may ask
is not decided here: the API is asked what `Trigger.actor` may do, and nothing in a payload stands in for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_bot.github import grammar
from mlops_bot.github.model import Actor, Closed, Ignored, Trigger
from mlops_bot.shown import one_line
from mlops_bot.types import Component, Json

PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_MAX_LABEL = 200


def read(event: str, payload: Json, *, components: Mapping[str, Component]) -> Trigger | Closed | Ignored:
    """What an event asks for. `payload`: the JSON document of GITHUB_EVENT_PATH."""
    try:
        if event == "issue_comment":
            return _comment(payload, components)
        if event in PULL_REQUEST_EVENTS:
            return _pull_request(event, payload)
        return Ignored(f"event {one_line(event)}: only issue_comment and pull_request_target are acted upon")
    except _Malformed as malformed:
        return Ignored(f"malformed {event} payload: {malformed}")


def _comment(payload: Json, components: Mapping[str, Component]) -> Trigger | Ignored:
    action = _text(payload, "action")
    if action != "created":
        return Ignored(f"issue_comment {one_line(action)}: only new comments are read, never edited ones")
    if not isinstance(_at(payload, "issue", "pull_request"), Mapping):
        return Ignored("a comment on an issue, not on a pull request")
    actor = _actor(payload, "comment", "user")
    if actor != _actor(payload, "sender"):
        return Ignored("the comment's author is not who sent the event")
    if _is_bot(actor):
        return Ignored(f"a comment by the bot {actor.login}")
    body = _at(payload, "comment", "body")
    if not isinstance(body, str):
        return Ignored("a comment without text")
    if len(body) > grammar.MAX_BODY:
        return Ignored(f"a comment of {len(body)} characters")
    requests = grammar.requests(body, components=components, author=actor.login)
    if not requests:
        return Ignored("no line of the comment's text starts with /mlops")
    return Trigger(
        repository=_repository(payload),
        number=_positive(payload, "issue", "number"),
        kind="comment",
        event="issue_comment",
        action=action,
        actor=actor,
        requests=requests,
        comment_id=_positive(payload, "comment", "id"),
        comment_url=_optional(payload, "comment", "html_url"),
        created_at=_optional(payload, "comment", "created_at"),
        default_branch=_optional(payload, "repository", "default_branch"),
    )


def _pull_request(event: str, payload: Json) -> Trigger | Closed | Ignored:
    action = _text(payload, "action")
    if action not in ("labeled", "closed"):
        return Ignored(f"{event} {one_line(action)}: only labels that are set, and the end, are acted upon")
    actor = _actor(payload, "sender")
    head = _text(payload, "pull_request", "head", "sha")
    if not _SHA.fullmatch(head):
        raise _Malformed("pull_request.head.sha is no SHA")
    if action == "closed":
        return Closed(
            repository=_repository(payload),
            number=_positive(payload, "pull_request", "number"),
            merged=_at(payload, "pull_request", "merged") is True,
            base_ref=_text(payload, "pull_request", "base", "ref"),
            head_ref=_text(payload, "pull_request", "head", "ref"),
            head_sha=head,
            actor=actor,
        )
    if _is_bot(actor):
        return Ignored(f"a label set by the bot {actor.login}")
    label = _text(payload, "label", "name")
    if len(label) > _MAX_LABEL:
        return Ignored(f"a label of {len(label)} characters")
    return Trigger(
        repository=_repository(payload),
        number=_positive(payload, "pull_request", "number"),
        kind="label",
        event=event,
        action=action,
        actor=actor,
        requests=(),
        label=label,
        head_sha=head,
        default_branch=_optional(payload, "repository", "default_branch"),
    )


class _Malformed(Exception):
    """The payload is not one of GitHub's; the text names the field."""


def _is_bot(actor: Actor) -> bool:
    """Anything that is no person, by its type and by the ending that only bots' logins have."""
    return actor.type != "User" or actor.login.lower().endswith("[bot]")


def _actor(payload: Json, *path: str) -> Actor:
    login = _text(payload, *path, "login")
    if not _LOGIN.fullmatch(login):
        raise _Malformed(f"{'.'.join(path)}.login is no login")
    found = _at(payload, *path, "id")
    number = found if isinstance(found, int) and not isinstance(found, bool) else None
    return Actor(login=login, type=_text(payload, *path, "type"), id=number)


def _repository(payload: Json) -> str:
    name = _text(payload, "repository", "full_name")
    if not _REPOSITORY.fullmatch(name) or name.partition("/")[2] in (".", ".."):
        raise _Malformed("repository.full_name is no owner/name")
    return name


def _positive(payload: Json, *path: str) -> int:
    found = _at(payload, *path)
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise _Malformed(f"{'.'.join(path)} is no positive number")
    return found


def _text(payload: Json, *path: str) -> str:
    found = _at(payload, *path)
    if not isinstance(found, str) or not found:
        raise _Malformed(f"{'.'.join(path)} is missing")
    return found


def _optional(payload: Json, *path: str) -> str | None:
    found = _at(payload, *path)
    return found if isinstance(found, str) and found else None


def _at(value: Json, *path: str) -> Json:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
