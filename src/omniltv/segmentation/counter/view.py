"""What a touchpoint sees of one customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from omniltv._options import checked

__all__ = ["MANY", "ONE", "CounterView", "Row"]

type Row = Mapping[str, object]
"""Values by column; None if a value is missing."""

ONE = ("profile", "tier")
"""Sections with at most one row per customer."""

MANY = ("cart", "contacts", "offers")
"""Sections with several rows per customer."""


@checked
@dataclass(frozen=True)
class CounterView:
    """One customer at the counter; returned by `CounterDesk.of`.

    Personal data are shown by the attributes only: the repr has counts.

    Attributes:
        as_of: Day or moment of the tables, as given by the nightly job.
        profile: Name, channels, value, or whatever the table has; empty if there is no row.
        tier: Tier and progress; empty if there is no row.
        cart: Lines of the open cart.
        contacts: Last contacts, latest first.
        offers: Planned treatments with their reasons, best first.

    Examples:
        >>> view = CounterView("2026-01-05", profile={"name": "Ann"},
        ...     offers=({"treatment": "tour", "why": "tier moved"},))
        >>> view
        CounterView(as of 2026-01-05: 0 lines in the cart, 0 contacts, 1 offers)
        >>> view.next_best["why"]
        'tier moved'
    """

    as_of: str
    profile: Row = field(default_factory=dict)
    tier: Row = field(default_factory=dict)
    cart: Sequence[Row] = ()
    contacts: Sequence[Row] = ()
    offers: Sequence[Row] = ()

    def __repr__(self) -> str:
        counts = f"{len(self.cart)} lines in the cart, {len(self.contacts)} contacts"
        return f"CounterView(as of {self.as_of}: {counts}, {len(self.offers)} offers)"

    @property
    def next_best(self) -> Row:
        """The best planned treatment; empty if there is none."""
        return self.offers[0] if self.offers else {}
