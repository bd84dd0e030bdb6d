"""Results by content survive a crash, a broken file and a folder that cannot be written."""

from __future__ import annotations

from pathlib import Path

from mlops_bot.cache import Cache, files_key, key_of


def test_what_was_put_is_got(tmp_path: Path) -> None:
    store = Cache(tmp_path / "made")
    store.put("verdict", "k", {"passed": True})
    assert Cache(tmp_path / "made").get("verdict", "k") == {"passed": True}
    assert store.get("verdict", "other") is None
    assert store.get("baseline", "k") is None


def test_a_broken_entry_counts_as_absent(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    store.put("verdict", "k", 1)
    (tmp_path / "verdict" / "k.json").write_text("{half", encoding="utf-8")
    assert store.get("verdict", "k") is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    store = Cache(tmp_path / "file")
    store.put("verdict", "k", 1)
    assert store.get("verdict", "k") is None


def test_without_a_folder_nothing_is_kept() -> None:
    store = Cache(None)
    store.put("verdict", "k", 1)
    assert store.get("verdict", "k") is None


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    store = Cache(tmp_path, entries=2)
    for number in range(4):
        store.put("verdict", f"k{number}", number)
        import os

        os.utime(tmp_path / "verdict" / f"k{number}.json", (number, number))
    store.put("verdict", "k4", 4)
    assert sorted(path.stem for path in (tmp_path / "verdict").glob("*.json")) == ["k3", "k4"]


def test_keys_depend_on_content_only() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of("a", "b") != key_of("ab")
    assert files_key({"x": b"1"}) != files_key({"x": b"2"})
    assert files_key({"x": b"1"}) != files_key({"y": b"1"})
