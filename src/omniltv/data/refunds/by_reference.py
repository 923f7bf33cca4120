"""Refunds that name their purchase in ``refund_of``."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.data.refunds.protocol import CENT, Orders, RefundMatches

__all__ = ["ByReference"]


@checked
@dataclass(frozen=True)
class ByReference:
    """A refund reduces the purchase that it names in ``refund_of``.

    The purchase must be one of the same customer. If the refunds of a purchase add up to more
    than is left of it, none of them is matched.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> rows = pd.DataFrame({
        ...     "transaction_id": ["t1", "r1"], "customer_id": "a", "value": [30.0, -12.0],
        ...     "time": ["2026-01-05", "2026-01-09"], "refund_of": [None, "t1"],
        ... })
        >>> PurchaseLog.from_frame(rows, refunds=[ByReference()]).value.tolist()
        [18.0]
    """

    @property
    def name(self) -> str:
        """Name of the rule in reports."""
        return "by reference"

    def match(self, orders: Orders) -> RefundMatches:
        """Return the refunds that name a purchase of their customer, all of them or none."""
        rows = np.flatnonzero((orders.refund > 0) & (orders.named >= 0))
        target, amount = orders.named[rows], orders.refund[rows]
        back = np.bincount(target, weights=amount, minlength=len(orders.left))
        fits = back <= orders.left * (1 + CENT) + CENT
        fine = fits[target]
        return RefundMatches(rows[fine], target[fine], amount[fine])
