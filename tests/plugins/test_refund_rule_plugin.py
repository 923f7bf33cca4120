"""A rule for refunds of one's own: one class, public names only, held to the public laws."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from omniltv.data import PurchaseLog
from omniltv.data.refunds import ByReference, Orders, RefundMatches
from omniltv.testing import check_refund_rule


@dataclass(frozen=True)
class LastPurchase:
    """A refund reduces the customer's last purchase before it, if that is worth enough."""

    name: str = "last purchase of the customer"

    def match(self, orders: Orders) -> RefundMatches:
        left, found = orders.left.copy(), list[tuple[int, int, float]]()
        for row in np.flatnonzero(orders.refund > 0).tolist():
            mine = (orders.customer == orders.customer[row]) & (orders.time < orders.time[row])
            before = np.flatnonzero(mine & (left > 0))
            last = max(before.tolist(), key=lambda place: orders.time[place], default=-1)
            amount = float(orders.refund[row])
            if last >= 0 and left[last] >= amount:
                left[last] -= amount
                found.append((row, last, amount))
        return RefundMatches.of(found)


class Generous:
    """A rule that takes a refund from any purchase, and forgets what is left."""

    name = "generous"

    def match(self, orders: Orders) -> RefundMatches:
        bought = np.flatnonzero(orders.left > 0)
        rows = np.flatnonzero(orders.refund > 0) if len(bought) else bought
        first = bought[:1].tolist() * len(rows)
        return RefundMatches.of(
            list(zip(rows.tolist(), first, orders.refund[rows].tolist(), strict=True))
        )


def test_the_laws_hold() -> None:
    check_refund_rule(LastPurchase())


def test_the_laws_find_a_rule_that_breaks_them() -> None:
    with pytest.raises(AssertionError, match="generous"):
        check_refund_rule(Generous())


def test_the_log_applies_it_in_its_turn_and_names_it() -> None:
    rows = pd.DataFrame({
        "transaction_id": ["t1", "t2", "r1", "r2"], "customer_id": "a",
        "time": ["2026-01-05", "2026-01-06", "2026-01-09", "2026-01-10"],
        "value": [30.0, 20.0, -5.0, -7.0], "refund_of": [None, None, "t1", None],
    })  # fmt: skip
    log = PurchaseLog.from_frame(rows, refunds=[ByReference(), LastPurchase()])
    assert log.value.tolist() == [25.0, 13.0]
    said = [change.reason for change in log.report.changes]
    assert said[-1] == "refunds, subtracted: last purchase of the customer"
