"""Refunds in a purchase log: subtracted from their purchase, or set aside."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data._purchases import Constructor, Contents, by_customer, table

from omniltv.data import PurchaseLog

BOUGHT: dict[str, list[Any]] = {
    "transaction_id": ["t1", "t2", "t3"],
    "refund_of": [None, None, None],
    **table(
        [
            ("a", "store", "2026-01-01", 10.0),
            ("a", "store", "2026-01-05", 20.0),
            ("b", "ec", "2026-01-05", 30.0),
        ]
    ),
}


def refunded(*refunds: tuple[str, str, float]) -> dict[str, list[Any]]:
    """Return the purchases, and refunds of a customer's purchase by so much."""
    rows = {name: list(values) for name, values in BOUGHT.items()}
    for place, (customer, target, value) in enumerate(refunds):
        new = (f"r{place}", target, customer, "call", "2026-01-20", value)
        for name, entry in zip(rows, new, strict=True):
            rows[name].append(entry)
    return rows


def test_a_part_refund_lowers_the_value(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(refunded(("a", "t2", -5.0), ("a", "t2", -6.0))))
    history = log.history()
    assert (len(log), log.n_rejected) == (3, 0)
    assert by_customer(history, "frequency", "monetary_value")["a"] == (1, 9.0)
    assert history.counts.keys() == {"ec", "store"}


def test_a_purchase_refunded_in_full_is_no_occasion(constructor: Constructor) -> None:
    for parts in ([-20.0], [-12.5, -7.5]):
        rows = refunded(*(("a", "t2", part) for part in parts))
        log = PurchaseLog.from_frame(constructor(rows))
        assert (len(log), log.n_rejected) == (2, 0)
        assert by_customer(log.history(), "frequency")["a"] == (0,)


def test_cents_that_floats_cannot_hold_add_up_to_a_full_refund() -> None:
    rows = refunded(("b", "t3", -29.7), ("b", "t3", -0.1), ("b", "t3", -0.1), ("b", "t3", -0.1))
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert (log.n_rejected, sorted(log.value.tolist())) == (0, [10.0, 20.0])


def test_a_full_refund_of_much_money_may_be_off_by_rounding() -> None:
    rows = refunded(("b", "t3", -1e8), *[("b", "t3", -0.1)] * 3, ("a", "t1", -9.99))
    rows["value"][2] = 1e8 + 0.3
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert log.value.tolist() == pytest.approx([0.01, 20.0])
    assert log.n_rejected == 0


def test_refunds_of_more_than_the_purchase_leave_it_whole(contents: Contents) -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(refunded(("a", "t1", -6.0), ("a", "t1", -6.0))))
    assert sorted(log.value.tolist()) == [10.0, 20.0, 30.0]
    assert contents(log.rejected)["transaction_id"] == ["r0", "r1"]


def test_refunds_are_subtracted_from_the_purchase_they_name(contents: Contents) -> None:
    rows = refunded(("a", "t1", -4.0), ("a", "t2", -21.0), ("b", "t3", -30.0), ("b", "t9", -1.0))
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert log.value.tolist() == [6.0, 20.0]
    assert log.customer_id.tolist() == ["a"]
    rejected = contents(log.rejected)
    assert rejected["transaction_id"] == ["r1", "r3"]
    assert rejected["reason"] == [
        "refunds of more than the purchase",
        "refund without its purchase",
    ]


@pytest.mark.parametrize("refund", [("a", "t3", -5.0), ("a", "t9", -5.0), ("a", "r1", -5.0)])
def test_a_refund_of_no_purchase_of_the_customer_is_set_aside(
    refund: tuple[str, str, float], constructor: Constructor, contents: Contents
) -> None:
    log = PurchaseLog.from_frame(constructor(refunded(refund, ("a", "t2", -5.0))))
    assert contents(log.rejected)["transaction_id"] == ["r0"]
    assert sorted(log.value.tolist()) == [10.0, 15.0, 30.0]


def test_refunds_alone_are_all_set_aside(constructor: Constructor) -> None:
    rows = {name: values[3:] for name, values in refunded(("a", "t1", -6.0)).items()}
    log = PurchaseLog.from_frame(constructor(rows))
    assert (len(log), log.n_rejected) == (0, 1)


def test_refunds_can_be_set_aside(constructor: Constructor, contents: Contents) -> None:
    rows = refunded(("a", "t2", -20.0), ("b", "t9", -1.0))
    log = PurchaseLog.from_frame(constructor(rows), refunds=())
    rejected = contents(log.rejected)
    assert rejected["transaction_id"] == ["r0", "r1"]
    assert rejected["reason"] == ["refund, set aside by refunds=()"] * 2
    assert len(log) == 3


def test_rejected_rows_are_as_they_came_in_their_own_order(
    constructor: Constructor, contents: Contents
) -> None:
    rows = refunded(("b", "t9", -1.0))
    rows["value"] = ["10", "x", "30", "-1"]
    log = PurchaseLog.from_frame(constructor(rows))
    rejected = contents(log.rejected)
    assert list(rejected) == [*rows, "reason"]
    assert rejected["value"] == ["x", "-1"]
    assert rejected["reason"] == ["value: not a number", "refund without its purchase"]
    assert log.n_rejected == 2


amounts = st.integers(-40, 40).map(float)


tickets = st.lists(
    st.tuples(st.sampled_from("ab"), amounts, st.integers(0, 7)), min_size=1, max_size=8
)


@given(tickets=tickets)
def test_no_money_is_lost(tickets: list[tuple[str, float, int]]) -> None:
    frame = pd.DataFrame(
        {
            "transaction_id": range(len(tickets)),
            "customer_id": [ticket[0] for ticket in tickets],
            "channel": "ec",
            "time": pd.Timestamp("2026-01-01"),
            "value": [ticket[1] for ticket in tickets],
            "refund_of": [ticket[2] for ticket in tickets],
        }
    )
    log = PurchaseLog.from_frame(frame)
    aside = log.rejected["value"].sum()
    assert log.value.sum() + aside == pytest.approx(frame["value"].sum())
    assert (log.value >= 0).all()
