"""Comparison of birth dates: slips, and dates that are a generation apart."""

import re
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Levels
from omniltv._options import checked
from omniltv.identity.linking import _sql
from omniltv.identity.linking.comparisons._grading import Scores, first_level, slips
from omniltv.identity.linking.values import Disagreement, Pairs
from omniltv.identity.records.columns import Column

__all__ = ["BirthDateComparison"]

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YOUNGEST, _OLDEST = 15, 50  # years between parent and child
_APART = Disagreement(person=(0.1, 0.9), strangers=(0.45, 0.55))


@checked
@dataclass(frozen=True)
class BirthDateComparison:
    """Grades birth dates (YYYY-MM-DD): same, one slip, a generation apart, different.

    ``one slip`` includes day and month swapped. ``a generation apart`` is a difference of 15 to
    50 years: a parent and a child may have the same name, but an error in a birth date is seldom
    so large.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> dates = Column.of(
        ...     ["1980-01-02", "1980-02-01", "1980-01-03", "1975-06-30", "1950-03-04"]
        ... )
        >>> pairs = Pairs.of({"birth_date": dates}, [0, 0, 0, 0, 0], [0, 1, 2, 3, 4])
        >>> BirthDateComparison().grade(pairs).tolist()
        [0, 1, 1, 3, 2]
    """

    name: str = "birth_date"
    column: str = "birth_date"
    shared = False
    coincidence = 5e-5
    agreement = 1
    levels = ("same", "one slip", "a generation apart", "different")
    frequency = (None, None, None, None)
    disagreement = _APART

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same = pairs.equal(self.column)
        near = pairs.apply(self.column, _date_slips, pairs.near(self.column, ~same)) <= 1
        return first_level([same, near, self._apart(pairs), pairs.known(self.column)])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        one, other = _sql.left(self.column), _sql.right(self.column)
        turned = f"substr({one}, 1, 5) || substr({one}, 9) || '-' || substr({one}, 6, 2)"
        near = f"({turned} = {other}) OR {_sql.slip(self.column)}"
        years = f"abs({_year_sql(one)} - {_year_sql(other)})"
        apart = f"coalesce({years} BETWEEN {_YOUNGEST} AND {_OLDEST}, FALSE)"
        return (_sql.same(self.column), near, apart, _sql.known(self.column))

    def _apart(self, pairs: Pairs) -> Flags:
        """Return which pairs are a generation apart, shape (n_pairs,)."""
        if not pairs.has(self.column):
            return np.zeros(len(pairs), dtype=np.bool_)
        year = _years(pairs.columns[self.column])
        years = np.abs(year[pairs.left[self.column]] - year[pairs.right[self.column]])
        return np.asarray((years >= _YOUNGEST) & (years <= _OLDEST))


_YEARS: WeakKeyDictionary[Column, NDArray[np.float32]] = WeakKeyDictionary()


def _years(column: Column) -> NDArray[np.float32]:
    """Return the year of each value, NaN of hashed ones; the last is that of `MISSING`, -1."""
    if column not in _YEARS:
        years = [float(v[:4]) if _DATE.fullmatch(v) else np.nan for v in column.values.tolist()]
        _YEARS[column] = np.array([*years, np.nan], dtype=np.float32)
    return _YEARS[column]


def _date_slips(left: list[str], right: list[str]) -> Scores:
    """Return edits between two dates, 1 if day and month are swapped."""
    swapped = [a[:5] + a[8:] + "-" + a[5:7] == b for a, b in zip(left, right, strict=True)]
    return np.where(swapped, np.float32(1), slips(left, right))


def _year_sql(value: str) -> str:
    dated = f"length({value}) = 10 AND substr({value}, 5, 1) = '-'"
    return f"CASE WHEN {dated} THEN TRY_CAST(substr({value}, 1, 4) AS INTEGER) END"
