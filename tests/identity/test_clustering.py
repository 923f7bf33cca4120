import numpy as np
import pytest
from numpy.typing import ArrayLike

from omniltv.identity import BestFirstClusterer
from omniltv.identity.linking.protocols import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records.columns import MISSING

UNLEARNT = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))


def _cluster(
    weights: dict[tuple[int, int], float],
    n: int,
    *,
    unique: ArrayLike | None = None,
    threshold: float = 0.8,
) -> set[frozenset[int]]:
    """Return the partition, as sets of records, that scored pairs lead to."""
    left, right = (np.array([pair[k] for pair in weights], dtype=np.int64) for k in (0, 1))
    weight = np.array(list(weights.values()), dtype=np.float64)
    found = Candidates(left, right, ("rule",), np.ones((len(left), 1), dtype=bool), {})
    pairs = ScoredPairs(found, 1 / (1 + np.exp2(-weight)), {"all": weight}, {}, {}, UNLEARNT)
    codes = np.asarray(np.full(n, MISSING) if unique is None else unique, dtype=np.int64)
    links = pairs.probability >= threshold
    labels = BestFirstClusterer().cluster(pairs, n_records=n, links=links, unique=codes)
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def test_no_pairs_no_company() -> None:
    assert _cluster({}, 3) == {frozenset({k}) for k in range(3)}


def test_links_chain_where_nothing_speaks_against_it() -> None:
    assert _cluster({(0, 1): 9.0, (1, 2): 5.0}, 4) == {frozenset({0, 1, 2}), frozenset({3})}


def test_a_nameless_record_does_not_tie_husband_to_wife() -> None:
    found = _cluster({(0, 1): 8.0, (1, 2): 4.0, (0, 2): -6.0}, 3)
    assert found == {frozenset({0, 1}), frozenset({2})}


def test_the_weak_link_is_cut_where_a_source_is_unique() -> None:
    weights = {(0, 1): 9.0, (1, 2): 3.0}
    assert _cluster(weights, 3, unique=[0, MISSING, 0]) == {frozenset({0, 1}), frozenset({2})}
    assert _cluster(weights, 3, unique=[0, MISSING, 1]) == {frozenset({0, 1, 2})}


@pytest.mark.parametrize("seed", range(5))
def test_every_join_is_backed_by_the_evidence(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = {(a, b): float(rng.normal(0, 5)) for a in range(12) for b in range(a + 1, 12)}
    unique = rng.integers(-1, 4, 12)
    for cluster in _cluster(weights, 12, unique=unique):
        total = sum(w for (a, b), w in weights.items() if {a, b} <= cluster)
        codes = [unique[k] for k in cluster if unique[k] != MISSING]
        assert len(cluster) == 1 or total > 0
        assert len(codes) == len(set(codes))
