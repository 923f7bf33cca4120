"""A cart that was left and not bought."""

from datetime import timedelta
from typing import ClassVar

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerDays, TriggerKind, fired, said, trigger_kind

__all__ = ["CartLeft"]


@trigger_kind
@checked
class CartLeft(TriggerKind):
    """Fires some days after a customer left a cart and bought nothing since.

    Attributes:
        cart_left: Days without a purchase after the last cart.
        events: Names of the events that leave a cart.
        channels: Channels of the cart; all if None.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a", "b", "b"],
        ...     "event": ["cart_abandoned", "cart_abandoned", "purchase"], "channel": "ec",
        ...     "time": ["2026-03-01 10:00", "2026-03-01 11:00", "2026-03-02 09:00"]}))
        >>> CartLeft(cart_left=1).fires(events, "2026-03-03")["customer_id"].tolist()
        ['a']
    """

    key: ClassVar[str] = "cart_left"

    cart_left: TriggerDays
    events: Names = ("cart", "cart_abandoned")
    channels: Names | None = None

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments at which the days after the last cart are over."""
        del now
        carts = events.of(*self.events, channels=self.channels)
        last = carts.drop_duplicates("customer_id", keep="last")
        bought = events.last("purchase")
        later = bought.reindex(last["customer_id"]).to_numpy() >= last["time"].to_numpy()
        open_carts = last[~later]
        at = open_carts["time"] + timedelta(days=self.cart_left)
        cause = "cart left on " + said(open_carts["time"]) + " (" + open_carts["channel"] + ")"
        return fired(open_carts["customer_id"], at, cause)
