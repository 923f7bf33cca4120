"""Moments that a caller gives."""

from datetime import date

import numpy as np
import pandas as pd

from omniltv.errors import ConfigError

__all__ = ["read_moment"]


def read_moment(value: str | date | np.datetime64, example: str) -> pd.Timestamp:
    """Return a moment, with or without a time zone.

    Args:
        value: The moment.
        example: What to give instead, for the hint.

    Raises:
        ConfigError: If this is not a moment.
    """
    try:
        stamp = pd.Timestamp(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"not a moment: {value!r}. Hint: {example}") from error
    if bool(pd.isna(stamp)):
        raise ConfigError(f"not a moment: {value!r}. Hint: {example}")
    return stamp
