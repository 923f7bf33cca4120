"""Local moments that a caller gives."""

from datetime import date

import numpy as np
import pandas as pd

from omniltv.errors import ConfigError

__all__ = ["local_moment"]


def local_moment(value: str | date | np.datetime64, timezone: str | None) -> np.datetime64:
    """Return a moment in local time.

    Raises:
        ConfigError: If this is not a moment, or it has an offset and there is no time zone.
    """
    hint = 'Hint: a local moment such as "2026-01-31"'
    try:
        stamp = pd.Timestamp(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"not a moment: {value!r}. {hint}") from error
    if bool(pd.isna(stamp)):
        raise ConfigError(f"not a moment: {value!r}. {hint}")
    if stamp.tzinfo is not None and timezone is None:
        message = f"{value!r} has an offset, but the log has no time zone"
        advice = 'a moment without an offset, or PurchaseLog.from_frame(..., timezone="UTC")'
        raise ConfigError(f"{message}. Hint: {advice}")
    local = stamp if stamp.tzinfo is None else stamp.tz_convert(timezone).tz_localize(None)
    return np.datetime64(local.isoformat(), "us")
