"""What repositories hold after a run as lines that a person reads: files per revision, storage, old revisions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from mlops_bot.shown import one_line
from mlops_bot.types import Json
from mlops_bot.verify.untrusted import mapping, mappings

_REPOSITORIES, _REVISIONS, _FILES = 4, 8, 4
_OWN = re.compile(r"(^|/)(\.dvc/.*|\.dvcignore|\.gitignore|\.gitattributes|[^/]*\.dvc)$")
_PLACES = {"dvc": "under DVC", "lfs": "in Git LFS", "lakefs": "in lakeFS", "git": "in Git"}
_GIVEN = (
    "Start",
    "The project's files",
    "Repository created",
)  # commits of the stand-in repository, not of the program


def rows(component: Mapping[str, Json]) -> list[str]:
    """`component`: the evidence of a version control's collector (verify/inside/repositories.py)."""
    found = [*_lakes(component), *mappings(component.get("repositories"))]
    if not found:
        return []
    shown = [line for repository in found[:_REPOSITORIES] for line in _repository(repository)]
    if len(found) > _REPOSITORIES:
        shown.append(f"  ... and {len(found) - _REPOSITORIES} more repositories")
    return [*shown, *_stored(mapping(component.get("stored")))]


def _lakes(component: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """lakeFS' repositories in the form of Git's."""
    lakes = mappings(component.get("lake"))
    return [
        {
            **lake,
            "path": f"lakeFS {lake.get('id')}",
            "commits": dict(reversed(list(mapping(lake.get("commits")).items()))),
        }
        for lake in lakes
    ]


def summary(component: Mapping[str, Json]) -> str | None:
    """The same in a few words: "3 commits, 2 data files under DVC"; None where there is no repository."""
    found = [one for one in mappings(component.get("repositories")) if not one.get("bare")]
    found = _lakes(component) or found
    if not found:
        return None
    files = {"dvc": set[str](), "lfs": set[str](), "lakefs": set[str]()}
    made = 0
    for repository in found:
        for commit in _made(repository):
            made += 1
            for path, file in mapping(commit.get("files")).items():
                how = str(mapping(file).get("how"))
                if how in files and not path.endswith("/"):
                    files[how].add(path)
    told = [f"{made} commit{'' if made == 1 else 's'}"]
    told += [f"{_count(len(paths), 'data file')} {_PLACES[how]}" for how, paths in files.items() if paths]
    return ", ".join(told)


def _repository(repository: Mapping[str, Json]) -> Iterator[str]:
    path = str(repository.get("path"))
    remote = path.partition("/world/remotes/")[2]
    name = f"the remote {remote}" if remote else "the project's repository" if path == "project" else path
    branches, tags = ", ".join(mapping(repository.get("branches"))), ", ".join(mapping(repository.get("tags")))
    yield f"  {one_line(name, 60)}: {_heading(branches, tags)}"
    commits = _made(repository)
    for commit in commits[:_REVISIONS]:
        message = str(commit.get("message") or "(no message)").splitlines()[0]
        yield f"    {one_line(message, 40)}: {_files(mapping(commit.get('files')))}"
    if len(commits) > _REVISIONS:
        yield f"    ... and {len(commits) - _REVISIONS} more commits"
    back = [mapping(one) for one in mapping(repository.get("brought_back")).values()]
    if back:
        count = sum(int(one["files"]) for one in back if isinstance(one.get("files"), int))
        right = sum(not one.get("wrong") for one in back)
        source = "storage" if any(one.get("from") == "remote" for one in back) else "cache"
        yield (
            f"    brought back in a fresh clone from the {source}: {right} of {len(back)} revisions with data, "
            f"{_count(count, 'file')} byte by byte"
        )


def _heading(branches: str, tags: str) -> str:
    told = [f"branches {one_line(branches, 60)}" if "," in branches else f"branch {one_line(branches, 60)}"]
    return "; ".join([*(told if branches else []), *([f"tags {one_line(tags, 60)}"] if tags else [])]) or "empty"


def _made(repository: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The program's own commits, the oldest first."""
    commits = mappings(list(mapping(repository.get("commits")).values()))
    return [commit for commit in reversed(commits) if commit.get("message") not in _GIVEN]


def _files(files: Mapping[str, Json]) -> str:
    places: dict[str, list[str]] = {}
    for path, file in files.items():
        if not _OWN.search(path) and not path.endswith("/"):
            places.setdefault(str(mapping(file).get("how")), []).append(path)
    return "; ".join(f"{_PLACES[how]} {_listed(places[how])}" for how in _PLACES if how in places) or "no files"


def _listed(paths: Sequence[str]) -> str:
    names = ", ".join(one_line(path, 40) for path in paths[:_FILES])
    return names + (f" and {len(paths) - _FILES} more" if len(paths) > _FILES else "")


def _stored(stored: Mapping[str, Json]) -> Iterator[str]:
    remote, cache = (len(found) if isinstance(found := stored.get(word), list) else 0 for word in ("remote", "cache"))
    if remote or cache:
        yield f"  DVC's storage has {_count(remote, 'object')}, its cache {_count(cache, 'object')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
