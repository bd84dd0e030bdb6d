"""`mlops-bot config`: what is printed, as text and as JSON, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_bot.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("train/a.py", "train/b.py", "train/old/c.py", ".venv/train/d.py"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / ".github").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(repository: Path, text: str) -> None:
    (repository / ".github" / "mlops-bot.yml").write_text(text, encoding="utf-8")


def test_a_right_file_says_what_its_patterns_mean(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        repository, 'files: ["train/**/*.py", trian.py]\nexclude: ["train/old/**"]\nlabels: {"track it": add mlflow}\n'
    )
    assert main(["config", "check"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["train/**/*.py: 2 files here", "trian.py: no files here"]
    assert "mlops:mlflow" in out[2]
    assert "track it" in out[2]
    assert out[3] == ".github/mlops-bot.yml: no problems"


def test_mistakes_have_lines_and_exit_code_2(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, "enginee: recipe\n\ntimeout: soon\n")
    assert main(["config", "check"]) == 2
    assert capsys.readouterr().out.splitlines() == [
        ".github/mlops-bot.yml:1: unknown key `enginee`; did you mean `engine`?",
        ".github/mlops-bot.yml:3: `timeout`: soon is not a number above 0, at most 21600; write a plain number, without "
        "quotes",
        ".github/mlops-bot.yml: 2 problems",
    ]


def test_json_has_the_same(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, "enginee: recipe\n")
    assert main(["config", "check", "--json", "-"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["config"]) == (False, None)
    assert document["problems"] == [
        {"line": 1, "column": 1, "message": "unknown key `enginee`", "hint": "did you mean `engine`?"}
    ]
    write(repository, "files: [train/a.py]\n")
    assert main(["config", "check", ".github/mlops-bot.yml", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["files"], document["config"]["samples"]) == (True, {"train/a.py": 1}, 1)


def test_a_missing_file_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "nope.yml"]) == 2
    assert "nope.yml: cannot be read: No such file" in capsys.readouterr().err


def test_schema_is_printed_and_every_key_of_it_documented(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    keys = json.loads(capsys.readouterr().out)["properties"]
    documented = (
        (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").partition("## .github/mlops-bot.yml")[2]
    )
    assert {key for key in keys if f"| `{key}` |" not in documented} == set()
