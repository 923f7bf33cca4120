"""Order lines, tickets and totals: cases A1 and A2, copies, items, and no money lost."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.data import PurchaseLog, Tolerance, check
from omniltv.errors import ConfigError, IntakeWarning

type Constructor = Callable[[Mapping[str, Sequence[Any]]], Any]
type Row = tuple[str | None, str, str, float, str]

ANYTHING = Tolerance.anything()
NAMES = ("transaction_id", "customer_id", "time", "value", "item")
DAY = "2026-01-05"


def lines(*rows: Row) -> dict[str, list[Any]]:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    return {**columns, "channel": ["ec"] * len(rows)}


ORDERS = lines(
    ("t1", "ann", DAY, 3.0, "pen"),
    ("t1", "ann", DAY, 4.0, "ink"),
    ("t2", "bob", DAY, 10.0, "desk"),
    ("t3", "ann", "2026-02-01", 5.0, "pad"),
    ("t3", "ann", "2026-02-01", 5.0, "pad"),
)


def test_a1_lines_are_summed_to_orders_and_said(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(ORDERS))
    assert log.value.tolist() == [7.0, 10.0, 10.0]
    assert (log.n_rejected, log.report.given.value, log.report.kept.value) == (0, 27.0, 27.0)
    said = {change.reason: (change.rows, change.value) for change in log.report.changes}
    assert said["lines of orders with several lines"] == (4, 17.0)
    identical = next(reason for reason in said if reason.startswith("identical lines"))
    assert said[identical] == (1, 5.0)
    assert "identical_lines='set_aside'" in identical


def test_a1_check_accepts_lines_as_the_log_does(constructor: Constructor) -> None:
    checked = check(constructor(ORDERS), "purchases")
    assert (checked.n_valid, checked.lines, checked.reasons) == (5, True, {})


def test_a1_a_public_export_keeps_its_value() -> None:
    rng = np.random.default_rng(7)
    n = 5_000
    invoice = np.sort(rng.integers(0, 400, n))
    buyer = rng.integers(0, 90, 400)
    minute = rng.integers(0, 500_000, 400)
    table = pd.DataFrame(
        {
            "transaction_id": invoice.astype(str),
            "customer_id": buyer[invoice],
            "time": np.datetime64("2025-01-01", "s") + (minute[invoice] * 60),
            "value": np.round(rng.gamma(1.0, 20.0, n), 2),
            "item": rng.integers(0, 700, n),
        }
    )
    log = PurchaseLog.from_frame(table)
    assert len(log) == len(np.unique(invoice))
    assert log.value.sum() == pytest.approx(table["value"].sum(), abs=0.005)


def test_a2_lines_without_an_id_work_day_by_day() -> None:
    table = pd.DataFrame(ORDERS).drop(columns="transaction_id")
    log = PurchaseLog.from_frame(table)
    assert len(log) == 5
    history = log.history(end="2026-02-28")
    assert dict(zip(history.customer_id, history.frequency, strict=True)) == {"ann": 1, "bob": 0}
    summed = PurchaseLog.from_frame(table, rows="lines")
    assert sorted(summed.value.tolist()) == [7.0, 10.0, 10.0]


def test_identical_lines_can_be_set_aside(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(ORDERS), identical_lines="set_aside")
    assert log.value.tolist() == [7.0, 10.0, 5.0]
    assert (log.n_rejected, log.report.set_aside.value) == (1, 5.0)


def test_a_copy_of_a_whole_order_is_a_copy(constructor: Constructor) -> None:
    twice = {name: [*values, *values] for name, values in ORDERS.items()}
    with pytest.warns(IntakeWarning, match="5 of 10 rows"):
        log = PurchaseLog.from_frame(constructor(twice))
    assert log.value.tolist() == [7.0, 10.0, 10.0]
    assert log.report.set_aside.value + log.report.kept.value == 54.0


def test_a_sorted_copy_of_an_order_is_a_copy() -> None:
    rows = pd.DataFrame(ORDERS).iloc[[0, 0, 1, 1, 2]]
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.n_rejected) == ([7.0, 10.0], 2)


def test_a_ticket_that_is_there_again_further_down_is_a_copy() -> None:
    rows = pd.DataFrame(ORDERS).iloc[[0, 1, 2, 3, 2]]
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.n_rejected) == ([7.0, 10.0, 5.0], 1)


def test_an_order_with_identical_lines_that_is_there_twice() -> None:
    order = lines(*[("t1", "ann", DAY, value, item) for value, item in
                    [(3.0, "pen"), (3.0, "pen"), (4.0, "ink")]])  # fmt: skip
    log = PurchaseLog.from_frame(pd.concat([pd.DataFrame(order)] * 2))
    assert (log.value.tolist(), log.n_rejected) == ([10.0], 3)


def test_lines_that_differ_in_their_article_only_are_lines() -> None:
    rows = lines(("t1", "ann", DAY, 3.0, "pen"), ("t1", "ann", DAY, 3.0, "ink"))
    assert PurchaseLog.from_frame(pd.DataFrame(rows)).value.tolist() == [6.0]


def test_tickets_with_copies_only_are_no_lines() -> None:
    rows = pd.DataFrame(ORDERS).iloc[[0, 0, 2]]
    checked = check(rows, "purchases")
    assert (checked.lines, checked.n_valid) == (False, 2)


def test_rows_of_one_id_and_two_customers_are_no_lines() -> None:
    rows = pd.DataFrame(lines(("t1", "ann", DAY, 3.0, "pen"), ("t1", "bob", DAY, 4.0, "ink")))
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.n_rejected) == ([3.0], 1)


def test_a_foreign_row_in_an_order_is_set_aside() -> None:
    rows = pd.DataFrame(lines(
        ("t1", "ann", DAY, 3.0, "pen"), ("t1", "ann", DAY, 4.0, "ink"),
        ("t2", "ann", DAY, 3.0, "pen"), ("t2", "ann", DAY, 4.0, "ink"),
        ("t2", "bob", DAY, 9.0, "pad"),
    ))  # fmt: skip
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.rejected["value"].tolist()) == ([7.0, 7.0], [9.0])


def test_what_a_row_is_can_be_told() -> None:
    tickets = PurchaseLog.from_frame(pd.DataFrame(ORDERS), rows="tickets")
    assert (tickets.value.tolist(), tickets.n_rejected) == ([3.0, 10.0, 5.0], 2)
    for arguments in ({"rows": "articles"}, {"identical_lines": "drop"}):
        with pytest.raises(ConfigError, match="Hint"):
            PurchaseLog.from_frame(pd.DataFrame(ORDERS), **arguments)  # type: ignore[arg-type]


def test_negative_lines_net_within_their_order() -> None:
    rows = pd.DataFrame(lines(
        ("t1", "ann", DAY, 30.0, "pen"), ("t1", "ann", DAY, -10.0, "pen"),
        ("t2", "bob", DAY, 8.0, "ink"), ("t2", "bob", DAY, -8.0, "ink"),
    ))  # fmt: skip
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.n_rejected) == ([20.0], 0)
    said = {change.reason: change.rows for change in log.report.changes}
    assert said["negative lines, subtracted from their order"] == 2
    assert said["purchases refunded in full, removed"] == 2


def test_the_lines_of_a_refund_are_summed_too() -> None:
    rows = pd.DataFrame(lines(
        ("t1", "ann", DAY, 30.0, "pen"), ("t1", "ann", DAY, 12.0, "ink"),
        ("r1", "ann", "2026-01-08", -30.0, "pen"), ("r1", "ann", "2026-01-08", -5.0, "ink"),
    )).assign(refund_of=pd.Series([None, None, "t1", "t1"], dtype=object))  # fmt: skip
    log = PurchaseLog.from_frame(rows)
    assert (log.value.tolist(), log.n_rejected) == ([7.0], 0)


def test_items_are_beside_the_log_and_follow_it() -> None:
    table = pd.DataFrame(ORDERS).assign(category=["a", "b", "c", "a", "a"])
    log = PurchaseLog.from_frame(table)
    assert log.items is not None
    frame = log.items.to_frame()
    assert list(frame.columns) == ["purchase", "item", "category", "value"]
    assert frame.groupby("purchase")["value"].sum().tolist() == log.value.tolist()
    later = log.since("2026-02-01").with_margin(0.5)
    assert later.items is not None
    assert later.items.to_frame().values.tolist() == [[0, "pad", "a", 2.5]] * 2
    assert PurchaseLog.from_frame(table.drop(columns=["item", "category"])).items is None


_VALUE = st.one_of(
    st.integers(-3, 6).map(float), st.sampled_from([0.1, 19.99, -0.1, 1e6, np.nan, np.inf])
)
_TABLES = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2", "t3", "t4", None]),
        st.sampled_from(["ann", "ann", "bob", None]),
        st.sampled_from([DAY, DAY, "2026-01-06", "soon"]),
        _VALUE,
        st.sampled_from(["pen", "ink"]),
        st.sampled_from([None, None, "t1", "t9"]),
    ),
    max_size=12,
)
_RULES = st.fixed_dictionaries(
    {
        "rows": st.sampled_from(["auto", "lines", "tickets"]),
        "identical_lines": st.sampled_from(["keep", "set_aside"]),
    }
)


@given(rows=_TABLES, rules=_RULES)
def test_rows_and_money_in_are_those_kept_and_set_aside(
    rows: list[tuple[Any, ...]], rules: dict[str, Any]
) -> None:
    good = ("g1", "zoe", DAY, 12.5, "pen", None)
    table = pd.DataFrame([*rows, good], columns=[*NAMES, "refund_of"])
    log = PurchaseLog.from_frame(table, tolerance=ANYTHING, **rules)
    report = log.report
    assert report.given.rows == len(table) == report.kept.rows + report.set_aside.rows
    assert len(report.rejected) == len(report.ids) == report.set_aside.rows
    finite = table["value"][np.isfinite(table["value"])].sum()
    aside = 0.0 if np.isnan(report.set_aside.value) else report.set_aside.value
    assert report.given.value == pytest.approx(finite, abs=0.005)
    assert report.kept.value == pytest.approx(log.value.sum(), abs=0.005)
    assert report.kept.value + aside == pytest.approx(finite, abs=0.005)
    assert (log.value >= 0).all()
