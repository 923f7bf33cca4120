import numpy as np
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_share, sigmas

from omniltv.data import simulate_retailer
from omniltv.identity import InMemoryEngine, stitch
from omniltv.identity.linking._chance import SampledComparisons, SampledPairs, sampled, strangers
from omniltv.identity.linking._comparison_vectors import compared
from omniltv.identity.linking.blocking import KeyBlocker
from omniltv.identity.linking.comparisons import ValueComparison
from omniltv.identity.linking.values import LinkModel
from omniltv.identity.records.columns import MISSING, Column, Records

GIVEN = ValueComparison("given_name", "given_reading", coincidence=0.004)
BIRTH = ValueComparison("birth_date", "birth_date", coincidence=5e-5)
PHONE = ValueComparison("phone", "phone", shared=True)
EMAIL = ValueComparison("email", "email", shared=True)
FAMILY = ValueComparison("family_name", "family_reading", shared=True, coincidence=0.004)
COMPARISONS = (GIVEN, BIRTH, PHONE, EMAIL, FAMILY)
RULES = (
    KeyBlocker("name", ("family_reading", "given_reading"), ("family_name", "given_name")),
    KeyBlocker("birth+given", ("birth_date", "given_reading"), ("birth_date", "given_name")),
    KeyBlocker("birth+family", ("birth_date", "family_reading"), ("birth_date", "family_name")),
)
KEPT = {"given_reading": 0.8, "family_reading": 0.9, "birth_date": 0.95}


def test_b1_what_every_rule_decides_is_learnt_from_the_other_rules() -> None:
    """No rule leaves two comparisons open, and selection by a rule biases none."""
    people, twice = 20_000, 4_000
    model = _learnt(_listed_twice(people, twice))
    for comparison, field in (
        (GIVEN, "given_reading"),
        (FAMILY, "family_reading"),
        (BIRTH, "birth_date"),
    ):
        kept = KEPT[field]
        # Two of three fields agree for 97 % of the pairs, so nearly all are seen.
        error = np.sqrt(kept * (1 - kept) / (0.9 * twice))
        assert model.m[comparison.name][0] == pytest.approx(kept, abs=sigmas(10) * error + 0.01)
    matches = model.matches(np.full(people + twice, "ec", dtype=object))
    assert matches == pytest.approx(twice, rel=sigmas(10) / np.sqrt(twice) + 0.02)


def test_b2_levels_that_do_not_occur_have_no_probability_but_keep_their_ratio() -> None:
    world = simulate_retailer(500, seed=4).records.drop(columns=["family_name", "given_name"])
    model = stitch(world).model
    for table in (model.m, model.household, model.u):
        assert table["given_name"][0] < 1e-4, "the same characters, on a list without kanji"
        assert table["given_name"][0] > 0


def _listed_twice(people: int, twice: int) -> Records:
    """Return records of which the last are again the first, with some fields of somebody else."""
    rng = np.random.default_rng(people)
    sizes = {"given_reading": 300, "family_reading": 500, "birth_date": 20_000}
    columns = {}
    for name, size in sizes.items():
        own, other = rng.integers(0, size, people), rng.integers(0, size, twice)
        again = np.where(rng.random(twice) < KEPT[name], own[:twice], other)
        values = np.arange(size).astype(str).astype(object)
        columns[name] = Column(np.concatenate([own, again]), values)
    n = people + twice
    ids = np.arange(n).astype(str).astype(object)
    return Records(np.full(n, "ec", dtype=object), ids, columns)


def _learnt(records: Records) -> LinkModel:
    engine = InMemoryEngine()
    comparisons = (GIVEN, BIRTH, FAMILY)
    pairs = engine.link(records, blockers=RULES, comparisons=comparisons, max_block=500, seed=1)
    return pairs.model


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
