"""Events: which of GitHub's real payloads ask for something, and that no payload at all breaks the reader."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.github import payloads
from tests.github.known import KNOWN

from mlops_bot.github.event import read
from mlops_bot.github.model import Actor, Closed, Ignored, Trigger
from mlops_bot.types import Command


def why_ignored(event: str, payload: Any) -> str:
    found = read(event, payload, components=KNOWN)
    assert isinstance(found, Ignored), found
    return found.reason


def test_a_comment_on_a_pull_request_is_a_trigger() -> None:
    payload = payloads.comment("Thanks!\r\n\r\n/mlops add mlflow src/train.py\r\n")
    assert read("issue_comment", payload, components=KNOWN) == Trigger(
        repository="Codertocat/Hello-World",
        number=2,
        kind="comment",
        event="issue_comment",
        action="created",
        actor=Actor("Codertocat", "User", 21031067),
        requests=(read_request := payload_request(payload),),
        comment_id=492700400,
        comment_url="https://github.com/Codertocat/Hello-World/issues/1#issuecomment-492700400",
        default_branch="master",
        created_at="2019-05-15T15:20:21Z",
    )
    assert read_request.command == Command(
        "add", "mlflow", paths=("src/train.py",), functionality="experiment-tracking", author="Codertocat"
    )
    assert (read_request.text, read_request.line, read_request.problem) == ("add mlflow src/train.py", 3, None)


def payload_request(payload: dict[str, Any]) -> Any:
    found = read("issue_comment", payload, components=KNOWN)
    assert isinstance(found, Trigger)
    return found.requests[0]


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_label_on_a_pull_request_is_a_trigger_with_its_head_pinned(event: str) -> None:
    found = read(event, payloads.label("mlops:mlflow"), components=KNOWN)
    assert isinstance(found, Trigger)
    assert (found.kind, found.label, found.event, found.requests) == ("label", "mlops:mlflow", event, ())
    assert (found.repository, found.number, found.actor.login) == ("Codertocat/Hello-World", 2, "Codertocat")
    assert found.head_sha == "ec26c3e57ca3a959ca5aad62de7213c562f8c821"


def test_the_end_of_a_pull_request_is_told_apart() -> None:
    payload = payloads.example("pull_request", "closed")
    found = read("pull_request_target", payload, components=KNOWN)
    assert isinstance(found, Closed)
    assert (found.number, found.merged, found.base_ref, found.head_ref) == (2, False, "master", "changes")
    payload["pull_request"]["merged"] = True
    merged = read("pull_request_target", payload, components=KNOWN)
    assert isinstance(merged, Closed)
    assert merged.merged


def test_of_all_real_payloads_only_labels_and_ends_of_pull_requests_are_acted_upon() -> None:
    seen = 0
    for event in payloads.events():
        for payload in payloads.examples(event):
            seen += 1
            found = read(event, payload, components=KNOWN)
            if event == "pull_request" and payload["action"] in ("labeled", "closed"):
                assert isinstance(found, Trigger if payload["action"] == "labeled" else Closed)
            else:
                assert isinstance(found, Ignored)
                assert found.reason
    assert seen > 200


def test_edited_and_deleted_comments_are_ignored() -> None:
    for action in ("edited", "deleted"):
        payload = payloads.comment("/mlops add mlflow")
        payload["action"] = action
        assert "only new comments" in why_ignored("issue_comment", payload)


def test_comments_on_issues_are_ignored() -> None:
    payload = payloads.example("issue_comment", "created")
    payload["comment"]["body"] = "/mlops add mlflow"
    assert "not on a pull request" in why_ignored("issue_comment", payload)


def test_comments_without_a_command_are_ignored() -> None:
    for body in ("", "looks good", "> /mlops add mlflow", "```\n/mlops add mlflow\n```", None):
        payload = payloads.comment("")
        payload["comment"]["body"] = body
        assert "text" in why_ignored("issue_comment", payload)
    payload["comment"]["body"] = "/mlops add mlflow\n" + "x" * 70_000
    assert "70018 characters" in why_ignored("issue_comment", payload)


@pytest.mark.parametrize(
    ("login", "type"), [("dependabot[bot]", "Bot"), ("tool[bot]", "User"), ("acme", "Organization")]
)
def test_bots_are_ignored(login: str, type: str) -> None:  # noqa: A002
    asked, labelled = payloads.comment("/mlops add mlflow"), payloads.label("mlops:mlflow")
    for who in (asked["comment"]["user"], asked["sender"], labelled["sender"]):
        who.update(login=login, type=type)
    assert "bot" in why_ignored("issue_comment", asked)
    assert "bot" in why_ignored("pull_request_target", labelled)


def test_an_event_that_somebody_else_sent_is_ignored() -> None:
    payload = payloads.comment("/mlops add mlflow")
    payload["sender"]["login"] = "somebody-else"
    assert "not who sent" in why_ignored("issue_comment", payload)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("repository", "full_name"), "a/b/../../c"),
        (("repository", "full_name"), "owner/.."),
        (("repository", "full_name"), "owner\n/name"),
        (("issue", "number"), 0),
        (("issue", "number"), True),
        (("issue", "number"), "2"),
        (("comment", "id"), -1),
        (("comment", "user"), None),
        (("sender", "login"), "a b"),
        (("comment", "user", "login"), "::warning::x"),
    ],
)
def test_malformed_payloads_are_ignored_by_the_name_of_the_field(path: tuple[str, ...], value: Any) -> None:
    payload = payloads.comment("/mlops add mlflow")
    place: Any = payload
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert ".".join(path) in why_ignored("issue_comment", payload)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["issue_comment", "pull_request", "pull_request_target", "push", ""]), json)
def test_no_payload_breaks_the_reader(event: str, payload: Any) -> None:
    assert isinstance(read(event, payload, components=KNOWN), Ignored)


@cache
def originals() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("issue_comment", payloads.comment("/mlops add mlflow")),
        ("pull_request_target", payloads.label("mlops:mlflow")),
        ("pull_request", payloads.example("pull_request", "closed")),
    ]


@given(st.data())
def test_no_change_of_a_real_payload_breaks_the_reader(data: st.DataObject) -> None:
    event, original = originals()[data.draw(st.integers(0, 2))]
    payload = dict(original)
    place: dict[str, Any] = payload
    name = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[name], dict) and place[name] and data.draw(st.booleans()):
        place[name] = dict(place[name])
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        place[name] = data.draw(json)
    else:
        del place[name]
    found = read(event, payload, components=KNOWN)
    assert isinstance(found, Trigger | Closed | Ignored)
    if isinstance(found, Trigger):
        assert found.number > 0 and "/" in found.repository and found.actor.type == "User"
