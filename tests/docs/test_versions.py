from __future__ import annotations

import pytest

from mlops_bot.docs.versions import nearest, newest_first

HAVE = ["3.4.0", "3.4.2", "3.10.0", "2.22.0", "main"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, "3.10.0"), ("3.4.0", "3.4.0"), ("3.4.1", "3.4.2"), ("3.5", "3.4.2"), ("3.11", "3.10.0"), ("3.1", "3.4.0"),
        ("2.23", "2.22.0"), ("1.0", "2.22.0"), ("4.0", "3.10.0"), ("main", "main"), ("nonsense", "3.10.0"),
    ],
)  # fmt: skip
def test_the_nearest_release(wanted: str | None, found: str) -> None:
    assert nearest(wanted, HAVE) == found


def test_order() -> None:
    assert list(newest_first(HAVE)) == ["3.10.0", "3.4.2", "3.4.0", "2.22.0", "main"]
    assert nearest("1.0", []) is None
    assert nearest("1.0", ["main"]) == "main"
