"""An enquiry: the customer comes by himself."""

from typing import ClassVar

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, trigger_kind
from omniltv.segmentation.triggers.visited import Visited

__all__ = ["Enquired"]


@trigger_kind
@checked
class Enquired(TriggerKind):
    """Fires when a customer enquires, by telephone, at the counter or on the site.

    Attributes:
        enquired: Channels.
        event: Name of the event.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "enquiry",
        ...     "time": ["2026-03-01 10:00"], "channel": "call"}))
        >>> Enquired(enquired=("call", "store")).fires(events, "2026-03-02")["cause"].tolist()
        ['enquiry on 2026-03-01 (call)']
    """

    key: ClassVar[str] = "enquired"

    enquired: Names
    event: Name = "enquiry"

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments of the enquiries."""
        return Visited(visited=self.enquired, event=self.event).moments(events, now)
