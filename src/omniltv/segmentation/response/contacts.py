"""Contacts as arrays: whom, on which channel, when, and how rested the customer is."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Integers, Objects, Vector
from omniltv._options import checked

__all__ = ["ContactHistory", "ContactTable"]


@checked
@dataclass(frozen=True, eq=False)
class ContactTable:
    """Contacts, made or planned; arrays of shape (n_contacts,).

    Attributes:
        customer_id: The customer.
        channel: The channel.
        tier: Tier of the customer; ``"unknown"`` if there are no tiers.
        hour: Hour of the day, from 0 to below 24.
        weekday: Day of the week; Monday is 0.
        recent: Recent earlier contacts of the customer on any channel. Each counts 1 when it is
            made, and fades exponentially.
        propensity: Probability with which the customer was, or would be, chosen for contacts;
            NaN if unknown.

    Examples:
        >>> one = np.zeros(1)
        >>> contacts = ContactTable(np.array(["ann"], object), np.array(["ec"]), np.array(["high"]),
        ...     hour=one + 20, weekday=one.astype(int), recent=one, propensity=one + 0.5)
        >>> len(contacts), len(contacts.take(np.array([0, 0])))
        (1, 2)
    """

    customer_id: Objects
    channel: NDArray[np.str_]
    tier: NDArray[np.str_]
    hour: Vector
    weekday: Codes
    recent: Vector
    propensity: Vector

    def __len__(self) -> int:
        return len(self.customer_id)

    def take(self, rows: Integers) -> "ContactTable":
        """Return some of the contacts.

        Args:
            rows: Positions.
        """
        return ContactTable(*(getattr(self, field.name)[rows] for field in fields(self)))


@checked
@dataclass(frozen=True, eq=False)
class ContactHistory:
    """Contacts that were made, and whether each got a response.

    Attributes:
        contacts: The contacts.
        responded: Whether the customer responded, of shape (n_contacts,).

    Examples:
        >>> one = np.zeros(1)
        >>> made = ContactTable(np.array(["ann"], object), np.array(["ec"]), np.array(["high"]),
        ...     hour=one + 20, weekday=one.astype(int), recent=one, propensity=one + 0.5)
        >>> ContactHistory(made, responded=np.array([True])).responded.mean()
        np.float64(1.0)
    """

    contacts: ContactTable
    responded: Flags
