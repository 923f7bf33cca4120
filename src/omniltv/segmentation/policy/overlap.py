"""Overlap and omission (施策の重複・フォロー漏れ): the same thing twice, and nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT

from omniltv._columns import labels, positions, read_ids
from omniltv._frames import IntoTable, read_frame
from omniltv._options import Few, checked
from omniltv.data.checking import Moment
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.policy._tables import ContactLog
from omniltv.segmentation.tiers._state import id_type
from omniltv.segmentation.triggers.events import local_now

__all__ = ["ContactOverlap", "contact_overlap"]


@checked
@dataclass(frozen=True, eq=False)
class ContactOverlap[FrameT]:
    """The result of `contact_overlap`; frames are of the kind of the customers.

    Attributes:
        repeated: Customers who got the same treatment or campaign more than once within the
            days: ``customer_id``, ``what``, ``contacts`` and ``channels``.
        unreached: Customers of the tiers without any contact within the days:
            ``customer_id`` and ``tier``.
        contacted: Number of customers with a contact.

    Examples:
        >>> contacts = pd.DataFrame({"customer_id": ["a", "a"],
        ...     "time": ["2026-03-01", "2026-03-03"],
        ...     "treatment": "coupon", "channel": ["ec", "store"]})
        >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "tier": "high"})
        >>> contact_overlap(customers, contacts, on="2026-03-08", days=28, tiers=["high"])
        ContactOverlap(1 customer contacted; 1 got the same twice, 1 of the tiers was not reached)
    """

    repeated: FrameT
    unreached: FrameT
    contacted: int
    _counts: tuple[int, int]

    def __repr__(self) -> str:
        twice, missed = self._counts
        people = "customer" if self.contacted == 1 else "customers"
        were = "was" if missed == 1 else "were"
        return (
            f"ContactOverlap({self.contacted:,} {people} contacted; {twice:,} got the same twice, "
            f"{missed:,} of the tiers {were} not reached)"
        )


@checked
def contact_overlap(
    customers: IntoFrameT,
    contacts: IntoTable,
    *,
    on: Moment,
    days: Few = 28,
    tiers: Sequence[str],
    campaigns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
) -> ContactOverlap[IntoFrameT]:
    """Return who got the same thing twice, and which customers of some tiers nobody reached.

    Args:
        customers: One row per customer: ``customer_id`` and ``tier``.
        contacts: Contacts of all channels: ``customer_id``, ``time``, ``treatment``,
            ``channel``; those of systems outside omniltv, too.
        on: End of the window, a local moment.
        days: Length of the window in days.
        tiers: Tiers whose customers should be reached.
        campaigns: Campaign of a treatment, by treatment: two treatments of one campaign are
            the same thing.
        time_zone: Time zone of the retailer, for times with a zone.

    Raises:
        DataError: If a column is absent, or a time is missing.
        ConfigError: If the time zone does not exist.

    Examples:
        >>> contacts = pd.DataFrame({"customer_id": ["a", "a"],
        ...     "time": ["2026-03-01", "2026-03-03"],
        ...     "treatment": ["spring mail", "spring card"], "channel": ["ec", "store"]})
        >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "tier": ["high", "high"]})
        >>> found = contact_overlap(customers, contacts, on="2026-03-08", tiers=["high"],
        ...     campaigns={"spring mail": "spring", "spring card": "spring"})
        >>> found.repeated[["customer_id", "what", "channels"]].values.tolist()
        [['a', 'spring', 'ec, store']]
        >>> found.unreached["customer_id"].tolist()
        ['b']
    """
    Context(time_zone=time_zone)
    table, kind = read_frame(customers, "the table of customers")
    ids = read_ids(table, "customer_id", "the table of customers")
    tier = labels(table, "tier", "the table of customers", ids=ids)
    end = local_now(on)
    rows = ContactLog.read(contacts, time_zone).rows
    rows = rows[(rows["time"] >= end - timedelta(days=days)) & (rows["time"] < end)]
    repeated = _repeated(rows, campaigns or {})
    reached = np.zeros(len(ids), dtype=np.bool_)
    place = positions(rows["customer_id"].to_numpy(dtype=object), ids)
    reached[place[place >= 0]] = True
    missed = np.flatnonzero(np.isin(tier, list(tiers)) & ~reached)
    unreached = {"customer_id": ids[missed].tolist(), "tier": tier[missed].tolist()}
    types = {"customer_id": id_type(ids)}
    return ContactOverlap(
        kind.build(
            {str(name): column.tolist() for name, column in repeated.items()},
            {**types, "contacts": nw.Int64},
        ),
        kind.build(unreached, types),
        int(rows["customer_id"].nunique()),
        (len(repeated), len(missed)),
    )


def _repeated(rows: pd.DataFrame, campaigns: Mapping[str, str]) -> pd.DataFrame:
    what = np.array([campaigns.get(name, name) for name in rows["treatment"]], dtype=object)
    groups = rows.assign(what=what).groupby(["customer_id", "what"], sort=True)
    found = groups.agg(
        contacts=("channel", "size"),
        channels=("channel", lambda channels: ", ".join(sorted({str(each) for each in channels}))),
    ).reset_index()
    return found[found["contacts"] > 1]
