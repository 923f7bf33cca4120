"""The comparisons that come with the library: laws, plain definitions, and known distances."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA, JaroWinkler

from omniltv.errors import ConfigError
from omniltv.identity import (
    MISSING,
    BirthDateComparison,
    Column,
    Comparison,
    CoordinateComparison,
    DateComparison,
    Disagreement,
    NumberComparison,
    Pairs,
    Records,
    SetComparison,
    SqlComparison,
    StringComparison,
    TextComparison,
)
from omniltv.identity.linking.comparisons.numbers import as_number
from omniltv.testing.identity_laws import COMPARISON_LAWS, SQL_LAWS, example_records

OWN = {
    "points": ["100.0", "101.0", "-5.5", None, "100.0", "many"],
    "joined": ["2020-01-02", "2020-02-01", "2020-01-05", None, "2020-01-02", "not a date"],
    "shops": ["ginza\x1fueno", "ginza", "kobe", None, "ginza\x1fueno", "ginza\x1fkobe\x1fueno"],
    "note": ["red coat", "coat red", "umbrella", None, "red coat", "red coats"],
    "code": ["ab12", "ab21", "zz99", None, "ab12", "ab1"],
    "latitude": ["35.68", "35.681", "34.7", None, "35.68", "95.0"],
    "longitude": ["139.77", "139.77", "135.5", "135.5", "139.77", None],
}
COMPARISONS: tuple[Comparison, ...] = (
    NumberComparison("points", "points", within=(1.0, 10.0)),
    NumberComparison("relative", "points", within=(0.011,), relative=True, agreement=2),
    DateComparison("joined", "joined", within_days=(7, 31)),
    SetComparison("shops", "shops", at=(0.5, 0.1)),
    TextComparison("note", "note", at=(0.9, 0.3)),
    TextComparison("words", "note", tokens="words"),
    StringComparison("code", "code"),
    StringComparison("edits", "code", at=(1, 2), method="damerau_levenshtein"),
    CoordinateComparison(),
)
TEXT = st.text(alphabet="ab1高 é", max_size=6)
DAYS = st.dates(date(1950, 1, 1), date(2026, 12, 31))


def with_own() -> Records:
    records = example_records()
    own = {name: Column.of(values) for name, values in OWN.items()}
    return Records(records.source, records.record_id, {**records.columns, **own})


def level(comparison: Comparison, *values: tuple[str | None, str | None]) -> int:
    """Return the level of one pair, given the two values of each column."""
    columns = {
        name: Column.of(list(both)) for name, both in zip(comparison.columns, values, strict=True)
    }
    return int(comparison.grade(Pairs.of(columns, [0], [1]))[0])


def reached(value: float, at: tuple[float, ...]) -> int:
    """Return the first level after `same` whose threshold is reached."""
    return 1 + next((k for k, least in enumerate(at) if value >= least - 1e-6), len(at))


@pytest.mark.parametrize("law", COMPARISON_LAWS, ids=lambda law: str(law.__name__))
@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda c: str(c.name))
def test_laws(comparison: Comparison, law: Callable[[Comparison, Records], None]) -> None:
    law(comparison, with_own())


IN_SQL = [c for c in COMPARISONS if isinstance(c, SqlComparison)]


@pytest.mark.parametrize("law", SQL_LAWS, ids=lambda law: str(law.__name__))
@pytest.mark.parametrize("comparison", IN_SQL, ids=lambda c: str(c.name))
def test_sql_laws(comparison: SqlComparison, law: Callable[[SqlComparison, Records], None]) -> None:
    law(comparison, with_own())


def test_numbers_dates_and_strings_are_compared_in_the_database() -> None:
    assert {c.name for c in IN_SQL} == {"points", "relative", "joined", "code", "edits"}


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from([(1.0,), (0.1, 5.0)]), st.booleans()
)
def test_numbers(a: float, b: float, within: tuple[float, ...], relative: bool) -> None:
    comparison = NumberComparison("x", "x", within=within, relative=relative)
    larger = max(abs(a), abs(b)) if relative else 1.0
    near = [k for k, most in enumerate(within) if abs(a - b) <= most * larger * (1 + 1e-9)]
    expected = 0 if a == b else 1 + min(near, default=len(within))
    assert level(comparison, (as_number(a), as_number(b))) == expected


def test_a_difference_at_the_threshold_is_within_it() -> None:
    comparison = NumberComparison("x", "x", within=(0.1,))
    assert level(comparison, ("0.3", "0.4")) == level(comparison, ("1000.1", "1000.0")) == 1
    assert level(comparison, ("0.3", "0.41")) == 2


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1,200", "1200.0"),
        (" -3 ", "-3.0"),
        ("\u22123", "-3.0"),
        ("１２", "12.0"),  # noqa: RUF001 - full width
        (np.int64(7), "7.0"),
        (-0.0, "0.0"),
        ("1e3", "1000.0"),
        ("12,5", None),
        ("1200円", None),
        (float("inf"), None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_numbers_are_read_if_they_are_certain(value: object, number: str | None) -> None:
    assert as_number(value) == number


@given(DAYS, st.integers(-400, 400))
def test_dates(day: date, later: int) -> None:
    other = day + timedelta(days=later)
    comparison = DateComparison("x", "x", within_days=(7, 31))
    swapped = (day.year, day.month, day.day) == (other.year, other.day, other.month)
    near = 2 + [abs(later) <= 7, abs(later) <= 31, True].index(True)
    expected = 0 if later == 0 else 1 if swapped else near
    assert level(comparison, (day.isoformat(), other.isoformat())) == expected


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_sets(a: set[str], b: set[str]) -> None:
    comparison = SetComparison("x", "x", at=(0.5, 0.2))
    values = comparison.normalise(a), comparison.normalise("; ".join(sorted(b, reverse=True)))
    if not (a and b):
        assert level(comparison, values) == MISSING
        return
    overlap = len(a & b) / len(a | b)
    assert level(comparison, values) == (0 if a == b else reached(overlap, (0.5, 0.2)))


@given(TEXT.filter(bool), TEXT.filter(bool), st.sampled_from(["words", "qgrams"]))
def test_texts(a: str, b: str, tokens: str) -> None:
    comparison = TextComparison("x", "x", at=(0.8, 0.4), tokens=tokens, q=2)  # type: ignore[arg-type]
    counts = [
        Counter(
            v.split() if tokens == "words" else [v[k : k + 2] for k in range(max(len(v) - 1, 1))]
        )
        for v in (a, b)
    ]
    inner = sum(counts[0][token] * counts[1][token] for token in counts[0])
    norms = [math.sqrt(sum(n * n for n in count.values())) for count in counts]
    cosine = inner / (norms[0] * norms[1]) if all(norms) else 0.0
    assert level(comparison, (a, b)) == (0 if a == b else reached(cosine, (0.8, 0.4)))


@given(TEXT.filter(bool), TEXT.filter(bool))
def test_strings(a: str, b: str) -> None:
    jaro = StringComparison("x", "x", at=(0.9, 0.6))
    likeness = JaroWinkler.normalized_similarity(*sorted((a, b)))
    assert level(jaro, (a, b)) == (0 if a == b else reached(likeness, (0.9, 0.6)))
    edits = StringComparison("x", "x", at=(1, 3), method="damerau_levenshtein")
    slips = OSA.distance(a, b)
    assert level(edits, (a, b)) == (0 if a == b else 1 + (slips > 1) + (slips > 3))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((36.12, -86.67), (33.94, -118.40), 2886.448),  # BNA to LAX: the usual worked example
        ((0.0, 0.0), (0.0, 180.0), math.pi * 6371.0088),
        ((90.0, 0.0), (-90.0, 77.0), math.pi * 6371.0088),
        ((0.0, 179.9), (0.0, -179.9), 22.239),
        ((35.0, 139.0), (35.0, 139.0), 0.0),
    ],
)
def test_great_circle_distances(
    one: tuple[float, float], other: tuple[float, float], km: float
) -> None:
    values = [(repr(a), repr(b)) for a, b in zip(one, other, strict=True)]
    least, most = max(km * 0.9999, 1e-9), km * 1.0001 + 1e-6
    assert level(CoordinateComparison(within_km=(least, most)), *values) == (1 if km else 0)


@settings(max_examples=30)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=30))
def test_equal_pairs_of_values_are_computed_once_and_alike(pairs: list[tuple[str, str]]) -> None:
    values = Column.of([v or None for pair in pairs for v in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    for comparison in (
        TextComparison("x", "x"),
        SetComparison("x", "x"),
        StringComparison("x", "x"),
    ):
        together = comparison.grade(Pairs.of({"x": values}, left, left + 1)).tolist()
        assert together == [level(comparison, (a or None, b or None)) for a, b in pairs]


@pytest.mark.parametrize(
    "make",
    [
        lambda: NumberComparison("x", "x", within=()),
        lambda: NumberComparison("x", "x", within=(3.0, 1.0)),
        lambda: DateComparison("x", "x", within_days=(0, 1)),
        lambda: SetComparison("x", "x", at=(0.2, 0.5)),
        lambda: TextComparison("x", "x", at=(0.5, 0.5)),
        lambda: StringComparison("x", "x", at=(2, 1), method="damerau_levenshtein"),
        lambda: CoordinateComparison(within_km=(-1.0,)),
        lambda: TextComparison("x", "x", q=0),
    ],
)
def test_thresholds_out_of_order_are_refused(make: Callable[[], Comparison]) -> None:
    with pytest.raises(
        ConfigError,
        match=r"(of '(x|place)' must be positive|q is a whole number).*Hint",
    ):
        make()


@pytest.mark.parametrize(
    ("other", "level"),
    [
        ("1980-06-15", "same"),
        ("1980-06-16", "one slip"),
        ("1989-06-15", "one slip"),
        ("1966-01-31", "different"),
        ("1965-12-31", "a generation apart"),
        ("1930-01-01", "a generation apart"),
        ("1929-12-31", "different"),
        ("2011-11-23", "a generation apart"),
        ("9f86d081884c7d65", "different"),
        ("1930-01-01T00:00", "different"),
    ],
)
def test_b5_birth_dates_15_to_50_years_apart_are_a_generation_apart(other: str, level: str) -> None:
    born = BirthDateComparison()
    pairs = Pairs.of({"birth_date": Column.of(["1980-06-15", other])}, [0, 1], [1, 0])
    assert [born.levels[grade] for grade in born.grade(pairs)] == [level] * 2


def test_birth_dates_of_a_list_without_any_are_missing() -> None:
    pairs = Pairs.of({"phone": Column.of(["1", "2"])}, [0], [1])
    assert BirthDateComparison().grade(pairs).tolist() == [MISSING]


@pytest.mark.parametrize(
    ("person", "strangers"),
    [((0.1, 0.9), (1.0,)), ((0.1, 0.8), (0.5, 0.5)), ((0.0, 1.0), (0.5, 0.5)), ((), ())],
)
def test_shares_of_disagreement_are_one_per_level_and_sum_to_one(
    person: tuple[float, ...], strangers: tuple[float, ...]
) -> None:
    with pytest.raises(ConfigError, match="Hint"):
        Disagreement(person, strangers)
