"""Histories from customer summaries: case A10."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.data import PurchaseHistory, PurchaseLog, Tolerance
from omniltv.errors import ConfigError, DataError, IntakeError

FIRST, LAST, END = "2026-01-05", "2026-02-02", "2026-03-02"


def summaries(**columns: Any) -> pd.DataFrame:
    good: dict[str, Any] = {
        "customer_id": ["a", "b", "c"],
        "first_purchase": [FIRST, FIRST, "2026-01-19"],
        "last_purchase": [LAST, FIRST, "2026-01-20"],
        "orders": [3, 1, 2],
        "value": [60.0, 9.0, 8.0],
    }
    return pd.DataFrame({**good, **columns})


def history(frame: pd.DataFrame, **arguments: Any) -> PurchaseHistory:
    return PurchaseHistory.from_summaries(frame, end=END, **{"value": "total", **arguments})


def test_a10_a_summary_becomes_the_history_of_its_purchases() -> None:
    days = [FIRST, "2026-01-09", LAST, FIRST, "2026-01-19", "2026-01-20"]
    bought = pd.DataFrame({"customer_id": [*"aaabcc"], "time": days, "value": 20.0})
    counted = PurchaseLog.from_frame(bought).history(end=END, unit="week")
    found = history(summaries(value=[60.0, 20.0, 40.0]), unit="week")
    for name in ("frequency", "recency", "T", "monetary_value"):
        np.testing.assert_allclose(getattr(found, name), getattr(counted, name))
    assert found.customer_id.tolist() == counted.customer_id.tolist()


@pytest.mark.parametrize(
    ("value", "columns", "mean"),
    [
        ("total", {}, [20.0, np.nan, 4.0]),
        ("total", {"first_value": [40.0, 9.0, 1.0]}, [10.0, np.nan, 7.0]),
        ("total", {"first_value": [40.0, None, None]}, [10.0, np.nan, 4.0]),
        ("mean", {"value": [20.0, 9.0, 4.0]}, [20.0, np.nan, 4.0]),
        ("mean_of_repeats", {"value": [15.0, None, 4.0]}, [15.0, np.nan, 4.0]),
    ],
)
def test_a10_the_caller_says_what_the_value_is(
    value: str, columns: dict[str, Any], mean: list[float]
) -> None:
    np.testing.assert_allclose(history(summaries(**columns), value=value).monetary_value, mean)


def test_a10_same_day_repeaters_are_one_occasion_or_set_aside() -> None:
    frame = summaries(orders=[3, 2, 5], value=[60.0, 9.0, 8.0])
    merged = history(frame)
    assert merged.frequency.tolist() == [2, 0, 1]
    assert merged.monetary_value[2] == 4.0  # five orders on two days, worth 8
    assert merged.report is not None
    assert (merged.report.changes[0].rows, merged.report.changes[0].value) == (2, 17.0)
    aside = history(frame, same_day="set_aside")
    assert (aside.customer_id.tolist(), aside.report.set_aside.value) == (["a"], 17.0)  # type: ignore[union-attr]


def test_a10_per_channel_and_without_value() -> None:
    frame = summaries(customer_id=["a", "a", "b"], channel=["ec", "store", "ec"])
    found = history(frame.drop(columns="value"), value=None, groups=["channel"])
    assert found.groups["channel"].tolist() == ["ec", "store", "ec"]
    assert np.isnan(found.monetary_value).all()
    with pytest.raises(DataError, match="repeated customers"):
        history(frame)


ASIDE: dict[str, tuple[dict[str, Any], str]] = {
    "no orders": ({"orders": [0, 1, 2]}, "orders: not a whole number from 1"),
    "half an order": ({"orders": [2.5, 1, 2]}, "orders: not a whole number from 1"),
    "orders in words": ({"orders": ["three", 1, 2]}, "orders: not a number"),
    "infinitely many orders": ({"orders": [np.inf, 1, 2]}, "orders: infinite"),
    "the last order first": (
        {"last_purchase": ["2026-01-01", FIRST, "2026-01-20"]},
        "last_purchase: before first_purchase",
    ),
    "an order after the end": (
        {"last_purchase": ["2026-03-03", FIRST, "2026-01-20"]}, "last_purchase: after the end"
    ),
    "one order on two days": (
        {"orders": [1, 1, 2]}, "orders: one, but the last is on another day"
    ),
    "no first order": (
        {"first_purchase": [None, FIRST, "2026-01-19"]}, "first_purchase: missing"
    ),
    "a missing value": ({"value": [np.nan, 9.0, 8.0]}, "value: missing"),
    "a negative value": ({"value": [-1.0, 9.0, 8.0]}, "value: negative"),
    "a first value above the total": (
        {"first_value": [70.0, 9.0, 1.0]}, "first_value: negative, or more than the total"
    ),
    "a negative first value": (
        {"first_value": [-2.0, 9.0, 1.0]}, "first_value: negative, or more than the total"
    ),
    "a missing id": ({"customer_id": [None, "b", "c"]}, "customer_id: missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASIDE)
def test_summaries_that_cannot_be_used_are_set_aside(name: str) -> None:
    columns, reason = ASIDE[name]
    found = history(summaries(**columns))
    assert found.report is not None
    rejected: Any = found.report.rejected
    assert rejected["reason"].tolist() == [reason]
    assert found.customer_id.tolist() == ["b", "c"]
    total = found.report.kept.value + np.nan_to_num(found.report.set_aside.value)
    assert total == pytest.approx(found.report.given.value)


@pytest.mark.parametrize(
    ("columns", "arguments", "words"),
    [
        ({}, {"value": None}, "total or a mean"),
        ({}, {"value": "sum"}, "sum"),
        ({}, {"same_day": "drop"}, "drop"),
        ({}, {"unit": "fortnight"}, "fortnight"),
        ({}, {"end": "soon"}, "soon"),
        ({}, {"end": "2026-03-02T00:00+09:00"}, "offset"),
    ],
)
def test_options_that_are_unknown(
    columns: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        PurchaseHistory.from_summaries(
            summaries(**columns), **{"end": END, "value": "total", **arguments}
        )


def test_columns_that_are_missing_or_zoned() -> None:
    with pytest.raises(DataError, match="orders"):
        history(summaries().drop(columns="orders"))
    with pytest.raises(DataError, match="value"):
        history(summaries().drop(columns="value"))
    zoned = pd.to_datetime(summaries()["first_purchase"]).dt.tz_localize("Asia/Tokyo")
    with pytest.raises(DataError, match="offset"):
        history(summaries(first_purchase=zoned))


def test_purchases_that_are_summaries_say_what_reads_them() -> None:
    with pytest.raises(DataError, match="from_summaries"):
        PurchaseLog.from_frame(summaries())


def test_most_summaries_lost_is_an_error() -> None:
    many = pd.concat([summaries()] * 10, ignore_index=True)
    many["customer_id"] = range(len(many))
    many.loc[:20, "orders"] = 0
    with pytest.raises(IntakeError, match="21 of 30"):
        history(many)
    assert len(history(many, tolerance=Tolerance.anything())) == 9
