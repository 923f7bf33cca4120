"""Distinct rows are those of `numpy.lexsort`, also where their numbers would not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from omniltv.data import distinct


def by_sorting(columns: list[NDArray[np.generic]]) -> tuple[list[int], list[int]]:
    order = np.lexsort(columns)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    firsts = [row for k, row in enumerate(order) if not k or rows[row] != rows[order[k - 1]]]
    number = {rows[row]: k for k, row in enumerate(firsts)}
    return [number[row] for row in rows], [int(row) for row in firsts]


@given(rows=st.lists(st.tuples(st.sampled_from("abc"), st.integers(-2, 2), st.floats(-1, 1))))
def test_they_are_in_the_order_of_lexsort(rows: list[tuple[str, int, float]]) -> None:
    text, whole, number = ([row[k] for row in rows] for k in range(3))
    columns = [np.array(text, dtype="U1"), np.array(whole, dtype=np.int64), np.array(number, float)]
    index, first = distinct.distinct_rows(columns, len(rows))
    assert (index.tolist(), first.tolist()) == by_sorting(columns)


def test_numbers_that_do_not_fit_are_ranked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    columns: list[NDArray[np.generic]] = [rng.integers(0, 9, 200) for _ in range(4)]
    plain = distinct.distinct_rows(columns, 200)
    monkeypatch.setattr(distinct, "_MOST_KEYS", 400)
    again = distinct.distinct_rows(columns, 200)
    for found, expected in zip(again, plain, strict=True):
        np.testing.assert_array_equal(found, expected)
