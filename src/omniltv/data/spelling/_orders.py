"""The order of day, month and year in a column of dates, found from its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Flags, Integers
from omniltv.data.spelling._words import share

__all__ = ["ORDERS", "FoundOrder", "in_order", "possible"]

ORDERS = ("dmy", "mdy", "ymd")
"""The orders of day, month and year."""

_IN_WORDS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """The order of the parts of dates that are written alike.

    Attributes:
        order: The order, None if the values do not settle it.
        shown: Number of rows that only one order can read, by order.
        either: Number of rows that several orders can read.
        told: Whether the order was given.
    """

    order: str | None
    shown: Mapping[str, int]
    either: int
    told: bool = False

    @classmethod
    def of(
        cls, parts: Sequence[Integers], rows: Integers, *, year_last: bool, given: str | None
    ) -> "FoundOrder":
        """Return the order of dates: the only one that can read every readable row.

        Args:
            parts: The three numbers of each date as written, each of shape (n_dates,).
            rows: Number of rows with each date, of shape (n_dates,).
            year_last: Whether the third number is the year, since it has four digits.
            given: The order that the user gave.
        """
        orders = [order for order in ORDERS if not (year_last and order == "ymd")]
        reads = {order: possible(in_order(parts, order)) for order in orders}
        ways = np.sum(list(reads.values()), axis=0)
        shown = {order: int(rows[can & (ways == 1)].sum()) for order, can in reads.items()}
        either = int(rows[ways > 1].sum())
        if given in orders:
            return cls(given, shown, either, told=True)
        able = [order for order, can in reads.items() if bool(can[ways > 0].all())]
        return cls(able[0] if len(able) == 1 and (ways > 0).any() else None, shown, either)

    def note(self, n_rows: int) -> str:
        """Return what was found, for a column of so many rows."""
        if self.told:
            return ""
        shown = {_IN_WORDS[order]: count for order, count in self.shown.items() if count}
        if self.order is not None:
            word = _IN_WORDS[self.order]
            open_ = f"{share(self.either, n_rows)} could be either"
            return f"{word} ({share(shown[word], n_rows)} show it, {open_})"
        told = ", ".join(f"{share(count, n_rows)} are {word}" for word, count in shown.items())
        return f"order of day and month not known ({told or 'no row shows it'})"


def in_order[T](parts: Sequence[T], order: str) -> tuple[T, T, T]:
    """Return year, month and day from the parts as written.

    Examples:
        >>> in_order(["5", "1", "2025"], "dmy")
        ('2025', '1', '5')
    """
    year, month, day = (parts[order.index(letter)] for letter in "ymd")
    return year, month, day


def possible(date: tuple[Integers, Integers, Integers]) -> Flags:
    """Return which years, months and days could be dates, of shape (n_rows,)."""
    _, month, day = date
    return np.asarray((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31))
