"""A cancelled workflow run: the runner's signals end the work, and the comment has its last state all the same."""

from __future__ import annotations

import signal
import time

import pytest
from tests.github.action import Action
from tests.github.server.hub import Hub
from tests.github.training import TRAIN, follow_ups, pull_request, records, repository

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_comment_ends(hub: Hub, action: Action, name: str) -> None:
    repo = repository(hub)
    pull = pull_request(repo, f"import time\n\ntime.sleep(600)\n{TRAIN}")
    event = hub.comment(pull, "wendy", "/mlops add mlflow")
    running = action.start("issue_comment", event, token=hub.token(repository=repo))
    deadline = time.monotonic() + 120
    while "baseline" not in (running.folder / "log").read_text():
        assert time.monotonic() < deadline and running.process.poll() is None, (running.folder / "log").read_text()
        time.sleep(0.2)
    stopped = time.monotonic()
    running.process.send_signal(signal.Signals[name])
    time.sleep(0.3)
    running.process.send_signal(signal.SIGTERM)  # runners send a second one
    ended = running.wait(60)
    assert time.monotonic() - stopped < 30
    assert ended.code == 128 + signal.Signals[name], ended.log
    ((text, record),) = records(pull)
    assert record.status == "error" and "cancelled" in text and "❌ **Verification**" in text
    assert pull.reactions(event["comment"]["id"]) == ["eyes", "confused"] and not follow_ups(repo, pull)
    assert ended.outputs["status"] == "error" and "Traceback" not in ended.log
    (check,) = repo.check_runs(pull.head)
    assert check["status"] == "completed"
