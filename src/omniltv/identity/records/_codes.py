"""Integer codes of values, functions of the distinct ones, and the order of keys."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Objects

__all__ = ["MISSING", "distinct_rows", "factorized", "in_order", "joint", "mapped", "objects"]


MISSING = -1
"""Code of a missing value, and level of a pair with a missing value."""


def objects(values: Iterable[object]) -> Objects:
    """Return values of any type as an array of objects.

    Examples:
        >>> objects(["a", None, (1, 2)]).shape
        (3,)
    """
    if isinstance(values, np.ndarray):
        return values.astype(object, copy=False)
    return np.fromiter(values, dtype=object)


def factorized(values: Iterable[object]) -> tuple[Codes, Objects]:
    """Return the code of each value, `MISSING` for a missing one, and the distinct values.

    Examples:
        >>> codes, distinct = factorized(["b", None, "a", "b"])
        >>> codes.tolist(), distinct.tolist()
        ([0, -1, 1, 0], ['b', 'a'])
    """
    # Among texts only, pandas compares up to the first NUL; None among them prevents this.
    codes, distinct = pd.factorize(
        np.concatenate([objects(values), np.array([None], dtype=object)])
    )
    return codes[:-1].astype(np.int64, copy=False), np.asarray(distinct, dtype=object)


def mapped(
    function: Callable[[object], str | None], values: Iterable[object], missing: str | None = None
) -> Objects:
    """Return the function of every value, computed once per distinct value.

    Args:
        function: Function of one value.
        values: Values of any type.
        missing: What a missing value becomes.

    Examples:
        >>> mapped(lambda value: str(value).upper(), ["a", None, "a"]).tolist()
        ['A', None, 'A']
    """
    codes, distinct = factorized(values)
    found = objects([*(function(value) for value in distinct.tolist()), missing])
    return found[codes]


def joint(first: Codes, second: Codes) -> Codes:
    """Return one number per distinct pair of codes, `MISSING` if one of them is missing.

    Examples:
        >>> joint(np.array([0, 0, 1, -1, 0]), np.array([5, 6, 5, 5, 5])).tolist()
        [0, 1, 2, -1, 0]
    """
    known = (first != MISSING) & (second != MISSING)
    result = np.full(len(first), MISSING, dtype=np.int64)
    width = int(second.max(initial=0)) + 1
    result[known] = pd.factorize(first[known] * width + second[known])[0]
    return result


def in_order(source: Sequence[str] | Objects, record_id: Sequence[str] | Objects) -> Codes:
    """Return the positions of keys in the order of source, then id.

    Examples:
        >>> in_order(["store", "ec", "ec"], ["1", "2", "1"]).tolist()
        [2, 1, 0]
    """
    ids = list(record_id)
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    codes, names = factorized(source)
    rank = np.argsort(np.argsort(names, kind="stable"), kind="stable")
    return by_id[np.argsort(rank[codes[by_id]], kind="stable")]


def distinct_rows(flags: NDArray[np.bool_]) -> tuple[Codes, NDArray[np.intp]]:
    """Return the number of each row among the distinct rows, and the first place of each.

    Examples:
        >>> number, first = distinct_rows(np.array([[True, False], [True, True], [True, False]]))
        >>> number.tolist(), first.tolist()
        ([0, 1, 0], [0, 1])
    """
    packed = np.packbits(flags, axis=1)
    number = np.zeros(len(flags), dtype=np.int64)
    for byte in packed.T:
        number = joint(number, byte.astype(np.int64))
    return number, np.flatnonzero(~pd.Series(number).duplicated().to_numpy())
