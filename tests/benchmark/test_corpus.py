"""The manifest of a corpus: what is wrong with it is said by entry, and a program brings what it imports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark import corpus, judging
from mlops_bot.errors import UserError

ENTRY = {
    "id": "one",
    "original": "a.py",
    "adapted": "b.py",
    "component": "mlflow",
    "functionality": "experiment-tracking",
    "expect": "pass",
}


def write(folder: Path, *entries: object) -> Path:
    for name in ("a.py", "b.py"):
        (folder / name).write_text("x = 1\n")
    (folder / "manifest.json").write_text(json.dumps(list(entries)))
    return folder


def test_entries_are_read_with_their_paths(tmp_path: Path) -> None:
    (entry,) = corpus.read(write(tmp_path, {**ENTRY, "operator": "gold", "run": "python a.py --fast", "why": "right"}))
    assert entry.original == tmp_path / "a.py" and entry.adapted == tmp_path / "b.py"
    assert (entry.expect, entry.operator, entry.run) == ("pass", "gold", "python a.py --fast")


def test_the_manifest_itself_may_be_named(tmp_path: Path) -> None:
    assert corpus.read(write(tmp_path, ENTRY) / "manifest.json") == corpus.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"component": "mlfow"}, "did you mean `mlflow`"),
        ({"functionality": "version-control"}, "does not provide version-control"),
        ({"expect": "maybe"}, "'maybe'"),
        ({"original": "c.py"}, "original c.py does not exist"),
        ({"run": 3}, "run: not a text"),
        ({"expected": "pass"}, "unknown expected"),
    ],
)
def test_what_is_wrong_is_named_by_entry(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        corpus.read(write(tmp_path, {**ENTRY, **change}))
    assert "entry one" in str(caught.value) and said in str(caught.value)


def test_missing_fields_and_repeated_ids_are_named(tmp_path: Path) -> None:
    short = {key: value for key, value in ENTRY.items() if key != "adapted"}
    with pytest.raises(UserError, match="lacks adapted"):
        corpus.read(write(tmp_path, short))
    with pytest.raises(UserError, match="id one is used more than once"):
        corpus.read(write(tmp_path, ENTRY, ENTRY))


def test_no_manifest_and_no_json_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        corpus.read(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        corpus.read(tmp_path)


def test_a_program_brings_its_modules_and_data_but_not_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import helper\nfrom os import path\n")
    (tmp_path / "helper.py").write_text("import deeper\n")
    (tmp_path / "deeper.py").write_text("")
    (tmp_path / "other.py").write_text("")
    (tmp_path / "data.csv").write_text("1,2\n")
    (tmp_path / "manifest.json").write_text("[]")
    gathered = judging.gather(tmp_path / "a.py")
    assert sorted(gathered.files) == ["a.py", "data.csv", "deeper.py", "helper.py"]
