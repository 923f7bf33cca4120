"""Distinct rows of several columns, by hash tables: only distinct values are sorted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["distinct_rows"]

_MOST_KEYS = 2**62


def distinct_rows(
    columns: Sequence[NDArray[np.generic]], n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of each row among the distinct rows, and the first row of each.

    Distinct rows are in the order of `numpy.lexsort`: by the last column, then by the one
    before it.

    Args:
        columns: Columns without missing values, each of shape (n,).
        n: Number of rows.

    Examples:
        >>> letters, numbers = np.array(["b", "a", "b", "a"]), np.array([2.0, 1.0, 2.0, 3.0])
        >>> index, first = distinct_rows([letters, numbers], 4)
        >>> index.tolist(), first.tolist()
        ([1, 0, 1, 2], [1, 0, 3])
    """
    key, size = np.zeros(n, dtype=np.int64), 1
    for column in reversed(columns):
        code, count = _ranked(column)
        if size > _MOST_KEYS // max(count, 1):
            key, size = _ranked(key)
        key, size = key * count + code, size * count
    codes, values = pd.factorize(key)
    order = np.argsort(values)
    opens = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return _inverse(order)[codes], opens[order]


def _ranked(values: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return the rank of each value among the distinct ones, and their number."""
    codes, distinct = pd.factorize(values)
    return _inverse(np.argsort(distinct))[codes], len(distinct)


def _inverse(order: NDArray[np.intp]) -> NDArray[np.intp]:
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank
