"""Verified changes to disk: which files change, whether they can be written, and writing them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mlops_bot import project
from mlops_bot.errors import UserError
from mlops_bot.project import Project
from mlops_bot.report import Change
from mlops_bot.requirements_file import add_requirement
from mlops_bot.types import Adaptation


def check_targets(gathered: Project, *, write: bool, out: Path | None) -> None:
    """Refuses, before anything is run, what could not be written afterwards."""
    if out is not None:
        place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        if not place.is_dir():
            raise UserError(f"--out {out}: {place} is a file", hint="name a folder; it is made where it is missing")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"--out {out}: no permission to write in {place}", hint="name another folder")
    for path in gathered.scripts if write else ():
        _check_writable(gathered.root / path, path)


def _check_writable(place: Path, path: str) -> None:
    # The mode is looked at as well: a file is replaced as a whole, which a write-protected one would not stop.
    if not place.stat().st_mode & 0o222 or not os.access(place, os.W_OK) or not os.access(place.parent, os.W_OK):
        raise UserError(f"{path}: is write-protected", hint="allow writing (chmod u+w), or use --out DIR")


def changed_files(adaptation: Adaptation, gathered: Project) -> list[Change]:
    """The files as the chosen candidate leaves them, with the requirement it needs. Nothing where none is chosen."""
    if adaptation.chosen is None or adaptation.chosen.candidate is None:
        return []
    texts = {file.path: file.text for file in adaptation.task.files}
    changes = [
        Change(path, before, adaptation.chosen.candidate.files.get(path, before)) for path, before in texts.items()
    ]
    if any(change.changed for change in changes):
        known = project.requirement_files(gathered)
        after = dict(known)
        for requirement in adaptation.task.component.requirements:
            after.update(add_requirement(after, requirement, near=adaptation.task.script.path))
        changes += [Change(path, known[path], text) for path, text in after.items() if text != known[path]]
    return changes


def deliver(
    adaptation: Adaptation, changes: Sequence[Change], gathered: Project, *, write: bool, out: Path | None
) -> str | None:
    """Writes verified changes into the project and into `out`. Returns what was done in words, None when nothing was.

    Raises UserError when a file changed in the meantime or cannot be written.
    """
    changed = [change for change in changes if change.changed]
    if adaptation.status != "verified" or not changed:
        return None
    done = []
    try:
        if out is not None:
            for change in changed:
                target = out / change.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(gathered.encode(change.path, change.after))
            done.append(f"written to {out}")
        if write:
            _replace_all(changed, gathered)
            done.append("written: " + ", ".join(change.path for change in changed))
    except OSError as error:
        raise UserError(
            f"{error.filename or out}: {error.strerror or error}", hint="check permissions and free space"
        ) from None
    return "; ".join(done) or None


def _replace_all(changed: Sequence[Change], gathered: Project) -> None:
    """All files are checked before the first is written."""
    pending = []
    for change in changed:
        place, content = gathered.root / change.path, gathered.encode(change.path, change.after)
        there = place.read_bytes()
        if there == content:  # an earlier script of the same command brought the same requirement
            continue
        if there != gathered.files[change.path]:
            raise UserError(
                f"{change.path}: was changed while the candidate was verified", hint="run the command again"
            )
        _check_writable(place, change.path)
        pending.append((place, content))
    for place, content in pending:
        replace_file(place, content)


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file's content at once, keeping its mode: a reader sees the old file or the new one."""
    path = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(path.stat().st_mode & 0o7777)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
