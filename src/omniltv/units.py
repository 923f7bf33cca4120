"""Time units, spans of time and discount rates: numbers with their unit.

A span of 52 weeks is ``weeks(52)``, not a bare 52, so a history in weeks and a horizon in
months can be combined safely.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, log1p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv.errors import UnitError

__all__ = ["Discount", "Span", "TimeUnit", "days", "months", "weeks", "years"]

_DAYS_PER_YEAR = 365.25


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


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: a finite, non-negative amount of a unit.

    Raises:
        UnitError: If the amount is negative or not finite.

    Examples:
        >>> weeks(52).to(TimeUnit.DAY)
        364.0
    """

    amount: float
    unit: TimeUnit

    def __post_init__(self) -> None:
        if not (isfinite(self.amount) and self.amount >= 0):
            message = (
                f"a span of time is finite and not negative, got {self.amount}. Hint: weeks(52)"
            )
            raise UnitError(message)

    def to(self, unit: TimeUnit) -> float:
        """Return the length in another unit."""
        if unit is self.unit:
            return float(self.amount)
        return self.amount * self.unit.in_days / unit.in_days

    def __str__(self) -> str:
        plural = "" if self.amount == 1 else "s"
        return f"{self.amount:g} {self.unit}{plural}"


def days(amount: float) -> Span:
    """Return a span in days.

    Examples:
        >>> days(14).to(TimeUnit.WEEK)
        2.0
    """
    return Span(amount, TimeUnit.DAY)


def weeks(amount: float) -> Span:
    """Return a span in weeks.

    Examples:
        >>> print(weeks(52))
        52 weeks
    """
    return Span(amount, TimeUnit.WEEK)


def months(amount: float) -> Span:
    """Return a span in months (a month is a twelfth of 365.25 days).

    Examples:
        >>> months(12).to(TimeUnit.DAY)
        365.25
    """
    return Span(amount, TimeUnit.MONTH)


def years(amount: float) -> Span:
    """Return a span in years (a year is 365.25 days).

    Examples:
        >>> years(1).to(TimeUnit.MONTH)
        12.0
    """
    return Span(amount, TimeUnit.YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A discount rate: the effective rate per year.

    With ``Discount(per_year=0.10)``, 1.10 in a year is worth 1 today. The equivalent
    continuous rate is ``log(1 + per_year)`` per year.

    Raises:
        UnitError: If the rate is not finite or not above -1.

    Examples:
        >>> float(Discount(per_year=0.10).factor(1.0, TimeUnit.YEAR).round(4))
        0.9091
    """

    per_year: float

    def __post_init__(self) -> None:
        if not (isfinite(self.per_year) and self.per_year > -1):
            message = f"a yearly discount rate is finite and above -1, got {self.per_year}"
            raise UnitError(f"{message}. Hint: Discount(per_year=0.10)")

    def rate(self, unit: TimeUnit) -> float:
        """Return the continuous discount rate per ``unit``."""
        return log1p(self.per_year) * unit.in_days / _DAYS_PER_YEAR

    def factor(self, time: ArrayLike, unit: TimeUnit) -> NDArray[np.float64]:
        """Return the present value of 1 paid after ``time`` units, same shape as ``time``."""
        return np.exp(-self.rate(unit) * np.asarray(time, dtype=np.float64))
