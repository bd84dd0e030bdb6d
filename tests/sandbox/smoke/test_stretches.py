"""Tables are compared by some of their rows, whatever the order and the type of the numbers."""

from __future__ import annotations

import numpy as np

from mlops_bot.sandbox.smoke.stretches import ROWS, rows


def test_tables_that_share_rows_share_digests() -> None:
    table = np.random.default_rng(0).normal(size=(40, 3))
    assert set(rows(table[::-1][:10])) < set(rows(table))
    assert not set(rows(table[:20])) & set(rows(table[20:]))
    assert rows(table.astype("float32")) == rows(table)
    assert rows(table.reshape(40, 1, 3)) == rows(table)
    assert rows(table.tolist()) == rows(table)


def test_of_large_tables_some_rows_are_told_and_they_are_comparable() -> None:
    table = np.random.default_rng(1).normal(size=(9000, 4))
    told = rows(table)
    assert len(told) == ROWS
    part = set(rows(table[:4500]))
    assert 10 < len(part & set(told)) < ROWS
    assert all(row in told for row in part if row <= max(told))


def test_what_is_no_table_of_numbers_has_no_rows() -> None:
    for data in (None, ["a", "b"], [1, 2, 3], np.zeros((3, 1)), [], np.empty((0, 4)), [["a", 1]]):
        assert rows(data) == []
