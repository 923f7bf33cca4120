"""What is done for all records at once gives what one record after the other would give."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.identity import BestFirstClusterer, stitch
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.customers.clustering import _Forest
from omniltv.identity.linking.blocking import pairs_within
from omniltv.identity.linking.values import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records._codes import factorized, in_order
from omniltv.identity.records.columns import MISSING

TEXTS = st.text("ab\0é山\ud800", max_size=3)


def scored(n: int, edges: dict[tuple[int, int], float]) -> ScoredPairs:
    """Return pairs of n records with these bits of evidence."""
    ends = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
    bits = np.array([edges[low, high] for low, high in sorted(edges)])
    found = Candidates(ends[:, 0], ends[:, 1], ("any",), np.ones((len(ends), 1), np.bool_), {})
    nothing = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))
    return ScoredPairs(found, 1 / (1 + np.exp2(-bits)), {"prior": bits}, {}, {}, nothing)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], float], list[int]]:
    n = draw(st.integers(2, 8))
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    pair = ends.filter(lambda p: p[0] < p[1])
    edges = draw(st.dictionaries(pair, st.integers(-30, 30).map(float), max_size=12))
    unique = draw(st.lists(st.sampled_from([MISSING, MISSING, 0, 1]), min_size=n, max_size=n))
    return n, edges, unique


@given(graphs())
def test_customers_are_those_of_joining_every_link_in_turn(
    graph: tuple[int, dict[tuple[int, int], float], list[int]],
) -> None:
    n, edges, unique = graph
    pairs, source = scored(n, edges), np.array(unique, dtype=np.int64)
    links = pairs.probability >= 0.7
    found = BestFirstClusterer().cluster(pairs, n_records=n, links=links, unique=source)
    forest = _Forest(n, source)
    for (a, b), bits in edges.items():
        forest.weigh(a, b, float(np.clip(bits, -20, 20)))
    linked = {pair for pair, link in zip(sorted(edges), links.tolist(), strict=True) if link}
    for a, b in sorted(linked, key=lambda pair: (-edges[pair], pair)):
        forest.join(a, b)
    expected = [forest.root(record) for record in range(n)]
    same = found[:, None] == found[None, :]
    assert np.array_equal(same, np.equal.outer(expected, expected))


@given(st.lists(st.integers(MISSING, 4), max_size=20))
def test_all_pairs_of_a_block_are_found(block: list[int]) -> None:
    left, right = pairs_within(np.array(block, dtype=np.int64))
    expected = {
        (a, b)
        for b, code in enumerate(block)
        for a in range(b)
        if block[a] == code and code != MISSING
    }
    assert len(left) == len(expected)
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected


@given(st.lists(st.none() | TEXTS, max_size=12))
def test_texts_are_told_apart_whatever_is_in_them(values: list[str | None]) -> None:
    codes, distinct = factorized(values)
    assert [None if code == MISSING else distinct[code] for code in codes] == values
    assert len(set(distinct.tolist())) == len(distinct)


@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True, max_size=12))
def test_keys_are_in_the_order_of_their_pairs(keys: list[tuple[str, str]]) -> None:
    order = in_order([source for source, _ in keys], [own for _, own in keys])
    assert [keys[row] for row in order] == sorted(keys)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "p", "q"])), max_size=10))
def test_ids_are_kept_where_they_can_be_and_never_shared(
    records: list[tuple[int, str | None]],
) -> None:
    clusters = np.array([cluster for cluster, _ in records], dtype=np.int64)
    previous = np.array([*(name for _, name in records), None], dtype=object)[:-1]
    own = np.array([*(f"r{k}" for k in range(len(records))), None], dtype=object)[:-1]
    ids = customer_ids((np.full(len(own), "ec", object), own), clusters, previous, {"p", "q"})
    holders = defaultdict(set)
    for cluster, name in zip(clusters.tolist(), ids.tolist(), strict=True):
        holders[name].add(cluster)
    assert all(len(having) == 1 for having in holders.values())
    for name in {name for _, name in records if name}:
        had = {cluster for cluster, before in records if before == name}
        assert not holders[name] or holders[name] <= had


def test_a_crowd_of_identical_records_is_one_customer() -> None:
    n = 30_000
    crowd = pd.DataFrame(
        {
            "source": "ec",
            "record_id": np.arange(n).astype(str),
            "family_name": "佐藤",
            "given_name": "花子",
            "phone": "090-1234-5678",
            "birth_date": "1980-01-02",
            "address": "千代田区霞が関1-2-3",
        }
    )
    found = stitch(crowd)
    assert found.summary().customers == 1
    assert found.summary().candidates == n - 1
    assert found.summary().masked == {}


def test_a_crowd_without_names_is_masked_and_listed_not_paired() -> None:
    n = 30_000
    crowd = pd.DataFrame(
        {
            "source": "ec",
            "record_id": np.arange(n).astype(str),
            "phone": "090-1234-5678",
            "address": "千代田区霞が関1-2-3",
        }
    )
    found = stitch(crowd)
    assert found.summary().customers == n
    assert found.summary().candidates == 0
    assert found.summary().masked == {"phone": 1}
    assert set(found.oversized["n_records"]) == {n}


@pytest.mark.parametrize("column", ["phone", "email", "birth_date", "family_name"])
def test_a_field_that_is_all_missing_is_as_one_that_is_not_there(column: str) -> None:
    lists = pd.DataFrame(
        {
            "source": ["ec", "store", "app"],
            "record_id": ["1", "2", "3"],
            "given_name": ["花子", "花子", "太郎"],
            "card_number": ["12345678", "12345678", None],
        }
    )
    without, empty = stitch(lists), stitch(lists.assign(**{column: None}))
    assert empty.crosswalk.equals(without.crosswalk)
    assert empty.summary().customers == 2
