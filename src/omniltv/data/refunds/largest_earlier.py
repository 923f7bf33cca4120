"""Refunds without a reference, taken from the largest earlier purchases of the customer."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from omniltv._options import checked
from omniltv.data.refunds.protocol import CENT, Orders, RefundMatches

__all__ = ["LargestEarlier"]


@checked
@dataclass(frozen=True)
class LargestEarlier:
    """A refund without a reference reduces the largest earlier purchases of the customer.

    It takes what is left of the largest purchase, then of the next one, on any channel.
    Purchases at the same moment are used only if the earlier ones do not suffice: in an
    exchange, the new purchase keeps its value. A refund of more than all earlier purchases
    together stays open. A refund that names a purchase is never taken from another one.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> rows = pd.DataFrame({
        ...     "customer_id": "a", "time": ["2026-01-05", "2026-01-06", "2026-01-09"],
        ...     "value": [9.0, 30.0, -34.0],
        ... })
        >>> PurchaseLog.from_frame(rows, refunds=[LargestEarlier()]).value.tolist()
        [5.0]
    """

    @property
    def name(self) -> str:
        """Name of the rule in reports."""
        return "largest earlier purchases of the customer"

    def match(self, orders: Orders) -> RefundMatches:
        """Return each refund with the purchases that it reduces, in the order of time."""
        found: list[tuple[int, int, float]] = []
        for rows in _by_customer(orders):
            found += _matches(orders, rows)
        return RefundMatches.of(found)


@dataclass(eq=False)
class _Purse:
    """What is left of the purchases of a customer so far, the largest first."""

    heap: list[tuple[float, int]] = field(default_factory=list)
    total: float = 0.0

    def add(self, row: int, left: float) -> None:
        heapq.heappush(self.heap, (-left, row))
        self.total += left

    def covers(self, amount: float) -> bool:
        return self.total >= amount * (1 - CENT)

    def take(self, amount: float) -> Iterator[tuple[int, float]]:
        """Take an amount, and return the purchases that it is taken from."""
        rest = amount
        while rest > amount * CENT and self.heap:
            left, row = heapq.heappop(self.heap)
            part = min(-left, rest)
            self.total, rest = self.total - part, rest - part
            if part < -left:
                heapq.heappush(self.heap, (left + part, row))
            yield row, part


def _by_customer(orders: Orders) -> Iterator[list[int]]:
    """Return the orders of each customer with a refund to match, by time, refunds first."""
    refund = (orders.refund > 0) & ~orders.names
    theirs = np.zeros(orders.customer.max(initial=-1) + 1, dtype=bool)
    theirs[orders.customer[refund]] = True
    rows = np.flatnonzero(theirs[orders.customer] & (refund | (orders.left > 0)))
    rows = rows[np.lexsort((~refund[rows], orders.time[rows], orders.customer[rows]))]
    starts = np.flatnonzero(np.diff(orders.customer[rows], prepend=-1))
    for part in np.split(rows, starts[1:]) if len(rows) else []:
        yield part.tolist()


def _matches(orders: Orders, rows: list[int]) -> Iterator[tuple[int, int, float]]:
    purse, waiting = _Purse(), list[int]()
    now = None
    for row in [*rows, -1]:
        moment = orders.time[row] if row >= 0 else None
        if moment != now:
            yield from _settle(orders, purse, waiting)  # with the purchases of their moment
            waiting, now = [], moment
        if row < 0:
            return
        amount = float(orders.refund[row])
        if amount == 0:
            purse.add(row, float(orders.left[row]))
        elif purse.covers(amount):
            yield from ((row, bought, part) for bought, part in purse.take(amount))
        else:
            waiting.append(row)


def _settle(orders: Orders, purse: _Purse, waiting: list[int]) -> Iterator[tuple[int, int, float]]:
    for row in waiting:
        amount = float(orders.refund[row])
        if purse.covers(amount):
            yield from ((row, bought, part) for bought, part in purse.take(amount))
