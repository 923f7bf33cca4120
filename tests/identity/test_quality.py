import pandas as pd
import pytest

from omniltv.errors import DataError
from omniltv.identity import linkage_quality


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


def test_empty_tables_are_refused() -> None:
    crosswalk, truth = _tables(["a"], [1])
    with pytest.raises(DataError, match="no record is in both"):
        linkage_quality(crosswalk.iloc[:0], truth)


def test_a_missing_column_and_a_double_record_are_refused() -> None:
    crosswalk, truth = _tables(["a", "b"], [1, 2])
    with pytest.raises(DataError, match="person_id"):
        linkage_quality(crosswalk, truth.drop(columns="person_id"))
    with pytest.raises(DataError, match="twice") as error:
        linkage_quality(crosswalk, pd.concat([truth, truth]))
    assert len(error.value.rows) == 2
