"""Laws that every blocker and every comparison must keep, yours included.

Each law is a function with a name; run them all over your own plug-in::

    @pytest.mark.parametrize("law", COMPARISON_LAWS, ids=lambda law: law.__name__)
    def test_my_comparison(law):
        law(MyComparison(), example_records())
"""

from collections.abc import Callable

import numpy as np

from omniltv.identity.protocols import MISSING, Blocker, Column, Comparison, Pairs, Records

__all__ = [
    "BLOCKER_LAWS",
    "COMPARISON_LAWS",
    "blocks_are_capped",
    "each_pair_once_and_ordered",
    "example_records",
    "grades_are_levels_or_missing",
    "levels_are_described",
    "nothing_to_compare_is_missing",
    "order_of_pairs_does_not_matter",
    "order_of_records_does_not_matter",
    "same_record_agrees",
    "sides_do_not_matter",
]

type _Law[Plug] = Callable[[Plug, Records], None]

_FILLED = {
    "family_written": ["高橋", None, "高橋", "佐藤", "高橋", None],
    "given_written": ["花子", None, "太郎", "健", "花子", None],
    "family_reading": ["takahasi", "takahasi", "takahasi", "sato", "takahasi", None],
    "given_reading": ["hanako", "hanako", "taro", "ken", "hanako", None],
    "full_reading": ["hanako takahasi", "hanako takahasi", "takahasi taro", "ken sato", None, None],
    "birth_date": ["1980-01-02", "1980-02-01", "2010-05-05", None, "1980-01-02", None],
    "phone": ["+819012345678", "+819012345678", "+819012345679", None, "+81312345678", None],
    "phone_tail": ["5678", "5678", "5679", None, "5678", None],
    "email": ["h@a.jp", None, "t@a.jp", "k@b.jp", "h@a.jp", None],
    "mailbox": ["h", None, "t", "k", "h", None],
    "card_number": ["12345", None, None, "99999", "12345", None],
    "postcode": ["1000001", "1000001", "1000001", None, "5300001", None],
    "address": ["千代田区1-2-3", None, "千代田区1-2-3", None, "大阪市北区1-1", None],
    "gender": ["f", "f", "m", "m", None, None],
}


def example_records() -> Records:
    """Return six records: a woman four ways, her son, a stranger, and a blank.

    Examples:
        >>> len(example_records())
        6
    """
    columns = {name: Column.of(list(values)) for name, values in _FILLED.items()}
    for kind in ("written", "reading"):
        names = [*_FILLED[f"family_{kind}"], *_FILLED[f"given_{kind}"]]
        both = Column.of(names)
        half = len(names) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    source = np.array(["store", "ec", "ec", "store", "app", "app"], dtype=object)
    return Records(source, np.array(list("abcdef"), dtype=object), columns)


def levels_are_described(comparison: Comparison, records: Records) -> None:  # noqa: ARG001 - as all laws
    """At least two levels, some agreement, a frequency column or None for each."""
    n = len(comparison.levels)
    assert n >= 2, "a comparison has at least two levels"
    assert 1 <= comparison.agreement < n, "some levels agree and the last does not"
    assert len(comparison.frequency) == n, "one frequency entry a level"
    assert 0 <= comparison.coincidence < 1, "coincidence is a probability"
    assert comparison.columns, "it reads some column"


def grades_are_levels_or_missing(comparison: Comparison, records: Records) -> None:
    """One whole number a pair, a level's position or `MISSING`."""
    pairs = _all_pairs(records)
    grades = comparison.grade(pairs)
    assert grades.shape == (len(pairs),), "one grade a pair"
    assert np.issubdtype(grades.dtype, np.integer), "grades are whole numbers"
    assert grades.min(initial=0) >= MISSING, "no grade below MISSING"
    assert grades.max(initial=MISSING) < len(comparison.levels), "no grade beyond the levels"


def sides_do_not_matter(comparison: Comparison, records: Records) -> None:
    """Left and right may be swapped."""
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
    """Missing is not disagreement: neither for blank records nor without the columns."""
    blank = {
        name: Column(np.full(2, MISSING, dtype=np.int64), column.values)
        for name, column in records.columns.items()
    }
    for columns in (blank, {"something else": Column.of(["x", "y"])}):
        grades = comparison.grade(Pairs.of(columns, [0], [1]))
        assert grades.tolist() == [MISSING], "nothing to compare is MISSING"


def order_of_pairs_does_not_matter(comparison: Comparison, records: Records) -> None:
    """A pair's grade depends on the pair alone."""
    left, right = np.triu_indices(len(records), k=1)
    grades = comparison.grade(Pairs.of(records.columns, left, right))
    alone = [
        int(comparison.grade(Pairs.of(records.columns, left[[k]], right[[k]]))[0])
        for k in range(len(left))
    ]
    assert grades.tolist() == alone, "a grade does not depend on the other pairs"


def each_pair_once_and_ordered(blocker: Blocker, records: Records) -> None:
    """Each pair once, left below right, positions of records."""
    proposal = blocker.propose(records, max_block=100)
    pairs = list(zip(proposal.left.tolist(), proposal.right.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs), "each pair once"
    assert all(0 <= a < b < len(records) for a, b in pairs), "left is below right"


def blocks_are_capped(blocker: Blocker, records: Records) -> None:
    """What is too large to pair is listed, not dropped in silence."""
    open_ended = blocker.propose(records, max_block=100)
    capped = blocker.propose(records, max_block=2)
    listed = {(a, b) for block in capped.oversized for a in block.tolist() for b in block.tolist()}
    kept = set(zip(capped.left.tolist(), capped.right.tolist(), strict=True))
    every = set(zip(open_ended.left.tolist(), open_ended.right.tolist(), strict=True))
    assert kept <= every, "a cap proposes nothing new"
    assert every - kept <= listed, "pairs lost to the cap are in a listed block"


def order_of_records_does_not_matter(blocker: Blocker, records: Records) -> None:
    """The same pairs whatever the order of the records."""
    order = np.arange(len(records))[::-1]
    turned = Records(
        records.source[order],
        records.record_id[order],
        {name: Column(c.codes[order], c.values) for name, c in records.columns.items()},
    )
    assert _keys(blocker, records) == _keys(blocker, turned), "order of records does not matter"


COMPARISON_LAWS: tuple[_Law[Comparison], ...] = (
    levels_are_described,
    grades_are_levels_or_missing,
    sides_do_not_matter,
    same_record_agrees,
    nothing_to_compare_is_missing,
    order_of_pairs_does_not_matter,
)
"""Every law of a comparison."""

BLOCKER_LAWS: tuple[_Law[Blocker], ...] = (
    each_pair_once_and_ordered,
    blocks_are_capped,
    order_of_records_does_not_matter,
)
"""Every law of a blocker."""


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
