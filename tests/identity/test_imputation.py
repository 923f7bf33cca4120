"""Partitions are drawn as often as the evidence says."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_share, assert_shares

from omniltv.identity.customers._imputation import draw_partitions
from omniltv.identity.linking.values import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records.columns import MISSING

COPIES = 5_000

type Weights = dict[tuple[int, int], float]

UNLEARNT = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))


def scored(weights: Weights) -> ScoredPairs:
    left, right = (np.array([pair[k] for pair in weights], dtype=np.int64) for k in (0, 1))
    weight = np.array(list(weights.values()), dtype=np.float64)
    found = Candidates(left, right, ("rule",), np.ones((len(left), 1), dtype=bool), {})
    return ScoredPairs(found, 1 / (1 + np.exp2(-weight)), {"all": weight}, {}, {}, UNLEARNT)


def partitions(n: int) -> list[tuple[int, ...]]:
    """Every partition of n records as labels by first appearance."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(n):
        found = [(*p, label) for p in found for label in range(max(p, default=-1) + 2)]
    return found


def hangs_together(members: list[int], weights: Weights) -> bool:
    reached = {members[0]}
    while True:
        more = {b for a, b in weights if a in reached and b in members}
        more |= {a for a, b in weights if b in reached and a in members}
        if more <= reached:
            return reached == set(members)
        reached |= more


def exact(weights: Weights, n: int, unique: NDArray[np.int64]) -> dict[tuple[int, ...], float]:
    """The probability of every partition, by enumeration."""
    odds = {}
    for labels in partitions(n):
        clusters = [[i for i in range(n) if labels[i] == c] for c in set(labels)]
        fine = all(hangs_together(members, weights) for members in clusters)
        for members in clusters:
            codes = [unique[i] for i in members if unique[i] != MISSING]
            fine &= len(codes) == len(set(codes))
        if fine:
            together = [w for (a, b), w in weights.items() if labels[a] == labels[b]]
            odds[labels] = 2.0 ** sum(together)
    total = sum(odds.values())
    return {labels: value / total for labels, value in odds.items()}


def named(labels: NDArray[np.int64]) -> tuple[int, ...]:
    first: dict[int, int] = {}
    return tuple(first.setdefault(int(label), len(first)) for label in labels)


def independent(
    weights: Weights, start: NDArray[np.int64], unique: NDArray[np.int64], *, seed: int
) -> NDArray[np.int64]:
    """Return one draw of each of many copies: draws of one graph depend on one another."""
    n, first = len(start), len(start) * np.arange(COPIES)
    copies = {(a + k, b + k): w for k in first.tolist() for (a, b), w in weights.items()}
    starts = (start + first[:, None]).ravel()
    drawn = draw_partitions(scored(copies), starts, np.tile(unique, COPIES), k=1, seed=seed)
    return drawn.reshape(COPIES, n)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_partitions_come_as_often_as_enumeration_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 5
    pairs = list(combinations(range(n), 2))
    kept = [pair for pair in pairs if rng.random() < 0.7]
    weights = {pair: float(rng.normal(0, 2.5)) for pair in kept}
    unique = rng.integers(-1, 2, n) if seed % 2 else np.full(n, MISSING)
    drawn = independent(weights, np.arange(n), unique, seed=seed)
    seen = Counter(map(named, drawn))
    wanted = exact(weights, n, unique)
    assert set(seen) <= set(wanted)
    shares = [seen[labels] / len(drawn) for labels in wanted]
    assert_shares(shares, list(wanted.values()), n=len(drawn), comparisons=4 * len(wanted))


def test_tight_couples_part_and_meet_as_one() -> None:
    tight, loose = 25.0, 0.25
    weights = {(0, 1): tight, (2, 3): tight} | dict.fromkeys(
        ((0, 2), (0, 3), (1, 2), (1, 3)), loose
    )
    nobody = np.full(4, MISSING)
    drawn = independent(weights, np.zeros(4, np.int64), nobody, seed=1)
    together = drawn[:, 0] == drawn[:, 2]  # 1 bit for all four against none for two and two
    assert_share(together, 2 / 3)
    assert (drawn[:, 0] == drawn[:, 1]).all()


def test_what_is_sure_stays_as_it_was() -> None:
    weights = {(0, 1): 30.0, (2, 3): -30.0, (4, 5): 1.0}
    start = np.array([0, 0, 1, 2, 3, 4])
    drawn = draw_partitions(scored(weights), start, np.full(6, MISSING), k=50, seed=1)
    assert (drawn[:, :4] == start[:4]).all()
    assert set(map(named, drawn[:, 4:])) == {(0, 0), (0, 1)}
    same = draw_partitions(scored(weights), start, np.full(6, MISSING), k=50, seed=1)
    np.testing.assert_array_equal(drawn, same)


def test_nothing_to_draw() -> None:
    empty = draw_partitions(scored({}), np.arange(3), np.full(3, MISSING), k=2, seed=0)
    assert empty.tolist() == [[0, 1, 2], [0, 1, 2]]
