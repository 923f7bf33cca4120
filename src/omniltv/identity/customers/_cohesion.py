"""Cohesion of customers: signs that a customer is two people."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from omniltv._arrays import Codes, Flags
from omniltv.identity.linking._graph import components
from omniltv.identity.linking.values import ScoredPairs
from omniltv.identity.records.columns import MISSING

__all__ = ["Cohesion", "cohesion"]


_FEW_AGREE = 0.5
_WEAK = 0.95
_FROM = 4  # records: of fewer, no two groups of two can be told apart


@dataclass(frozen=True, eq=False)
class Cohesion:
    """Cohesion of customers, of shape (n_customers,) each.

    Attributes:
        agreeing: Share of all pairs of its records with evidence for one person; equal records
            count as one.
        weakest: Probability of the weakest link that holds it together; 1 for one record.
        across: Pairs with evidence for one person between the two parts without this link.
        flag: Why the customer needs review, "" if it does not.
    """

    agreeing: NDArray[np.float64]
    weakest: NDArray[np.float64]
    across: Codes
    flag: tuple[str, ...]


def cohesion(
    pairs: ScoredPairs, customer: Codes, *, many: int, copies: Codes | None = None
) -> Cohesion:
    """Return the cohesion of customers.

    Args:
        pairs: Scored pairs.
        customer: Number of each record's customer, from 0 without gaps.
        many: Number of records from which a customer is flagged as too large.
        copies: Number of the group of equal records that each record is in, `MISSING` for
            none, of shape (n_records,).
    """
    found = pairs.candidates
    inside = (customer[found.left] == customer[found.right]) & (pairs.weight > 0)
    left, right, p = found.left[inside], found.right[inside], pairs.probability[inside]
    size = np.bincount(customer)
    agree, differing = _agreeing(left, right, customer, copies)
    weakest, part = _weakest(left, right, p, customer)
    between = part[left] != part[right]
    across = np.bincount(customer[left[between]], minlength=len(size)).astype(np.int64)
    smaller = _smaller_part(part, customer)
    reasons = {
        "many records": size >= many,
        "two groups held by one weak link": (across == 1) & (weakest < _WEAK) & (smaller > 1),
        "few of its records agree": (agree < _FEW_AGREE) & (differing >= _FROM),
    }
    return Cohesion(agree, weakest, across, _flags(reasons))


def _agreeing(
    left: Codes, right: Codes, customer: Codes, copies: Codes | None
) -> tuple[NDArray[np.float64], Codes]:
    """Return the share of pairs of differing records that agree, and the number of such records.

    Args:
        left: Left records of the pairs that agree.
        right: Right records.
        customer: Number of each record's customer.
        copies: Groups of equal records, as in `cohesion`.
    """
    n = len(customer)
    kind = np.arange(n)
    if copies is not None and (copies != MISSING).any():
        kind = np.where(copies == MISSING, kind, n + customer * (copies.max() + 1) + copies)
        kind = np.unique(kind, return_inverse=True)[1]
    first = np.unique(kind, return_index=True)[1]
    differing = np.bincount(customer[first], minlength=int(customer.max(initial=-1)) + 1)
    low, high = np.sort([kind[left], kind[right]], axis=0)
    pair = np.unique((low * n + high)[low != high])
    possible = np.maximum(differing * (differing - 1) // 2, 1)
    agree = np.bincount(customer[first[pair // n]], minlength=len(differing)) / possible
    agree[differing == 1] = 1.0
    return agree, differing


def _weakest(
    left: Codes, right: Codes, p: NDArray[np.float64], customer: Codes
) -> tuple[NDArray[np.float64], Codes]:
    """Return the weakest link of each customer, and the parts without it."""
    n = len(customer)
    # The spanning tree of the most probable pairs that connect a customer.
    cost = coo_array((2.0 - p, (left, right)), shape=(n, n))
    tree = minimum_spanning_tree(cost.tocsr()).tocoo()
    ends, sure = (tree.row.astype(np.int64), tree.col.astype(np.int64)), 2.0 - tree.data
    weakest = np.ones(int(customer.max(initial=-1)) + 1)
    np.minimum.at(weakest, customer[ends[0]], sure)
    order = np.lexsort((ends[1], ends[0], sure))
    first = order[np.unique(customer[ends[0]][order], return_index=True)[1]]
    kept = np.ones(len(sure), dtype=np.bool_)
    kept[first] = False
    return weakest, components(ends[0][kept], ends[1][kept], n)


def _smaller_part(part: Codes, customer: Codes) -> Codes:
    """Return the number of records in the smaller part of each customer."""
    _, place, size = np.unique(part, return_index=True, return_counts=True)
    smaller = np.full(int(customer.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smaller, customer[place], size)
    return smaller


def _flags(reasons: dict[str, Flags]) -> tuple[str, ...]:
    """Return the reasons for each customer, as one text."""
    holding: dict[int, list[str]] = {}
    for reason, holds in reasons.items():
        for row in np.flatnonzero(holds).tolist():
            holding.setdefault(row, []).append(reason)
    n = len(next(iter(reasons.values())))
    return tuple(", ".join(holding.get(row, ())) for row in range(n))
