"""The paper's programs: the list, fetching them from mirrors of any layout, and their stand-in data."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from benchmark.programs import Form, Program, SourcePath, belonging, load

from benchmark import fetch, protocol, standins
from mlops_bot.errors import UserError

TEXT = b"print('hello')\n"
PROGRAM = Program(
    "pytorch/hello", "pytorch", "somebody/examples", "main.py", "MIT",
    {"current": Form("c0ffee", (SourcePath("main.py", "hello/main.py", hashlib.sha256(TEXT).hexdigest()),))},
    data="text",
)  # fmt: skip


def test_there_are_the_papers_programs() -> None:
    fetched = [program for program in load() if program.own is None]
    assert Counter(program.framework for program in fetched) == {
        "pytorch": 10,
        "lightning": 4,
        "keras": 4,
        "sklearn": 4,
    }
    for program in fetched:
        for form in program.forms.values():
            assert all(len(file.sha256) == 64 for file in form.files)
            assert program.entry in {file.path for file in form.files}


def test_a_pattern_that_matches_nothing_names_what_there_is() -> None:
    with pytest.raises(UserError) as caught:
        load(only="tensorflow/*")
    assert "pytorch/mnist" in str(caught.value.hint)


def test_a_mirror_may_have_any_layout(tmp_path: Path) -> None:
    (tmp_path / "mirror" / "some" / "where").mkdir(parents=True)
    (tmp_path / "mirror" / "some" / "where" / "renamed.txt").write_bytes(TEXT)
    assert fetch.fetch(tmp_path / "out", PROGRAM, "current", fetch.Sources(tmp_path / "mirror")) == []
    assert fetch.complete(tmp_path / "out", PROGRAM, "current")
    assert (tmp_path / "out" / "current" / "pytorch" / "hello" / "text" / "train.txt").is_file()


def test_a_mirror_may_be_a_clone(tmp_path: Path) -> None:
    clone = tmp_path / "mirror" / "examples"
    (clone / "hello").mkdir(parents=True)
    (clone / "hello" / "main.py").write_bytes(TEXT)
    git = ["git", "-C", str(clone), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (clone / "hello" / "main.py").write_bytes(b"changed since\n")
    form = Form(commit, PROGRAM.forms["current"].files)
    program = Program("pytorch/hello", "pytorch", "somebody/examples", "main.py", "MIT", {"current": form})
    assert fetch.fetch(tmp_path / "out", program, "current", fetch.Sources(tmp_path / "mirror")) == []


def test_a_file_with_another_hash_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_from_github", lambda *_: b"something else")
    (failed,) = fetch.fetch(tmp_path, PROGRAM, "current", fetch.Sources(None))
    assert failed.path == "main.py" and "with its hash" in failed.reason
    assert not fetch.complete(tmp_path, PROGRAM, "current")
    assert not list(tmp_path.rglob("*.py*"))


def test_standins_are_always_the_same_and_are_what_they_claim() -> None:
    for make in standins.STANDINS.values():
        assert make() == make()
    picture = standins.images()["images/style.png"]
    assert picture.startswith(b"\x89PNG") and struct.unpack(">II", picture[16:24]) == (96, 96)


def test_cells_are_the_papers() -> None:
    models = list(protocol.cells("openai:gpt"))
    assert sum(cell.row.table != protocol.TRANSLATION for cell in models) == (2 * 2 + 4 + 3 + 3) * 3
    assert {cell.samples for cell in models if cell.temperature == 0} == {1}
    assert {cell.samples for cell in models if cell.temperature} == {3}
    recipes = list(protocol.cells("recipe"))
    assert len(recipes) == 12 + 7 and {(cell.style, cell.temperature, cell.samples) for cell in recipes} == {
        (None, None, 1)
    }


def test_translations_have_an_approach_instead_of_a_style() -> None:
    cells = [cell for cell in protocol.cells("openai:gpt", tables=["translation"]) if cell.row.component == "dvc"]
    assert len(cells) == 4 * 3 and {cell.approach for cell in cells} == set(protocol.APPROACHES)
    assert all(cell.approach is None for cell in protocol.cells("openai:gpt", tables=["1", "2", "3", "4"]))
    mine = belonging(load(), None, "gitpython")
    assert len(mine) >= 10 and all(program.own and program.own.is_file() for program in mine)
    for row in protocol.rows([protocol.TRANSLATION]):
        assert belonging(load(), row.framework, row.source)


def test_every_program_is_in_one_shard() -> None:
    for count in (1, 2, 3, 8):
        shards = [protocol.Shard(index, count) for index in range(1, count + 1)]
        parts = [shard.of(load()) for shard in shards]
        assert sorted(program.id for part in parts for program in part) == sorted(program.id for program in load())
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
