"""A customer of whom nothing was heard."""

from datetime import timedelta
from typing import Annotated, ClassVar

import pandas as pd
from pydantic import Field

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, fired, said, trigger_kind

__all__ = ["Silent"]


@trigger_kind
@checked
class Silent(TriggerKind):
    """Fires when nothing was heard of a customer for some weeks.

    Customers without any event are not known here, and do not fire.

    Attributes:
        silent: Weeks since the last event.
        events: Names of the events that count as a sign of life; all if None.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a", "b"],
        ...     "event": "purchase", "channel": "ec",
        ...     "time": ["2026-01-01 10:00", "2026-03-01 11:00"]}))
        >>> Silent(silent=8).fires(events, "2026-02-27")["customer_id"].tolist()
        ['a']
    """

    key: ClassVar[str] = "silent"

    silent: Annotated[int, Field(ge=1, le=520, strict=True)]
    events: Names | None = None

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments at which the weeks after the last event are over."""
        del now
        last = events.of(*(self.events or ())).drop_duplicates("customer_id", keep="last")
        at = last["time"] + timedelta(weeks=self.silent)
        cause = f"nothing heard for {self.silent} weeks since " + said(last["time"])
        return fired(last["customer_id"], at, cause)
