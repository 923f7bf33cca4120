"""What a rule for refunds reads and returns: orders, and the purchases that refunds reduce."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked

__all__ = ["CENT", "Orders", "RefundMatches", "RefundRule"]

CENT = 1e-9
"""Relative difference below which two amounts are equal."""


@checked
@dataclass(frozen=True, eq=False)
class Orders:
    """Purchases and refunds by position, with what is left of each.

    Attributes:
        customer: Number of the customer, of shape (n_orders,).
        time: Local time, same shape.
        left: What is left of a purchase, not below 0; 0 for refunds; same shape.
        refund: Amount of a refund that has no purchase yet, above 0; 0 for all others.
        named: Position of the purchase that a refund names, -1 if there is none.
        names: Whether a refund names a purchase, known or not.

    Examples:
        >>> day = np.array(["2026-01-05", "2026-01-09"], dtype="datetime64[us]")
        >>> none, unnamed = np.zeros(2, dtype=np.intp), np.full(2, -1, dtype=np.intp)
        >>> orders = Orders(none, day, np.array([30.0, 0.0]), np.array([0.0, 12.0]), unnamed,
        ...                 np.zeros(2, dtype=np.bool_))
        >>> from omniltv.data import LargestEarlier
        >>> LargestEarlier().match(orders).amount.tolist()
        [12.0]
    """

    customer: NDArray[np.intp]
    time: NDArray[np.datetime64]
    left: NDArray[np.float64]
    refund: NDArray[np.float64]
    named: NDArray[np.intp]
    names: NDArray[np.bool_]


@checked
@dataclass(frozen=True, eq=False)
class RefundMatches:
    """Amounts of refunds and the purchases that they reduce. A refund is matched in full.

    Attributes:
        refund: Position of the refund, of shape (n_matches,).
        purchase: Position of the purchase, same shape.
        amount: Amount taken from what is left of the purchase, same shape.

    Examples:
        >>> len(RefundMatches.of([(3, 0, 5.0)]).amount)
        1
    """

    refund: NDArray[np.intp]
    purchase: NDArray[np.intp]
    amount: NDArray[np.float64]

    @classmethod
    def of(cls, found: "list[tuple[int, int, float]]") -> "RefundMatches":
        """Return matches from a list of (refund, purchase, amount)."""
        refund, purchase, amount = zip(*found, strict=True) if found else ((), (), ())
        return cls(
            np.array(refund, dtype=np.intp),
            np.array(purchase, dtype=np.intp),
            np.array(amount, dtype=np.float64),
        )


@runtime_checkable
class RefundRule(Protocol):
    """A rule that finds the purchases of refunds; extension point."""

    @property
    def name(self) -> str:
        """Name of the rule in reports."""
        ...

    def match(self, orders: Orders) -> RefundMatches:
        """Return which refunds reduce which purchases of the same customer, and by how much.

        Every refund in the result is matched in full, and no purchase loses more than is left
        of it.
        """
        ...
