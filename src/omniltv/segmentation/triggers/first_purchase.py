"""The first purchase of a customer."""

from datetime import timedelta
from typing import ClassVar

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerDays, TriggerKind, fired, said, trigger_kind

__all__ = ["FirstPurchase"]


@trigger_kind
@checked
class FirstPurchase(TriggerKind):
    """Fires some days after the first purchase of a customer.

    Attributes:
        first_purchase: Days after the first purchase; 0 for the purchase itself.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a", "b", "b"],
        ...     "event": "purchase", "channel": "ec",
        ...     "time": ["2026-03-01 10:00", "2026-01-01 11:00", "2026-03-01 09:00"]}))
        >>> FirstPurchase(first_purchase=0).fires(events, "2026-03-02")["customer_id"].tolist()
        ['a']
    """

    key: ClassVar[str] = "first_purchase"

    first_purchase: TriggerDays

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments at which the days after the first purchase are over."""
        del now
        first = events.of("purchase").drop_duplicates("customer_id")
        at = first["time"] + timedelta(days=self.first_purchase)
        return fired(first["customer_id"], at, "first purchase on " + said(first["time"]))
