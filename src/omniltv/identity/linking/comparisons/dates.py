"""Comparison of dates by their difference in days."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv._arrays import Levels
from omniltv._options import Natural, Share, checked
from omniltv.identity.linking import _sql
from omniltv.identity.linking.comparisons._grading import check_order, first_level, numbers
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records import normalise

__all__ = ["DateComparison"]


@checked
@dataclass(frozen=True)
class DateComparison:
    """Grades two dates: same, day and month swapped, within some days, or different.

    For the field ``birth_date``, use `BirthDateComparison`, which also knows typing errors.

    Args:
        name: Name of the comparison.
        column: The column; normalised values are YYYY-MM-DD.
        within_days: Largest difference of each level before different, increasing.
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``within_days`` is empty, not positive or does not increase.

    Examples:
        >>> from omniltv.identity import Column
        >>> joined = Column.of(["2020-01-02", "2020-02-01", "2020-01-05", "2023-01-02", None])
        >>> pairs = Pairs.of({"joined": joined}, [0, 0, 0, 0, 0], [0, 1, 2, 3, 4])
        >>> DateComparison("joined", "joined", within_days=(7,)).grade(pairs).tolist()
        [0, 1, 2, 3, -1]
    """

    name: str
    column: str
    within_days: tuple[int, ...] = (1, 31)
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.001

    def __post_init__(self) -> None:
        check_order(self.name, self.within_days, increasing=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        near = [f"within {days} day{'s' * (days > 1)}" for days in self.within_days]
        return ("same", "day and month swapped", *near, "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def normalise(self, value: object) -> str | None:
        """Return a date as YYYY-MM-DD, see `normalise.birth_date`."""
        return normalise.birth_date(value)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        left, right = numbers(pairs, self.column, _days)
        swapped = left == numbers(pairs, self.column, _swapped_days)[1]
        near = [np.abs(left - right) <= most for most in self.within_days]
        return first_level([left == right, swapped, *near, ~np.isnan(left - right)])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        one, other = _sql.left(self.column), _sql.right(self.column)
        left, right = f"TRY_CAST({one} AS DATE)", f"TRY_CAST({other} AS DATE)"
        known = f"({left} IS NOT NULL AND {right} IS NOT NULL)"
        turned = f"substr({one}, 1, 5) || substr({one}, 9) || '-' || substr({one}, 6, 2)"
        near = [f"abs(date_diff('day', {left}, {right})) <= {most}" for most in self.within_days]
        return (f"{left} = {right}", f"{known} AND ({turned}) = {other}", *near, known)


def _days(texts: "pd.Series[str]") -> "pd.Series[float]":
    """Return dates as days since 1970."""
    return _since_1970(texts, "%Y-%m-%d")


def _swapped_days(texts: "pd.Series[str]") -> "pd.Series[float]":
    """Return dates with day and month swapped as days since 1970, NaN if there is no such day."""
    return _since_1970(texts, "%Y-%d-%m")


def _since_1970(texts: "pd.Series[str]", form: str) -> "pd.Series[float]":
    dates = pd.to_datetime(texts, format=form, errors="coerce").to_numpy("datetime64[D]")
    return pd.Series(np.where(np.isnat(dates), np.nan, dates.astype(np.float64)))
