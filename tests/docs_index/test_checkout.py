"""Git repositories as sources, with real ones on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from docs_index.declared import Declared, Tree
from docs_index.sources import checkout
from docs_index.sources.releases import Releases

from docs_index import gathering
from mlops_bot.errors import DocsError


def _git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.test")
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def _commit(folder: Path, text: str, tag: str | None = None) -> str:
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "guide.md").write_text(f"# Guide\n\nHow runs are started, in {text} words and some more.\n")
    (folder / "README.md").write_text("# Read me\n\nThis is not below the folder that is declared.\n")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", text)
    if tag:
        _git(folder, "tag", "-am", tag, tag)
    return _git(folder, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    _git(folder, "init", "-q")
    return folder


def test_the_tag_of_a_release(origin: Path, tmp_path: Path) -> None:
    first = _commit(origin, "old", "v1.0.0")
    _commit(origin, "new", "v2.0.0")
    found = checkout.gather(Tree(str(origin), "docs", "v{version}"), "1.0.0", tmp_path / "trees")
    assert list(found.pages) == ["docs/guide.md"] and "old words" in found.pages["docs/guide.md"].text
    assert found.pages["docs/guide.md"].url == f"{origin}/blob/{first}/docs/guide.md"
    assert found.origin == {str(origin): f"v1.0.0 {first}"} and not found.bad
    near = checkout.gather(Tree(str(origin), "docs", "v{version}"), "2.0.3", tmp_path / "trees")
    assert "new words" in near.pages["docs/guide.md"].text and "tag v2.0.3" in near.bad[0] and "v2.0.0" in near.bad[0]
    with pytest.raises(DocsError, match=r"no tag like v3\.1"):
        checkout.gather(Tree(str(origin), "docs", "v{version}"), "3.1", tmp_path / "trees")


def test_the_default_branch_and_only_what_changed(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(origin, "first")
    tree = Tree(str(origin), "docs")
    found = checkout.gather(tree, "1.0", tmp_path / "trees")
    asked: list[str] = []
    real = checkout._git
    monkeypatch.setattr(checkout, "_git", lambda tree, *words: asked.append(words[0]) or real(tree, *words))
    assert checkout.gather(tree, "1.0", tmp_path / "trees") == found and asked == ["ls-remote"]
    _commit(origin, "second")
    assert "second words" in checkout.gather(tree, "1.0", tmp_path / "trees").pages["docs/guide.md"].text


def test_nothing_of_a_repository_is_run(origin: Path, tmp_path: Path) -> None:
    (origin / ".gitattributes").write_text("*.md filter=lfs\n")
    (origin / "docs").mkdir()
    (origin / "docs" / "link.md").symlink_to("/etc/passwd")
    _commit(origin, "some")
    found = checkout.gather(Tree(str(origin), "docs"), "1.0", tmp_path / "trees")
    assert "root:" not in str([page.text for page in found.pages.values()]) and "docs/guide.md" in found.pages


def test_a_repository_that_is_not_there_is_told_and_not_fatal(origin: Path, tmp_path: Path) -> None:
    _commit(origin, "some")
    where = Declared("absent", "", ("absent",), None, (), (Tree(str(origin), "docs"), Tree(f"{origin}-gone")))
    releases = Releases("absent", tmp_path, {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"})
    found = gathering.gather(
        where, "1.0", ["repo"], releases=releases, tree=None, crawl_folder=tmp_path / "crawl", progress=lambda *_: None
    )
    assert list(found.pages) == ["docs/guide.md"]
    assert len(found.bad) == 2 and "cannot be reached" in found.bad[0] and "cannot be read" in found.bad[1]
