"""Dates relative to today, anniversaries, and the n-th weekday of a month."""

from calendar import isleap, monthrange
from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

import narwhals as nw
from pydantic import Field

from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.segmentation.conditions._values import (
    Name,
    compared,
    day_of_year,
    in_zone,
    known,
    missing,
)
from omniltv.segmentation.conditions.kind import ConditionKind, Scope, condition_kind

__all__ = ["OnWeekday", "Within"]

type Unit = Literal["days", "weeks", "months", "years"]
type Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_YEAR = 366


@condition_kind
@checked
class Within(ConditionKind):
    """True if a date is within the last or next days, weeks, months or years.

    The last 7 days are the seven days that end today; the next 7 days are the seven days
    that begin today. The last month begins on the day after today's date a month ago, or
    after the last day of a shorter month. For a column of moments, days are those of the
    retailer's time zone (``Context.time_zone``).

    Attributes:
        column: Name of a column of days or moments.
        within: ``last`` or ``next``.
        count: Number of units.
        unit: The unit.
        anniversary: Compare the month and day only, such as birthdays.
        leap_day: When 29 February is celebrated in a year without one.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition, Context
        >>> frame = pd.DataFrame({"born": pd.to_datetime(["1980-02-29", "1990-04-01"])})
        >>> soon = Condition(Within(column="born", within="next", count=7, anniversary=True))
        >>> soon.mask(frame, Context(today=date(2026, 2, 27))).tolist()
        [True, False]
    """

    key: ClassVar[str] = "within"

    column: Name
    within: Literal["last", "next"]
    count: Annotated[int, Field(ge=1, le=100_000, strict=True)]
    unit: Unit = "days"
    anniversary: Annotated[bool, Field(strict=True)] = False
    leap_day: Literal["feb_28", "mar_1"] = "feb_28"

    @property
    def columns(self) -> frozenset[str]:
        """The column."""
        return frozenset({self.column})

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last day of the span.

        Raises:
            ConfigError: If the span leaves the calendar.

        Examples:
            >>> Within(column="t", within="last", count=1, unit="months").days(date(2026, 3, 31))
            (datetime.date(2026, 3, 1), datetime.date(2026, 3, 31))
        """
        sign = -1 if self.within == "last" else 1
        try:
            far = _moved(today, sign * self.count, self.unit)
        except (OverflowError, ValueError) as error:
            message = f"{self.within} {self.count:,} {self.unit} leave the calendar"
            raise ConfigError(f"{message}. Hint: count=30", parameter="count") from error
        day = timedelta(days=1)
        return (far + day, today) if sign < 0 else (today, far - day)

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the date is in the span, never null.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import Context
            >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2026-03-01"])}))
            >>> scope = Scope(frame.schema, Context(today=date(2026, 3, 7)))
            >>> len(frame.filter(Within(column="t", within="last", count=7).compiled(scope)))
            1
        """
        dtype = known(scope, self.column, ("day", "moment"))
        first, last = self.days(scope.context.day())
        present = ~missing(self.column, dtype)
        if self.anniversary:
            return present & self._celebrated(scope, first, last)
        return present & compared(scope, self.column, "between", (first, last))

    def _celebrated(self, scope: Scope, first: date, last: date) -> nw.Expr:
        """Return whether the anniversary of a date is in a span."""
        if (last - first).days >= _YEAR:
            return ~nw.col(self.column).is_null()
        celebrated = day_of_year(in_zone(scope, self.column))
        return celebrated.is_in(sorted(self._dates(first, last)))

    def _dates(self, first: date, last: date) -> set[float]:
        """Return the dates that are celebrated in a span, as month * 100 + day."""
        span = [first + timedelta(days=k) for k in range((last - first).days + 1)]
        dates = {day.month * 100.0 + day.day for day in span}
        leap = (2, 28) if self.leap_day == "feb_28" else (3, 1)
        moved = any((day.month, day.day) == leap and not isleap(day.year) for day in span)
        return dates | {229.0} if moved else dates


@condition_kind
@checked
class OnWeekday(ConditionKind):
    """True if a date is on a weekday, or on the n-th one of its month.

    Attributes:
        column: Name of a column of days or moments.
        weekday: The day of the week, or several.
        nth: 1 to 5 for the n-th such day of the month, -1 for the last; every one if None.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> frame = pd.DataFrame({"visit": pd.to_datetime(["2026-03-20", "2026-03-27"])})
        >>> Condition(OnWeekday(column="visit", weekday="friday", nth=-1)).mask(frame).tolist()
        [False, True]
    """

    key: ClassVar[str] = "weekday"

    column: Name
    weekday: Weekday | Annotated[tuple[Weekday, ...], Field(min_length=1)]
    nth: Literal[-1, 1, 2, 3, 4, 5] | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The column."""
        return frozenset({self.column})

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the date is on such a day, never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2026-03-27"])}))
            >>> fridays = OnWeekday(column="t", weekday="friday")
            >>> len(frame.filter(fridays.compiled(Scope(frame.schema))))
            1
        """
        dtype = known(scope, self.column, ("day", "moment"))
        names = (self.weekday,) if isinstance(self.weekday, str) else self.weekday
        local = in_zone(scope, self.column)
        numbers = [_WEEKDAYS.index(name) + 1.0 for name in names]
        on_day = ~missing(self.column, dtype) & local.dt.weekday().cast(nw.Float64).is_in(numbers)
        return on_day if self.nth is None else on_day & self._nth(local)

    def _nth(self, local: nw.Expr) -> nw.Expr:
        day, month, year = (
            part.cast(nw.Float64) for part in (local.dt.day(), local.dt.month(), local.dt.year())
        )
        if self.nth is not None and self.nth > 0:
            return (day > 7 * (self.nth - 1)) & (day <= 7 * self.nth)
        leap = _divides(4, year) & (~_divides(100, year) | _divides(400, year))
        short = month.is_in([4.0, 6.0, 9.0, 11.0])
        february = (month == 2) & ((day > 22) | ((day > 21) & ~leap))
        return february | (short & (day > 23)) | (~short & (month != 2) & (day > 24))


def _divides(number: int, year: nw.Expr) -> nw.Expr:
    """Return whether a number divides a year; not every engine has a remainder."""
    return (year / number).round(0) * number == year


def _moved(day: date, count: int, unit: Unit) -> date:
    """Return a day so many units later; the last day of the month if it is shorter.

    Raises:
        OverflowError: If it leaves the calendar; or ValueError.
    """
    if unit in {"days", "weeks"}:
        return day + timedelta(days=count * (7 if unit == "weeks" else 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "years" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
