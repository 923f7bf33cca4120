"""Cohorts of customers by the calendar period of their first purchase."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["COHORT", "Cohort", "cohort_labels"]

type Cohort = Literal["month", "quarter", "year"]
"""The calendar period of the first purchase that customers are grouped by."""

COHORT = "cohort"
"""Name of the group column."""


def cohort_labels(first: NDArray[np.datetime64], cohort: Cohort) -> NDArray[np.str_]:
    """Return the label of the period of each first purchase; labels sort by time.

    Args:
        first: Local time of the first purchase of each customer, of shape (n,).
        cohort: The period.

    Examples:
        >>> first = np.array(["2026-01-05", "2026-05-31"], dtype="datetime64[D]")
        >>> for cohort in ("month", "quarter", "year"):
        ...     print(cohort_labels(first, cohort).tolist())
        ['2026-01', '2026-05']
        ['2026Q1', '2026Q2']
        ['2026', '2026']
    """
    month = first.astype("datetime64[M]")
    if cohort == "month":
        return np.asarray(np.datetime_as_string(month))
    year = np.datetime_as_string(month.astype("datetime64[Y]"))
    if cohort == "year":
        return np.asarray(year)
    quarter = month.astype(np.int64) % 12 // 3 + 1
    return np.asarray(np.char.add(np.char.add(year, "Q"), quarter.astype(str)))
