"""A visit: to a store, or to the site."""

from typing import ClassVar

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, fired, said, trigger_kind

__all__ = ["Visited"]


@trigger_kind
@checked
class Visited(TriggerKind):
    """Fires when a customer visits, such as a store.

    Attributes:
        visited: Channels, such as ``store``.
        event: Name of the event.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a", "b"],
        ...     "event": "visit", "time": ["2026-03-01 10:00", "2026-02-01 10:00"],
        ...     "channel": "store"}))
        >>> Visited(visited="store").fires(events, "2026-03-02")["customer_id"].tolist()
        ['a']
    """

    key: ClassVar[str] = "visited"

    visited: Names
    event: Name = "visit"

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments of the visits."""
        del now
        found = events.of(self.event, channels=self.visited)
        cause = self.event + " on " + said(found["time"]) + " (" + found["channel"] + ")"
        return fired(found["customer_id"], found["time"], cause)
