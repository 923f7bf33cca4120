"""Times of rows, to compare with the start of a treatment."""

from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import require
from omniltv._frames import Eager
from omniltv.errors import DataError

__all__ = ["instant", "moments"]


def moments(
    table: Eager, column: str, what: str, *, ids: NDArray[np.object_], start: datetime | None
) -> NDArray[np.datetime64]:
    """Return a column of times, in the zone of the start, of shape (n_rows,).

    Raises:
        DataError: If the column is absent, a time is missing or cannot be read, or times have
            a time zone and the start has none, or the other way round.
    """
    require(table.columns, [column], what)
    given = table[column].to_list()
    read = pd.to_datetime(
        pd.Series(given, dtype=object), format="ISO8601", errors="coerce", utc=True
    )
    bad = read.isna().to_numpy()
    if bad.any():
        rows, hint = list(ids[bad]), "ISO times such as 2026-04-01 09:30"
        raise DataError("not a time", column=column, rows=rows, hint=hint)
    zone = None if start is None else start.tzinfo
    zoned = {value: pd.Timestamp(value).tzinfo is not None for value in dict.fromkeys(given)}
    other = np.array([zoned[value] != (zone is not None) for value in given], dtype=np.bool_)
    if start is not None and other.any():
        rows, hint = list(ids[other]), "give both a time zone, or neither"
        raise DataError(
            "a time zone in one of column and start", column=column, rows=rows, hint=hint
        )
    local = read if zone is None else read.dt.tz_convert(zone)
    return local.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def instant(start: datetime) -> np.datetime64:
    """Return the start of a treatment, to compare with `moments`.

    Examples:
        >>> str(instant(datetime(2026, 4, 1)))
        '2026-04-01T00:00:00.000000'
    """
    return np.datetime64(start.replace(tzinfo=None), "us")
