"""Repeat purchases of a history by calendar quarter, counted with the history."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.units import TimeUnit

__all__ = ["QuarterCounts", "count_quarters"]

_DAYS = {TimeUnit.DAY: "datetime64[D]", TimeUnit.MONTH: "datetime64[M]"}


@checked
@dataclass(frozen=True, eq=False)
class QuarterCounts:
    """Repeat purchases of all rows of a history by calendar quarter.

    The first and the last quarter may be incomplete.

    Attributes:
        labels: The quarters, such as ``"2026Q1"``, of length n_quarters.
        back: Time from the end of observation back to the start of the first quarter and to
            the end of each, in the unit of the history, of shape (n_quarters + 1,).
        counts: Repeat purchases in each quarter, of shape (n_quarters,).
        squares: Sum over rows of the squared repeat purchases in each quarter, of shape
            (n_quarters,). It estimates the variance of the counts from above, because rows
            are independent.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> days = ["2026-02-01", "2026-03-01", "2026-04-20", "2026-06-30"]
        >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
        >>> quarters = PurchaseLog.from_frame(frame.assign(value=9.0)).history().quarters
        >>> quarters.labels, quarters.counts.tolist(), quarters.back.tolist()
        (('2026Q1', '2026Q2'), [1, 2], [150.0, 91.0, 0.0])
    """

    labels: tuple[str, ...]
    back: NDArray[np.float64]
    counts: NDArray[np.int64]
    squares: NDArray[np.int64]


def count_quarters(
    key: NDArray[np.int64], period: NDArray[np.int64], grain: TimeUnit, end: int, scale: float
) -> QuarterCounts | None:
    """Return the repeat purchases of occasions by quarter; None for periods of a year.

    Args:
        key: Row of each occasion, sorted, of shape (n_occasions,).
        period: Its period, ascending within a row, same shape. The first of a row is its
            first purchase, and not counted.
        grain: The length of a period.
        end: The last period of observation.
        scale: Length of a period in the unit of the history.

    Examples:
        >>> key, month = np.array([0, 0, 0, 1]), np.array([672, 673, 676, 675])
        >>> count_quarters(key, month, TimeUnit.MONTH, 677, 1.0).counts
        array([1, 1])
    """
    if grain is TimeUnit.YEAR or not len(key):
        return None
    first = int(period.min())
    of_period = _quarters(np.arange(first, max(end, first) + 1), grain)
    every = np.arange(of_period[0], of_period[-1] + 1)
    repeat = np.diff(key, prepend=key[0] - 1) == 0
    place = of_period[period[repeat] - first] - of_period[0]
    runs = key[repeat] * len(every) + place
    begin = np.flatnonzero(np.diff(runs, prepend=-1))
    size = np.diff(begin, append=len(runs))
    squares = np.bincount(place[begin], weights=size.astype(np.float64) ** 2, minlength=len(every))
    last = first + np.searchsorted(of_period, every, side="right") - 1
    return QuarterCounts(
        labels=tuple(f"{1970 + quarter // 4}Q{quarter % 4 + 1}" for quarter in every.tolist()),
        back=(end - np.append(first - 1, last)) * scale,
        counts=np.bincount(place, minlength=len(every)).astype(np.int64),
        squares=squares.astype(np.int64),
    )


def _quarters(periods: NDArray[np.int64], grain: TimeUnit) -> NDArray[np.int64]:
    """Return the quarter in which each period begins, counted from the first of 1970."""
    if grain is TimeUnit.WEEK:  # day 0, 1 January 1970, was a Thursday
        days = (periods * 7 - 3).astype("datetime64[D]")
    else:
        days = periods.astype(_DAYS[grain])
    return np.floor_divide(days.astype("datetime64[M]").astype(np.int64), 3)
