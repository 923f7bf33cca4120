"""Customers that may be two people show it: an over-merge alarm."""

import numpy as np
import pandas as pd
import pytest

from omniltv.data import simulate_retailer
from omniltv.identity import Candidates, LinkModel, LinkSpec, ScoredPairs, stitch
from omniltv.identity.customers._cohesion import Cohesion, cohesion

NOTHING = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))


def held(links: dict[tuple[int, int], float], customers: list[int], many: int = 20) -> Cohesion:
    """Return how customers hang together whose records compare with these probabilities."""
    left, right = np.array(list(links), dtype=np.int64).reshape(-1, 2).T
    p = np.array(list(links.values()))
    found = Candidates(left, right, (), np.zeros((len(p), 0), dtype=np.bool_), {})
    pairs = ScoredPairs(found, p, {"all": np.log2(p / (1 - p))}, {}, {}, NOTHING)
    return cohesion(pairs, np.array(customers, dtype=np.int64), many=many)


def test_a_record_alone_hangs_together() -> None:
    alone = held({(0, 1): 0.3}, [0, 1])
    assert (alone.agreeing.tolist(), alone.weakest.tolist()) == ([1.0, 1.0], [1.0, 1.0])
    assert alone.flag == ("", "")


def test_a_triangle_falls_apart_at_its_second_surest_link() -> None:
    three = held({(0, 1): 0.99, (1, 2): 0.9, (0, 2): 0.8}, [0, 0, 0])
    assert three.weakest == pytest.approx([0.9])
    assert three.across.tolist() == [2]
    assert three.agreeing.tolist() == [1.0]


BRIDGE = {(0, 1): 0.99, (2, 3): 0.99, (1, 2): 0.8}


@pytest.mark.parametrize(
    ("more", "flag"),
    [
        ({}, "two groups held by one weak link"),
        ({(1, 2): 0.99}, ""),  # not weak
        ({(0, 3): 0.8}, ""),  # not one
        ({(1, 2): 0.8, (0, 2): 0.1, (0, 3): 0.1}, "two groups held by one weak link"),
    ],
)
def test_two_groups_held_by_one_weak_link(more: dict[tuple[int, int], float], flag: str) -> None:
    assert held(BRIDGE | more, [0, 0, 0, 0]).flag == (flag,)


def test_one_record_that_hangs_on_is_not_a_group() -> None:
    chain = {(0, 1): 0.99, (1, 2): 0.99, (0, 2): 0.99, (2, 3): 0.8}
    assert held(chain, [0, 0, 0, 0]).flag == ("",)


def test_few_agree_and_many_records() -> None:
    star = {(0, k): 0.99 for k in range(1, 6)}
    found = held(star, [0] * 6, many=6)
    assert found.agreeing.tolist() == [5 / 15]
    assert found.flag == ("many records, few of its records agree",)


def test_every_customer_is_measured_by_itself() -> None:
    both = {**BRIDGE, (4, 5): 0.9, (3, 4): 0.6}
    found = held(both, [0, 0, 0, 0, 1, 1])
    assert found.weakest == pytest.approx([0.8, 0.9])
    assert found.across.tolist() == [1, 1]


def test_clusters_and_summary_show_it() -> None:
    lists, n = simulate_retailer(150, seed=1).records, 25
    full = lists.loc[lists[["email", "phone", "birth_date", "given_name"]].notna().all(axis=1)]
    again = pd.concat([full.iloc[:1]] * n).assign(record_id=[f"again{k}" for k in range(n)])
    many = pd.concat([lists.drop(index=full.index[0]), again])
    found = stitch(many)
    large = found.clusters.loc[found.clusters["n_records"] >= n].iloc[0]
    assert large["flag"] == "many records"
    assert large["agreeing"] > 0.9
    summary = found.summary()
    assert sum(size * count for size, count in summary.sizes.items()) == len(many)
    assert summary.sizes[large["n_records"]] == 1
    assert summary.flagged == {"many records": 1}
    assert f"1 of {large['n_records']}\n" in str(summary)
    assert "review: 1 many records" in str(summary)
    assert stitch(many, spec=LinkSpec(many_records=40)).summary().flagged == {}


@pytest.mark.slow
def test_what_hangs_together_by_a_weak_link_is_wrong_more_often() -> None:
    """In six smaller worlds, 78 of 583 customers with a weak link were wrong, and 18 of 4,375.

    With these rates and 243 and 1,823 customers, the ratio is at most 4 by chance with a
    probability of 2e-9.
    """
    world = simulate_retailer(5_000, seed=3)
    found = stitch(world.records)
    who = found.crosswalk.merge(world.truth.records, on=["source", "record_id"])
    people = who.groupby("customer_id")["person_id"].nunique().rename("people")
    clusters = found.clusters.merge(people, on="customer_id").query("n_records > 1")
    wrong, weak = clusters["people"] > 1, clusters["weakest_link"] < 0.95
    assert wrong[weak].mean() > 4 * wrong[~weak].mean()
