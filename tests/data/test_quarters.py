"""Repeat purchases by calendar quarter, counted with a history."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.data import PurchaseLog
from omniltv.units import TimeUnit

DAYS = pd.Timestamp("2024-11-20")


def log_of(days: list[tuple[int, int]]) -> PurchaseLog[pd.DataFrame]:
    table = pd.DataFrame(days, columns=["customer_id", "day"])
    table["time"] = DAYS + pd.to_timedelta(table.pop("day"), "D")
    return PurchaseLog.from_frame(table.assign(channel="ec", value=1.0))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400)), min_size=1, max_size=60))
@settings(max_examples=30, deadline=None)
def test_quarters_are_those_of_the_repeat_days(days: list[tuple[int, int]]) -> None:
    quarters = log_of(days).history(unit="week").quarters
    assert quarters is not None
    once = pd.DataFrame(sorted(set(days)), columns=["customer", "day"])
    repeat = once[once.duplicated("customer")]
    stamps = (DAYS + pd.to_timedelta(repeat["day"], "D")).dt.to_period("Q").astype(str)
    by_hand = stamps.value_counts()
    assert dict(zip(quarters.labels, quarters.counts.tolist(), strict=True)) == {
        label: int(by_hand.get(label, 0)) for label in quarters.labels
    }
    each = stamps.groupby([repeat["customer"], stamps]).size()
    assert quarters.squares.sum() == (each**2).sum()
    last = once["day"].max()
    assert quarters.back[-1] == 0
    assert quarters.back[0] == pytest.approx((last - once["day"].min() + 1) / 7)


@pytest.mark.parametrize("period", ["week", "month"])
def test_quarters_of_weeks_and_months(period: str) -> None:
    history = log_of([(1, 0), (1, 45), (1, 100), (2, 10), (2, 200)]).history(
        period=TimeUnit(period)
    )
    quarters = history.quarters
    assert quarters is not None
    assert quarters.labels[0] == "2024Q4"
    assert quarters.counts.sum() == history.frequency.sum() == 3
    assert (np.diff(quarters.back) < 0).all()


def test_where_quarters_are_not_known() -> None:
    log = log_of([(1, 0), (1, 45), (2, 10), (2, 200)])
    assert log.history(period="year").quarters is None
    assert log.history().take([0]).quarters is None
    window = log.history(start="2024-12-01")
    assert window.quarters is not None
    assert window.quarters.counts.sum() == window.frequency.sum()
    assert window.first_value is None
    assert log.history().first_value is not None
