"""Households: customers who live together, from the values that their records share."""

import numpy as np

from omniltv._arrays import Codes
from omniltv.identity.linking.protocols import Clusterer
from omniltv.identity.linking.values import Candidates, ScoredPairs
from omniltv.identity.records.columns import MISSING

__all__ = ["households_of"]


_SURE = 1e-9


def households_of(
    pairs: ScoredPairs, customer: Codes, *, clusterer: Clusterer, threshold: float
) -> Codes:
    """Return the number of each customer's household, of shape (n_customers,).

    Two records are of one household if they are one person or two people of a family. The
    evidence for two customers is the mean over their compared records. The clusterer joins.

    Args:
        pairs: Scored pairs of records.
        customer: Number of each record's customer, from 0 without gaps.
        clusterer: Clusters pairs of customers into households.
        threshold: Minimum probability to join two customers.
    """
    n = int(customer.max(initial=-1)) + 1
    found = pairs.candidates
    low, high = np.sort([customer[found.left], customer[found.right]], axis=0)
    apart = low != high
    home = np.clip(pairs.probability + pairs.family, _SURE, 1 - _SURE)[apart]
    key, back = np.unique(low[apart] * n + high[apart], return_inverse=True)
    bits = np.bincount(back, weights=np.log2(home / (1 - home))) / np.bincount(back)
    left, right = np.divmod(key, max(n, 1))
    rules = np.zeros((len(key), 0), dtype=np.bool_)
    probability = 1 / (1 + np.exp2(-bits))
    scored = ScoredPairs(
        candidates=Candidates(left, right, (), rules, {}),
        probability=probability,
        bits={"household": bits},
        grades={},
        levels={},
        model=pairs.model,
    )
    unique = np.full(n, MISSING, dtype=np.int64)
    return clusterer.cluster(scored, n_records=n, links=probability >= threshold, unique=unique)
