import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from omniltv.identity import BestFirstClusterer
from omniltv.identity.linking.values import DECIDED, Candidates, LinkModel, ScoredPairs
from omniltv.identity.records.columns import MISSING

UNLEARNT = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))


def _probability(bits: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(expit(np.asarray(bits) * np.log(2)))


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
    pairs = ScoredPairs(found, _probability(weight), {"all": weight}, {}, {}, UNLEARNT)
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


def _by_definition(
    weights: dict[tuple[int, int], float], n: int, unique: ArrayLike, threshold: float
) -> set[frozenset[int]]:
    """Return the partition that the documentation of the clusterer defines, pair by pair."""
    code = np.asarray(unique)
    clusters = [{k} for k in range(n)]
    bits = {
        k: w if abs(w) >= DECIDED / 2 else float(np.clip(w, -20, 20)) for k, w in weights.items()
    }
    for (a, b), weight in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
        one = next(cluster for cluster in clusters if a in cluster)
        two = next(cluster for cluster in clusters if b in cluster)
        if one is two or _probability(weight) < threshold:
            continue
        across = sum(w for (i, j), w in bits.items() if {i, j} & one and {i, j} & two)
        sources = ({code[k] for k in side} - {MISSING} for side in (one, two))
        if across <= 0 or (set.intersection(*sources) and across < DECIDED / 2):
            continue
        clusters = [c for c in clusters if c is not one and c is not two] + [one | two]
    return {frozenset(cluster) for cluster in clusters}


@pytest.mark.parametrize("seed", range(60))
def test_the_partition_is_the_one_that_is_documented(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 14))
    ends = [(a, b) for a in range(n) for b in range(a + 1, n)]
    chosen = rng.permutation(len(ends))[: rng.integers(3, len(ends) + 1)]
    special = np.array([0.0, 1.0, 2.0, 5.0, -5.0, 25.0, -23.0, DECIDED, -DECIDED, 5.0])
    weights = {
        ends[k]: float(rng.choice(special) if rng.random() < 0.5 else np.round(rng.normal(0, 6)))
        for k in sorted(chosen)
    }
    unique = rng.integers(-1, 6, n) if seed % 2 else np.full(n, MISSING)
    threshold = 0.5 + 0.4 * rng.random()
    found = _cluster(weights, n, unique=unique, threshold=threshold)
    assert found == _by_definition(weights, n, unique, threshold)
