"""Which files of a pull request are its training files, and why the others are not. Pure.

    candidates(...)  by path, status, mode and size: what has to be read       before anything is fetched
    choose(...)      by content: what is a training script                     after that

Paths that a command names win; then the patterns of the configuration; else the changed files that `source.analyse`
recognises. Whatever is named or looks like one and is not taken has a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mlops_bot import source
from mlops_bot.command import did_you_mean
from mlops_bot.errors import UserError
from mlops_bot.github import globs, paths
from mlops_bot.github.changes import touched_lines, with_modes
from mlops_bot.github.model import ChangedFile, Config, FileResult, Tree
from mlops_bot.notebook import SUFFIX, is_notebook
from mlops_bot.script import MAX_NOTEBOOK_BYTES, MAX_SCRIPT_BYTES, decode
from mlops_bot.shown import one_line
from mlops_bot.types import Command, SourceFacts

SUFFIXES = (".py", SUFFIX)
LISTED = 3000  # files of a pull request that GitHub lists at most
_TEST = re.compile(r"(^|/)(tests?/|test_[^/]*\.py$|[^/]*_test\.py$|conftest\.py$)")
_NAME_IT = "name the file in the command, such as `/mlops add mlflow src/train.py`"


@dataclass(frozen=True, slots=True)
class Candidates:
    """`paths`: whose content decides. `named`: a person or the configuration chose them, so nothing is guessed."""

    paths: tuple[str, ...]
    named: bool
    changed: Mapping[str, ChangedFile] = field(default_factory=dict)
    results: tuple[FileResult, ...] = ()  # "refused" and "skipped" ones, with reasons


@dataclass(frozen=True, slots=True)
class Selection:
    """`paths`: the training files, in the order in which they are adapted. `results`: all others worth a word."""

    paths: tuple[str, ...]
    results: tuple[FileResult, ...] = ()


def candidates(command: Command, files: Sequence[ChangedFile], tree: Tree, config: Config) -> Candidates:
    """What has to be read. `files`: the changed ones; `tree`: of the pull request's head."""
    files = with_modes(files, tree)
    results: list[FileResult] = []
    found: list[str] = []
    if command.paths:
        for path in command.paths:
            problem = _named(path, tree)
            if problem is None:
                found.append(path)
            else:
                results.append(FileResult(path, "refused", *problem))
        return Candidates(tuple(found), True, results=tuple(results))
    for file in files:
        listed = any(globs.matches(entry.pattern, file.path) for entry in config.files)
        if config.files and not listed:
            continue
        if file.status == "removed" or file.status == "unchanged":
            continue
        if globs.any_matches(config.exclude, file.path):
            results.append(FileResult(file.path, "skipped", "`exclude` of the configuration names it"))
            continue
        if not listed and not file.path.endswith(SUFFIXES):
            continue
        problem = _entry_problem(file.path, file.mode, file.size)
        if problem is not None:
            results.append(FileResult(file.path, "refused" if listed else "skipped", *problem))
        elif not listed and _TEST.search(file.path):
            results.append(FileResult(file.path, "skipped", "is a test", _NAME_IT))
        else:
            found.append(file.path)
    if len(files) >= LISTED:
        results.append(FileResult("...", "skipped", f"GitHub lists {LISTED} changed files at most", _NAME_IT))
    changed = {file.path: file for file in files}
    return Candidates(tuple(found), bool(config.files), changed, tuple(results))


def choose(found: Candidates, contents: Mapping[str, bytes], tree: Tree, config: Config) -> Selection:
    """The training files among the candidates. `contents`: path -> bytes at the head."""
    results = list(found.results)
    chosen: dict[str, SourceFacts] = {}
    for path in found.paths:
        facts = _read(path, contents.get(path), tree, named=found.named)
        if isinstance(facts, SourceFacts):
            chosen[path] = facts
        else:
            results.append(FileResult(path, "refused" if found.named else "skipped", *facts))
    taken = sorted(chosen, key=lambda path: _concern(found.changed.get(path), chosen[path]))[: config.max_files]
    for path in (path for path in chosen if path not in taken):
        reason = f"a command takes {config.max_files} files at most"
        results.append(FileResult(path, "skipped", reason, "name it in another command, or raise `max-files`"))
    return Selection(tuple(path for path in chosen if path in taken), tuple(results))


def _concern(file: ChangedFile | None, facts: SourceFacts) -> tuple[bool, int]:
    """Sorts what the pull request is about to the front: new lines in training loops, then many new lines."""
    if file is None:
        return (False, 0)
    new = touched_lines(file)
    loops = {line for loop in facts.loops for line in range(loop.line, loop.end_line + 1)}
    return (not new & loops, -max(len(new), file.additions))


def local_modules(listed: Iterable[str], script: str) -> frozenset[str]:
    """The top-level modules that a script can import from its own repository (project.local_modules, on a tree)."""
    folders = {PurePosixPath(script).parent.parts, (), ("src",)}
    found: set[str] = set()
    for path in listed:
        if not path.endswith(".py") or path == script:
            continue
        parts = PurePosixPath(path).parts
        for folder in folders:
            depth = len(folder)
            if parts[:depth] == folder and depth < len(parts) <= depth + 2:
                found.add(parts[depth].removesuffix(".py"))
    return frozenset(found)


def _named(path: str, tree: Tree) -> tuple[str, str | None] | None:
    """Why a path that a command names cannot be taken."""
    entry = tree.entries.get(path)
    if entry is not None:
        return _entry_problem(path, entry.mode, entry.size)
    if not tree.whole:  # not in the part that GitHub lists: whether it is there shows when it is read
        return _entry_problem(path, None, None)
    plain = path.rstrip("/")
    inside = [p for p in tree.entries if p.startswith(f"{plain}/")]
    if inside or plain in ("", "."):
        scripts = [p for p in inside or tree.entries if p.endswith(SUFFIXES)][:3]
        return "is a folder", f"name the files in it, such as {', '.join(scripts)}" if scripts else None
    if any(c in path for c in "*?["):
        return (
            "is a pattern, and commands take paths",
            "name the files, or write patterns under `files` in the configuration",
        )
    same_name = [p for p in tree.entries if p.rpartition("/")[2] == plain.rpartition("/")[2]]
    if same_name:
        return "does not exist at the pull request's head", f"did you mean `{one_line(same_name[0], 100)}`?"
    scripts = [p for p in tree.entries if p.endswith(SUFFIXES)]
    return "does not exist at the pull request's head", did_you_mean(path, scripts[:5000])


def _entry_problem(path: str, mode: str | None, size: int | None) -> tuple[str, str | None] | None:
    """Why a file cannot be adapted, from what a tree says of it: (reason, hint)."""
    why = paths.refused(path)
    if why is not None:
        return why, None
    if mode == "120000":
        return "is a symbolic link", "name the file that it leads to"
    if mode == "160000":
        return "is a submodule", "the bot works in that repository as well"
    if not path.endswith(SUFFIXES):
        return "is no Python file", "name a training script"
    most = MAX_NOTEBOOK_BYTES if is_notebook(path) else MAX_SCRIPT_BYTES
    if size is not None and size > most:
        return (
            f"has {size / 1e6:.1f} MB, at most {most / 1e6:.0f} MB is read",
            "move data out of the script",
        )
    return None


def _read(path: str, content: bytes | None, tree: Tree, *, named: bool) -> SourceFacts | tuple[str, str | None]:
    """What a file is; or why its content is no training script, and a hint."""
    if content is None:
        return "cannot be read at the pull request's head", "check that it is there"
    if content.startswith(paths.LFS):
        return "is a Git LFS pointer, its content is elsewhere", "keep scripts out of LFS"
    problem = _entry_problem(path, None, len(content))
    if problem is not None:
        return problem
    try:
        found = source.analyse(path, decode(path, content), local_modules=local_modules(tree.entries, path))
    except UserError as error:
        return str(error).removeprefix(f"{path}: "), error.hint
    if found.is_training is False:
        why = "; ".join(found.reasons) or "nothing in it trains a model"
        return f"is not a training script: {why}", "name the file that calls .fit(), Trainer.fit() or loss.backward()"
    if found.is_training is None and not named:
        why = "; ".join(found.unsure) or "it cannot be told"
        return f"may be a training script, but not surely: {why}", _NAME_IT
    return found
