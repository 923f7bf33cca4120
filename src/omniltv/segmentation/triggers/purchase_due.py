"""The expected time of the next purchase."""

from datetime import timedelta
from typing import ClassVar

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerDays, TriggerKind, fired, said, trigger_kind

__all__ = ["PurchaseDue"]


@trigger_kind
@checked
class PurchaseDue(TriggerKind):
    """Fires some days before the expected next purchase of a customer.

    The table ``next_purchases`` has ``customer_id`` and ``expected``, a time by a purchase model.
    Customers who bought after the table was made are left out if it has ``since``, the time of
    the last purchase that the model knows.

    Attributes:
        purchase_due: Days before the expected purchase.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "purchase",
        ...     "channel": "ec", "time": ["2026-01-01"]}), tables={"next_purchases": pd.DataFrame(
        ...     {"customer_id": ["a"], "expected": ["2026-03-04 12:00"]})})
        >>> PurchaseDue(purchase_due=3).fires(events, "2026-03-02")["cause"].tolist()
        ['next purchase expected on 2026-03-04']
    """

    key: ClassVar[str] = "purchase_due"

    purchase_due: TriggerDays

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments some days before the expected purchases."""
        del now
        known = "since" in events.tables.get("next_purchases", pd.DataFrame()).columns
        times = ("expected", "since") if known else ("expected",)
        due = events.table("next_purchases", "customer_id", times=times)
        if known:
            bought = events.last("purchase")
            later = bought.reindex(due["customer_id"]).to_numpy() > due["since"].to_numpy()
            due = due[~later]
        at = due["expected"] - timedelta(days=self.purchase_due)
        cause = "next purchase expected on " + said(due["expected"])
        return fired(due["customer_id"], at, cause)
