"""The moves of one run of a tier programme: who moved and why, who is held and why."""

from dataclasses import dataclass
from typing import cast

from omniltv._frames import IntoTable, collect
from omniltv._options import checked

__all__ = ["DOWN", "NEW", "UP", "Moves"]

UP, DOWN, NEW = "up", "down", "new"
"""Directions of moves."""


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Moves[FrameT]:
    """The result of `TierMemory.move`; its frames are of the kind of the judgements.

    Attributes:
        on: Date of the run, ISO 8601.
        state: One row per customer, for the next run. ``tier`` is the tier in force, ``earned``
            the tier without grants, ``since`` the day the earned tier was entered, ``before``
            the tier that a returned order takes the customer back to, ``below_since`` the
            review that first found the tier not reached, ``pending`` a tier that counts from
            the next review, ``joined`` the day that anniversaries are counted from,
            ``granted`` and ``granted_until`` the grant, ``last_purchase`` the latest purchase
            seen, ``carried_over`` the value carried into this period, ``as_of`` the date of
            the last run with the customer.
        moves: One row per customer whose tier changed: ``customer_id``, ``on``, ``from_tier``
            (missing for new customers), ``to_tier``, ``direction`` (``up``, ``down`` or
            ``new``) and ``reason``.
        held: One row per customer whose tier is not the tier judged today: ``customer_id``,
            ``tier``, ``judged`` and ``reason``.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import TierMemory
        >>> memory = TierMemory(tiers=("gold", "member"))
        >>> judged = pd.DataFrame({"customer_id": ["a", "b"], "tier": ["gold", "member"]})
        >>> memory.move(None, judged, on="2026-01-01")
        Moves(2026-01-01: 2 customers; 0 up, 0 down, 2 new, 0 held)
    """

    on: str
    state: FrameT
    moves: FrameT
    held: FrameT

    def __repr__(self) -> str:
        state, moves, held = (
            collect(cast("IntoTable", table), "a table")
            for table in (self.state, self.moves, self.held)
        )
        ways = moves["direction"].to_list()
        counts = ", ".join(f"{ways.count(way):,} {way}" for way in (UP, DOWN, NEW))
        size = f"{len(state):,} customers"
        return f"{type(self).__name__}({self.on}: {size}; {counts}, {len(held):,} held)"
