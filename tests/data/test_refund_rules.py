"""Refunds with and without a reference: case A5, and laws that every rule keeps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.data import ByReference, EqualAmount, LargestEarlier, PurchaseLog, RefundRule
from omniltv.data.refunds import REFUND_RULES, Orders
from omniltv.errors import ConfigError
from omniltv.testing import check_refund_rule
from omniltv.units import days

type Row = tuple[str, str, str, float]


def table(*rows: Row, **columns: list[Any]) -> pd.DataFrame:
    names = ["customer_id", "channel", "time", "value"]
    return pd.DataFrame(rows, columns=names).assign(**columns)


def values(frame: pd.DataFrame, *rules: RefundRule) -> list[float]:
    log = PurchaseLog.from_frame(frame, refunds=rules or REFUND_RULES)
    return [float(value) for value in log.value]


def test_a5_a_purchase_and_its_refund_twelve_minutes_later_cancel() -> None:
    frame = table(
        ("ann", "store", "2026-01-05T10:00", 168_470.0),
        ("ann", "store", "2026-01-05T10:12", -168_470.0),
        ("bob", "store", "2026-01-05T10:30", 900.0),
    )
    log = PurchaseLog.from_frame(frame)
    assert (log.customer_id.tolist(), log.value.tolist()) == (["bob"], [900.0])
    said = [change.reason for change in log.report.changes]
    assert said[0] == "refunds, subtracted: same customer and amount within 90 days"


def test_a5_what_no_rule_settles_is_set_aside_with_its_sum() -> None:
    frame = table(("ann", "ec", "2026-01-05", 10.0), ("ann", "ec", "2026-01-09", -30.0),
                  ("bob", "ec", "2026-01-09", -2.5))  # fmt: skip
    log = PurchaseLog.from_frame(frame)
    assert log.report.asides[0].reason == "refund without its purchase"
    assert (log.report.set_aside.rows, log.report.set_aside.value) == (2, -32.5)
    assert log.value.tolist() == [10.0]


CASES: dict[str, tuple[pd.DataFrame, list[float]]] = {
    "bought online, returned in a store": (
        table(("a", "ec", "2026-01-05", 9.0), ("a", "ec", "2026-01-06", 30.0),
              ("a", "store", "2026-01-20", -30.0)),
        [9.0],
    ),
    "the latest purchase of the amount is the one": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "store", "2026-01-10", 30.0),
              ("a", "ec", "2026-01-12", -30.0)),
        [30.0],
    ),
    "a part of the largest purchase": (
        table(("a", "ec", "2026-01-05", 9.0), ("a", "ec", "2026-01-06", 30.0),
              ("a", "ec", "2026-01-20", -12.0)),
        [9.0, 18.0],
    ),
    "more than the largest purchase": (
        table(("a", "ec", "2026-01-05", 9.0), ("a", "ec", "2026-01-06", 30.0),
              ("a", "ec", "2026-01-20", -34.0)),
        [5.0],
    ),
    "an exchange leaves the new purchase alone": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "store", "2026-01-20", -20.0),
              ("a", "store", "2026-01-20", 50.0)),
        [10.0, 50.0],
    ),
    "dates without a time of day": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-01-05", -30.0)), []
    ),
    "a refund in front of its purchase is none of it": (
        table(("a", "ec", "2026-01-05", -30.0), ("a", "ec", "2026-01-06", 30.0)), [30.0]
    ),
    "another customer's purchase": (
        table(("a", "ec", "2026-01-05", 30.0), ("b", "ec", "2026-01-06", -30.0)), [30.0]
    ),
    "two refunds, one purchase of that amount": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-01-06", -30.0),
              ("a", "ec", "2026-01-07", -30.0)),
        [],
    ),
    "cents that floats cannot hold": (
        table(("a", "ec", "2026-01-05", 0.1 + 0.2), ("a", "ec", "2026-01-06", -0.3)), []
    ),
    "a reference comes before an equal amount": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-01-06", 30.0),
              ("a", "ec", "2026-01-07", -30.0),
              transaction_id=["t1", "t2", "r1"], refund_of=[None, None, "t1"]),
        [30.0],
    ),
    "an unknown reference is not taken from other purchases": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-01-07", -10.0),
              transaction_id=["t1", "r1"], refund_of=[None, "t0"]),
        [30.0],
    ),
    "an unknown reference of an equal amount": (
        table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-01-07", -30.0),
              transaction_id=["t1", "r1"], refund_of=[None, "pos-77"]),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a5_refunds_by_the_default_rules(name: str) -> None:
    frame, expected = CASES[name]
    assert values(frame) == pytest.approx(expected)


def test_the_rules_and_their_order_are_the_callers() -> None:
    frame = CASES["a part of the largest purchase"][0]
    assert values(frame, ByReference(), EqualAmount()) == [9.0, 30.0]
    late = table(("a", "ec", "2026-01-05", 30.0), ("a", "ec", "2026-06-05", -30.0))
    assert values(late, EqualAmount(within=days(30))) == [30.0]
    assert values(late, EqualAmount(within=days(365))) == []
    assert values(late, LargestEarlier()) == []
    assert PurchaseLog.from_frame(late, refunds=()).report.set_aside.value == -30.0


@pytest.mark.parametrize("wrong", ["net", ["net"], [ByReference], None, 3, {"by": "reference"}])
def test_what_is_no_rule_is_an_error(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="Hint"):
        PurchaseLog.from_frame(CASES["dates without a time of day"][0], refunds=wrong)


@pytest.mark.parametrize("wrong", [30, "30 days", None])
def test_a_window_that_is_no_span_is_an_error(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="Hint"):
        EqualAmount(within=wrong)


_ORDERS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(-6, 9).map(float),
              st.integers(-1, 11)),
    min_size=1, max_size=12,
)  # fmt: skip


@pytest.mark.parametrize("rule", REFUND_RULES, ids=lambda rule: type(rule).__name__)
@given(rows=_ORDERS)
def test_every_rule_matches_in_full_and_takes_no_more_than_is_left(
    rule: RefundRule, rows: list[tuple[int, int, float, int]]
) -> None:
    customer, day, value, named = map(np.array, zip(*rows, strict=True))
    target = np.where((value < 0) & (named < len(rows)), named, -1)
    known = (target >= 0) & (value[target] > 0) & (customer[target] == customer)
    orders = Orders(
        customer=customer.astype(np.intp),
        time=np.datetime64("2026-01-01", "us") + day.astype("timedelta64[D]"),
        left=np.maximum(value, 0.0),
        refund=np.maximum(-value, 0.0),
        named=np.where(known, target, -1),
        names=target >= 0,
    )
    check_refund_rule(rule, [orders])
    if not isinstance(rule, ByReference):
        found = rule.match(orders)
        assert (orders.time[found.purchase] <= orders.time[found.refund]).all()
