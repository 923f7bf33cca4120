"""Pooled counts: popularity, season, sequence and repurchase, each shrunk to what is pooled."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from omniltv._arrays import Codes, Floats, Matrix, Vector
from omniltv.segmentation.products._visits import StateBefore, Visits, before, blocks

__all__ = ["FEATURES", "PooledCounts"]

FEATURES = ("popularity", "season", "own purchases", "last visit", "days since bought")
"""Parts of the score of a product."""

_EDGES = np.array([3, 7, 14, 28, 56, 112, 224, 448, np.inf])  # days; the last bin is "never"
_SHRUNK = 30.0  # lines that a pooled figure counts for
_OWN = 5.0  # lines of a customer that popularity counts for


@dataclass(frozen=True, eq=False)
class PooledCounts:
    """What is counted over all customers.

    Attributes:
        share: Share of each product, of shape (n_products,).
        season: Share in each month of the year, relative to the share, (12, n_products).
        after: Share after a product at the last visit, relative, (n_products, n_products).
        due: Purchases relative to the share, by days since bought, (n_bins, n_products).
    """

    share: Vector
    season: Matrix
    after: Matrix
    due: Matrix

    @classmethod
    def of(cls, visits: Visits) -> "PooledCounts":
        """Return the counts of all visits."""
        products = visits.bought.shape[1]
        total = np.asarray(visits.bought.sum(axis=0), dtype=np.float64)
        share = (total + 1.0) / (total.sum() + products)
        rows = np.arange(len(visits.day))
        month = csr_array((np.ones(len(rows)), (_month(visits.day), rows)), (12, len(rows)))
        months = np.asarray((month @ visits.bought).todense())
        after = np.zeros((products, products))
        hits, chances = (np.zeros((len(_EDGES), products)) for _ in range(2))
        for rows in blocks(visits):
            part = visits.take(rows)
            state, bought = before(part), np.asarray(part.bought.todense())
            after += _spread(state.last).T @ bought
            lines = bought.sum(axis=1)[:, None] * share * state.known[:, None]
            bins = _bins(state)
            for number in range(len(_EDGES)):
                inside = (bins == number) & (state.known[:, None] > 0)
                hits[number] += (bought * inside).sum(axis=0)
                chances[number] += (lines * inside).sum(axis=0)
        return cls(share, _relative(months, share), _relative(after, share), _ratio(hits, chances))

    def features(self, state: StateBefore, day: Codes) -> Floats:
        """Return the logarithms of the parts, of shape (n_visits, n_products, n_features)."""
        own = (state.counts + _OWN * self.share) / (state.counts.sum(axis=1)[:, None] + _OWN)
        sequence = _spread(state.last) @ self.after
        due = np.take_along_axis(self.due, _bins(state), axis=0)
        known = state.known[:, None] > 0
        parts = (
            np.broadcast_to(self.share, own.shape),
            self.season[_month(day)],
            own / self.share,
            np.where(known, sequence, 1.0),
            np.where(known, due, 1.0),
        )
        return np.log(np.stack(parts, axis=2))


def _month(day: Codes) -> Codes:
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def _bins(state: StateBefore) -> Codes:
    return np.searchsorted(_EDGES, state.gap, side="right").clip(max=len(_EDGES) - 1)


def _spread(last: Matrix) -> Matrix:
    """Return weights of the products of the last visit, which sum to 1."""
    return last / np.maximum(last.sum(axis=1), 1.0)[:, None]


def _relative(counts: Matrix, share: Vector) -> Matrix:
    """Return shares of rows relative to the overall share, shrunk to it."""
    total = counts.sum(axis=1)[:, None]
    return (counts + _SHRUNK * share) / (total + _SHRUNK) / share


def _ratio(hits: Matrix, chances: Matrix) -> Matrix:
    """Return hits by chances, of products shrunk to all products, of these to 1."""
    pooled = (hits.sum(axis=1) + _SHRUNK) / (chances.sum(axis=1) + _SHRUNK)
    return (hits + _SHRUNK * pooled[:, None]) / (chances + _SHRUNK)
