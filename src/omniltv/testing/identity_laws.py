"""Laws that every blocker, comparison, link engine and clusterer must satisfy.

Each law is a function. To test your own plug-in, run all laws of its kind::

    @pytest.mark.parametrize("law", COMPARISON_LAWS, ids=lambda law: law.__name__)
    def test_my_comparison(law):
        law(MyComparison(), example_records())
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.protocols import (
    Blocker,
    Clusterer,
    Comparison,
    GradedDisagreement,
    LinkEngine,
    SqlComparison,
)
from omniltv.identity.linking.values import (
    DECIDED,
    Candidates,
    LinkModel,
    Pairs,
    Proposal,
    ScoredPairs,
)
from omniltv.identity.records.columns import MISSING, Column, Records

__all__ = [
    "BLOCKER_LAWS",
    "CLUSTERER_LAWS",
    "COMPARISON_LAWS",
    "ENGINE_LAWS",
    "SQL_LAWS",
    "a_new_record_is_in_every_pair",
    "blocks_are_capped",
    "customers_stay_within_links",
    "decisions_hold",
    "each_pair_once_and_ordered",
    "evidence_adds_up",
    "example_records",
    "grades_are_levels_or_missing",
    "grades_are_those_of_the_comparisons",
    "levels_are_described",
    "nothing_to_compare_is_missing",
    "order_of_links_does_not_matter",
    "order_of_pairs_does_not_matter",
    "order_of_records_does_not_matter",
    "same_record_agrees",
    "sides_do_not_matter",
    "sql_says_the_same",
    "strangers_stay_apart",
    "sure_links_join",
    "the_same_seed_links_alike",
    "unique_sources_hold",
    "what_was_learnt_scores_alike",
]

type _Law[Plug] = Callable[[Plug, Records], None]

_FILLED = {
    "family_written": ["高橋", None, "高橋", "佐藤", "高橋", None],
    "given_written": ["花子", None, "太郎", "健", "花子", None],
    "family_reading": ["takahashi", "takahashi", "takahashi", "satou", "takahasi", None],
    "given_reading": ["hanako", "hanako", "tarou", "ken", "hanako", None],
    "family_sound": ["takahasi", "takahasi", "takahasi", "sato", "takahasi", None],
    "given_sound": ["hanako", "hanako", "taro", "ken", "hanako", None],
    "full_sound": ["hanako takahasi", "hanako takahasi", "takahasi taro", "ken sato", None, None],
    "birth_date": ["1980-01-02", "1980-02-01", "2010-05-05", None, "1980-01-02", None],
    "phone": ["+819012345678", "+819012345678", "+819012345679", None, "+81312345678", None],
    "phone_tail": ["5678", "5678", "5679", None, "5678", None],
    "email": ["h@a.jp", None, "t@a.jp", "k@b.jp", "h@a.jp", None],
    "mailbox": ["h", None, "t", "k", "h", None],
    "card_number": ["12345", None, None, "99999", "12345", None],
    "postcode": ["1000001", "1000001", "1000001", None, "5300001", None],
    "address": ["千代田区1-2-3", None, "千代田区1-2-3", None, "大阪市北区1-1", None],
    "house": ["千代田区1-2-3", None, "千代田区1-2-3", None, "大阪市北区1-1", None],
    "gender": ["f", "f", "m", "m", None, None],
}


def example_records() -> Records:
    """Return six records: three of a woman, one of her son, one of a stranger, and a blank one.

    Examples:
        >>> len(example_records())
        6
    """
    columns = {name: Column.of(list(values)) for name, values in _FILLED.items()}
    for kind in ("written", "reading", "sound"):
        names = [*_FILLED[f"family_{kind}"], *_FILLED[f"given_{kind}"]]
        both = Column.of(names)
        half = len(names) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    source = np.array(["store", "ec", "ec", "store", "app", "app"], dtype=object)
    return Records(source, np.array(list("abcdef"), dtype=object), columns)


def levels_are_described(comparison: Comparison, records: Records) -> None:  # noqa: ARG001 - the signature of all laws
    """There are at least two levels, some of agreement, and a frequency entry for each."""
    n = len(comparison.levels)
    assert n >= 2, "a comparison has at least two levels"
    assert 1 <= comparison.agreement < n, "some levels agree and the last does not"
    assert len(comparison.frequency) == n, "one frequency entry per level"
    assert 0 <= comparison.coincidence < 1, "coincidence is a probability"
    assert comparison.columns, "it reads some column"
    if isinstance(comparison, GradedDisagreement):
        assert comparison.disagreement.levels <= n - comparison.agreement, "the last levels differ"


def grades_are_levels_or_missing(comparison: Comparison, records: Records) -> None:
    """Each pair has one whole number, the position of a level or `MISSING`."""
    pairs = _all_pairs(records)
    grades = comparison.grade(pairs)
    assert grades.shape == (len(pairs),), "one grade per pair"
    assert np.issubdtype(grades.dtype, np.integer), "grades are whole numbers"
    assert grades.min(initial=0) >= MISSING, "no grade below MISSING"
    assert grades.max(initial=MISSING) < len(comparison.levels), "no grade beyond the levels"


def sides_do_not_matter(comparison: Comparison, records: Records) -> None:
    """Swapping the left and the right records changes nothing."""
    pairs = _all_pairs(records)
    swapped = Pairs(pairs.columns, pairs.right, pairs.left)
    assert np.array_equal(comparison.grade(pairs), comparison.grade(swapped)), "it is symmetric"


def same_record_agrees(comparison: Comparison, records: Records) -> None:
    """A complete record agrees with itself; a partial one never differs from itself."""
    rows = np.arange(len(records))
    grades = comparison.grade(Pairs.of(records.columns, rows, rows))
    columns = [records.columns[name].codes for name in comparison.columns]
    complete = (np.array(columns) != MISSING).all(axis=0)
    assert (grades[complete] < comparison.agreement).all(), "a record agrees with itself"
    assert (grades < len(comparison.levels) - 1).all(), "no record differs from itself"


def nothing_to_compare_is_missing(comparison: Comparison, records: Records) -> None:
    """Missing values and missing columns are not disagreement."""
    blank = {
        name: Column(np.full(2, MISSING, dtype=np.int64), column.values)
        for name, column in records.columns.items()
    }
    for columns in (blank, {"something else": Column.of(["x", "y"])}):
        grades = comparison.grade(Pairs.of(columns, [0], [1]))
        assert grades.tolist() == [MISSING], "nothing to compare is MISSING"


def order_of_pairs_does_not_matter(comparison: Comparison, records: Records) -> None:
    """The grade of a pair does not depend on other pairs."""
    left, right = np.triu_indices(len(records), k=1)
    grades = comparison.grade(Pairs.of(records.columns, left, right))
    alone = [
        int(comparison.grade(Pairs.of(records.columns, left[[k]], right[[k]]))[0])
        for k in range(len(left))
    ]
    assert grades.tolist() == alone, "a grade does not depend on the other pairs"


def each_pair_once_and_ordered(blocker: Blocker, records: Records) -> None:
    """Each pair is proposed once, with the position of the left record below the right."""
    proposal = blocker.propose(records, max_block=100)
    pairs = list(zip(proposal.left.tolist(), proposal.right.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs), "each pair once"
    assert all(0 <= a < b < len(records) for a, b in pairs), "left is below right"


def blocks_are_capped(blocker: Blocker, records: Records) -> None:
    """Blocks that are too large to pair are listed."""
    open_ended = blocker.propose(records, max_block=100)
    capped = blocker.propose(records, max_block=2)
    listed = {(a, b) for block in capped.oversized for a in block.tolist() for b in block.tolist()}
    kept = set(zip(capped.left.tolist(), capped.right.tolist(), strict=True))
    every = set(zip(open_ended.left.tolist(), open_ended.right.tolist(), strict=True))
    assert kept <= every, "a cap proposes nothing new"
    assert every - kept <= listed, "pairs lost to the cap are in a listed block"


def a_new_record_is_in_every_pair(blocker: Blocker, records: Records) -> None:
    """Given the new records, the blocker proposes exactly the pairs with a new record."""
    new = np.arange(len(records)) % 2 == 0
    every, some = (blocker.propose(records, max_block=100, new=only) for only in (None, new))
    wanted = new[every.left] | new[every.right]
    pairs = set(zip(every.left[wanted].tolist(), every.right[wanted].tolist(), strict=True))
    found = set(zip(some.left.tolist(), some.right.tolist(), strict=True))
    assert found == pairs, "all pairs with a new record, and no other"


def order_of_records_does_not_matter(blocker: Blocker, records: Records) -> None:
    """The pairs do not depend on the order of the records."""
    turned = _turned(records)
    assert _keys(blocker, records) == _keys(blocker, turned), "order of records does not matter"


def evidence_adds_up(engine: LinkEngine, records: Records) -> None:
    """Each pair appears once, and its probability is the logistic of the sum of its bits."""
    found = _link(engine, records)
    left, right = found.candidates.left, found.candidates.right
    assert len({*zip(left.tolist(), right.tolist(), strict=True)}) == len(left), "each pair once"
    assert ((left >= 0) & (left < right) & (right < len(records))).all(), "left is below right"
    assert found.candidates.proposed.any(axis=1).all(), "some rule proposed each pair"
    expected = 1 / (1 + np.exp2(-np.clip(found.weight, -500, 500)))
    assert np.allclose(found.probability, expected), "probability is the logistic of the bits"
    for name, grades in found.grades.items():
        assert grades.min(initial=0) >= MISSING, "no grade below MISSING"
        assert grades.max(initial=MISSING) < len(found.levels[name]), "no grade beyond the levels"


def the_same_seed_links_alike(engine: LinkEngine, records: Records) -> None:
    """The evidence depends on the records and the seed, not on the order of the records."""
    first, again, turned = (
        _evidence(engine, part, records) for part in (records, records, _turned(records))
    )
    assert first == again, "the same seed, the same evidence"
    assert first.keys() == turned.keys(), "the order of records does not matter"
    assert np.allclose([first[key] for key in first], [turned[key] for key in first]), (
        "the order of records does not matter"
    )


def what_was_learnt_scores_alike(engine: LinkEngine, records: Records) -> None:
    """A model gives the records it was trained on, and new pairs, the same scores."""
    found = _link(engine, records)
    again = _link(engine, records, model=found.model)
    assert np.allclose(again.weight, found.weight), "a model scores as it was learnt"
    new = np.arange(len(records)) % 2 == 0
    some = _link(engine, records, model=found.model, new=new)
    wanted = new[found.candidates.left] | new[found.candidates.right]
    assert np.array_equal(some.candidates.left, found.candidates.left[wanted]), "pairs with a new"
    assert np.allclose(some.weight, found.weight[wanted]), "scored alike"


def grades_are_those_of_the_comparisons(engine: LinkEngine, records: Records) -> None:
    """The level of each pair is the one that the comparison gives."""
    found = _link(engine, records)
    pairs = Pairs.of(records.columns, found.candidates.left, found.candidates.right)
    for comparison in DEFAULT_COMPARISONS:
        grades = comparison.grade(pairs)
        assert np.array_equal(found.grades[comparison.name], grades), comparison.name


def sql_says_the_same(comparison: SqlComparison, records: Records) -> None:
    """The SQL conditions give each pair the same level as Python.

    Needs ``pip install 'omniltv[splink]'``.
    """
    from omniltv.identity import SplinkEngine  # noqa: PLC0415 - an extra

    assert len(comparison.sql) == len(comparison.levels), "one condition per level"
    found = SplinkEngine().link(
        records, blockers=(_Everybody(),), comparisons=(comparison,), max_block=2, seed=0
    )
    pairs = Pairs.of(records.columns, found.candidates.left, found.candidates.right)
    assert np.array_equal(found.grades[comparison.name], comparison.grade(pairs)), (
        "SQL and Python give the same level"
    )


def strangers_stay_apart(clusterer: Clusterer) -> None:
    """Without links, every record is a separate customer."""
    assert _partition(clusterer, {}, 3) == {frozenset({k}) for k in range(3)}
    assert _partition(clusterer, {(0, 1): -5.0}, 2) == {frozenset({0}), frozenset({1})}
    assert _partition(clusterer, {}, 0) == set(), "no records, no customers"


def sure_links_join(clusterer: Clusterer) -> None:
    """Records with sure links and no contrary evidence are one customer."""
    found = _partition(clusterer, {(0, 1): 12.0, (1, 2): 11.0}, 4)
    assert found == {frozenset({0, 1, 2}), frozenset({3})}


def unique_sources_hold(clusterer: Clusterer) -> None:
    """Two records of a unique source are never one customer."""
    unique = np.array([0, MISSING, 0], dtype=np.int64)
    found = _partition(clusterer, {(0, 1): 12.0, (1, 2): 11.0}, 3, unique=unique)
    assert not any({0, 2} <= customer for customer in found), "at most one of a unique source"


def decisions_hold(clusterer: Clusterer) -> None:
    """Manual decisions override evidence and unique sources."""
    unique = np.array([0, 0, MISSING], dtype=np.int64)
    joined = _partition(clusterer, {(0, 1): DECIDED - 9.0}, 3, unique=unique)
    assert any({0, 1} <= customer for customer in joined), "decided to be one"
    links = {(0, 1): 12.0 - DECIDED, (0, 2): 12.0, (1, 2): 12.0}
    apart = _partition(clusterer, links, 3)
    assert not any({0, 1} <= customer for customer in apart), "decided to be two"


def customers_stay_within_links(clusterer: Clusterer) -> None:
    """Pairs that are not links do not connect records, however many there are."""
    links = {(0, 1): 12.0, (2, 3): 12.0}
    likely = {(0, 2): 1.5, (0, 3): 1.5, (1, 2): 1.5, (1, 3): 1.5}
    assert _partition(clusterer, links | likely, 4) == {frozenset({0, 1}), frozenset({2, 3})}


def order_of_links_does_not_matter(clusterer: Clusterer) -> None:
    """The customers do not depend on the order of the pairs."""
    links = {(0, 1): 9.0, (1, 2): 6.0, (0, 2): -8.0, (2, 3): 7.0, (3, 4): 3.0}
    turned = dict(reversed(links.items()))
    assert _partition(clusterer, links, 5) == _partition(clusterer, turned, 5)


COMPARISON_LAWS: tuple[_Law[Comparison], ...] = (
    levels_are_described,
    grades_are_levels_or_missing,
    sides_do_not_matter,
    same_record_agrees,
    nothing_to_compare_is_missing,
    order_of_pairs_does_not_matter,
)
"""The laws of a comparison."""

BLOCKER_LAWS: tuple[_Law[Blocker], ...] = (
    each_pair_once_and_ordered,
    blocks_are_capped,
    order_of_records_does_not_matter,
    a_new_record_is_in_every_pair,
)
"""The laws of a blocker."""

ENGINE_LAWS: tuple[_Law[LinkEngine], ...] = (
    evidence_adds_up,
    the_same_seed_links_alike,
    what_was_learnt_scores_alike,
    grades_are_those_of_the_comparisons,
)
"""The laws of a link engine."""

SQL_LAWS: tuple[_Law[SqlComparison], ...] = (sql_says_the_same,)
"""The additional laws of a comparison with SQL."""

CLUSTERER_LAWS: tuple[Callable[[Clusterer], None], ...] = (
    strangers_stay_apart,
    sure_links_join,
    unique_sources_hold,
    decisions_hold,
    customers_stay_within_links,
    order_of_links_does_not_matter,
)
"""The laws of a clusterer."""


@dataclass(frozen=True)
class _Everybody:
    """Proposes all pairs."""

    name = "everybody"
    decides: tuple[str, ...] = ()

    def propose(
        self,
        records: Records,
        *,
        max_block: int,  # noqa: ARG002 - as in the Protocol
        new: NDArray[np.bool_] | None = None,
    ) -> Proposal:
        left, right = np.triu_indices(len(records), k=1)
        wanted = np.ones(len(left), dtype=np.bool_) if new is None else new[left] | new[right]
        return Proposal(left[wanted].astype(np.int64), right[wanted].astype(np.int64))


def _turned(records: Records) -> Records:
    order = np.arange(len(records))[::-1]
    columns = {name: Column(c.codes[order], c.values) for name, c in records.columns.items()}
    return Records(records.source[order], records.record_id[order], columns)


def _link(
    engine: LinkEngine,
    records: Records,
    *,
    model: LinkModel | None = None,
    new: NDArray[np.bool_] | None = None,
) -> ScoredPairs:
    return engine.link(
        records,
        blockers=DEFAULT_BLOCKERS,
        comparisons=DEFAULT_COMPARISONS,
        max_block=100,
        seed=1,
        model=model,
        new=new,
    )


def _evidence(
    engine: LinkEngine, records: Records, named: Records
) -> dict[frozenset[tuple[str, str]], float]:
    """Return the weight of each pair by the ids of its records."""
    found, ids = _link(engine, records), records.ids()
    assert sorted(ids) == sorted(named.ids())
    ends = zip(found.candidates.left.tolist(), found.candidates.right.tolist(), strict=True)
    return {
        frozenset((ids[a], ids[b])): weight
        for (a, b), weight in zip(ends, found.weight.tolist(), strict=True)
    }


def _partition(
    clusterer: Clusterer,
    links: dict[tuple[int, int], float],
    n: int,
    *,
    unique: NDArray[np.int64] | None = None,
) -> set[frozenset[int]]:
    """Return the customers, as sets of records, given the weights of pairs."""
    left, right = (np.array([pair[k] for pair in links], dtype=np.int64) for k in (0, 1))
    weight = np.array(list(links.values()), dtype=np.float64)
    nothing = LinkModel({}, {}, {}, (), np.zeros((1, 1)), np.zeros((1, 1)))
    pairs = ScoredPairs(
        candidates=Candidates(left, right, ("rule",), np.ones((len(left), 1), dtype=bool), {}),
        probability=1 / (1 + np.exp2(-np.clip(weight, -500, 500))),
        bits={"all": weight},
        grades={},
        levels={},
        model=nothing,
    )
    codes = np.full(n, MISSING, dtype=np.int64) if unique is None else unique
    labels = clusterer.cluster(pairs, n_records=n, links=pairs.probability >= 0.8, unique=codes)
    assert labels.shape == (n,), "one customer a record"
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def _all_pairs(records: Records) -> Pairs:
    left, right = np.triu_indices(len(records), k=1)
    return Pairs.of(records.columns, left, right)


def _keys(blocker: Blocker, records: Records) -> set[frozenset[str]]:
    proposal = blocker.propose(records, max_block=100)
    names = [str(name) for name in records.record_id]
    return {
        frozenset((names[a], names[b]))
        for a, b in zip(proposal.left.tolist(), proposal.right.tolist(), strict=True)
    }
