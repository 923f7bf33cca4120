"""Summaries and realised value by customer of a purchase log."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from tests.data._purchases import DAY0, VISITS, frame_of, purchases, table

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount


@given(rows=purchases)
def test_a_summary_agrees_with_a_count_by_hand(rows: list[tuple[str, str, int, int]]) -> None:
    frame = PurchaseLog.from_frame(frame_of(rows)).summary_by_customer().to_frame()
    assert sorted(frame["customer_id"]) == sorted({row[0] for row in rows})
    for name, found in frame.set_index("customer_id").iterrows():
        own = [row for row in rows if row[0] == name]
        assert found["realised_value"] == sum(row[3] for row in own)
        assert found["purchases"] == len({row[2] for row in own})
        for channel in {row[1] for row in rows}:
            days = {row[2] for row in own if row[1] == channel}
            assert found[f"purchases_{channel}"] == len(days)
        first = min(own, key=lambda row: row[2])
        assert found["acquisition_channel"] == first[1]
        last = max(row[2] for row in own)
        assert found["first_purchase"] == pd.Timestamp(DAY0 + timedelta(days=first[2]))
        assert found["last_purchase"] == pd.Timestamp(DAY0 + timedelta(days=last))


def test_a_summary_of_customers_in_a_given_order() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS)).of_customers(["bob", "cem", "ann"])
    summary = log.summary_by_customer().to_frame("polars")
    assert summary.to_dict(as_series=False) == {
        "customer_id": ["bob", "cem", "ann"],
        "acquisition_channel": ["ec", "", "store"],
        "realised_value": [14.0, 0.0, 92.0],
        "purchases": [2, 0, 3],
        "first_purchase": [datetime(2026, 1, 31, 23, 59), None, datetime(2026, 1, 5, 10)],  # noqa: DTZ001 - local
        "last_purchase": [datetime(2026, 2, 1, 0, 1), None, datetime(2026, 2, 2, 9)],  # noqa: DTZ001 - local
        "purchases_ec": [2, 0, 2],
        "purchases_store": [0, 0, 2],
    }


def test_realised_value_is_discounted_as_lifetime_value_is() -> None:
    rows = [("a", "ec", "2026-01-31T12:00", 100.0), ("b", "ec", "2025-12-31", 7.0)]
    log = PurchaseLog.from_frame(pd.DataFrame(table(rows)))
    rate = Discount(per_year=0.1)
    found = log.realised_value(["b", "a", "c"], discount=rate, start="2026-01-01")
    assert found == pytest.approx([7.0 * 1.1 ** (1 / 365.25), 100 * 1.1 ** (-30.5 / 365.25), 0.0])
    with pytest.raises(ConfigError, match="needs start="):
        log.realised_value(["a"], discount=rate)
    with pytest.raises(DataError, match="repeated customers") as caught:
        log.realised_value(["a", "b", "a"])
    assert caught.value.rows == ("a",)
