"""A move between tiers."""

from typing import ClassVar, Literal

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Names
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.kind import TriggerKind, fired, trigger_kind

__all__ = ["TierMoved"]


@trigger_kind
@checked
class TierMoved(TriggerKind):
    """Fires when a customer moves between tiers.

    The table ``moves`` has ``customer_id``, ``on``, ``from_tier``, ``to_tier`` and ``direction``,
    as `Moves.moves`. Customers whose tier is judged for the first time do not move.

    Attributes:
        tier_moved: ``up``, ``down``, or ``any`` for both.
        from_tier: Only from these tiers.
        to_tier: Only to these tiers.

    Examples:
        >>> moves = pd.DataFrame({"customer_id": ["a"], "on": ["2026-03-02"],
        ...     "from_tier": ["general"], "to_tier": ["high"], "direction": ["up"]})
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "purchase",
        ...     "channel": "ec", "time": ["2026-01-01"]}), tables={"moves": moves})
        >>> TierMoved(tier_moved="up", to_tier="high").fires(events, "2026-03-02")["cause"].tolist()
        ['moved up from general to high']
    """

    key: ClassVar[str] = "tier_moved"

    tier_moved: Literal["up", "down", "any"]
    from_tier: Names | None = None
    to_tier: Names | None = None

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the days of the moves."""
        del now
        columns = ("customer_id", "from_tier", "to_tier", "direction")
        moves = events.table("moves", *columns, times=("on",))
        ways = ("up", "down") if self.tier_moved == "any" else (self.tier_moved,)
        kept = moves["direction"].isin(ways)
        for column, names in (("from_tier", self.from_tier), ("to_tier", self.to_tier)):
            kept &= moves[column].isin(names) if names is not None else True
        found = moves[kept]
        parts = (found["direction"], found["from_tier"], found["to_tier"])
        cause = [f"moved {way} from {old} to {new}" for way, old, new in zip(*parts, strict=True)]
        return fired(found["customer_id"], found["on"], pd.Series(cause, dtype=object))
