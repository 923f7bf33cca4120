"""Calendars: how busy a channel is on each day."""

from datetime import date
from typing import Annotated

import numpy as np
from pydantic import Field

from omniltv._arrays import Vector
from omniltv._config import Written
from omniltv._options import Many, checked
from omniltv.simulation._limits import AboveZero, DayNumber, FromZero

__all__ = ["Calendar", "SingleEvent"]


_YEAR = 365.25


class SingleEvent(Written):
    """A span of days that differs from its season: a sale, or a closed week.

    Attributes:
        name: Name of the event.
        first: First day.
        days: Number of days.
        factor: Factor on the purchase rate; 0 closes the channel.

    Examples:
        >>> SingleEvent(name="sale", first="2025-01-02", days=5, factor=1.8).days
        5
    """

    name: str
    first: date
    days: Annotated[int, Field(ge=1)]
    factor: FromZero


@checked
class Calendar(Written):
    """Factors on the purchase rate by day.

    Attributes:
        months: Factor per calendar month, January first.
        weekdays: Factor per day of the week, Monday first.
        trend: Factor per year, counted from the first day of the world.
        events: Single events; their factors multiply the others.

    Examples:
        >>> shop = Calendar(weekdays=(0, 1, 1, 1, 1, 2, 2))
        >>> shop.factors(date(2025, 1, 6), 0, 7).tolist()  # from a Monday on
        [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    """

    months: Annotated[tuple[FromZero, ...], Field(min_length=12, max_length=12)] = (1.0,) * 12
    weekdays: Annotated[tuple[FromZero, ...], Field(min_length=7, max_length=7)] = (1.0,) * 7
    trend: AboveZero = 1.0
    events: tuple[SingleEvent, ...] = ()

    def factors(self, start: date, first: DayNumber, days: Many) -> Vector:
        """Return the factor of each day, of shape (days,).

        Args:
            start: First day of the world.
            first: Number of the first day that is asked for.
            days: Number of days.
        """
        number = np.arange(first, first + days)
        day = np.datetime64(start, "D") + number.astype("timedelta64[D]")
        month = day.astype("datetime64[M]").astype(np.int64) % 12
        weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        factor: Vector = np.array(self.months)[month] * np.array(self.weekdays)[weekday]
        if self.trend != 1.0:
            factor = factor * self.trend ** (number / _YEAR)
        for event in self.events:
            since = (day - np.datetime64(event.first, "D")).astype(np.int64)
            inside = (since >= 0) & (since < event.days)
            factor = np.where(inside, factor * event.factor, factor)
        return factor
