"""Data moved from Git (or Git LFS) into lakeFS: the same bytes at the same revisions, and none left in Git. Pure.

lakeFS has no working tree and no remotes, so its repositories have no twins among Git's: each branch, tag and commit of
the original that holds data is looked for in any of them. Code may be in either place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_bot.types import Json
from mlops_bot.verify import versioned
from mlops_bot.verify.untrusted import mapping, mappings

_State = Mapping[str, Json]  # path -> md5


def check(source: Mapping[str, Json], target: Mapping[str, Json]) -> str | None:
    """Why what the translated program left is not what the original left; None when it is."""
    before = [one for one in versioned.repositories(source).values() if not one["bare"]]
    if not any(_data(mapping(c.get("files"))) for one in before for c in one["commits"].values()):
        return (
            versioned.nothing(source, "Git") or "the original puts no data into Git that could be looked for in lakeFS"
        )
    lakes = mappings(target.get("lake"))
    if not lakes:
        errors = "; ".join(map(str, list(target.get("errors") or ())[:2]))
        return f"no lakeFS repository was made{f': {errors}' if errors else ''}"
    for repository in before:
        reasons = [_missing(repository, lake) for lake in lakes]
        if None not in reasons:
            return reasons[0]
    return _left_in_git(target) or _not_committed(lakes)


def _missing(repository: Mapping[str, Json], lake: Mapping[str, Json]) -> str | None:
    """What of a Git repository's data one of lakeFS does not hold."""
    commits = mapping(lake.get("commits"))
    branches, tags = mapping(lake.get("branches")), mapping(lake.get("tags"))
    for name, tip in repository["branches"].items():
        old = [commit for commit in versioned.history(repository["commits"], tip) if _made(commit)]
        wanted = [commit for number, commit in enumerate(old) if _changes(old, number)]
        if not wanted:
            continue
        if name not in branches and not (len(repository["branches"]) == 1 and len(branches) == 1):
            return f"the branch `{name}` is missing in lakeFS"
        at = str(branches.get(name) or next(iter(branches.values())))
        if reason := _histories(wanted, versioned.history(commits, at), name):
            return reason
        tip_files = mapping(mapping(commits.get(at)).get("files"))
        if reason := _differs(_data(mapping(old[-1].get("files"))), tip_files, f"at the end of branch `{name}`"):
            return reason
    for name, commit in repository["tags"].items():
        data = _data(mapping(mapping(repository["commits"].get(commit)).get("files")))
        if not data:
            continue
        if name not in tags:
            return f"the tag `{name}` is missing in lakeFS"
        if reason := _differs(data, mapping(mapping(commits.get(str(tags[name]))).get("files")), f"at tag `{name}`"):
            return reason
    return None


def _histories(wanted: Sequence[Mapping[str, Json]], there: Sequence[Mapping[str, Json]], branch: str) -> str | None:
    """Each commit that changed data, in order, with the same message and the same bytes."""
    position = 0
    for commit in wanted:
        near: str | None = None
        for at in range(position, len(there)):
            if not versioned.same_message(commit, there[at]):
                continue
            where = f"in {versioned.label(commit)}"
            problem = _differs(_data(mapping(commit.get("files"))), mapping(there[at].get("files")), where)
            if problem is None:
                position = at + 1
                break
            near = near or problem
        else:
            return near or f"the commit {versioned.label(commit)} of branch `{branch}` is missing in lakeFS"
    return None


def _differs(data: _State, files: Mapping[str, Json], where: str) -> str | None:
    for path, md5 in data.items():
        entry = mapping(files.get(path))
        if not entry:
            return f"{path} is not in lakeFS {where}"
        if entry.get("md5") != md5:
            return f"{path} has other bytes in lakeFS {where}"
    for path in files:
        if versioned.kind(path) == "data" and path not in data:
            return f"{path} is in lakeFS {where}, and was not in the original"
    return None


def _data(files: Mapping[str, Json]) -> _State:
    held = {path: mapping(file) for path, file in files.items()}
    return {
        path: file.get("md5")
        for path, file in held.items()
        if file.get("how") == "lfs" or versioned.kind(path) == "data"
    }


def _made(commit: Mapping[str, Json]) -> bool:
    return commit.get("message") not in ("Start", "The project's files")


def _changes(commits: Sequence[Mapping[str, Json]], number: int) -> bool:
    """Whether a commit changed data: lakeFS makes no commit without a change."""
    now = _data(mapping(commits[number].get("files")))
    return now != (_data(mapping(commits[number - 1].get("files"))) if number else {})


def _left_in_git(target: Mapping[str, Json]) -> str | None:
    for repository in versioned.repositories(target).values():
        for commit in repository["commits"].values():
            for path in _data(mapping(commit.get("files"))) if _made(commit) else ():
                return f"{path} is still put into Git, in {versioned.label(commit)}"
    return None


def _not_committed(lakes: Sequence[Mapping[str, Json]]) -> str | None:
    for lake in lakes:
        for branch, paths in mapping(lake.get("staged")).items():
            if isinstance(paths, list) and any(versioned.kind(str(path)) == "data" for path in paths):
                return f"{paths[0]} was uploaded to branch `{branch}` of lakeFS and is not committed"
    return None
