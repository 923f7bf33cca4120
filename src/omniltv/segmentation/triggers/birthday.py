"""The birthday of a customer, or another anniversary."""

from calendar import isleap
from datetime import timedelta
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, fired, said, trigger_kind

__all__ = ["Birthday"]


@trigger_kind
@checked
class Birthday(TriggerKind):
    """Fires some days before an anniversary, such as a birthday.

    The table ``customers`` has ``customer_id`` and the column of the day. Planning adds it if
    it is not given. Who was born on 29 February has the birthday on 28 February in other years.

    Attributes:
        birthday: Days before the anniversary; 0 for the day itself.
        column: Column of the day.

    Examples:
        >>> customers = pd.DataFrame({"customer_id": ["a"], "born": ["1990-03-09"]})
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "purchase",
        ...     "channel": "ec", "time": ["2026-01-01"]}), tables={"customers": customers})
        >>> Birthday(birthday=7).fires(events, "2026-03-02")["cause"].tolist()
        ['anniversary of born on 2026-03-09']
    """

    key: ClassVar[str] = "birthday"

    birthday: Annotated[int, Field(ge=0, le=180, strict=True)]
    column: Name = "born"

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments some days before the anniversaries of three years."""
        born = events.table("customers", "customer_id", times=(self.column,))
        days = pd.DatetimeIndex(born[self.column])
        parts = []
        for year in (now.year - 1, now.year, now.year + 1):
            day = pd.Series(_in_year(days, year), index=born.index)
            at = day - timedelta(days=self.birthday)
            parts.append(
                fired(born["customer_id"], at, f"anniversary of {self.column} on " + said(day))
            )
        return pd.concat(parts, ignore_index=True)


def _in_year(days: pd.DatetimeIndex, year: int) -> pd.DatetimeIndex:
    """Return the anniversary of each day in a year."""
    leap = (days.month == 2) & (days.day == 29) & (not isleap(year))
    parts = {"year": year, "month": days.month, "day": np.where(leap, 28, days.day)}
    return pd.DatetimeIndex(pd.to_datetime(pd.DataFrame(parts)))
