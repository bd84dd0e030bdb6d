"""JSON of somebody else's: exactly what is declared, or a UserError that says where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot import strict
from mlops_bot.errors import UserError


@dataclass(frozen=True)
class Inner:
    word: Literal["a", "b"]
    number: int | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    ratio: float
    flag: bool = False
    inner: tuple[Inner, ...] = ()
    pair: tuple[float, float] | None = None
    by_name: Mapping[str, tuple[Inner, ...]] = field(default_factory=dict)
    anything: Any = None


WHOLE = Outer(
    "n", 0.5, True, (Inner("a"), Inner("b", 3)), (1.0, 2.0), {"x": (Inner("a", 1),)}, {"deep": [1, {"er": None}]}
)


def test_there_and_back() -> None:
    assert strict.read(Outer, json.loads(json.dumps(asdict(WHOLE))), name="outer") == WHOLE
    assert strict.read(Outer, {"name": "n", "ratio": 1}, name="outer") == Outer("n", 1.0)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": 1}, "outer.name: is int"),
        ({"name": None}, "outer.name: is NoneType"),
        ({"ratio": "1"}, "outer.ratio"),
        ({"ratio": True}, "outer.ratio"),
        ({"ratio": float("inf")}, "outer.ratio"),
        ({"ratio": float("nan")}, "outer.ratio"),
        ({"flag": 1}, "outer.flag"),
        ({"inner": {}}, "outer.inner"),
        ({"inner": [{"word": "c"}]}, r"outer.inner\[0\].word.*one of a, b"),
        ({"inner": [{"word": ["a"]}]}, r"outer.inner\[0\].word"),
        ({"inner": [{}]}, "with 'word'"),
        ({"inner": [{"word": "a", "number": 2**60}]}, "number"),
        ({"inner": [{"word": "a"}] * 5001}, "a list"),
        ({"pair": [1]}, "pair"),
        ({"by_name": []}, "by_name"),
        ({"more": 1}, "without 'more'"),
        ({"anything": [0] * 5001}, "a shorter list"),
    ],
)
def test_what_does_not_fit(change: dict[str, Any], where: str) -> None:
    with pytest.raises(UserError, match=where):
        strict.read(Outer, {"name": "n", "ratio": 1.0} | change, name="outer")


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(UserError, match="deeply"):
        strict.read(Outer, {"name": "n", "ratio": 1, "anything": deep}, name="outer")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "ratio", "inner", "word", "x"]), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(_JSON)
def test_nothing_but_a_user_error(value: Any) -> None:
    try:
        found = strict.read(Outer, value, name="outer")
    except UserError:
        return
    assert isinstance(found, Outer) and isinstance(found.name, str)
