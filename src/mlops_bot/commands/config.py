"""`mlops-bot config check` and `config schema`: the configuration of a repository, before the bot reads it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from mlops_bot import components, shown
from mlops_bot.commands import common
from mlops_bot.errors import UserError
from mlops_bot.github import config, globs, labels
from mlops_bot.github.model import Config
from mlops_bot.types import Json

SCHEMA = "mlops-bot/config-check/1"
_LISTED = 50_000  # files of the repository that patterns are tried on


def run(options: argparse.Namespace) -> int:
    """check: 0 where the file is right, 2 where it is not. schema: its JSON Schema, for editors."""
    if options.action == "schema":
        if options.file is not None:
            raise UserError("`config schema` takes no file", hint="write `mlops-bot config schema`")
        text = (resources.files("mlops_bot") / "schemas" / "config.schema.json").read_text(encoding="utf-8")
        sys.stdout.write(text)
        return 0
    return _check(options)


def _check(options: argparse.Namespace) -> int:
    common.check_json_target(options.json)
    name = options.file or config.PATH
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise UserError(
            f"{name}: cannot be read: {error.strerror or error}",
            hint="name the file, or call this in the root of a repository that has one",
        ) from None
    known = components.load_all()
    try:
        found = config.read(data, components=known, name=name)
    except config.ConfigError as error:
        common.write_json(options.json, _document(name, error=error))
        if options.json != "-":
            for line in str(error).splitlines():
                print(shown.plain(line))
            count = len(error.problems)
            print(f"{name}: {count} problem{'' if count == 1 else 's'}")
        return UserError.exit_code
    matching = _matching(found, _root(Path(name)))
    common.write_json(options.json, _document(name, found=found, matching=matching))
    if options.json != "-":
        for pattern, count in matching.items():
            print(f"{shown.one_line(pattern)}: {count or 'no'} file{'' if count == 1 else 's'} here")
        names = ", ".join(shown.one_line(label) for label in sorted(labels.mapping(found, known)))
        print(f"labels: {names}")
        print(f"{name}: no problems")
    return 0


def _document(
    name: str, *, found: Config | None = None, error: config.ConfigError | None = None,
    matching: dict[str, int] | None = None,
) -> dict[str, Json]:  # fmt: skip
    return {
        "schema": SCHEMA,
        "file": name,
        "valid": error is None,
        "problems": [dataclasses.asdict(problem) for problem in error.problems] if error else [],
        "files": matching or {},
        "config": dataclasses.asdict(found) if found else None,
    }


def _root(file: Path) -> Path:
    """The repository that a file in .github belongs to; the file's folder otherwise."""
    folder = file.resolve().parent
    return folder.parent if folder.name == ".github" else folder


def _matching(found: Config, root: Path) -> dict[str, int]:
    """How many files here each pattern of `files` is about, those of `exclude` left out."""
    counts = {entry.pattern: 0 for entry in found.files}
    if not counts:
        return counts
    for _, path in zip(range(_LISTED), _files(root), strict=False):
        if not globs.any_matches(found.exclude, path):
            for pattern in counts:
                counts[pattern] += globs.matches(pattern, path)
    return counts


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in (".git", ".venv", "node_modules", "__pycache__"))
        for name in sorted(names):
            yield Path(folder, name).relative_to(root).as_posix()
