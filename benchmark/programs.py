"""The example programs: which there are, where their files come from, how each is started. Pure but for `load`.

Those of the paper's Tables I to IV are fetched. Those of the translation study are our own, for the paper names none
but the eight lines of its Fig. 9: the originals of the translations in gold/.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_bot.errors import UserError
from mlops_bot.types import Framework

Era = Literal["current", "paper"]
ERAS: tuple[Era, ...] = ("current", "paper")
FILE = Path(__file__).with_name("programs.yml")
TRANSLATIONS = Path(__file__).with_name("gold") / "translation"


@dataclass(frozen=True, slots=True)
class SourcePath:
    """One file of a program. `path`: in the program's folder; `source`: in its repository."""

    path: str
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """A program as it was at one time."""

    commit: str
    files: tuple[SourcePath, ...]
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    id: str  # "pytorch/mnist"; of a translation "gitpython/large_file"
    framework: Framework | None
    repository: str
    entry: str
    license: str
    forms: Mapping[Era, Form]
    data: str | None = None  # a stand-in of standins.py
    source: str | None = None  # of a translation: the component that it uses now
    own: Path | None = None  # the file, where it is ours and nothing is fetched


def load(path: Path = FILE, *, only: str | None = None) -> list[Program]:
    """All programs, or those whose id matches a pattern. Raises UserError when none does."""
    import yaml

    data = yaml.safe_load(path.read_text(encoding="utf-8"))["programs"]
    programs = [*(_program(entry) for entry in data), *_own(TRANSLATIONS)]
    found = [p for p in programs if only is None or fnmatch.fnmatch(p.id, only)]
    if not found:
        known = ", ".join(program.id for program in programs)
        raise UserError(f"--programs {only}: matches no program", hint=f"there are: {known}")
    return found


def _program(data: Mapping[str, object]) -> Program:
    fields = {name: data.get(name) for name in ("id", "framework", "repository", "entry", "license", "data")}
    return Program(forms={era: _form(data[era]) for era in ERAS}, **fields)  # type: ignore[arg-type]


def _form(data: object) -> Form:
    assert isinstance(data, dict)
    files = tuple(SourcePath(f["path"], f.get("source", f["path"]), f["sha256"]) for f in data["files"])
    return Form(data["commit"], files, data.get("run"))


def _own(folder: Path) -> list[Program]:
    """The programs that are translated, each once, by the component that they use."""
    from benchmark import corpus

    entries = {entry.original: entry for entry in corpus.read(folder) if entry.source_component}
    return [
        Program(
            id=f"{entry.source_component}/{path.stem}",
            framework=None,
            repository="mlops-bot",
            entry=path.name,
            license="Apache-2.0",
            forms={era: Form("", (), entry.run) for era in ERAS},
            source=entry.source_component,
            own=path,
        )
        for path, entry in sorted(entries.items())
    ]


def belonging(programs: Sequence[Program], framework: Framework | None, source: str | None) -> list[Program]:
    """The programs of one row: of its framework, or of the component that they are moved away from."""
    return [program for program in programs if (program.framework, program.source) == (framework, source)]
