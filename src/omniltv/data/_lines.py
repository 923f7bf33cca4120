"""Rows of one transaction id: the lines of an order, copies, or a conflict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags
from omniltv._frames import Eager
from omniltv.data._read import content_codes, day_codes, joint_codes
from omniltv.errors import ConfigError

__all__ = ["IdenticalLines", "OrderLines", "RowKind", "RowRule", "repeated_rows"]

type RowKind = Literal["auto", "lines", "tickets"]
"""What a row is: a line of an order, a whole order (ticket), or whichever the table shows."""

type IdenticalLines = Literal["keep", "set_aside"]
"""What happens to lines that are equal to another line of their order."""

_ARTICLE = ("item", "category")
_KEY = "transaction_id"
_BUYER = ("source", "record_id", "customer_id")


@dataclass(frozen=True)
class RowRule:
    """What rows of one transaction id are.

    Attributes:
        rows: Lines of an order, copies of a ticket, or whichever the table shows.
        identical_lines: What happens to identical lines of an order.

    Raises:
        ConfigError: If a value is unknown.
    """

    rows: RowKind = "auto"
    identical_lines: IdenticalLines = "keep"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("rows", ("auto", "lines", "tickets")),
            ("identical_lines", ("keep", "set_aside")),
        ):
            if getattr(self, name) not in allowed:
                known = " or ".join(map(repr, allowed))
                raise ConfigError(f"{name} is {known}, got {getattr(self, name)!r}. Hint: {known}")


@dataclass(frozen=True, eq=False)
class OrderLines:
    """Rows of a table whose ids repeat, as lines of orders or as tickets.

    Attributes:
        lines: Whether the rows are lines of orders.
        copies: Positions of copies, of a row or of a whole order.
        others: Positions of other rows that have the id of an earlier row.
        identical: Positions of lines that are equal to an earlier line of their order.
        summed: Positions of the lines of orders with several lines.
        drop_identical: Whether identical lines are set aside.
    """

    lines: bool
    copies: NDArray[np.intp]
    others: NDArray[np.intp]
    identical: NDArray[np.intp]
    summed: NDArray[np.intp]
    drop_identical: bool = False


def repeated_rows(
    table: Eager, rows: NDArray[np.intp], key: Codes, fields: Sequence[str], rule: RowRule
) -> OrderLines:
    """Return what the rows of repeated transaction ids are.

    Args:
        table: All rows, converted.
        rows: Positions of the rows whose id repeats, of shape (n_repeated,).
        key: Number of the id of each, without gaps from 0, same shape.
        fields: The checked columns other than the id.
        rule: What rows of one id are.
    """
    part = table[rows, :]
    codes = {name: content_codes(part[name]) for name in part.columns if name != _KEY}
    told = [*fields, *(name for name in _ARTICLE if name in part.columns)]
    content = joint_codes([key, *(codes[name] for name in told)])
    copy = pd.Series(content).duplicated().to_numpy()
    first = _first_of(key)
    buyer = [codes[name] for name in _BUYER if name in fields]
    same_buyer = np.logical_and.reduce([code == code[first] for code in (key, *buyer)])
    if not _are_lines(rule, part, key, content, same_buyer):
        later = pd.Series(key).duplicated().to_numpy()
        none = rows[:0]
        copies, others = rows[copy], rows[later & ~copy]
        return OrderLines(lines=False, copies=copies, others=others, identical=none, summed=none)
    theirs = np.flatnonzero(same_buyer)
    line = joint_codes([key[theirs], *(code[theirs] for code in codes.values())])
    again = pd.Series(line).duplicated().to_numpy()
    drop = rule.identical_lines == "set_aside"
    copied = _copied(key[theirs], line, rows[theirs])
    return OrderLines(
        lines=True,
        copies=rows[theirs[copied]],
        others=rows[~same_buyer],
        identical=rows[theirs[again & ~copied]],
        summed=rows[theirs[~(copied | (again & drop))]],
        drop_identical=drop,
    )


def _are_lines(rule: RowRule, part: Eager, key: Codes, content: Codes, same_buyer: Flags) -> bool:
    """Return whether rows are lines: most ids with several contents have one buyer and day."""
    if rule.rows != "auto":
        return rule.rows == "lines"
    day = day_codes(part["time"])
    first = _first_of(key)
    n = key.max(initial=-1) + 1
    near = same_buyer & (day == day[first])
    alike = np.bincount(key, weights=near & (content != content[first]), minlength=n) > 0
    torn = np.bincount(key, weights=~near, minlength=n) > 0
    return bool(alike.sum() > (torn & ~alike).sum())


def _copied(key: Codes, line: Codes, rows: NDArray[np.intp]) -> Flags:
    """Return which lines are copies because their whole order is there several times.

    An order of several distinct lines is there k times if k divides how often each line is
    there. An order of one distinct line is there once per run of rows that follow each other.

    Args:
        key: Number of the order of each row, of shape (n_rows,).
        line: Number of each distinct line, likewise.
        rows: Position of each row in the table, rising, likewise.
    """
    times = np.bincount(line, minlength=line.max(initial=-1) + 1)[line]
    order = np.argsort(key, kind="stable")
    new = np.diff(key[order], prepend=-1) != 0
    starts = new | (np.diff(rows[order], prepend=-1) != 1)
    n = key.max(initial=-1) + 1
    runs = np.bincount(key[order], weights=starts, minlength=n).astype(np.int64)
    shared = np.zeros(n, dtype=np.int64)
    np.gcd.at(shared, key, times)
    alone = np.bincount(key, minlength=n) == shared  # one distinct line
    several = np.where(alone, np.where(shared % np.maximum(runs, 1) == 0, runs, 1), shared)
    seen = pd.Series(line).groupby(line).cumcount().to_numpy()
    found: Flags = seen >= times // np.maximum(several, 1)[key]
    return found


def _first_of(key: Codes) -> NDArray[np.intp]:
    """Return the position of the first row of each row's id; ids are numbered without gaps."""
    first = np.flatnonzero(~pd.Series(key).duplicated().to_numpy())
    place = np.empty(key.max(initial=-1) + 1, dtype=np.intp)
    place[key[first]] = first
    return place[key]
