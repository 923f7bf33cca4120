"""Refunds of the whole of an earlier purchase, recognised by the amount."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.data.refunds.protocol import Orders, RefundMatches
from omniltv.units import Span, days

__all__ = ["EqualAmount"]

_DECIMALS = 4


@checked
@dataclass(frozen=True)
class EqualAmount:
    """A refund cancels the latest earlier purchase of the customer that is worth as much.

    The purchase may be on any channel: bought online, returned in a store. Each purchase is
    cancelled once. A purchase at the same moment counts as earlier, since many exports have
    dates only.

    Attributes:
        within: Longest time between purchase and refund.

    Raises:
        ConfigError: If ``within`` is not a span of time.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> rows = pd.DataFrame({
        ...     "customer_id": "a", "channel": ["ec", "ec", "store"], "value": [9.0, 30.0, -30.0],
        ...     "time": ["2026-01-05", "2026-01-05", "2026-01-09"],
        ... })
        >>> PurchaseLog.from_frame(rows, refunds=[EqualAmount(within=days(30))]).value.tolist()
        [9.0]
    """

    within: Span = days(90)  # noqa: RUF009 - frozen

    @property
    def name(self) -> str:
        """Name of the rule in reports."""
        return f"same customer and amount within {self.within}"

    def match(self, orders: Orders) -> RefundMatches:
        """Return each refund with the latest purchase of its amount that is not yet cancelled."""
        amount = np.maximum(orders.left, orders.refund)
        group = _groups(orders.customer, amount, orders.refund > 0)
        rows = np.flatnonzero(group >= 0)
        refund = orders.refund[rows] > 0
        rows = rows[np.lexsort((refund, orders.time[rows], group[rows]))]
        longest = np.timedelta64(round(self.within.amount * self.within.unit.in_days * 86400), "s")
        found: list[tuple[int, int, float]] = []
        waiting: list[int] = []
        before = -1
        for row in rows.tolist():
            if group[row] != before:
                waiting, before = [], group[row]
            if orders.refund[row] == 0:
                waiting.append(row)
            elif waiting and orders.time[row] - orders.time[waiting[-1]] <= longest:
                found.append((row, waiting.pop(), float(orders.refund[row])))
        return RefundMatches.of(found)


def _groups(
    customer: NDArray[np.intp], amount: NDArray[np.float64], refund: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the number of each customer and amount that has a refund, -1 for all others."""
    theirs = np.zeros(customer.max(initial=-1) + 1, dtype=bool)
    theirs[customer[refund]] = True
    rows = np.flatnonzero((amount > 0) & theirs[customer])
    cents = pd.factorize(np.round(amount[rows], _DECIMALS))[0].astype(np.int64)
    code = pd.factorize(customer[rows] * (cents.max(initial=0) + 1) + cents)[0]
    wanted = np.zeros(code.max(initial=-1) + 1, dtype=bool)
    wanted[code[refund[rows]]] = True
    group = np.full(len(customer), -1, dtype=np.int64)
    group[rows] = np.where(wanted[code], code, -1)
    return group
