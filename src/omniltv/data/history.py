"""The purchase history: what a customer's purchases come down to, and its distinct states."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv.units import TimeUnit

__all__ = ["DistinctStates", "PurchaseHistory"]


@dataclass(frozen=True, eq=False)
class PurchaseHistory:
    """Sufficient statistics of purchases, one row per customer or per customer x channel.

    Attributes:
        customer_id: Shape (n_rows,); unique unless a group column splits customers.
        groups: Group columns by name (``channel``, ``arm`` …), each of shape (n_rows,), str.
        frequency: Repeat purchases x, shape (n_rows,).
        recency: Time of the last purchase t_x, from the first, in ``unit``.
        T: Observation length from the first purchase, in ``unit``.
        monetary_value: Mean value of the repeat purchases; NaN where there are none.
        unit: The unit of ``recency`` and ``T``.
        counts: Optional purchases per channel by name, each of shape (n_rows,).
    """

    customer_id: NDArray[np.object_]
    frequency: NDArray[np.int64]
    recency: NDArray[np.float64]
    T: NDArray[np.float64]
    monetary_value: NDArray[np.float64]
    unit: TimeUnit
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DistinctStates:
    """The distinct rows of a history, how often each occurs, and the way back.

    Attributes:
        states: One row per distinct state (its ``customer_id`` is the state's number).
        count: How many rows of the history have the state, shape (n_states,).
        index: State of each row of the history, shape (n_rows,).
    """

    states: PurchaseHistory
    count: NDArray[np.int64]
    index: NDArray[np.intp]
