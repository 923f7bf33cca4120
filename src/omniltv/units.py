"""Time units, spans of time and discount rates: numbers with their unit.

A span of 52 weeks is ``weeks(52)``, not a bare 52, so a history in weeks and a horizon in
months can be combined safely.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import log1p
from typing import Annotated

import numpy as np
from annotated_types import Gt
from numpy.typing import ArrayLike, NDArray

from omniltv._options import NotNegative, checked
from omniltv.errors import UnitError

__all__ = ["Discount", "Span", "TimeUnit", "days", "months", "weeks", "years"]

_DAYS_PER_YEAR = 365.25
_LONGEST = 10_000


class TimeUnit(StrEnum):
    """A unit of time, such as that of recency and T.

    A month is a twelfth of a year and a year is 365.25 days.

    Examples:
        >>> TimeUnit("week").in_days
        7.0
    """

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @classmethod
    def _missing_(cls, value: object) -> "TimeUnit":
        raise UnitError(f"no such unit of time: {value!r}. Hint: one of {', '.join(cls)}")

    @property
    def in_days(self) -> float:
        """Length of the unit in days."""
        return _LENGTH[self]


_LENGTH = {
    TimeUnit.DAY: 1.0,
    TimeUnit.WEEK: 7.0,
    TimeUnit.MONTH: _DAYS_PER_YEAR / 12,
    TimeUnit.YEAR: _DAYS_PER_YEAR,
}


@checked
@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: a non-negative amount of a unit, of at most 10,000 years.

    Raises:
        ConfigError: If the amount is not a number of at least 0.
        UnitError: If the span is longer.

    Examples:
        >>> weeks(52).to(TimeUnit.DAY)
        364.0
    """

    amount: NotNegative
    unit: TimeUnit

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", TimeUnit(self.unit))
        if self.amount * self.unit.in_days > _LONGEST * _DAYS_PER_YEAR:
            problem = f"a span of time is at most {_LONGEST:,} years, got {self.amount:g}"
            raise UnitError(f"{problem} {self.unit}s. Hint: weeks(52)")

    def to(self, unit: TimeUnit) -> float:
        """Return the length in another unit."""
        if unit == self.unit:
            return float(self.amount)
        return self.amount * self.unit.in_days / TimeUnit(unit).in_days

    def __str__(self) -> str:
        plural = "" if self.amount == 1 else "s"
        return f"{self.amount:g} {self.unit}{plural}"


@checked
def days(amount: NotNegative) -> Span:
    """Return a span in days.

    Examples:
        >>> days(14).to(TimeUnit.WEEK)
        2.0
    """
    return Span(amount, TimeUnit.DAY)


@checked
def weeks(amount: NotNegative) -> Span:
    """Return a span in weeks.

    Examples:
        >>> print(weeks(52))
        52 weeks
    """
    return Span(amount, TimeUnit.WEEK)


@checked
def months(amount: NotNegative) -> Span:
    """Return a span in months (a month is a twelfth of 365.25 days).

    Examples:
        >>> months(12).to(TimeUnit.DAY)
        365.25
    """
    return Span(amount, TimeUnit.MONTH)


@checked
def years(amount: NotNegative) -> Span:
    """Return a span in years (a year is 365.25 days).

    Examples:
        >>> years(1).to(TimeUnit.MONTH)
        12.0
    """
    return Span(amount, TimeUnit.YEAR)


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A discount rate: the effective rate per year.

    With ``Discount(per_year=0.10)``, 1.10 in a year is worth 1 today. The equivalent
    continuous rate is ``log(1 + per_year)`` per year.

    Raises:
        ConfigError: If the rate is not a number above -1.

    Examples:
        >>> float(Discount(per_year=0.10).factor(1.0, TimeUnit.YEAR).round(4))
        0.9091
    """

    per_year: Annotated[float, Gt(-1)]

    def rate(self, unit: TimeUnit) -> float:
        """Return the continuous discount rate per ``unit``."""
        return log1p(self.per_year) * TimeUnit(unit).in_days / _DAYS_PER_YEAR

    def factor(self, time: ArrayLike | float, unit: TimeUnit) -> NDArray[np.float64]:
        """Return the present value of 1 paid after ``time`` units, same shape as ``time``."""
        return np.exp(-self.rate(unit) * np.asarray(time, dtype=np.float64))
