"""Gathering the project around a script, and the data that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_bot import project
from mlops_bot.errors import UserError

TRAIN = "from sklearn.svm import SVC\nSVC().fit([[0], [1]], [0, 1])\n"


def write(path: Path, content: str | bytes = TRAIN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_root_is_the_nearest_folder_with_a_marker(tmp_path: Path) -> None:
    script = write(tmp_path / "repo" / "src" / "deep" / "train.py")
    assert project.gather([script]).root == script.parent
    write(tmp_path / "repo" / "requirements-dev.txt", "torch\n")
    write(tmp_path / "repo" / "src" / "helper.py", "x = 1\n")
    found = project.gather([script])
    assert found.root == tmp_path / "repo"
    assert found.scripts == ("src/deep/train.py",)
    assert set(found.files) == {"requirements-dev.txt", "src/helper.py", "src/deep/train.py"}
    assert project.requirement_files(found) == {"requirements-dev.txt": "torch\n"}
    assert project.local_modules(found.root, script) == {"src", "helper", "deep"}


def test_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "repo"
    script = write(root / "train.py")
    for name in (".git/config", "env/pyvenv.cfg", "env/lib/x.py", "__pycache__/a.pyc", "mlruns/0/x", "wandb/y", "a.pyc",
                 "node_modules/z.js", "pkg.egg-info/PKG-INFO"):  # fmt: skip
        write(root / name, "x")
    write(root / "data" / "kept.csv", "1,2\n")
    secret = write(tmp_path / "secret.txt", "s")
    (root / "link.txt").symlink_to(secret)
    (root / "inside.txt").symlink_to(root / "data" / "kept.csv")
    (root / "folder").symlink_to(tmp_path)
    (root / "dangling").symlink_to(tmp_path / "none")
    monkeypatch.setattr(project, "MAX_FILE_BYTES", 100)
    write(root / "large.bin", b"x" * 101)
    found = project.gather([script])
    assert set(found.files) == {"train.py", "data/kept.csv", "inside.txt"}
    notes = "\n".join(found.notes)
    for word in ("link.txt", "folder", "large.bin", "dangling"):
        assert word in notes


def test_a_large_project_is_narrowed_to_what_the_script_imports(tmp_path: Path) -> None:
    root = tmp_path
    write(root / "pyproject.toml", "[project]\nname = 'x'\n")
    script = write(root / "jobs" / "train.py", "import helpers.net\nimport other\n" + TRAIN)
    write(root / "jobs" / "local.py", "x = 1\n")
    write(root / "helpers" / "net.py", "x = 1\n")
    write(root / "helpers" / "__init__.py", "")
    write(root / "assets" / "big.bin", b"x" * 300_000)
    found = project.gather([script], limit_mb=0.2)
    assert set(found.files) == {
        "pyproject.toml",
        "jobs/train.py",
        "jobs/local.py",
        "helpers/net.py",
        "helpers/__init__.py",
    }
    assert "0.2 MB" in found.notes[0]


def test_a_large_folder_around_a_script_keeps_its_code(tmp_path: Path) -> None:
    script = write(tmp_path / "train.py")
    write(tmp_path / "model.py", "x = 1\n")
    write(tmp_path / "weights.bin", b"x" * 300_000)
    assert set(project.gather([script], limit_mb=0.2).files) == {"train.py", "model.py"}


def test_data_keeps_its_place_or_goes_beside_the_script(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    write(root / "setup.py", "")
    script = write(root / "code" / "train.py")
    write(root / "corpus" / "a.txt", "a")
    outside = write(tmp_path / "images" / "cats" / "1.png", b"\x89").parents[1]
    write(tmp_path / "secret", "s")
    (outside / "leak").symlink_to(tmp_path / "secret")
    found = project.gather([script], data=outside)
    assert found.files["code/images/cats/1.png"] == b"\x89"
    assert not any("leak" in path for path in found.files)
    assert any("copied in as code/images" in note for note in found.notes)
    assert project.gather([script], data=root / "corpus").files["corpus/a.txt"] == b"a"
    table = write(tmp_path / "table.csv", "1,2\n")
    assert project.gather([script], data=table).files["code/table.csv"] == b"1,2\n"


def test_bad_data(tmp_path: Path) -> None:
    script = write(tmp_path / "repo" / "train.py")
    with pytest.raises(UserError, match=r"--data .* does not exist"):
        project.gather([script], data=tmp_path / "none")
    write(tmp_path / "repo" / "images" / "a", "1")
    write(tmp_path / "images" / "a", "2")
    with pytest.raises(UserError, match="would replace images/a"):
        project.gather([script], data=tmp_path / "images")
    with pytest.raises(UserError, match="more than"):
        project.gather([script], data=write(tmp_path / "big.bin", b"x" * 200_000), limit_mb=0.01)


def test_scripts_of_two_projects_are_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a" / "t.py"), write(tmp_path / "b" / "t.py")
    with pytest.raises(UserError, match="is not in the project of"):
        project.gather([first, second])
    with pytest.raises(UserError, match="no training script"):
        project.gather([])


def test_files_are_written_back_in_their_own_encoding(tmp_path: Path) -> None:
    script = write(tmp_path / "t.py", "# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    found = project.gather([script])
    text = found.source("t.py").text
    assert "é" in text
    assert found.encode("t.py", text) == script.read_bytes()
    assert found.encode("notes.md", "é") == "é".encode()
