"""Accounts: customers who are merged at any time have their events applied together."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from omniltv._arrays import Codes, Objects
from omniltv._columns import positions
from omniltv.segmentation.loyalty._events import LedgerEvents
from omniltv.segmentation.loyalty._kernel import MERGE

__all__ = ["account_bounds", "account_codes", "account_ids", "account_roots"]


def account_codes(events: LedgerEvents) -> Codes:
    """Return the account of each event: one for all customers that merges connect."""
    merges = np.flatnonzero(events.kind == MERGE)
    if not len(merges):
        return events.member
    size = len(events.customers)
    ends = (events.member[merges], events.other[merges])
    graph = coo_array((np.ones(len(merges)), ends), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    return np.asarray(labels[events.member], dtype=np.intp)


def account_bounds(account: Codes) -> Codes:
    """Return the first event of each account, and the number of events."""
    first = np.flatnonzero(np.diff(account, prepend=-1))
    return np.append(first, len(account)).astype(np.int64)


def account_roots(parent: Codes) -> Codes:
    """Return the customer who has the account of each customer."""
    roots = np.arange(len(parent))
    while True:
        above = parent[roots]
        if (above < 0).all():
            return roots
        roots = np.where(above < 0, roots, above)


def account_ids(names: Objects, parent: Codes, customers: Objects) -> Objects:
    """Return the customer who has the account of each customer; itself if it has no events."""
    place = positions(customers, names)
    accounts = np.append(names[account_roots(parent)], np.array([None], dtype=object))
    return np.where(place < 0, customers, accounts[place])
