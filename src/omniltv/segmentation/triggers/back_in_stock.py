"""An article that a customer wanted is in stock again."""

from typing import ClassVar

import numpy as np
import pandas as pd

from omniltv._columns import as_labels, optional_labels
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, fired, said, trigger_kind

__all__ = ["BackInStock"]


@trigger_kind
@checked
class BackInStock(TriggerKind):
    """Fires when an article that a customer wanted, and that was not in stock, arrives.

    The table ``wanted`` has ``customer_id``, ``item`` and ``time``; ``arrivals`` has ``item`` and
    ``time``. If both have ``place``, an article has to arrive at the place that it was wanted at.
    Articles and places are read as texts.

    Attributes:
        back_in_stock: ``any``, or the articles.

    Examples:
        >>> wanted = pd.DataFrame({"customer_id": ["a"], "item": "coat 1",
        ...     "time": ["2026-02-20"]})
        >>> arrivals = pd.DataFrame({"item": ["coat 1"], "time": ["2026-03-01 09:00"]})
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "purchase",
        ...     "channel": "ec", "time": ["2026-01-01"]}),
        ...     tables={"wanted": wanted, "arrivals": arrivals})
        >>> BackInStock(back_in_stock="any").fires(events, "2026-03-02")["cause"].tolist()
        ['coat 1 arrived on 2026-03-01']
    """

    key: ClassVar[str] = "back_in_stock"

    back_in_stock: Names

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the first arrivals after the articles were wanted."""
        tables = [events.tables.get(name, pd.DataFrame()) for name in ("wanted", "arrivals")]
        keys = ["item", "place"] if all("place" in table.columns for table in tables) else ["item"]
        wanted = _with_texts(events.table("wanted", "customer_id", *keys, times=("time",)))
        arrivals = _with_texts(events.table("arrivals", *keys, times=("time",)))
        if self.back_in_stock != ("any",):
            wanted = wanted[wanted["item"].isin(self.back_in_stock)]
        both = wanted.merge(arrivals, on=keys, suffixes=("", "_arrived"))
        both = both[(both["time_arrived"] > both["time"]) & (both["time_arrived"] <= now)]
        first = both.sort_values("time_arrived", kind="stable").drop_duplicates(
            ["customer_id", *keys, "time"]
        )
        cause = first["item"] + " arrived on " + said(first["time_arrived"])
        return fired(first["customer_id"], first["time_arrived"], cause)


def _with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with articles, and places if there are some, as texts."""
    rows = np.arange(len(table)).astype(object)
    item = as_labels(table["item"].tolist(), "item", ids=rows).astype(object)
    if "place" not in table.columns:
        return table.assign(item=item)
    return table.assign(
        item=item, place=optional_labels(table["place"].tolist(), "place", ids=rows)
    )
