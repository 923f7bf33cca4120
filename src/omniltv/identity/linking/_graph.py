"""Records as a graph of compared pairs: what hangs together, and what may."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from omniltv._arrays import Codes
from omniltv.identity.linking.values import ScoredPairs

__all__ = ["UNSURE", "components", "neighbourhoods"]


UNSURE = 10.0
"""Bits of evidence, for or against, beyond which a pair leaves nothing open."""


def components(left: Codes, right: Codes, n: int) -> Codes:
    """Return the number of the component of each of n records, joined by pairs."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def neighbourhoods(pairs: ScoredPairs, n: int) -> Codes:
    """Return the number of the component of each of n records, joined where a pair may be one.

    Who is who in one of them does not depend on the others.
    """
    possible = pairs.weight > -UNSURE
    return components(pairs.candidates.left[possible], pairs.candidates.right[possible], n)
