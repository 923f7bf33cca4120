import numpy as np
import pandas as pd
import pytest

from omniltv.data import simulate_retailer
from omniltv.errors import ConfigError, DataError
from omniltv.identity import LinkSpec, Reliability, linkage_quality, reliability, stitch


def _tables(customers: list[str], people: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    keys = {"source": ["s"] * len(people), "record_id": [str(k) for k in range(len(people))]}
    return pd.DataFrame(keys | {"customer_id": customers}), pd.DataFrame(
        keys | {"person_id": people}
    )


def test_pairs_and_b_cubed_by_hand() -> None:
    quality = linkage_quality(*_tables(["a", "a", "a", "b"], [1, 1, 2, 2]))
    assert (quality.precision, quality.recall) == (1 / 3, 1 / 2)
    assert quality.f1 == pytest.approx(0.4)
    assert quality.b_cubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert quality.b_cubed_recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert (quality.records, quality.customers, quality.people) == (4, 2, 2)
    assert "F1 0.400" in str(quality)


def test_perfect_and_nothing_linked() -> None:
    assert linkage_quality(*_tables(["a", "a", "b"], [1, 1, 2])).f1 == 1
    apart = linkage_quality(*_tables(["a", "b"], [1, 1]))
    assert (apart.precision, apart.recall, apart.f1) == (1, 0, 0)


def test_by_source_and_by_size_by_hand() -> None:
    crosswalk, truth = _tables(["a", "a", "a", "b", "b"], [1, 1, 2, 2, 3])
    sources = ["ec", "pos", "pos", "pos", "ec"]
    quality = linkage_quality(crosswalk.assign(source=sources), truth.assign(source=sources))
    rows = {(row.source_a, row.source_b): row for row in quality.by_source.to_frame().itertuples()}
    assert {pair: (row.linked, row.true) for pair, row in rows.items()} == {
        ("ec", "pos"): (3, 1),
        ("pos", "pos"): (1, 1),
    }
    assert (rows["ec", "pos"].precision, rows["ec", "pos"].recall) == (1 / 3, 1)
    assert rows["ec", "pos"].f1 == pytest.approx(0.5)
    assert (rows["pos", "pos"].precision, rows["pos", "pos"].recall, rows["pos", "pos"].f1) == (
        0,
    ) * 3
    sizes = quality.sizes.to_frame()
    assert sizes.values.tolist() == [[1, 0, 1], [2, 1, 2], [3, 1, 0]]


def test_pairs_by_source_add_up() -> None:
    world = simulate_retailer(300, seed=9)
    quality = linkage_quality(stitch(world.records).crosswalk, world.truth.records)
    table, sizes = quality.by_source.to_frame(), quality.sizes.to_frame()
    hits = (table["precision"] * table["linked"]).sum()
    assert hits / table["linked"].sum() == pytest.approx(quality.precision)
    assert hits / table["true"].sum() == pytest.approx(quality.recall)
    for column in ("customers", "people"):
        assert (sizes["records"] * sizes[column]).sum() == quality.records
        assert sizes[column].sum() == getattr(quality, column)


def test_empty_tables_are_refused() -> None:
    crosswalk, truth = _tables(["a"], [1])
    with pytest.raises(DataError, match="no record is in both"):
        linkage_quality(crosswalk.iloc[:0], truth)


def test_a_missing_column_and_a_double_record_are_refused() -> None:
    crosswalk, truth = _tables(["a", "b"], [1, 2])
    with pytest.raises(DataError, match="person_id"):
        linkage_quality(crosswalk, truth.drop(columns="person_id"))
    with pytest.raises(DataError, match="repeated rows") as error:
        linkage_quality(crosswalk, pd.concat([truth, truth]))
    assert len(error.value.rows) == 2


def test_reliability_by_hand() -> None:
    found = Reliability.of([0.05, 0.15, 0.95, 0.95, 1.0], [False, True, True, True, False])
    assert found.count.tolist() == [1, 1, 3]
    assert found.lower.tolist() == [0.0, 0.1, 0.9]
    np.testing.assert_allclose(found.stated, [0.05, 0.15, 2.9 / 3])
    np.testing.assert_allclose(found.seen, [0, 1, 2 / 3])
    assert found.expected_error == pytest.approx((0.05 + 0.85 + 0.9) / 5)
    assert list(found.to_frame().columns) == ["lower", "upper", "count", "stated", "seen"]


def test_true_probabilities_are_reliable_and_others_are_not() -> None:
    rng = np.random.default_rng(1)
    stated = rng.random(20_000)
    same = rng.random(20_000) < stated
    # Ten bins of 2,000 pairs: by chance .007 with a standard error of .0015; .02 is 8 of them.
    assert Reliability.of(stated, same).expected_error < 0.02
    assert Reliability.of(stated**2, same).expected_error > 0.1


@pytest.mark.parametrize(
    ("probability", "same", "match"),
    [
        ([], [], "at least one pair"),
        ([0.5], [True, False], "1 probabilities|one entry"),
        ([1.5], [True], "between 0 and 1"),
        ([float("nan")], [True], "between 0 and 1"),
    ],
)
def test_what_is_no_probability_is_refused(
    probability: list[float], same: list[bool], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        Reliability.of(probability, same)
    with pytest.raises(ConfigError, match="from 1 to 100,000"):
        Reliability.of([0.5], [True], bins=0)


@pytest.mark.slow
def test_probabilities_learnt_from_others_are_calibrated() -> None:
    learnt = stitch(simulate_retailer(800, seed=1).records)
    others = simulate_retailer(800, seed=2)
    found = stitch(others.records, spec=LinkSpec(model=learnt.model))
    assert found.model is learnt.model
    judged = reliability(found, others.truth.records)
    assert judged.count.sum() == len(found.compared.candidates)
    # 1,300 pairs, a larger list in the benchmark. With eight seeds the mean is .037 and the
    # standard deviation .007, so the bound is six of them away.
    assert judged.expected_error < 0.08
    some = others.truth.records.iloc[::2]
    assert 0 < reliability(found, some).count.sum() < judged.count.sum()


def test_a_model_that_does_not_know_a_comparison_is_refused() -> None:
    world = simulate_retailer(60, seed=1)
    few = LinkSpec(comparisons=LinkSpec().comparisons[:3])
    model = stitch(world.records, spec=few).model
    with pytest.raises(ConfigError, match="lacks the comparisons"):
        stitch(world.records, spec=LinkSpec(model=model))
