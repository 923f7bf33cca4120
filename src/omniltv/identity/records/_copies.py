"""Equal records: which records of a source are copies of one another once they are normalised."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags
from omniltv._options import checked
from omniltv.identity.records._codes import MISSING

__all__ = ["equal_groups", "order_in_group"]

_FEW = 3  # records; two copies are compared like any other pair


@checked
def equal_groups(columns: Iterable[Codes], among: Flags) -> Codes:
    """Return the number of the group of equal records that each record is in.

    Args:
        columns: Codes of the columns that have to agree, `MISSING` for no value.
        among: The records that may be in a group.

    Returns:
        Shape (n_records,); `MISSING` for records with fewer than two copies.

    Examples:
        >>> names = np.array([0, 0, 1, 0, MISSING, MISSING, MISSING])
        >>> equal_groups([names], np.ones(7, dtype=bool)).tolist()
        [0, 0, -1, 0, 1, 1, 1]
    """
    rows = np.flatnonzero(among)
    group = np.zeros(len(rows), dtype=np.int64)
    for codes in columns:
        width = int(codes.max(initial=0)) + 2
        group = pd.factorize(group * width + codes[rows] + 1)[0].astype(np.int64)
        many = np.bincount(group)[group] >= _FEW
        rows, group = rows[many], group[many]
    result = np.full(len(among), MISSING, dtype=np.int64)
    result[rows] = pd.factorize(group)[0]
    return result


@checked
def order_in_group(group: Codes, last: Flags) -> Codes:
    """Return the place of each record in its group, from 0; others take turns with the last.

    Args:
        group: Number of the group of each record, shape (n_records,).
        last: Records that come after another one, if their group has others.

    Examples:
        >>> last = np.array([True, True, False, False])
        >>> order_in_group(np.array([0, 0, 0, 0]), last).tolist()
        [1, 3, 0, 2]
    """
    turn = _place(group * 2 + last)
    order = np.lexsort((last, turn, group))
    place = np.empty(len(group), dtype=np.int64)
    place[order] = _place(group[order])
    return place


def _place(group: Codes) -> Codes:
    """Return how many earlier records of the same group there are."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    begins = np.r_[True, ordered[1:] != ordered[:-1]] if len(order) else np.empty(0, np.bool_)
    first = np.flatnonzero(begins)
    place = np.empty(len(group), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    return place
