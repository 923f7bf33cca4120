"""Days and calendar months, as arrays."""

from typing import cast

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._columns import require
from omniltv._frames import Eager
from omniltv._moments import read_moment
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError, DataError

__all__ = ["NEVER", "Days", "add_months", "as_day", "moments", "months"]

type Days = NDArray[np.datetime64]
"""Days or moments."""

NEVER = np.datetime64("NaT", "D")


def as_day(moment: Moment) -> np.datetime64:
    """Return the day of a moment.

    Raises:
        ConfigError: If this is not a local moment.
    """
    example = 'a local date such as "2026-01-31"'
    stamp = read_moment(moment, example)
    if stamp.tzinfo is not None:
        raise ConfigError(f"not a local moment: {moment!r}. Hint: {example}")
    return np.datetime64(stamp.date().isoformat(), "D")


def months(days: Days) -> NDArray[np.int64]:
    """Return the month of each day, in months since January 1970."""
    return days.astype("datetime64[M]").astype(np.int64)


def add_months(days: Days, count: int | NDArray[np.int64]) -> Days:
    """Return days so many calendar months later; the last day of the month if it is shorter."""
    start = days.astype("datetime64[M]")
    target = start + np.asarray(count).astype("timedelta64[M]")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    same_day = target.astype("datetime64[D]") + (days - start.astype("datetime64[D]"))
    return cast("Days", np.minimum(same_day, last))


def moments(table: Eager, column: str, what: str, ids: NDArray[np.object_]) -> Days:
    """Return a column of dates or local times, of shape (n_rows,); NaT where it is missing.

    Raises:
        DataError: If the column is absent or not of dates.
    """
    require(table.columns, [column], what)
    series = table[column]
    if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.replace_time_zone(None)
    if table.implementation.is_pandas() and isinstance(series.dtype, nw.Datetime):
        return np.asarray(series.to_numpy()).astype("datetime64[us]")
    found = np.full(len(ids), NEVER, dtype="datetime64[us]")
    known = np.flatnonzero(~np.asarray(series.is_null().to_list(), dtype=np.bool_))
    values = series.to_list()
    hint = "convert the column to dates"
    if len(known) and series.dtype.is_numeric():
        raise DataError(f"{what} has numbers that are no dates", column=column, hint=hint)
    try:
        found[known] = np.array([values[row] for row in known], dtype="datetime64[us]")
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} has values that are no dates", column=column, hint=hint) from error
    return found
