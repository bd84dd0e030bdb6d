"""The Action under the fault matrix: each fault at each call of a run, once or from there on; and what people do
meanwhile. It always ends within a bound, with a final comment where GitHub lets it write one, one pull request at most;
and the same event once more, when GitHub is well, ends as if nothing had been."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest
from tests.github.action import Action, Ended
from tests.github.matrix import CHOSEN, PASSING, Strike, Table, meanwhile, strike
from tests.github.server.hub import Hub
from tests.github.training import BRANCH, follow_ups, pull_request, records, repository

from mlops_bot.sandbox.environments import Environments, Inventory

TABLE = Table()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, action: Action) -> None:
    """Waits are counted, not slept; the environment, always the same, is looked at once."""
    monkeypatch.setattr("mlops_bot.github.client.time.sleep", lambda seconds: None)
    look = Environments._inventory
    known: dict[Path, Inventory | None] = {}

    def inventory(self: Environments, python: Path) -> Inventory | None:
        if python not in known:
            known[python] = look(self, python)
        return known[python]

    monkeypatch.setattr(Environments, "_inventory", inventory)


class Case:
    """A pull request with a command, new each time."""

    def __init__(self, hub: Hub, action: Action) -> None:
        self.hub, self.action = hub, action
        self.repo = repository(hub)
        self.pull = pull_request(self.repo)
        self.event = hub.comment(self.pull, "wendy", "/mlops add mlflow")
        self.token = hub.token(repository=self.repo)

    def run(self) -> Ended:
        return self.action("issue_comment", self.event, token=self.token)

    def again(self) -> Ended:
        """Somebody asks GitHub to run the job once more."""
        self.action.variables["GITHUB_RUN_ATTEMPT"] = "2"
        try:
            return self.run()
        finally:
            del self.action.variables["GITHUB_RUN_ATTEMPT"]

    @property
    def branch(self) -> str:
        return BRANCH.format(self.pull.number)

    def sound(self, what: object) -> None:
        """What holds after every run, however it ended."""
        made = follow_ups(self.repo, self.pull)
        assert len(made) <= 1, f"two pull requests after {what}"
        there = self.branch in self.repo.branches()
        assert there == bool(follow_ups(self.repo, self.pull, "open")), f"half delivered after {what}"
        assert self.repo.log("feature", 1)[0].message == "Change", "the pull request's own branch was written to"
        assert len(records(self.pull)) <= 1, f"two comments after {what}"

    def whole(self) -> None:
        """The end of a run that nothing happened to."""
        (made,) = follow_ups(self.repo, self.pull)
        assert "mlflow.sklearn.autolog()" in self.repo.file(self.branch, "train.py")
        ((text, record),) = records(self.pull)
        assert (record.status, record.pull_number) == ("verified", made.number) and "Verified" in text


def no_crash(ended: Ended, found: Strike) -> None:
    assert ended.code in (0, 1, 2, 3), found
    assert "Traceback" not in ended.log and "an error in mlops-bot itself" not in ended.log, f"{found}\n{ended.log}"
    assert ended.outputs["status"], found


@pytest.mark.slow
@pytest.mark.parametrize("fault", CHOSEN)
def test_each_fault_at_each_call(hub: Hub, action: Action, fault: str) -> None:
    for number in itertools.count(1):
        case = Case(hub, action)
        found = strike(hub, case.run, fault, number)
        if found is None:
            break
        ended: Ended = found.result
        no_crash(ended, found)
        case.sound(found)
        states = [record.status for _, record in records(case.pull)]
        assert "running" not in states, f"no final state after {found}\n{ended.log}"
        if fault in PASSING:
            assert ended.code == 0, f"{found}\n{ended.log}"
            case.whole()
        elif ended.code:
            assert ended.outputs["status"] in ("error", "ignored"), found
        TABLE.add(number, found.call, fault, ended.outputs["status"])
        case.again()
        case.whole()
    assert number > 15
    TABLE.write()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["dropped", "401"])
def test_from_a_call_on_nothing_works(hub: Hub, action: Action, fault: str) -> None:
    """The token expires, or GitHub is down: the run ends by itself, and the next one finds its way."""
    action.variables["MLOPS_BOT_GITHUB_WAIT"] = "3"
    for number in itertools.count(1):
        case = Case(hub, action)
        found = strike(hub, case.run, fault, number, times=None)
        if found is None:
            break
        ended: Ended = found.result
        no_crash(ended, found)
        assert len(hub.calls) < number + 40, f"{len(hub.calls)} calls: it does not give up"
        assert len(follow_ups(case.repo, case.pull)) <= 1
        case.again()
        case.whole()
        assert len(records(case.pull)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["closed", "merged", "pushed", "deleted", "base"])
def test_people_do_something_meanwhile(hub: Hub, action: Action, what: str) -> None:
    for number in itertools.count(1):
        case = Case(hub, action)
        doing = {
            "closed": case.pull.close,
            "merged": case.pull.merge,
            "pushed": functools.partial(case.pull.push, {"other.py": "x = 1\n"}),
            "deleted": functools.partial(case.repo.delete_branch, "feature"),
            "base": functools.partial(case.repo.commit, "main", {"other.py": "x = 1\n"}),
        }[what]
        found = meanwhile(hub, case.run, doing, number)
        if found is None:
            break
        ended: Ended = found.result
        no_crash(ended, found)
        assert "running" not in [record.status for _, record in records(case.pull)], f"{found}\n{ended.log}"
        made = follow_ups(case.repo, case.pull, "open")
        assert len(made) <= 1
        if what == "base":
            assert ended.code == 0, f"{found}\n{ended.log}"
            case.whole()
        elif made:
            # All of it, on the commit that was verified; what happened, happened afterwards.
            assert (ended.code, len(case.repo.log(case.branch, 1)[0].parents)) == (0, 1), found


@pytest.mark.slow
def test_two_runners_take_turns(hub: Hub, action: Action) -> None:
    """The same delivery arrives twice, and the other runner's whole run is just before each call of this one."""
    for number in itertools.count(1):
        case = Case(hub, action)
        found = meanwhile(hub, case.run, case.run, number)
        if found is None:
            break
        no_crash(found.result, found)
        case.whole()
        assert len(follow_ups(case.repo, case.pull)) == 1, found


@pytest.mark.slow
def test_a_person_pushes_to_the_bots_branch_meanwhile(hub: Hub, action: Action) -> None:
    """During a second run, at each call: never overwritten."""
    for number in itertools.count(1):
        case = Case(hub, action)
        case.run()
        case.pull.push({"notes.md": "new\n"})
        event = hub.comment(case.pull, "wendy", "/mlops add mlflow")
        theirs: list[str] = []

        def push(case: Case = case, theirs: list[str] = theirs) -> None:
            theirs.append(case.repo.commit(case.branch, {"mine.py": "x = 1\n"}))

        def run(case: Case = case, event: dict[str, object] = event) -> Ended:
            return action("issue_comment", event, token=case.token)

        found = meanwhile(hub, run, push, number)
        if found is None:
            break
        no_crash(found.result, found)
        assert theirs[0] in case.repo.state.objects.ancestors(case.repo.head(case.branch)), f"lost: {found}"
        assert len(follow_ups(case.repo, case.pull)) == 1, found
