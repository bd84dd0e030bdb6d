"""Version control moved from Git and Git LFS to DVC, or back: the same bytes at the same revisions. Pure.

Judged is what repositories hold after both runs (verify/inside/repositories.py), not how the program is written. Code
stays in Git, data goes to where the translation leads. What is neither for certain may be in either place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from mlops_bot.types import Failed, Json, Observation, Output
from mlops_bot.verify import preserved

CODE = frozenset(
    (
        ".py", ".pyi", ".ipynb", ".sh", ".bash", ".r", ".jl", ".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".java", ".go",
        ".rs", ".js", ".ts", ".md", ".rst", ".toml", ".cfg", ".ini", ".lock", ".dockerfile",
    )
)  # fmt: skip
DATA = frozenset(
    (
        ".csv", ".tsv", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".pkl", ".pickle", ".joblib", ".pt",
        ".pth", ".ckpt", ".safetensors", ".h5", ".hdf5", ".onnx", ".pb", ".tflite", ".bin", ".dat", ".zip",
        ".gz", ".bz2", ".xz", ".tar", ".tgz", ".7z", ".jsonl", ".ndjson", ".avro", ".orc", ".db", ".sqlite",
        ".sqlite3", ".mat", ".rds", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".wav",
        ".mp3", ".flac", ".ogg", ".mp4", ".avi", ".mov", ".mkv", ".xls", ".xlsx", ".tfrecord", ".keras",
    )
)  # fmt: skip
_HOUSEKEEPING = re.compile(r"(^|/)(\.gitattributes|\.gitignore|\.dvcignore|\.dvc/.*|dvc\.(yaml|lock)|[^/]*\.dvc)$")
_REQUIREMENTS = re.compile(
    r"(^|/)(requirements[^/]*\.(txt|in)|pyproject\.toml|setup\.(py|cfg)|environment\.ya?ml|uv\.lock)$"
)
_ID = re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b|\b[0-9a-f]{40}\b|\b\d{7,9}\b(?=\.\.|\s*\])")
Files = Mapping[str, Mapping[str, Json]]
Home = Literal["dvc", "git"]


def kind(path: str) -> Literal["code", "data", "either", "housekeeping"]:
    """What a path most certainly is."""
    if _HOUSEKEEPING.search(path):
        return "housekeeping"
    suffix = PurePosixPath(path).suffix.lower()
    return "data" if suffix in DATA else "code" if suffix in CODE else "either"


def check(
    source: Mapping[str, Json], target: Mapping[str, Json], *, home: Home, script: str, titles: tuple[str, str]
) -> str | None:
    """Why what the translated program left is not what the original left; None when it is.

    `home`: where data has to be now. `script`: the program's own path, whose text is another now.
    `titles`: what is moved from, and to.
    """
    before, after = repositories(source), repositories(target)
    if not before:
        return f"the original left no repository, so there is nothing to compare: {_errors(source)}"
    lfs = frozenset(str(path) for repository in before.values() for path in repository.get("lfs_work") or ())
    for path, repository in before.items():
        twin = after.get(path)
        if twin is None:
            return f"the original left a repository in {_place(path)}, the translation does not: {_errors(target)}"
        reason = _Comparison(repository, twin, home, script, lfs).reason()
        if reason:
            return f"{_place(path)}: {reason}"
    if reason := nothing(source, titles[0]):
        return reason
    return _dvc(after, target) if home == "dvc" else _no_dvc(after)


def nothing(source: Mapping[str, Json], title: str) -> str | None:
    """Why what the original left gives nothing to compare; None when it does."""
    if any(map(_acts, repositories(source).values())):
        return None
    return (
        f"the original leaves nothing in {title} when it is run: no commit, no tag, no branch, no data from a remote; "
        "where something else calls its functions, pass that with --run"
    )


def preserved_but_ids(
    baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
) -> Failed | None:
    """The comparison of two runs, where commits may have other ids."""
    runs = [_without_ids(run) for run in (baseline, adapted)]
    second = _without_ids(second_baseline) if second_baseline is not None else None
    return preserved.compare(runs[0], runs[1], second_baseline=second)


def _without_ids(run: Observation) -> Observation:
    outputs = {
        path: Output(output.sha256, output.size, None if output.text is None else _ID.sub("<id>", output.text))
        for path, output in run.outputs.items()
    }
    return replace(run, stdout=_ID.sub("<id>", run.stdout), stderr=_ID.sub("<id>", run.stderr), outputs=outputs)


# --- one repository -------------------------------------------------------------------------------------------


class _Comparison:
    def __init__(
        self, before: Mapping[str, Json], after: Mapping[str, Json], home: Home, script: str, lfs: frozenset[str]
    ) -> None:
        self.before, self.after, self.home, self.script = before, after, home, script
        self.lfs = lfs  # what the original gave to Git LFS, committed or not
        self.given = _given(before)

    def reason(self) -> str | None:
        return self._refs() or self._histories() or self._tags() or self._work()

    def _refs(self) -> str | None:
        for word in ("branches", "tags"):
            for name in self.before[word]:
                if name not in self.after[word]:
                    return f"the {word.rstrip('es') if word == 'branches' else 'tag'} `{name}` is missing"
        if not self.before["bare"] and self.before["head"] in self.before["branches"]:
            if self.before["head"] != self.after["head"]:
                return (
                    f"the branch `{self.before['head']}` was checked out at the end, now it is `{self.after['head']}`"
                )
        return None

    def _histories(self) -> str | None:
        for name, tip in self.before["branches"].items():
            old = history(self.before["commits"], tip)
            new = history(self.after["commits"], self.after["branches"][name])
            position = 0
            for commit in old:
                near: str | None = None
                for at in range(position, len(new)):
                    if not same_message(commit, new[at]):
                        continue
                    problem = self._state(commit["files"], new[at]["files"], label(commit))
                    if problem is None:
                        position = at + 1
                        break
                    near = near or problem
                else:
                    return near or f"the commit {label(commit)} of branch `{name}` is missing"
        return None

    def _tags(self) -> str | None:
        for name, commit in self.before["tags"].items():
            old = self.before["commits"].get(commit)
            new = self.after["commits"].get(self.after["tags"][name])
            if old is not None and new is not None:
                problem = self._state(old["files"], new["files"], f"tag `{name}`")
                if problem:
                    return problem
        return None

    def _state(self, old: Files, new: Files, where: str) -> str | None:
        """What is wrong with the files of one revision."""
        for path, file in old.items():
            what = "data" if file["how"] != "git" else kind(path)
            if what == "housekeeping":
                continue
            now = new.get(path)
            if now is None:
                return f"{path} is in {where} of the original, and neither in Git nor in DVC now"
            homes = ("git", "lfs") if self.home == "git" else (self.home,)
            if what == "data" and now["how"] not in homes and self.given.get(path) != file["md5"]:
                place = {"git": "still a file of Git itself", "lfs": "still in Git LFS", "dvc": "still under DVC"}[
                    str(now["how"])
                ]
                return f"{path} is data, and in {where} it is {place}"
            if what == "code" and now["how"] != "git":
                return f"{path} is code: it stays in Git, but in {where} it is under DVC"
            own = path == self.script or _REQUIREMENTS.search(path)
            if not own and file["md5"] is not None and file["md5"] != now["md5"]:
                return f"{path} has other bytes in {where} than in the original"
        for path in new:
            if path not in old and not path.endswith("/") and kind(path) == "data" and path not in self.lfs:
                return f"{path} is in {where}, and was not in the original's"
        return None

    def _work(self) -> str | None:
        """The working trees hold the same bytes at the end."""
        if self.before["bare"]:
            return None
        old, new = self.before.get("work") or {}, self.after.get("work") or {}
        tracked = {path for commit in self.before["commits"].values() for path in commit["files"]}
        for path, file in old.items():
            if path not in tracked or kind(path) in ("code", "housekeeping") or path == self.script:
                continue
            if path not in new:
                return f"{path} was in the working tree at the end, and is not now: check it out with DVC, too"
            if new[path]["md5"] != file["md5"]:
                return f"{path} has other bytes in the working tree at the end: check it out with DVC, too"
        for path in new:
            if path in tracked and path not in old and kind(path) == "data":
                return f"{path} is in the working tree at the end, and was not in the original's"
        return None


def _given(repository: Mapping[str, Json]) -> Mapping[str, Json]:
    """Files of commits that the program did not make: what a stand-in remote began with."""
    found: dict[str, Json] = {}
    for commit in repository["commits"].values():
        if commit["message"] == "The project's files":
            found.update({path: file["md5"] for path, file in commit["files"].items()})
    return found


def _acts(repository: Mapping[str, Json]) -> bool:
    """Whether the program did something that is kept: a commit, a tag, a branch, or data that came from a remote."""
    made = [c for c in repository["commits"].values() if c["message"] not in ("Start", "The project's files")]
    came = not repository["bare"] and any(kind(path) == "data" for path in _given(repository))
    return bool(made or repository["tags"] or len(repository["branches"]) > 1 or came)


def history(commits: Mapping[str, Mapping[str, Json]], tip: str) -> list[Mapping[str, Json]]:
    """All commits that lead to `tip`, parents first."""
    done: list[str] = []
    seen: set[str] = set()
    waiting = [tip]
    while waiting:
        name = waiting[-1]
        if name in seen or name not in commits:
            waiting.pop()
            if name in commits and name not in done:
                done.append(name)
            continue
        seen.add(name)
        waiting += [parent for parent in reversed(commits[name]["parents"]) if parent not in seen]
    return [commits[name] for name in done]


def same_message(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """The same words; numbers may be times."""
    words = [re.sub(r"\d+", "0", _ID.sub("<id>", str(commit["message"]))) for commit in (one, other)]
    return words[0] == words[1]


def label(commit: Mapping[str, Json]) -> str:
    return f"`{str(commit['message']).splitlines()[0][:60] if commit['message'] else '(no message)'}`"


# --- where the data is now ------------------------------------------------------------------------------------


def _dvc(after: Mapping[str, Json], target: Mapping[str, Json]) -> str | None:
    """DVC is set up for those who clone, holds every byte, gives it back, and nothing of Git LFS is left."""
    if not any(repository.get("dvc") for repository in after.values()):
        return "no repository is a DVC repository: make it one with `Repo.init` of dvc.repo"
    stored = target.get("stored") or {}
    remote, cached = set(stored.get("remote") or ()), set(stored.get("cache") or ())
    for path, repository in after.items():
        reason = _kept(repository, remote if repository["bare"] else remote | cached) or _clonable(repository)
        if reason is None and not repository["bare"]:
            reason = _set_up(repository) or _brought_back(repository, target)
        if reason:
            return f"{_place(path)}: {reason}"
    return None


def _kept(repository: Mapping[str, Json], stored: AbstractSet[Json]) -> str | None:
    """The bytes behind every .dvc file are there: of what was pushed in a remote."""
    for commit in repository["commits"].values():
        for name, file in commit["files"].items():
            if file["how"] == "lfs":
                return f"{name} is still in Git LFS in {label(commit)}"
            if file["how"] == "dvc" and not name.endswith("/") and file["md5"] not in stored:
                if repository["bare"]:
                    return f"{label(commit)} was pushed, and its {name} is in no DVC remote: push it with DVC, too"
                return f"{name} of {label(commit)} is neither in a cache nor in a remote of DVC"
    return None


def _clonable(repository: Mapping[str, Json]) -> str | None:
    """A clone of what was pushed knows where the data is."""
    tips = repository.get("tips") or {}
    for name, commit in repository["branches"].items():
        files = repository["commits"].get(commit, {}).get("files", {})
        if repository["bare"] and any(file["how"] == "dvc" for file in files.values()) and not tips.get(name):
            return f"the .dvc/config of branch `{name}` names no default remote, so no clone can pull it: commit it"
    return None


def _set_up(repository: Mapping[str, Json]) -> str | None:
    if repository.get("lfs_work"):
        return f".gitattributes still gives {repository['lfs_work'][0]} to Git LFS"
    tip = repository["commits"].get(repository["branches"].get(repository["head"], ""))
    if repository.get("dvc") and tip is not None and _made_commits(repository) and ".dvc/config" not in tip["files"]:
        return ".dvc/config is not committed, so a clone is no DVC repository"
    return None


def _brought_back(repository: Mapping[str, Json], target: Mapping[str, Json]) -> str | None:
    """What the collector found when it took each revision out of a clone."""
    found = repository.get("brought_back") or {}
    for commit, what in found.items():
        if what["wrong"]:
            name, how = next(iter(what["wrong"])), "pull" if what["from"] == "remote" else "checkout"
            said = label(repository["commits"][commit])
            return f"{name} of {said} does not come back: in a clone with that revision DVC's {how} gives other bytes"
    if _has_dvc_data(repository) and not found:
        return f"no revision could be brought back: {_errors(target)}"
    return None


def _made_commits(repository: Mapping[str, Json]) -> bool:
    return any(c["message"] not in ("Start", "The project's files") for c in repository["commits"].values())


def _has_dvc_data(repository: Mapping[str, Json]) -> bool:
    return any(file["how"] == "dvc" for commit in repository["commits"].values() for file in commit["files"].values())


def _no_dvc(after: Mapping[str, Json]) -> str | None:
    for path, repository in after.items():
        if _has_dvc_data(repository):
            return f"{_place(path)}: data is still under DVC"
        if repository.get("dvc"):
            return f"{_place(path)}: it is still a DVC repository"
    return None


# --- what collectors wrote, with the shapes that are relied on --------------------------------------------------


def repositories(evidence: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    found: dict[str, Mapping[str, Json]] = {}
    for entry in evidence.get("repositories") or ():
        if isinstance(entry, Mapping) and all(
            isinstance(entry.get(key), Mapping) for key in ("branches", "tags", "commits")
        ):
            path = str(entry.get("path"))
            if not path.startswith("project/.dvc/"):
                found[path] = entry
    return found


def _place(path: str) -> str:
    remote = path.partition(".mlops-bot/world/remotes/")[2]
    return (
        f"the remote {remote}"
        if remote
        else "the project's repository"
        if path == "project"
        else f"the repository {path}"
    )


def _errors(evidence: Mapping[str, Json]) -> str:
    return "; ".join(str(error) for error in list(evidence.get("errors") or ())[:2]) or "nothing was found"
