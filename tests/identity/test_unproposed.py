"""Matches that no rule proposed are drawn as often as the model says, and never against it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data import simulate_retailer
from omniltv.identity import MISSING, Candidates, LinkModel, ScoredPairs, stitch
from omniltv.identity._unproposed import Unproposed

type Codes = NDArray[np.int64]

NOBODY = np.full(6, MISSING)
UNLEARNT = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))


def compared(*pairs: tuple[int, int]) -> ScoredPairs:
    left, right = (np.array([pair[k] for pair in pairs], dtype=np.int64) for k in (0, 1))
    found = Candidates(left, right, ("rule",), np.ones((len(left), 1), dtype=bool), {})
    none = np.zeros(len(left))
    return ScoredPairs(found, none, {"all": none}, {}, {}, UNLEARNT)


def missed(chances: dict[tuple[int, int], float]) -> Unproposed:
    left, right = (np.array([pair[k] for pair in chances], dtype=np.int64) for k in (0, 1))
    return Unproposed(left, right, np.array(list(chances.values())))


def drawn(
    found: Unproposed, labels: Codes, pairs: ScoredPairs, unique: Codes = NOBODY, n: int = 4_000
) -> Codes:
    rng = np.random.default_rng(1)
    return np.stack([found.joined(labels, pairs, unique, rng) for _ in range(n)])


def test_two_records_meet_as_often_as_is_probable() -> None:
    labels = drawn(missed({(0, 1): 0.3, (2, 3): 0.05}), np.arange(6), compared())
    assert np.mean(labels[:, 0] == labels[:, 1]) == pytest.approx(0.3, abs=0.03)
    assert np.mean(labels[:, 2] == labels[:, 3]) == pytest.approx(0.05, abs=0.015)
    assert all(len(set(row)) == 6 - (row[0] == row[1]) - (row[2] == row[3]) for row in labels)


def test_a_record_joins_a_customer_by_the_mean_of_its_pairs_and_one_at_a_time() -> None:
    customers = np.array([0, 1, 1, 2, 2, 3])
    found = missed({(0, 1): 0.2, (0, 2): 0.4, (0, 3): 0.5, (0, 4): 0.5})
    labels = drawn(found, customers, compared((1, 2), (3, 4)))
    first, second = labels[:, 0] == labels[:, 1], labels[:, 0] == labels[:, 3]
    assert first.mean() == pytest.approx(0.3, abs=0.03)
    assert second.mean() == pytest.approx(0.5, abs=0.03)
    assert not (first & second).any()
    assert (labels[:, 1] == labels[:, 2]).all()


def test_compared_pairs_and_unique_sources_stay_apart() -> None:
    customers = np.array([0, 1, 1, 3, 4, 5])
    pairs = compared((0, 2), (1, 2))
    unique = np.array([MISSING, MISSING, MISSING, 0, 0, MISSING])
    labels = drawn(missed({(0, 1): 0.9, (3, 4): 0.9, (4, 5): 0.9}), customers, pairs, unique, n=500)
    assert (labels[:, 0] != labels[:, 1]).all(), "0 was compared with 2, who is 1"
    assert (labels[:, 3] != labels[:, 4]).all(), "one record each in the unique source"
    assert (labels[:, 4] == labels[:, 5]).any()


def test_nothing_missed_changes_nothing() -> None:
    labels = drawn(Unproposed.none(), np.array([0, 0, 1, 2, 2, 3]), compared((0, 1)), n=3)
    assert (labels == labels[0]).all()
    assert len(set(labels[0])) == 4


def test_an_engine_that_learnt_nothing_misses_nothing() -> None:
    found = stitch(simulate_retailer(40, seed=1).records)
    assert (
        len(Unproposed.of(found.records, compared(), found._workings.spec.comparisons, seed=1).left)
        == 0
    )


def test_there_are_about_as_many_customers_as_people() -> None:
    world = simulate_retailer(500, seed=11)
    found = stitch(world.records)
    people = world.truth.records["person_id"].nunique()
    counts = [drawn["customer_id"].nunique() for drawn in found.draws(20, seed=1)]
    assert abs(np.mean(counts) - people) < 0.3 * abs(found.summary().customers - people)
    assert 0 < np.std(counts) < 0.03 * people
