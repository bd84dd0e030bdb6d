"""The harness of the Action's tests: what a run is given, and how its outputs are read."""

from __future__ import annotations

from tests.github import action as harness
from tests.github.action import Action
from tests.github.server.hub import Hub


def test_outputs_are_read_as_a_runner_reads_them() -> None:
    text = "status=verified\nurl=https://x/?a=b\nreport<<END-1\none\n\ntwo\nEND-1\nempty=\n"
    assert harness._outputs(text) == {
        "status": "verified",
        "url": "https://x/?a=b",
        "report": "one\n\ntwo",
        "empty": "",
    }


def test_a_run_is_given_what_a_runner_gives(hub: Hub, action: Action) -> None:
    repo = hub.repository("octo/train")
    pull = repo.pull(files={"a.py": "x = 1\n"})
    payload = hub.comment(pull, "wendy", "/mlops help")
    variables, folder = action.environment("issue_comment", payload, "a token", {"openai-api-key": "a key"})
    assert variables["INPUT_TOKEN"] == "a token" and variables["INPUT_OPENAI-API-KEY"] == "a key"
    assert variables["INPUT_STAGE"] == "all" and variables["INPUT_DRY-RUN"] == "false"
    assert variables["GITHUB_API_URL"] == hub.url and variables["GITHUB_REPOSITORY"] == "octo/train"
    assert (folder / "event.json").read_text().startswith('{"action": "created"')
    assert "PYTEST_CURRENT_TEST" not in variables
