"""`python -m benchmark fetch`: the programs by commit and hash, and stand-in data beside them.

From a mirror (a folder that holds the files in whatever layout, or clones of their repositories), else from GitHub.
A file counts only with the right sha256, so it does not matter where it comes from. Nothing fetched is ever committed.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.programs import Era, Form, Program, SourcePath, load
from benchmark.standins import STANDINS
from mlops_bot import settings
from mlops_bot.errors import MlopsBotError, UserError

MIRRORED_BYTES = 2_000_000  # files of a mirror that are larger are none of ours


class FetchError(MlopsBotError):
    """A file cannot be had, or is not the one that is asked for."""


@dataclass(frozen=True, slots=True)
class Missing:
    program: str
    path: str
    reason: str


def home(configured: settings.Settings) -> Path:
    """Where fetched programs are kept."""
    return configured.cache_dir / "benchmark" / "programs"


def folder(root: Path, program: Program, era: Era) -> Path:
    return root / era / program.id


def complete(root: Path, program: Program, era: Era) -> bool:
    """Whether every file of the program is there with the right hash."""
    place = folder(root, program, era)
    return all(_right(place / file.path, file) for file in program.forms[era].files)


def run(options: argparse.Namespace) -> int:
    """0 when all is there; 3 when something cannot be had, named. What is there already is not fetched again."""
    root = home(settings.load())
    programs = [program for program in load(only=options.programs) if program.own is None]
    if options.mirror is not None and not options.mirror.is_dir():
        raise UserError(f"--mirror {options.mirror}: is no folder", hint="name a folder with the programs, or clones")
    sources = Sources(options.mirror)
    missing: list[Missing] = []
    for number, program in enumerate(programs, 1):
        for era in options.eras:
            failed = fetch(root, program, era, sources)
            missing += failed
            state = "; ".join(f"{entry.path}: {entry.reason}" for entry in failed) or "there"
            print(f"{number}/{len(programs)}  {program.id} ({era}): {state}")
    print(f"{len(programs)} programs below {root}" + (f", {len(missing)} files missing" if missing else ""))
    if missing:
        hint = "pass --mirror DIR with a folder that has them, or clones of their repositories"
        raise FetchError(
            f"{len(missing)} files cannot be had, first {missing[0].program}: {missing[0].reason}", hint=hint
        )
    return 0


def fetch(root: Path, program: Program, era: Era, sources: Sources) -> list[Missing]:
    """Puts one program and its stand-in data in place. What cannot be had is returned, nothing half is left."""
    place, form, failed = folder(root, program, era), program.forms[era], []
    for file in form.files:
        target = place / file.path
        if _right(target, file):
            continue
        try:
            content = sources.get(program, form, file)
        except FetchError as error:
            failed.append(Missing(program.id, file.path, str(error)))
            continue
        _write(target, content)
    for path, content in (STANDINS[program.data]() if program.data else {}).items():
        _write(place / path, content)
    return failed


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    temporary.write_bytes(content)
    temporary.replace(target)


def _right(path: Path, file: SourcePath) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


class Sources:
    """Where files come from: the mirror's files by hash, then its clones by commit, then GitHub."""

    def __init__(self, mirror: Path | None) -> None:
        self._mirror = mirror
        self._files: dict[str, Path] | None = None
        self._clones: list[Path] = []

    def get(self, program: Program, form: Form, file: SourcePath) -> bytes:
        """The file's content. Raises FetchError when no source has it with the right hash."""
        for content in self._candidates(program, form, file):
            if hashlib.sha256(content).hexdigest() == file.sha256:
                return content
        where = "the mirror does not have it, and GitHub" if self._mirror else "GitHub"
        raise FetchError(f"{where} did not give {program.repository}/{file.source} at {form.commit[:12]} with its hash")

    def _candidates(self, program: Program, form: Form, file: SourcePath) -> Iterator[bytes]:
        if self._mirror is not None:
            self._look(self._mirror)
            assert self._files is not None
            if file.sha256 in self._files:
                yield self._files[file.sha256].read_bytes()
            for clone in self._clones:
                shown = subprocess.run(
                    ["git", "--git-dir", str(clone), "show", f"{form.commit}:{file.source}"],  # noqa: S607
                    capture_output=True, check=False,
                )  # fmt: skip
                if shown.returncode == 0:
                    yield shown.stdout
        content = _from_github(program.repository, form.commit, file.source)
        if content is not None:
            yield content

    def _look(self, mirror: Path) -> None:
        """Hashes every small file of the mirror, once; clones are told by their HEAD."""
        if self._files is not None:
            return
        self._files = {}
        pending = [mirror]
        while pending:
            here = pending.pop()
            if (here / "HEAD").is_file() and (here / "objects").is_dir():
                self._clones.append(here)
                continue
            for entry in sorted(here.iterdir()):
                if entry.is_symlink():
                    continue
                if entry.is_dir():
                    pending.append(entry)
                elif entry.stat().st_size <= MIRRORED_BYTES:
                    self._files.setdefault(hashlib.sha256(entry.read_bytes()).hexdigest(), entry)


def _from_github(repository: str, commit: str, path: str) -> bytes | None:
    """A file's content at a commit; None where it cannot be had."""
    import requests

    try:
        answer = requests.get(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}", timeout=(5, 30))
    except requests.RequestException:
        return None
    return answer.content if answer.ok else None
