"""Local calendar times: the time zone of a log, and moments that a caller gives."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np

from omniltv._frames import Eager
from omniltv._moments import read_moment
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError, DataError
from omniltv.units import TimeUnit

__all__ = ["UnitName", "local_moment", "local_times"]

type UnitName = TimeUnit | Literal["day", "week", "month", "year"]
"""A unit of time, or its name."""


def local_times(table: Eager, timezone: str | None) -> Eager:
    """Return the table with local times without an offset.

    Raises:
        DataError: If times have an offset and there is no time zone.
        ConfigError: If the time zone is unknown.
    """
    dtype = table.schema["time"]
    aware = isinstance(dtype, nw.Datetime) and dtype.time_zone is not None
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(f'unknown time zone: {timezone!r}. Hint: "Asia/Tokyo"') from error
    if not aware:
        return table
    if timezone is None:
        hint = 'PurchaseLog.from_frame(..., timezone="Asia/Tokyo")'
        raise DataError("times have an offset, but no time zone is given", column="time", hint=hint)
    local = nw.col("time").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return table.with_columns(local)


def local_moment(value: Moment, timezone: str | None) -> np.datetime64:
    """Return a moment in local time.

    Raises:
        ConfigError: If this is not a moment, or it has an offset and there is no time zone.
    """
    stamp = read_moment(value, 'a local moment such as "2026-01-31"')
    if stamp.tzinfo is not None and timezone is None:
        message = f"{value!r} has an offset, but the log has no time zone"
        advice = 'a moment without an offset, or PurchaseLog.from_frame(..., timezone="UTC")'
        raise ConfigError(f"{message}. Hint: {advice}")
    local = stamp if stamp.tzinfo is None else stamp.tz_convert(timezone).tz_localize(None)
    return np.datetime64(local.isoformat(), "us")
