"""What happens to pull requests when a branch is pushed to, or deleted."""

from __future__ import annotations

from typing import Any

from .pull_routes import ends, placeholder, records
from .world import Repo, World


def follow(world: World, repo: Repo, ref: str, old: str | None, new: str | None) -> None:
    """A branch of `repo` moved from `old` to `new` (None: it was not there, or is not any more).

    Pushed to as head: the pull request stands there now. Deleted as head: closed. Deleted as base: moved to where
    that branch was merged, or closed. A base that now holds the head: merged.
    """
    if not ref.startswith("refs/heads/"):
        return
    name = ref.removeprefix("refs/heads/")
    for other in [one for one in world.repos.values() if one.network is repo.network]:
        for record in records(world, other):
            if (record["head"]["repo"] or {}).get("full_name") == repo.full_name and record["head"]["ref"] == name:
                _stands(world, other, record)
                if new is None:
                    _change(world, other, record, {"state": "closed"})
            elif other is repo and record["base"]["ref"] == name:
                if new is None:
                    _lost_base(world, repo, record, name)
                else:
                    _moved_base(world, repo, record, old or new, new)


def _stands(world: World, repo: Repo, record: dict[str, Any]) -> tuple[str, str]:
    """(head, base), noted: a branch that is gone counts as where it was last."""
    return ends(world, repo, record)[2:]


def _lost_base(world: World, repo: Repo, record: dict[str, Any], name: str) -> None:
    _stands(world, repo, record)
    onto = _merged_into(world, repo, name)
    if onto and repo.branch(onto):
        placeholder(world, repo, onto)
        _change(world, repo, record, {"base": onto})
    else:
        _change(world, repo, record, {"state": "closed"})


def _moved_base(world: World, repo: Repo, record: dict[str, Any], old: str, new: str) -> None:
    number = record["number"]
    head, _ = _stands(world, repo, record)
    if head in repo.objects.ancestors(new):
        repo.stood[number] = (head, old)
        repo.merged[number] = new
        if record["draft"]:  # the emulator merges none
            _change(world, repo, record, {"draft": False})
        world.as_owner("PUT", f"/repos/{repo.full_name}/pulls/{number}/merge", repo.owner, {})


def _change(world: World, repo: Repo, record: dict[str, Any], change: dict[str, Any]) -> None:
    world.as_owner("PATCH", f"/repos/{repo.full_name}/pulls/{record['number']}", repo.owner, change)


def _merged_into(world: World, repo: Repo, branch: str) -> str | None:
    """Where a branch was merged, if it was."""
    for record in records(world, repo, "closed"):
        if record["head"]["ref"] == branch and record["number"] in repo.merged:
            return str(record["base"]["ref"])
    return None
