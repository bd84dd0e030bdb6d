"""A corpus: a folder with a manifest.json that lists adaptations and what their verdict ought to be.

    [{"id": "tabular-lr/mlflow/constant", "original": "gold/tabular_lr.py", "adapted": "mutants/0001.py",
      "component": "mlflow", "functionality": "experiment-tracking", "expect": "fail",
      "operator": "logs-a-constant", "why": "accuracy is always 0.9"}]

Paths are relative to the manifest. Optional: `source_component` (a translation), `run` (how the original is started).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_bot import command, components
from mlops_bot.errors import UserError
from mlops_bot.types import Functionality, Json

MANIFEST = "manifest.json"
_NEEDED = ("id", "original", "adapted", "component", "functionality", "expect")
_KNOWN = {*_NEEDED, "source_component", "run", "operator", "why"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One adaptation. `original` and `adapted` are absolute."""

    id: str
    original: Path
    adapted: Path
    component: str
    functionality: Functionality
    expect: Literal["pass", "fail"]
    source_component: str | None = None
    run: str | None = None
    operator: str = ""
    why: str = ""


def below(*folders: Path) -> list[Path]:
    """Every corpus at or below the folders: wherever a manifest is. A folder without any is named as it is."""
    found = [path.parent for folder in folders for path in sorted(folder.rglob(MANIFEST))]
    return found or list(folders)


def read(folder: Path) -> list[Entry]:
    """The entries of one corpus, in the manifest's order. Raises UserError that names every entry that is wrong."""
    manifest = folder / MANIFEST if folder.is_dir() else folder
    if not manifest.is_file():
        raise UserError(f"{folder}: has no {MANIFEST}", hint="name the folder of a corpus (see benchmark/README.md)")
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest}: cannot be read: {error}", hint="write a JSON list of entries") from None
    if not isinstance(data, list):
        raise UserError(f"{manifest}: is no list", hint="write a JSON list of entries")
    problems: list[str] = []
    entries: list[Entry] = []
    for number, item in enumerate(data):
        label = str(item.get("id", number)) if isinstance(item, dict) else str(number)
        found = _problem(item, manifest.parent)
        if found is None:
            entries.append(_entry(item, manifest.parent))
        else:
            problems.append(f"entry {label}: {found}")
    twice = [name for name, count in Counter(entry.id for entry in entries).items() if count > 1]
    problems += [f"the id {name} is used more than once" for name in twice]
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise UserError(f"{manifest}: {'; '.join(problems[:5])}{more}", hint="correct the manifest")
    return entries


def _problem(item: Json, folder: Path) -> str | None:
    if not isinstance(item, dict):
        return "is no mapping"
    missing, unknown = [key for key in _NEEDED if key not in item], sorted(item.keys() - _KNOWN)
    if missing or unknown:
        return "; ".join(
            [
                *([f"lacks {', '.join(missing)}"] if missing else []),
                *([f"unknown {', '.join(unknown)}"] if unknown else []),
            ]
        )
    wrong = [key for key, value in item.items() if not isinstance(value, str) and value is not None]
    if wrong:
        return f"{', '.join(wrong)}: not a text"
    if item["expect"] not in ("pass", "fail"):
        return f'expect is {item["expect"]!r}, not "pass" or "fail"'
    for key in ("original", "adapted"):
        if not (folder / item[key]).is_file():
            return f"{key} {item[key]} does not exist"
    try:
        command.parse(_words(item), components=components.load_all())
    except UserError as error:
        return f"{error} ({error.hint})"
    return None


def _words(item: dict[str, str]) -> Sequence[str]:
    source = item.get("source_component")
    names = ["translate", source, item["component"]] if source else ["add", item["component"]]
    return [*names, "--for", item["functionality"]]


def _entry(item: dict[str, str], folder: Path) -> Entry:
    asked = command.parse(_words(item), components=components.load_all())
    assert asked.target is not None and asked.functionality is not None
    return Entry(
        id=item["id"],
        original=(folder / item["original"]).resolve(),
        adapted=(folder / item["adapted"]).resolve(),
        component=asked.target,
        functionality=asked.functionality,
        expect="pass" if item["expect"] == "pass" else "fail",
        source_component=asked.source,
        run=item.get("run") or None,
        operator=item.get("operator") or "",
        why=item.get("why") or "",
    )
