import numpy as np
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_share, sigmas

from omniltv.identity.linking._chance import SampledComparisons, SampledPairs, sampled, strangers
from omniltv.identity.linking._comparison_vectors import ComparisonVectors, compared
from omniltv.identity.linking.blocking import KeyBlocker
from omniltv.identity.linking.comparisons import ValueComparison
from omniltv.identity.linking.scoring import train
from omniltv.identity.records.columns import MISSING, Column, Records

GIVEN = ValueComparison("given_name", "given_reading", coincidence=0.004)
BIRTH = ValueComparison("birth_date", "birth_date", coincidence=5e-5)
PHONE = ValueComparison("phone", "phone", shared=True)
EMAIL = ValueComparison("email", "email", shared=True)
FAMILY = ValueComparison("family_name", "family_reading", shared=True, coincidence=0.004)
COMPARISONS = (GIVEN, BIRTH, PHONE, EMAIL, FAMILY)
CHANCE = (0.004, 5e-5, 1e-6, 1e-6, 0.004)
MATCH = (0.93, 0.97, 0.6, 0.5, 0.95)
HOUSEHOLD = (0.004, 5e-5, 0.4, 0.15, 0.9)


def _levels(agree: tuple[float, ...], n: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return 0 where a comparison agrees, 1 where not, a third of them missing."""
    levels = (rng.random((n, len(agree))) >= agree).astype(np.int8)
    return np.where(rng.random(levels.shape) < 0.3, np.int8(MISSING), levels)


def test_em_finds_match_and_household_probabilities_without_labels() -> None:
    rng = np.random.default_rng(1)
    blocks = []
    for rule in (2, 3):
        levels = np.concatenate(
            [_levels(MATCH, 6_000, rng), _levels(HOUSEHOLD, 4_000, rng), _levels(CHANCE, 300, rng)]
        )
        levels[:, rule] = 0
        blocks.append(levels)
    vectors = ComparisonVectors(COMPARISONS, np.concatenate(blocks))
    proposed = np.repeat(np.eye(2, dtype=bool), len(blocks[0]), axis=0)
    u = tuple(np.array([p, 1 - p]) for p in CHANCE)
    rules = [
        KeyBlocker("phone", ("phone",), ("phone",)),
        KeyBlocker("email", ("email",), ("email",)),
    ]
    classes = train(vectors, proposed, u, rules)
    # 5,600 pairs or more tell each; at worst half of what they tell is in doubt.
    for found, p in ((classes.m, MATCH), (classes.household, HOUSEHOLD)):
        error = np.sqrt(np.multiply(p, np.subtract(1, p)) / 2_800)
        off = np.abs(np.array([level[0] for level in found]) - p)
        assert (off < sigmas(10) * error + 1e-3).all()


def test_a_rule_of_few_matches_teaches_nothing() -> None:
    rng = np.random.default_rng(2)
    vectors = ComparisonVectors(COMPARISONS, _levels(CHANCE, 5_000, rng))
    u = tuple(np.array([p, 1 - p]) for p in CHANCE)
    rule = KeyBlocker("loose", ("gender",))
    learnt = train(vectors, np.ones((5_000, 1), dtype=bool), u, [rule])
    blank = train(vectors, np.zeros((5_000, 1), dtype=bool), u, [rule])
    assert [level.tolist() for level in learnt.m] == [level.tolist() for level in blank.m]


@pytest.mark.parametrize("n", [0, 1, 2, 50, 5_000])
def test_random_pairs_are_pairs_and_repeat_with_the_seed(n: int) -> None:
    records = _people(n, days=50, copies=1)
    sample = sampled(records, COMPARISONS, seed=3)
    assert (sample.left < sample.right).all()
    assert sample.right.max(initial=0) < max(n, 1)
    assert np.array_equal(sample.right, sampled(records, COMPARISONS, seed=3).right)
    assert sample.blind == min(n * (n - 1) // 2, 400_000)


def test_pairs_drawn_for_what_they_have_in_common_have_it() -> None:
    records = _people(5_000, days=50, copies=1)
    sample = sampled(records, COMPARISONS, seed=3)
    days = records.columns["birth_date"].codes
    stratum = sample.strata["birth_date"]
    rows = stratum.rows
    assert list(sample.strata) == ["birth_date"], "names are the same often enough"
    assert (days[sample.left[rows]] == days[sample.right[rows]]).all()
    alike = days[sample.left[: sample.blind]] == days[sample.right[: sample.blind]]
    assert_share(alike, stratum.share)


@pytest.mark.parametrize(("n", "days"), [(40_000, 25_000), (3_000, 1_000), (800, 50)])
def test_a_rare_coincidence_is_known_exactly_whoever_is_listed_twice(n: int, days: int) -> None:
    copied, single = (_strangers_of(_people(n, days=days, copies=copies)) for copies in (2, 1))
    for found, people in ((single, n), (copied, n // 2)):
        assert found[1][0] == pytest.approx(1 / days, rel=_coincidence(people, days))
    names = _coincidence(n // 2, 100) + sigmas(9) * np.sqrt(100 / min(n * (n - 1) / 2, 400_000))
    assert copied[0][0] == pytest.approx(1 / 100, rel=names), "often enough for random pairs"


def _coincidence(people: int, days: int) -> float:
    """Return by which share the number of pairs born on one day may be off by chance."""
    return sigmas(9) * float(np.sqrt(2 * days)) / people


def test_where_nothing_else_is_personal_all_strangers_count() -> None:
    records = _people(20_000, days=2_000, copies=1)
    only = Records(records.source, records.record_id, {"birth_date": records.columns["birth_date"]})
    expected = pytest.approx(1 / 2_000, rel=_coincidence(20_000, 2_000))
    assert _strangers_of(only)[1][0] == expected


def test_what_reads_the_same_fact_does_not_say_who_is_a_stranger() -> None:
    year = ValueComparison("birth_year", "birth_year", coincidence=0.02)
    records = _people(20_000, days=1_000, copies=1)
    day = records.columns["birth_date"]
    given = records.columns["given_reading"]
    seldom = np.where(np.random.default_rng(0).random(len(records)) < 0.3, given.codes, MISSING)
    columns = {
        "birth_date": day,
        "birth_year": day.derive(lambda value: str(int(value) // 20)),
        "given_reading": Column(seldom, given.values),
    }
    dated = Records(records.source, records.record_id, columns)
    u = _strangers_of(dated, (*COMPARISONS, year))[1][0]
    # A name, known of 3 in 10, tells strangers.
    assert u == pytest.approx(1 / 1_000, rel=_coincidence(6_000, 1_000) + 0.05)


def _people(n: int, *, days: int, copies: int) -> Records:
    """Return records of people without identifiers, each listed as often as is said."""
    rng = np.random.default_rng(n + copies)
    person = np.arange(n) // copies
    fields = {"given_reading": 100, "birth_date": days}
    columns = {
        name: Column(rng.integers(0, size, n)[person], np.arange(size).astype(str).astype(object))
        for name, size in fields.items()
    }
    source = np.array(["ec", "store"], dtype=object)[np.arange(n) % 2]
    return Records(source, np.arange(n).astype(str).astype(object), columns)


def _strangers_of(
    records: Records, comparisons: tuple[ValueComparison, ...] = COMPARISONS
) -> tuple[NDArray[np.float64], ...]:
    sample: SampledPairs = sampled(records, comparisons, seed=1)
    vectors = compared(records, sample.left, sample.right, comparisons)
    return strangers(SampledComparisons(sample, vectors), len(records))
