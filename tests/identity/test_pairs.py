"""Pairs of values: what is left out before texts are compared is further apart than one edit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA, JaroWinkler

from omniltv.identity.linking.comparisons import BirthDateComparison, ValueComparison
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.columns import Column

VALUES = st.text(alphabet=st.sampled_from([*"0123456789abcz@.-", "é", "高", "\x00", "𠮷"]))


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text and the same after one edit."""
    text = draw(VALUES.filter(bool))
    at, new = draw(st.integers(0, len(text) - 1)), draw(st.sampled_from([*"0a-", "高", ""]))
    swapped = text[:at] + text[at : at + 2][::-1] + text[at + 2 :]
    return text, draw(st.sampled_from([text[:at] + new + text[at + 1 :], text[:at] + new, swapped]))


@given(st.lists(st.one_of(edited(), st.tuples(VALUES, VALUES)), min_size=1, max_size=20))
def test_no_pair_within_one_edit_is_left_out(pairs: list[tuple[str, str]]) -> None:
    column = Column.of([value for pair in pairs for value in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    near = Pairs.of({"a": column}, left, left + 1).near("a", np.ones(len(pairs), dtype=np.bool_))
    assert all(near[row] for row, pair in enumerate(pairs) if OSA.distance(*pair) <= 1)


@given(
    st.lists(st.one_of(edited(), st.tuples(VALUES, VALUES)), min_size=1, max_size=20),
    st.floats(0.7, 0.99),
)
def test_no_pair_that_is_alike_is_left_out(pairs: list[tuple[str, str]], least: float) -> None:
    column = Column.of([value for pair in pairs for value in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    every = np.ones(len(pairs), dtype=np.bool_)
    alike = Pairs.of({"a": column}, left, left + 1).alike("a", every, at_least=least)
    similar = [JaroWinkler.normalized_similarity(*pair) >= least for pair in pairs]
    assert all(alike[row] for row in range(len(pairs)) if similar[row] and all(pairs[row]))


def test_texts_that_share_few_characters_are_not_alike() -> None:
    column = Column.of(["suzuki", "yamada", "yamata"])  # in the order of the alphabet
    pairs = Pairs.of({"a": column}, [1, 1], [2, 0])
    both = np.array([True, True])
    assert pairs.alike("a", both, at_least=0.92).tolist() == [True, False]


def test_long_texts_are_never_left_out() -> None:
    column = Column.of(["a" * 600 + "b" * 600, "a" * 600 + "b" * 599 + "c"])
    pairs = Pairs.of({"a": column}, [0], [1])
    assert pairs.alike("a", np.array([True]), at_least=0.95).tolist() == [True]


def test_texts_far_apart_are_left_out() -> None:
    column = Column.of(["0901234567", "0807654311", "0901234568"])
    pairs = Pairs.of({"a": column}, [0, 0, 0], [0, 1, 2])
    assert pairs.near("a", np.array([True, True, True])).tolist() == [True, False, True]
    assert not pairs.near("a", np.array([False, False, False])).any()


def test_counts_are_of_characters_and_have_an_end() -> None:
    column = Column.of(["a" * 1000, "𠮷", ""])
    assert column.characters.sum(axis=1).tolist() == [0, 255, 1]


def test_levels_are_those_of_all_pairs_compared() -> None:
    rng = np.random.default_rng(3)
    digits = [f"19{a:02d}-0{b}-1{c}" for a, b, c in rng.integers(1, 9, (200, 3)).tolist()]
    column = Column.of(digits)
    left, right = np.triu_indices(len(digits), k=1)
    pairs = Pairs.of({"birth_date": column}, left, right)
    for comparison in (
        BirthDateComparison(),
        ValueComparison("birth_date", "birth_date", slips=True),
    ):
        swaps = comparison.name == "birth_date" and isinstance(comparison, BirthDateComparison)
        level = comparison.grade(pairs)
        for row in range(0, len(left), 7):
            one, other = digits[left[row]], digits[right[row]]
            turned = swaps and one[:5] + one[8:] + "-" + one[5:7] == other
            slip = turned or OSA.distance(one, other) == 1
            different = len(comparison.levels) - 1
            assert level[row] == (0 if one == other else 1 if slip else different)
