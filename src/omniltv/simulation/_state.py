"""What changes in a world from day to day."""

from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Codes, Flags, Integers, Places, Vector
from omniltv.simulation._effects import Exposures
from omniltv.simulation._people import People
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.processes import PersonColumns

__all__ = ["EVENTS", "Pending", "WorldState", "first_state"]

EVENTS = (
    "visit",
    "browse",
    "cart",
    "cart_abandoned",
    "review",
    "referral",
    "social_post",
    "enquiry",
    "collect",
)
"""The kinds of behaviour events."""


@dataclass(frozen=True, eq=False)
class Pending:
    """Returns and collections that are due later; arrays of shape (n_pending,).

    Attributes:
        due: Day.
        person: The person.
        channel: Channel of the return or collection.
        sale: Number of the purchase.
        value: Value to be refunded; 0 for a collection.
    """

    due: Codes
    person: Places
    channel: Places
    sale: Codes
    value: Vector

    @classmethod
    def empty(cls) -> "Pending":
        """Return that nothing is due."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none.astype(np.intp), none.astype(np.intp), none, np.empty(0))

    def take(self, rows: Flags) -> "Pending":
        """Return some of them."""
        return Pending(*(part[rows] for part in vars(self).values()))

    def plus(self, other: "Pending") -> "Pending":
        """Return these and others."""
        if not len(other.due):
            return self
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Pending(*(np.concatenate(pair) for pair in pairs))


@dataclass(eq=False)
class WorldState:
    """The state before a day; arrays of shape (n_people,) unless stated.

    Attributes:
        day: Number of the day, from 0.
        customer: Who has made the first purchase.
        process: WorldState of the purchase process.
        exposures: Who was exposed to which treatment.
        fatigue: Recent contacts.
        consent: Consent by channel, (n_channels, n_people).
        last_event: Day of the last event of each kind, (n_events, n_people).
        answered: Day of the last answer, and the contact that was answered.
        answered_contact: Number of that contact.
        last_category: Day of the last purchase of each category, (n_categories, n_people).
        stock: Items by location, (n_locations, n_items).
        pending: Returns and collections that are due.
        sales: Purchases so far, which numbers the next one.
        contacts: Contacts so far.
        money: Net value of each person's purchases so far.
        bought: Day of the last purchase; negative if there was none.
    """

    day: int
    customer: Flags
    process: PersonColumns
    exposures: Exposures
    fatigue: Vector
    consent: Flags
    last_event: Integers
    answered: Codes
    answered_contact: Codes
    last_category: Integers
    stock: Integers
    pending: Pending
    sales: int
    contacts: int
    money: Vector
    bought: Codes

    def copy(self) -> "WorldState":
        """Return an independent copy."""
        parts = {name: _copied(value) for name, value in vars(self).items()}
        return WorldState(**parts)  # type: ignore[arg-type]  # its own fields


def _copied(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.take(slice(None)) if isinstance(value, Exposures) else value


def first_state(config: WorldConfig, people: People, stock: Integers) -> WorldState:
    """Return the state before the first day, given the stock."""
    n = len(people.main)
    categories = 0 if config.goods is None else len(config.goods.categories)
    long_ago = np.full(n, -1_000, dtype=np.int64)
    return WorldState(
        day=0,
        customer=np.zeros(n, dtype=bool),
        process=config.process.start(people.traits),
        exposures=Exposures.none(len(config.treatments), n),
        fatigue=np.zeros(n),
        consent=people.consent.copy(),
        last_event=np.full((len(EVENTS), n), -1_000),
        answered=long_ago.copy(),
        answered_contact=long_ago.copy(),
        last_category=np.full((categories, n), -1_000),
        stock=stock,
        pending=Pending.empty(),
        sales=0,
        contacts=0,
        money=np.zeros(n),
        bought=long_ago,
    )
