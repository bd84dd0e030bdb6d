"""Reading one script: every bad input is told apart, and text comes back byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_bot import script
from mlops_bot.errors import UserError


def write(path: Path, content: bytes = b"x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        script.read_script(path)
    assert caught.value.hint
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("empty.py", b"", "is empty", "trains a model"),
        ("blank.py", b" \r\n\n", "is empty", "trains a model"),
        ("binary.py", b"\x7fELF\x00\x01", "is a binary file", "text file"),
        ("latin.py", b"# one\nx = '\xe9'\n", "line 2: byte 0xe9 is not UTF-8", "coding: latin-1"),
        ("cookie.py", b"# -*- coding: nonsense -*-\n", "encoding", "UTF-8"),
        ("broken.py", b"x = 1\ndef f(:\n", "line 2: ", "fix it"),
        ("old.py", b"print 'loss'\n", "print 'loss'", "fix it"),
        ("big.py", b"#" * 1_000_001, "at most 1 MB", "move data"),
        ("note.ipynb", b"{}", "is no notebook of format 4", "Jupyter"),
        ("data.csv", b"a,b", "is no Python file", ".py"),
    ],
)
def test_bad_scripts(tmp_path: Path, name: str, content: bytes, message: str, hint: str) -> None:
    path = write(tmp_path / name, content)
    said, told = refused(path)
    assert name in said
    assert message in said
    assert hint in told


def test_a_missing_script_and_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path / "train.py")
    assert "`train.py`" in refused(tmp_path / "trian.py")[1]
    assert "does not exist" in refused(tmp_path / "nowhere" / "train.py")[0]
    assert "nowhere" in refused(tmp_path / "nowhere" / "train.py")[1]
    assert "cannot be a file" in refused(tmp_path / "a\0.py")[0] or "does not exist" in refused(tmp_path / "a\0.py")[0]


def test_a_directory_and_a_pipe(tmp_path: Path) -> None:
    write(tmp_path / "code" / "train.py")
    said, hint = refused(tmp_path / "code")
    assert "is a directory" in said
    assert "train.py" in hint
    os.mkfifo(tmp_path / "pipe.py")
    assert "no regular file" in refused(tmp_path / "pipe.py")[0]


@pytest.mark.parametrize(
    "content",
    [
        "x = 1\r\nif x:\r\n\ty = 'é'\r\n".encode(),
        b"\xef\xbb\xbfx = 1\n",
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        b"x = 1\ry = 2\r",
        b"x = 1",
    ],
)
def test_text_comes_back_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    found = script.read_script(write(tmp_path / "t.py", content))
    assert script.encode(found.text) == content


def test_code_that_does_not_compile_can_be_read_for_judging(tmp_path: Path) -> None:
    assert script.read_script(write(tmp_path / "t.py", b"def f(:\n"), must_compile=False).text == "def f(:\n"
