"""Visits: what each customer bought on each day, and the state of the customer before it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from omniltv._arrays import Codes, Floats, Matrix, Objects, Vector

__all__ = ["StateBefore", "Visits", "before", "blocks"]

_CELLS = 2_000_000  # of a block


@dataclass(frozen=True, eq=False)
class Visits:
    """Days with purchases, sorted by customer and day.

    Attributes:
        customer: Position of the customer, of shape (n_visits,).
        day: Days since 1970, of shape (n_visits,).
        bought: Lines by product, of shape (n_visits, n_products).
        ids: Id of each customer.
    """

    customer: Codes
    day: Codes
    bought: csr_array
    ids: Objects

    @classmethod
    def of(cls, ids: Objects, day: Codes, product: Codes, products: int) -> "Visits":
        """Return the visits of order lines."""
        code, unique = pd.factorize(ids)
        order = np.lexsort((day, code))
        own, when = code[order], day[order]
        new = np.r_[True, (own[1:] != own[:-1]) | (when[1:] != when[:-1])][: len(own)]
        visit = np.cumsum(new) - 1
        lines = (np.ones(len(own)), (visit, product[order]))
        bought = csr_array(lines, shape=(int(new.sum()), products))
        return cls(own[new], when[new], bought, np.asarray(unique, dtype=object))

    def take(self, rows: Codes) -> "Visits":
        """Return some of the visits; whole customers, or states would be wrong."""
        return Visits(self.customer[rows], self.day[rows], self.bought[rows], self.ids)

    def asked(self, customers: Codes, day: int) -> tuple["Visits", Codes]:
        """Return the visits before a day of some customers, each with an empty visit on the day.

        Returns:
            The visits, and the rows of the empty ones in the order of the customers.
        """
        rows = np.flatnonzero(np.isin(self.customer, customers) & (self.day < day))
        at = np.r_[rows, np.full(len(customers), -1)]
        who = np.r_[self.customer[rows], customers]
        when = np.r_[self.day[rows], np.full(len(customers), day)]
        order = np.lexsort((when, who))
        stacked = csr_array(self.bought[at[order]])
        stacked = csr_array(stacked.multiply((at[order] >= 0)[:, None]))
        back = np.argsort(order)[len(rows) :]
        return Visits(who[order], when[order], stacked, self.ids), back


@dataclass(frozen=True, eq=False)
class StateBefore:
    """The state before each visit; arrays of shape (n_visits, n_products) unless stated.

    Attributes:
        counts: Lines bought so far.
        gap: Days since the product was last bought; infinite if never.
        last: Whether the product was bought at the last visit.
        known: Whether there was an earlier visit, of shape (n_visits,).
    """

    counts: Matrix
    gap: Matrix
    last: Matrix
    known: Vector

    def take(self, rows: Codes) -> "StateBefore":
        """Return the state before some of the visits."""
        return StateBefore(self.counts[rows], self.gap[rows], self.last[rows], self.known[rows])


def blocks(visits: Visits) -> Iterator[Codes]:
    """Yield rows of whole customers, a block at a time."""
    n, products = visits.bought.shape
    starts = np.flatnonzero(np.r_[True, visits.customer[1:] != visits.customer[:-1]][:n])
    step = max(1, _CELLS // max(products, 1))
    wanted = np.searchsorted(starts, np.arange(0, n, step))
    edges = np.unique(np.r_[starts[np.minimum(wanted, len(starts) - 1)], n]) if n else np.zeros(1)
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield np.arange(first, end)


def before(visits: Visits) -> StateBefore:
    """Return the state before each visit."""
    bought = np.asarray(visits.bought.todense(), dtype=np.float64)
    n, products = bought.shape
    new = np.r_[True, visits.customer[1:] != visits.customer[:-1]][:n]
    first = np.flatnonzero(new)
    size = np.diff(np.r_[first, n])
    total = np.cumsum(bought, axis=0) - bought
    counts = total - np.repeat(total[first], size, axis=0)
    # Days that rise from customer to customer: the last day so far is a running maximum.
    base = np.repeat(np.arange(len(first)), size) * _FAR
    now = np.asarray(visits.day + base, dtype=np.float64)[:, None]
    shifted = np.where(bought > 0, now, -np.inf)
    last_day = np.full((n, products), -np.inf)
    last_day[1:] = np.maximum.accumulate(shifted, axis=0)[:-1]
    gap: Floats = now - last_day
    last = np.zeros((n, products), dtype=np.float64)
    last[1:] = np.where(bought[:-1] > 0, 1.0, 0.0)
    last[new] = 0.0
    never = counts == 0
    return StateBefore(counts, np.where(never, np.inf, gap), last, 1.0 - new)


_FAR = 10_000_000  # days between the calendars of two customers
